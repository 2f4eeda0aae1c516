"""Keyed 64-bit hashes of identifiers and texts, and what stays readable.

Hash: BLAKE2b with the epoch's key, a domain as personalisation, 64 bits read as a signed integer.
"""

import re
import socket
from hashlib import blake2b

from countermark.trust.keyfiles import Secret

READABLE_CHARACTERS = 512
"""A longer name (account, session, request) is replaced by its hash: bounded, and still unique."""
_MEMO_CHARACTERS = 8_000_000
_MEMO_ENTRY = 8_192
_EMAIL = re.compile(r"[^\s@,;<>\"'|:=/()]+@[^\s@,;<>\"'|:=/()]+")
_SECRET = re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{8,}|\bAKIA[0-9A-Z]{12,}|(?i:\bbearer )\S+")
_IPV4 = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9.])")
_IPV6 = re.compile(r"(?<![0-9A-Za-z:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])")
_PHONE = re.compile(r"\+[0-9][0-9 ().-]{6,20}")
_MAYBE_IP = re.compile(r"[0-9a-fA-F.:%\[\]]{3,60}")
_PORT = re.compile(r"\[([0-9a-fA-F:.%]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+")
_MAPPED = bytes(10) + b"\xff\xff"


class Hasher:
    """Keyed hash of (domain, value) under one epoch key, with a bounded memo for values that recur."""

    def __init__(self, secret: Secret) -> None:
        self._key = secret.reveal()
        self._states: dict[str, blake2b] = {}
        self._memos: dict[str, dict[str | bytes, int]] = {}
        self._held: dict[str, int] = {}

    def __repr__(self) -> str:
        return "Hasher(…)"

    def text(self, domain: str, value: str | bytes) -> int:
        """Hash of a value, not remembered (prompts). `domain` has at most 16 bytes."""
        state = self._states.get(domain)
        if state is None:
            state = blake2b(digest_size=8, key=self._key, person=domain.encode())
            self._states[domain] = state
        state = state.copy()
        state.update(value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "little", signed=True)

    def identifier(self, domain: str, value: str | bytes) -> int:
        """Hash of a value that is likely to come again."""
        memo = self._memos.get(domain)
        if memo is None:
            memo = self._memos[domain] = {}
        known = memo.get(value)
        if known is None:
            if len(value) > _MEMO_ENTRY:
                return self.text(domain, value)
            held = self._held.get(domain, 0) + len(value) + 100
            if held > _MEMO_CHARACTERS:
                memo.clear()
                held = 0
            self._held[domain] = held
            known = memo[value] = self.text(domain, value)
        return known

    def record_digest(self, record: bytes) -> bytes:
        """128-bit keyed digest of a raw record, to find exact duplicates."""
        return blake2b(record, digest_size=16, key=self._key, person=b"cm.record").digest()

    def subkey(self, domain: str) -> tuple[int, int]:
        """A 128-bit key of its own for SipHash, as two unsigned 64-bit words."""
        digest = blake2b(b"", digest_size=16, key=self._key, person=domain.encode()).digest()
        return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")

    def pseudonym(self, domain: str, value: str) -> str:
        """`h:` and 16 hex digits: a name for a value that must not be read."""
        return f"h:{self.identifier(domain, value) & 0xFFFFFFFFFFFFFFFF:016x}"


def parse_ip(text: str) -> tuple[bytes, bytes] | None:
    """Packed address and packed prefix (IPv4 /24, IPv6 /48); None when it is no address.

    A port is dropped and an IPv4 address inside IPv6 is taken out, so that one host has one hash.
    """
    packed = _packed(text)
    if packed is None:
        text = text.strip()
        if with_port := _PORT.fullmatch(text):
            text = with_port[1] or with_port[2]
        packed = _packed(text.partition("%")[0])
        if packed is None:
            return None
    if len(packed) == 4:
        return packed, packed[:3]
    if packed.startswith(_MAPPED):
        return packed[12:], packed[12:15]
    return packed, packed[:6]


def _packed(text: str) -> bytes | None:
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):  # ValueError: a NUL, or a character that is not ASCII
        return None


def is_raw_identifier(name: str) -> bool:
    """Whether a provider's name for something holds an e-mail or IPv4 address or an API key, or is an IP
    address or a phone number."""
    if _SECRET.search(name) or _IPV4.search(name):
        return True
    if "@" in name:
        return _EMAIL.search(name) is not None
    if name.startswith("+"):
        return _PHONE.fullmatch(name) is not None
    if "." in name or ":" in name:
        return _MAYBE_IP.fullmatch(name) is not None and parse_ip(name) is not None
    return False


def redacted(text: str) -> str:
    """Text with e-mail and IP addresses, API keys and what follows a question mark taken out.

    User agents of crawlers carry addresses, error texts carry keys, paths carry both in their query.
    """
    text = _EMAIL.sub("<e-mail>", text) if "@" in text else text
    text = _SECRET.sub("<key>", text)
    return _IPV6.sub(_without_ip, _IPV4.sub("<ip>", text)).partition("?")[0]


def _without_ip(match: re.Match[str]) -> str:
    return "<ip>" if parse_ip(match.group()) else match.group()
