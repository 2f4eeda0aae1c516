"""Slow senders, large headers, what is no HTTP, on a real socket: cut off, and the others are served."""

import json
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from servers import SHARED, Server, run, serving

from running import countermark

SETTINGS = """
[connection]
header_seconds = 1
body_seconds = 1
write_seconds = 1
keep_alive_seconds = 1
header_bytes = 4096
header_lines = 20
connections_of_address = 40
"""
PATIENCE = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of little patience."""
    with serving(tmp_path_factory.mktemp("slow"), settings=SETTINGS) as running:
        yield running


@contextmanager
def connection(server: Server) -> Iterator[socket.socket]:
    """A raw connection."""
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), PATIENCE) as made:
        yield made


def rest(made: socket.socket) -> bytes:
    """What comes until the server closes; fails where it does not."""
    data = b""
    try:
        while chunk := made.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    return data


def drip(made: socket.socket, data: bytes, every: float = 0.2) -> float:
    """Send a byte now and then until the server has had enough; how long that took."""
    began = time.monotonic()
    try:
        while time.monotonic() - began < PATIENCE:
            made.sendall(data)
            time.sleep(every)
            made.setblocking(False)
            try:
                if made.recv(65536) == b"":
                    break
            except BlockingIOError:
                pass
            finally:
                made.settimeout(PATIENCE)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return time.monotonic() - began


def head(server: Server, method: str, path: str, *lines: str) -> bytes:
    """The beginning of a request of alice's."""
    first = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {server.tokens['alice']}"]
    return "\r\n".join([*first, *lines]).encode()


def test_who_says_nothing_is_let_go(server: Server) -> None:
    with connection(server) as made:
        assert rest(made) == b""


@pytest.mark.parametrize("data", [b"G", b"GET /taxii2/ HTTP/1.1\r\nX-A: b\r\n", b"\r\n"])
def test_a_header_that_does_not_end_is_cut_off(server: Server, data: bytes) -> None:
    with connection(server) as made:
        made.sendall(data)
        assert drip(made, b"\r\n" if data == b"\r\n" else b"a") < PATIENCE / 2


def test_a_slow_header_gets_an_error_of_taxii(server: Server) -> None:
    with connection(server) as made:
        made.sendall(b"GET /taxii2/ HTTP/1.1\r\nHost: x\r\n")
        answer = rest(made)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"content-type: application/taxii+json;version=2.1" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["http_status"] == "408"


def test_a_slow_body_is_cut_off(server: Server) -> None:
    collection = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
    lines = ("Content-Type: application/taxii+json;version=2.1", "Content-Length: 1000", "", "{")
    with connection(server) as made:
        made.sendall(head(server, "POST", f"/exchange/collections/{collection}/objects/", *lines))
        assert b" 408 " in rest(made)


def test_a_body_that_nobody_reads_is_cut_off_too(server: Server) -> None:
    with connection(server) as made:
        made.sendall(head(server, "GET", "/taxii2/", "Content-Length: 1000", "", "{"))
        assert drip(made, b"a") < PATIENCE / 2


@pytest.mark.parametrize("lines", [["X-A: " + "a" * 5000], [f"X-{number}: a" for number in range(30)]])
def test_a_large_header_is_refused(server: Server, lines: list[str]) -> None:
    with connection(server) as made:
        made.sendall(head(server, "GET", "/taxii2/", *lines, "", ""))
        assert rest(made).startswith(b"HTTP/1.1 431 ")


def test_a_header_line_without_end_is_refused_before_it_fills_the_memory(server: Server) -> None:
    with connection(server) as made:
        made.sendall(b"GET /taxii2/ HTTP/1.1\r\nX-A: ")
        sent = 0
        try:
            while sent < 50_000_000:
                made.sendall(b"a" * 65536)
                sent += 65536
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 20_000_000


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"x" * 2000]
)
def test_what_is_no_http_gets_an_error_of_taxii(server: Server, data: bytes) -> None:
    with connection(server) as made:
        made.sendall(data)
        answer = rest(made)
    assert answer.startswith(b"HTTP/1.1 4")
    assert "title" in json.loads(answer.partition(b"\r\n\r\n")[2])


