"""Ed25519 keys (RFC 8032): made, kept in files of mode 0600, named by the SHA-256 of the public key."""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from countermark.errors import Error, ExitCode
from countermark.records.canonical import sha256_hex
from countermark.records.files import write_atomic
from countermark.trust.keyfiles import read_secret, write_secret

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


def decode_base64(text: str) -> bytes:
    """Bytes of standard base64 with padding, in its only canonical spelling; anything else is an error."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # ValueError: characters outside ASCII
        data = b""
    if not data or encode_base64(data) != text:
        raise Error("not strict base64", exit_code=ExitCode.VERIFICATION_FAILED)
    return data


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


@dataclass(frozen=True)
class PublicKey:
    """The public half of a signing key."""

    raw: bytes
    """32 bytes, as in RFC 8032."""

    @property
    def keyid(self) -> str:
        """SHA-256 of the raw key, lower-case hex."""
        return sha256_hex(self.raw)

    def to_base64(self) -> str:
        """The raw key in standard base64, as it stands in trust files and packages."""
        return encode_base64(self.raw)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature was made by this key over exactly this message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """From base64 of the raw 32 bytes, or from a PEM of a SubjectPublicKeyInfo."""
        if "-----BEGIN" not in text:
            raw = decode_base64(text)
            if len(raw) != PUBLIC_KEY_BYTES:
                raise Error(f"an Ed25519 public key has {PUBLIC_KEY_BYTES} bytes, this one has {len(raw)}")
            return cls(raw)
        try:
            key = load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Error("the PEM holds no public key that can be read") from error
        if not isinstance(key, Ed25519PublicKey):
            raise Error("the PEM holds a public key that is not Ed25519")
        return cls(key.public_bytes_raw())


class SigningKey:
    """The private half; it shows itself by its key id only."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"SigningKey(keyid={self.public.keyid})"

    def sign(self, message: bytes) -> bytes:
        """Signature of 64 bytes; Ed25519 is deterministic."""
        return self._key.sign(message)

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new key from the system's generator."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """Read a PKCS8 PEM of mode 0600; wider modes, other key types and encrypted files are errors."""
        data = read_secret(path, what="signing key").reveal()
        try:
            key = load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # the cause is left out on purpose: it may quote the file
            raise Error(
                f"{path} holds no private key that can be read", hint="PKCS8 PEM, not encrypted"
            ) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise Error(f"the key in {path} is not Ed25519", hint="countermark case keygen makes one")
        return cls(key)

    def save(self, path: Path) -> Path:
        """Write the private key (0600) and `<path>.pub` beside it; give the path of the public one.

        An existing file is never replaced: a lost signing key cannot be made again.
        """
        public_path = path.with_name(path.name + ".pub")
        if public_path.exists():
            raise Error(
                f"{public_path} exists already", hint="a key file is never overwritten; choose another path"
            )
        private = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_secret(path, private)
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        write_atomic(public_path, pem)
        return public_path
