"""Disputes filed at the exchange and asked for, against a server that remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from policy_samples import indicator

from countermark.errors import ExitCode
from running import Done, countermark

DISPUTE = "dispute--11111111-1111-4111-8111-111111111111"
TOKEN = "cmx_" + "t" * 40


class Remote:
    """What the server was asked, and what it answers next."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None, bytes]] = []
        self.status, self.headers = 200, {}
        answer: dict[str, Any] = {
            "dispute_id": DISPUTE,
            "object_id": indicator()["id"],
            "due": "2026-11-21T12:00:00Z",
        }
        self.body = json.dumps(answer).encode()
        self.url = ""


@pytest.fixture
def remote() -> Iterator[Remote]:
    """A server on this machine."""
    state = Remote()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.asked.append((self.command, self.path, self.headers.get("Authorization"), body))
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(state.body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A token file."""
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


def status(remote: Remote, token: Path, *more: str) -> Done:
    """`share dispute status` of the dispute."""
    return countermark("share", "dispute", "status", DISPUTE, "--to", remote.url, "--token", token, *more)


def test_a_dispute_is_filed_and_asked_for(remote: Remote, token: Path, tmp_path: Path) -> None:
    remote.status = 201
    (tmp_path / "said").write_text("it was not me")
    file = [
        "dispute",
        "record",
        indicator()["id"],
        "--statement",
        tmp_path / "said",
        "--home",
        tmp_path / "home",
    ]
    done = countermark("share", *file, "--to", remote.url, "--token", token, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["dispute_id"] == DISPUTE
    assert status(remote, token).code == 0
    (method, path, sent, body), asked = remote.asked
    assert (method, path, sent) == ("POST", "/exchange-api/v1/disputes", f"Bearer {TOKEN}")
    assert set(json.loads(body)) == {"object_id", "statement_sha256"}
    assert b"not me" not in body
    assert asked == ("GET", f"/exchange-api/v1/disputes/{DISPUTE}", f"Bearer {TOKEN}", b"")


@pytest.mark.parametrize("code", [301, 401, 404, 500])
def test_another_answer_is_an_error_without_the_token(code: int, remote: Remote, token: Path) -> None:
    remote.status, remote.headers = code, {"Location": "http://127.0.0.1:9/", "Content-Type": "text/html"}
    done = status(remote, token)
    assert str(code) in done.error()
    assert TOKEN not in done.err
    assert len(remote.asked) == 1


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"<html>", b"[" * 100_000, b'{"a": "' + b"x" * (5 << 20) + b'"}']
)
def test_an_answer_that_is_none(body: bytes, remote: Remote, token: Path) -> None:
    remote.body = body
    assert status(remote, token).code == ExitCode.NO_INPUT


@pytest.mark.parametrize(
    "url", ["http://exchange.example", "ftp://127.0.0.1", "https://", "x", "https://u:p@h.example"]
)
def test_a_token_goes_over_tls_or_stays_on_this_machine(url: str, token: Path, remote: Remote) -> None:
    done = countermark("share", "dispute", "status", DISPUTE, "--to", url, "--token", token)
    assert done.code == ExitCode.USAGE
    assert remote.asked == []


def test_a_token_file_is_the_owners(remote: Remote, token: Path) -> None:
    token.chmod(0o644)
    assert "can be read by others" in status(remote, token).error()
    token.chmod(0o600)
    token.write_bytes(b"a\r\nX-Evil: 1")
    assert "holds no token" in status(remote, token).error()
    assert countermark("share", "dispute", "status", DISPUTE, "--to", remote.url).code == ExitCode.USAGE
    done = countermark("share", "dispute", "status", "../x", "--to", remote.url, "--token", token)
    assert done.code == ExitCode.USAGE
    assert remote.asked == []