def test_an_answer_comes_whole_and_what_a_request_waits_for_at_once(server: Server) -> None:
    with connection(server) as made:
        for _ in range(2):
            made.sendall(b"HEAD /taxii2/ HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"\r\ncontent-length: " in made.recv(65536)
        made.sendall(b"GET /taxii2/ HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _, body = made.recv(65536).partition(b"\r\n\r\n")
        assert (head[9:12], json.loads(body)["http_status"]) == (b"401", "401")
        token = server.tokens["alice"].encode()
        lines = [b"POST /exchange/collections/%b/objects/ HTTP/1.1" % SHARED.encode(), b"Host: a"]
        lines += [b"Authorization: Bearer " + token, b"Content-Type: application/taxii+json;version=2.1"]
        made.sendall(b"\r\n".join([*lines, b"Content-Length: 2", b"Expect: 100-continue", b"", b""]))
        assert made.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        made.sendall(b"{}")
        assert made.recv(65536)[9:12] == b"422"


def test_a_connection_that_is_kept_ends_after_a_while(server: Server) -> None:
    with connection(server) as made:
        made.sendall(head(server, "GET", "/taxii2/", "", ""))
        assert rest(made).startswith(b"HTTP/1.1 200 ")


def test_a_server_that_stood_still_does_not_take_that_for_its_clients_slowness(server: Server) -> None:
    request = head(server, "GET", "/taxii2/", "Connection: close", "", "")
    with connection(server) as waiting, connection(server) as late, connection(server) as silent:
        time.sleep(0.3)  # all are accepted
        server.process.send_signal(signal.SIGSTOP)
        try:
            waiting.sendall(request)
            time.sleep(3)
        finally:
            server.process.send_signal(signal.SIGCONT)
        time.sleep(0.1)
        late.sendall(request)
        assert rest(waiting).startswith(b"HTTP/1.1 200 ")
        assert rest(late).startswith(b"HTTP/1.1 200 ")
        assert rest(silent) == b""  # it is let go all the same


def test_too_many_connections_of_one_address_are_closed_and_others_go_on(server: Server) -> None:
    server.client.close()
    with connection(server) as first:
        made = [
            socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) for _ in range(60)
        ]
        time.sleep(0.3)
        first.sendall(head(server, "GET", "/taxii2/", "Connection: close", "", ""))
        assert rest(first).startswith(b"HTTP/1.1 200 ")
        for one in made:
            one.close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key_file.chmod(0o600)
    return cert_file, key_file


def _handshake(port: int, certificate: Path, version: ssl.TLSVersion, ciphers: str = "") -> str | None:
    context = ssl.create_default_context(cafile=str(certificate))
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(ciphers or "DEFAULT:@SECLEVEL=0")
    try:
        with (
            socket.create_connection(("127.0.0.1", port), PATIENCE) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as made,
        ):
            return made.version()
    except (ssl.SSLError, ConnectionResetError):
        return None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_is_of_today_and_plain_http_stays_on_this_machine(tmp_path: Path) -> None:
    cert, key = _certificate(tmp_path)
    data = tmp_path / "data"
    running = run(data, ("--tls-cert", str(cert), "--tls-key", str(key), "--host", "0.0.0.0"))
    try:
        assert running.url.startswith("https://")
        port = int(running.url.rpartition(":")[2])
        assert _handshake(port, cert, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
        assert _handshake(port, cert, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
        assert _handshake(port, cert, ssl.TLSVersion.TLSv1_1) is None
        for refused in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "AES256-SHA"):
            assert _handshake(port, cert, ssl.TLSVersion.TLSv1_2, f"{refused}:@SECLEVEL=0") is None
        with connection(running) as made:
            made.sendall(b"GET /taxii2/ HTTP/1.1\r\n\r\n")
            assert not rest(made).startswith(b"HTTP")
    finally:
        running.stop()
    done = countermark("share", "serve", "--data", data, "--port", "0", "--host", "0.0.0.0")
    assert done.code == 2
    assert "without TLS the exchange listens on this machine alone" in done.error()
    key.chmod(0o644)
    done = countermark("share", "serve", "--data", data, "--port", "0", "--tls-cert", cert, "--tls-key", key)
    assert "can be read by others" in done.error()
