"""A timestamp authority on the loopback: `openssl ts -reply` behind a small HTTP server, with its own CA."""

import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONFIG = """[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
"""


class Authority:
    """A root, an intermediate under it if wanted, a TSA certificate, and replies signed with it."""

    def __init__(
        self,
        folder: Path,
        *,
        days: tuple[float, float] = (-1, 30),
        root_days: tuple[float, float] = (-100, 100),
        intermediate: bool = False,
    ) -> None:
        self.folder = folder
        now = datetime.now(UTC)
        root_key, self._key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"root of {folder.name}")])
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"TSA of {folder.name}")])

        def builder(
            subject: x509.Name, key: Any, first: float, last: float, issuer: x509.Name = root_name
        ) -> x509.CertificateBuilder:
            return (
                x509.CertificateBuilder(issuer_name=issuer, subject_name=subject, public_key=key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now + timedelta(days=first))
                .not_valid_after(now + timedelta(days=last))
            )

        root = builder(root_name, root_key, *root_days).add_extension(x509.BasicConstraints(True, None), True)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        self.root_pem = root.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
        issuer_key, issuer_name = root_key, root_name
        if intermediate:
            issuer_key = ec.generate_private_key(ec.SECP256R1())
            issuer_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "between")])
            between = builder(issuer_name, issuer_key, -50, 50)
            between = between.add_extension(x509.BasicConstraints(True, None), True)
            self.intermediate_pem = (
                between.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
            )
        signer = builder(name, self._key, *days, issuer_name).add_extension(usage, critical=True)
        signer_pem = signer.sign(issuer_key, hashes.SHA256()).public_bytes(Encoding.PEM)
        (folder / "signer.pem").write_bytes(signer_pem)
        private = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "signer.key").write_bytes(private)
        (folder / "serial").write_text("01\n")
        (folder / "openssl.cnf").write_text(CONFIG.format(folder=folder))

    def reply(self, query: bytes) -> bytes:
        """A signed TimeStampResp for a TimeStampReq."""
        (self.folder / "query").write_bytes(query)
        command = [
            "openssl",
            "ts",
            "-reply",
            "-config",
            "openssl.cnf",
            "-queryfile",
            "query",
            "-out",
            "reply",
        ]
        command += ["-signer", "signer.pem", "-inkey", "signer.key"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "reply").read_bytes()


class Server:
    """Answers POSTs with what `answer` makes of the body."""

    def __init__(self, answer: Any, status: int = 200) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/timestamp-query"
                data = answer(body)
                self.send_response(status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/tsa"

    def __enter__(self) -> str:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return self.url

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
