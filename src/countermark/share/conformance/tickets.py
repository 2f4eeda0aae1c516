"""Reads what a TLS 1.3 server says about early data in its session tickets (RFC 8446, 4.6.1).

Python's ssl does not show it. The records of a connection of the kit's own are decrypted with the traffic
secret that ssl gives for that connection (`keylog_filename`), and NewSessionTicket messages read from them.
"""

import contextlib
import hashlib
import hmac
import socket
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

_CIPHERS: dict[str, tuple[type[AESGCM] | type[ChaCha20Poly1305], int, str]] = {
    "TLS_AES_128_GCM_SHA256": (AESGCM, 16, "sha256"),
    "TLS_AES_256_GCM_SHA384": (AESGCM, 32, "sha384"),
    "TLS_CHACHA20_POLY1305_SHA256": (ChaCha20Poly1305, 32, "sha256"),
}
_LABEL = "SERVER_TRAFFIC_SECRET_0"
_APPLICATION_DATA, _HANDSHAKE, _NEW_SESSION_TICKET, _EARLY_DATA = 23, 22, 4, 42
_MOST_BYTES = 1 << 20
_SECONDS_FOR_TICKETS = 3.0


def early_data_sizes(
    host: str, port: int, context: ssl.SSLContext, request: bytes, seconds: float
) -> list[int]:
    """`max_early_data_size` of each ticket that the server sends, 0 where a ticket names none.

    `request` is sent, so that the server has a reason to answer. Raises `OSError` (`ssl.SSLError` too), and
    `ValueError` for a cipher that is not known or a connection that is not TLS 1.3.
    """
    with tempfile.TemporaryDirectory() as folder:
        keylog = Path(folder) / "keys"
        context.keylog_filename = str(keylog)
        received, cipher = _converse(host, port, context, request, seconds)
        secret = _secret(keylog.read_text())
    if cipher not in _CIPHERS or secret is None:
        raise ValueError(f"no TLS 1.3 of a known cipher: {cipher}")
    found = []
    for message in _messages(_decrypted(received, cipher, secret)):
        if message[0] == _NEW_SESSION_TICKET:
            found.append(_early_data(message[4:]))
    return found


def _converse(
    host: str, port: int, context: ssl.SSLContext, request: bytes, seconds: float
) -> tuple[bytes, str]:
    """Handshake, request, first bytes of the answer; all that the server sent, and the cipher."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=host)
    received = bytearray()
    with socket.create_connection((host, port), timeout=seconds) as connection:

        def until_done(step: Callable[[], object]) -> None:
            while True:
                try:
                    step()
                    connection.sendall(outgoing.read())
                    return
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    data = connection.recv(65_536)
                    if not data or len(received) > _MOST_BYTES:
                        raise ConnectionResetError("the connection ended") from None
                    received.extend(data)
                    incoming.write(data)

        until_done(tls.do_handshake)
        until_done(lambda: tls.write(request))
        connection.settimeout(min(seconds, _SECONDS_FOR_TICKETS))
        with contextlib.suppress(OSError):  # tickets come with or without an answer
            until_done(lambda: tls.read(1))
    return bytes(received), (tls.cipher() or ("",))[0]


def _secret(keylog: str) -> bytes | None:
    for line in keylog.splitlines():
        parts = line.split(" ")
        if len(parts) == 3 and parts[0] == _LABEL:
            return bytes.fromhex(parts[2])
    return None


def _expand(secret: bytes, label: str, length: int, digest: str) -> bytes:
    """HKDF-Expand-Label (RFC 8446, 7.1) with an empty context; one block is enough here."""
    name = b"tls13 " + label.encode()
    info = length.to_bytes(2, "big") + bytes([len(name)]) + name + b"\x00"
    return hmac.new(secret, info + b"\x01", getattr(hashlib, digest)).digest()[:length]


def _decrypted(received: bytes, cipher: str, secret: bytes) -> bytes:
    """Content of handshake type of the records under the application's key; earlier records do not open."""
    make, key_bytes, digest = _CIPHERS[cipher]
    aead: AESGCM | ChaCha20Poly1305 = make(_expand(secret, "key", key_bytes, digest))
    iv = int.from_bytes(_expand(secret, "iv", 12, digest), "big")
    found, number, at = bytearray(), 0, 0
    while at + 5 <= len(received):
        head, size = received[at : at + 5], int.from_bytes(received[at + 3 : at + 5], "big")
        body, at = received[at + 5 : at + 5 + size], at + 5 + size
        if head[0] != _APPLICATION_DATA or len(body) < size:
            continue
        try:
            plain = aead.decrypt((iv ^ number).to_bytes(12, "big"), body, head).rstrip(b"\x00")
        except InvalidTag:
            continue
        number += 1
        if plain[-1:] == bytes([_HANDSHAKE]):
            found += plain[:-1]
    return bytes(found)


def _messages(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at + 4 <= len(data):
        size = 4 + int.from_bytes(data[at + 1 : at + 4], "big")
        found.append(data[at : at + size])
        at += size
    return found


def _early_data(ticket: bytes) -> int:
    """`lifetime, age_add, nonce<0..255>, ticket<1..2^16-1>, extensions<0..2^16-2>`."""
    at = 8
    at += 1 + ticket[at]
    at += 2 + int.from_bytes(ticket[at : at + 2], "big")
    at += 2
    while at + 4 <= len(ticket):
        kind, size = (
            int.from_bytes(ticket[at : at + 2], "big"),
            int.from_bytes(ticket[at + 2 : at + 4], "big"),
        )
        if kind == _EARLY_DATA:
            return int.from_bytes(ticket[at + 4 : at + 4 + size], "big")
        at += 4 + size
    return 0
