"""TLS of the client: 1.2 or newer, authorities and names checked, its own authorities by file (TAXII 8.5)."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from faulty_taxii import faulty

from countermark.errors import Error, ExitCode
from countermark.share.client.credentials import Credentials
from countermark.share.client.taxii import Taxii
from countermark.share.client.transport import Transport, tls_context


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for a name or address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    alternative = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(key, SHA256())
    )
    cert_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
    cert_file.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert_file, key_file


def served(cert: Path, key: Path) -> ssl.SSLContext:
    """A server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    return certificate(tmp_path, "127.0.0.1")


def ask(url: str, ca_file: Path | None) -> str:
    """Title of the collection that is found."""
    with Transport(url, Credentials.none(), ca_file=ca_file, sleep=lambda _: None) as transport:
        return Taxii(transport).find("/").info.title


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_authority_of_ones_own_is_named_by_file(pair: tuple[Path, Path], version: ssl.TLSVersion) -> None:
    context = served(*pair)
    context.minimum_version = context.maximum_version = version
    with faulty(context) as server:
        assert ask(server.url, pair[0]) == "Faulty"


def test_an_unknown_authority_is_refused_at_once(pair: tuple[Path, Path]) -> None:
    with faulty(served(*pair)) as server:
        with pytest.raises(Error, match="does not verify") as told:
            ask(server.url, None)
        assert "--ca-file" in told.value.hint
        assert server.asked == []


def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "other.example")
    with faulty(served(cert, key)) as server:
        with pytest.raises(Error, match="does not verify"):
            ask(server.url, cert)
        assert server.asked == []


def test_old_tls_and_weak_ciphers_are_not_spoken(pair: tuple[Path, Path]) -> None:
    context = tls_context(pair[0])
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    old = [one for one in context.get_ciphers() if one["protocol"] != "TLSv1.3"]
    assert all(one["name"].startswith("ECDHE-") and one["aead"] for one in old)
    weak = served(*pair)
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("ECDHE-ECDSA-AES256-SHA384")
    with faulty(weak) as server, pytest.raises(Error, match="not reached"):
        ask(server.url, pair[0])


def test_a_file_without_certificates_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for path in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(Error) as told:
            tls_context(path)
        assert told.value.exit_code == ExitCode.USAGE
