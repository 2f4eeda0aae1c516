"""Signing keys: RFC 8032, files for the owner alone, nothing secret shown."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from countermark.errors import Error
from countermark.trust.signing import PublicKey, SigningKey


def test_vector_of_rfc_8032() -> None:
    """Section 7.1, test 2."""
    secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    key = SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(secret))
    assert key.public.raw.hex() == public
    signature = key.sign(b"\x72")
    assert signature.hex().startswith("92a009a9f0d4cab8720e820b5f642540")
    assert key.public.verifies(signature, b"\x72")
    assert not key.public.verifies(signature, b"\x73")
    assert not key.public.verifies(signature[:-1], b"\x72")


def test_key_file_comes_back(tmp_path: Path) -> None:
    key = SigningKey.generate()
    public = key.save(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert SigningKey.load(tmp_path / "key").public == key.public
    assert PublicKey.parse(public.read_text()) == PublicKey.parse(key.public.to_base64()) == key.public
    for path in (tmp_path / "key", public):
        with pytest.raises(Error, match="exists already"):
            SigningKey.generate().save(path.with_name("key"))
        path.unlink()


def test_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    SigningKey.generate().save(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(Error, match="read by others"):
        SigningKey.load(tmp_path / "key")


def test_repr_shows_the_key_id_only() -> None:
    key = SigningKey.generate()
    assert repr(key) == f"SigningKey(keyid={key.public.keyid})"


def test_other_keys_are_refused_without_quoting_them(tmp_path: Path) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    own = ed25519.Ed25519PrivateKey.generate()
    texts = [
        curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
        b"my secret words",
    ]
    path = tmp_path / "key"
    for text in texts:
        path.write_bytes(text)
        path.chmod(0o600)
        with pytest.raises(Error) as caught:
            SigningKey.load(path)
        assert "secret" not in caught.value.message
        assert caught.value.__cause__ is None
    pem = curve.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for text in (pem, "AAAA", "!", "", "-----BEGIN PUBLIC KEY-----\n"):
        with pytest.raises(Error):
            PublicKey.parse(text)
