"""The folder of `countermark share demo`, and its certificate."""

import ipaddress
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.records.files import write_atomic
from countermark.trust.keyfiles import write_secret
from countermark.world.members import ALPHA, BETA, GAMMA

SHARE_DEMO_SCHEMA_ID = "countermark/share-demo/v1"
MARK = "share-demo.json"
EXCHANGE, SERVER_LOG = "exchange", "exchange.log"
CA, CERTIFICATE, CERTIFICATE_KEY = "ca.pem", "tls.pem", "tls.key"
HOME, TOKEN, RECEIVED = "home", "token", "received"
"""In a member's folder: its log and what it released, its token, what it polled."""
MEMBERS = (ALPHA, BETA, GAMMA)
REVIEWERS = {"security": "Robin", "counsel": "Alex"}
"""Roles, and who has them."""
OPERATOR, AUTHORITY, TOKENIZER = "operator", "authority.token", "tokenizer.json"
TEXTS, ANSWERS, PROOFS = "texts", "answers", "proofs"
"""Of `share demo --together`."""
_BOTH = {MARK, CA, CERTIFICATE, CERTIFICATE_KEY, *MEMBERS}
_TOGETHER = {OPERATOR, AUTHORITY, TOKENIZER, TEXTS, ANSWERS, PROOFS}
OURS = _BOTH | {EXCHANGE, SERVER_LOG} | _TOGETHER | {f"{name}.log" for name in (OPERATOR, *MEMBERS)}
"""What a demo's folder holds, of either kind."""
_LIFE = timedelta(days=2)


@dataclass(frozen=True)
class Place:
    """The demo's folder: what stands where."""

    out: Path
    seed: int = 0

    def prepare(self) -> None:
        """Make the folder. An earlier demo is replaced; a folder with anything else is refused."""
        if self.out.exists() and not (self.out.is_dir() and not any(self.out.iterdir())):
            foreign = not self.out.is_dir() or any(path.name not in OURS for path in self.out.iterdir())
            mark = self.out / MARK
            if foreign or not mark.is_file() or SHARE_DEMO_SCHEMA_ID.encode() not in mark.read_bytes()[:4096]:
                raise Error(
                    f"{self.out} holds something else",
                    hint="give --out a new folder",
                    exit_code=ExitCode.USAGE,
                )
            shutil.rmtree(self.out)
        self.out.mkdir(parents=True, mode=0o700)
        said = json.dumps({"schema": SHARE_DEMO_SCHEMA_ID, "seed": self.seed}) + "\n"
        (self.out / MARK).write_text(said, encoding="utf-8")


def write_home(home: Path, member_id: str, name: str) -> None:
    """What a member's counsel and analyst write by hand: on what a release rests, and who answers for it.

    The legal basis is made up for the demo; docs/sharing.md says what a real one is.
    """
    today = datetime.now(UTC).date()
    home.mkdir(mode=0o700)
    (home / "context.yaml").write_text(
        f"schema: countermark/sharing-context/v1\n"
        f"member_id: {member_id}\n"
        f"member_name: {name}\n"
        f"purpose: security\n"
        f"ground: fabricated-accounts\n"
        f"acted_upon: {today - timedelta(days=1)}\n"
        f"scrubbed: {{by: an analyst of {name}, on: {today - timedelta(days=1)}}}\n"
        f"jurisdictions: [EU]\n"
        f"legal_basis: [demo-basis]\n",
        encoding="utf-8",
    )
    (home / "legal.yaml").write_text(
        f"schema: countermark/legal-bases/v1\n"
        f"records:\n"
        f"  - id: demo-basis\n"
        f"    jurisdiction: EU\n"
        f"    statute: made up for the demo\n"
        f"    clause: Article 6(1)(f) of Regulation (EU) 2016/679\n"
        f"    from: {today - timedelta(days=1)}\n"
        f"    until: {today + timedelta(days=30)}\n"
        f"    recorded_by: counsel of {name}\n"
        f"    recorded_on: {today - timedelta(days=1)}\n"
        f"    gdpr: {{basis: 6-1-f, assessment: none, transfer: none}}\n",
        encoding="utf-8",
    )


def write_certificates(out: Path) -> None:
    """An authority for this demo, whose key is thrown away, and a certificate of this machine under it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.now(UTC)
    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def certificate(name: str, key: ec.EllipticCurvePublicKey, is_authority: bool) -> x509.CertificateBuilder:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Countermark demo authority")])
        builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + _LIFE)
        own = x509.SubjectKeyIdentifier.from_public_key(key)
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
        constraints = x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None)
        usage = x509.KeyUsage(
            digital_signature=not is_authority,
            key_cert_sign=is_authority,
            crl_sign=is_authority,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(own, critical=False).add_extension(above, critical=False)
        return builder.add_extension(constraints, critical=True).add_extension(usage, critical=True)

    top = certificate("Countermark demo authority", authority.public_key(), True)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    below = certificate("localhost", server.public_key(), False)
    below = below.add_extension(x509.SubjectAlternativeName(names), critical=False)
    below = below.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    pem = serialization.Encoding.PEM
    write_atomic(out / CA, top.sign(authority, hashes.SHA256()).public_bytes(pem))
    write_atomic(out / CERTIFICATE, below.sign(authority, hashes.SHA256()).public_bytes(pem))
    key_form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_secret(out / CERTIFICATE_KEY, server.private_bytes(pem, *key_form))
