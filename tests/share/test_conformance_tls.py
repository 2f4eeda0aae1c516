"""The kit's checks of TLS fail where they have to: against servers that OpenSSL makes."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import write_certificate

from countermark.share.conformance.http import Http
from countermark.share.conformance.runner import run_check
from countermark.share.conformance.table import CHECKS
from countermark.share.conformance.target import Target


@contextlib.contextmanager
def openssl_server(folder: Path, *options: str) -> Iterator[Target]:
    """`openssl s_server`, which answers any request with a page, or not at all."""
    cert, key = write_certificate(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(cert), "-key", str(key)]
    options = options if "-early_data" in options else (*options, "-www")  # it takes but one of them
    process = subprocess.Popen(
        [*line, *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    http = Http(f"https://127.0.0.1:{port}", {})
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        target = Target(http, read_only=True)
        target.ca = str(cert)
        yield target
    finally:
        http.close()
        process.terminate()
        process.wait(10)
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), ["pass", "pass", "pass", "warn"]),
        (("-early_data", "-max_early_data", "4096"), ["pass", "pass", "fail", "warn"]),
        (("-tls1_3",), ["fail", "pass", "pass", "pass"]),
        (("-tls1_2", "-cipher", "ECDHE+AESGCM"), ["pass", "warn", "not-applicable", "pass"]),
        (("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", "-early_data"), ["pass", "pass", "fail", "warn"]),
        (("-ciphersuites", "TLS_AES_128_GCM_SHA256"), ["pass", "pass", "pass", "warn"]),
    ],
)
def test_8_2_2_what_a_server_offers(options: tuple[str, ...], found: list[str], tmp_path: Path) -> None:
    with openssl_server(tmp_path, *options) as target:
        names = ("8.2.2-tls-1.2", "8.2.2-tls-1.3", "8.2.2-no-early-data", "8.2.2-old-suites")
        results = [run_check(CHECKS[name], target) for name in names]
    assert [one.outcome for one in results] == found, [one.reason for one in results]
