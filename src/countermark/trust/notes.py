"""Signed notes (C2SP signed-note, v1.0.0): text with Ed25519 signatures by named keys.

Source: https://c2sp.org/signed-note. Two signature types are known: 0x01, by which a log signs, and 0x04, a
witness's cosignature with its time (https://c2sp.org/tlog-cosignature). Signatures of other keys are ignored,
as the specification asks; one by a known key that does not verify makes the whole note invalid.
"""

import hashlib
import struct
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from countermark.errors import Error, ExitCode
from countermark.trust.signing import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    PublicKey,
    SigningKey,
    decode_base64,
    encode_base64,
)

ED25519 = 0x01
COSIGNATURE = 0x04
MAX_NOTE_BYTES = 1 << 20
MAX_SIGNATURES = 64
_DASH = "\u2014 "
_TIMESTAMP = struct.Struct(">Q")


@dataclass(frozen=True)
class VerifierKey:
    """A named public key, with the type of the signatures that it makes."""

    name: str
    public: PublicKey
    kind: int = ED25519
    """`ED25519` or `COSIGNATURE`."""

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that stand before its signatures."""
        named = self.name.encode() + b"\n" + bytes([self.kind])
        return hashlib.sha256(named + self.public.raw).digest()[:4]

    def __str__(self) -> str:
        material = encode_base64(bytes([self.kind]) + self.public.raw)
        return f"{self.name}+{self.key_id.hex()}+{material}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """From `name+hash+base64`; raises `Error` for anything else, and for a hash that is not its own."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3:
            raise _bad_key("is not of the form name+hash+base64")
        name, key_id, material = parts
        try:
            raw = decode_base64(material)
        except Error:
            raise _bad_key("has no strict base64 in its last part") from None
        if len(raw) != 1 + PUBLIC_KEY_BYTES or raw[0] not in (ED25519, COSIGNATURE):
            raise _bad_key("is neither an Ed25519 key nor that of an Ed25519 cosigner")
        key = cls(check_name(name), PublicKey(raw[1:]), raw[0])
        if key.key_id.hex() != key_id:
            raise _bad_key("has a hash that is not that of its name and key")
        return key


@dataclass(frozen=True)
class Verified:
    """A signature that a known key made over the note."""

    key: VerifierKey
    time: int | None
    """Seconds since 1970 at which a witness cosigned; None for the other kind."""


def check_name(name: str) -> str:
    """A key name as the specification allows it; raises `Error` otherwise."""
    if not name or "+" in name or any(_is_blank(character) for character in name):
        raise _bad_key("has a name that is empty or holds spaces, a plus or control characters")
    return name


def sign_note(text: str, name: str, key: SigningKey) -> str:
    """The text, which ends in a newline, with one Ed25519 signature under it."""
    _check_text(text)
    verifier = VerifierKey(check_name(name), key.public)
    return f"{text}\n{_line(name, verifier.key_id + key.sign(text.encode()))}"


def cosign_note(note: str, name: str, key: SigningKey, time: int) -> str:
    """The note with a witness's cosignature of this time (seconds since 1970) added."""
    text, _ = split_note(note)
    verifier = VerifierKey(check_name(name), key.public, COSIGNATURE)
    signature = _TIMESTAMP.pack(time) + key.sign(_cosigned(text, time))
    return note + _line(name, verifier.key_id + signature)


def open_note(note: str, keys: Iterable[VerifierKey]) -> tuple[str, list[Verified]]:
    """Text of a note and the signatures of known keys, in the order of the note.

    Raises `Error` when the note is malformed, a known key's signature is invalid, or no known key signed.
    """
    text, lines = split_note(note)
    known = {(key.name, key.key_id): key for key in keys}
    verified = []
    for name, signature in lines:
        key = known.get((name, signature[:4]))
        if key is not None:
            verified.append(Verified(key, _check(key, signature[4:], text)))
    if not verified:
        raise _bad("is signed by none of the known keys")
    return text, verified


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Text, and name with raw signature (key id first) of every line; nothing is verified."""
    if len(note.encode(errors="replace")) > MAX_NOTE_BYTES:
        raise _bad(f"is over {MAX_NOTE_BYTES >> 20} MiB")
    body, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise _bad("does not end in a blank line and signatures")
    text = body + "\n"
    _check_text(text)
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise _bad(f"has over {MAX_SIGNATURES} signatures")
    return text, [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not name or "+" in name:
        raise _bad("has a line under its text that is no signature")
    if any(_is_blank(character) for character in name):
        raise _bad("has a signature by a name with spaces or control characters")
    try:
        signature = decode_base64(encoded)
    except Error:
        raise _bad("has a signature that is not strict base64") from None
    if len(signature) <= 4:
        raise _bad("has a signature that is too short")
    return name, signature


def _check(key: VerifierKey, signature: bytes, text: str) -> int | None:
    message, time = text.encode(), None
    if key.kind == COSIGNATURE and len(signature) > _TIMESTAMP.size:
        (time,) = _TIMESTAMP.unpack_from(signature)
        message, signature = _cosigned(text, time), signature[_TIMESTAMP.size :]
    if len(signature) != SIGNATURE_BYTES or not key.public.verifies(signature, message):
        raise _bad(f"has a signature of {key.name} that is not valid")
    return time


def _cosigned(text: str, time: int) -> bytes:
    if not 0 <= time < 1 << 63:
        raise _bad("has a cosignature of a time that cannot be")
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _line(name: str, signature: bytes) -> str:
    return f"{_DASH}{name} {encode_base64(signature)}\n"


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _bad("is not valid Unicode") from None
    if not text.endswith("\n") or any(character < " " and character != "\n" for character in text):
        raise _bad("has a text with control characters, or one that does not end in a newline")


def _is_blank(character: str) -> bool:
    return (
        character.isspace() or character < " " or unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cs")
    )


def _bad(what: str) -> Error:
    return Error(f"the signed note {what}", exit_code=ExitCode.VERIFICATION_FAILED)


def _bad_key(what: str) -> Error:
    return Error(
        f"the verifier key {what}",
        hint="the owner of the log gives it: name+hash+base64 (c2sp.org/signed-note)",
    )
