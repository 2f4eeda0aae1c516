"""Witnesses over real HTTP on the loopback: alone and in an exchange, asked by `log publish`."""

import http.client
import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from publications import forged

from countermark.trust.cosigned import cosigned
from countermark.trust.notes import split_note
from countermark.trust.publication import Publication
from countermark.trust.signing import SigningKey
from countermark.trust.witness import Request, Witness, write_request
from running import countermark, start


@dataclass(frozen=True)
class Served:
    """A witness that answers."""

    url: str
    vkey: str
    folder: Path

    def post(self, body: bytes, path: str = "/add-checkpoint") -> tuple[int, str, str]:
        """Status, media type and body of an answer."""
        host, _, rest = self.url.removeprefix("http://").partition("/")
        connection = http.client.HTTPConnection(host, timeout=20)
        connection.request("POST", (f"/{rest}" if rest else "") + path, body)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers["Content-Type"], text


def ended(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


@pytest.fixture
def book(tmp_path: Path) -> Publication:
    book = Publication.open_or_create(tmp_path / "log", batch=2)
    book.private.append("policy", {"n": 0})
    return book


@pytest.fixture
def alone(tmp_path: Path, book: Publication) -> Iterator[Served]:
    folder, vkey = tmp_path / "witness", str(book.public.verifier)
    verb = ("log", "witness", "serve", folder, "--name", "witness.example/w1", "--log-vkey", vkey)
    process = start(*verb, "--port", "0", "--json", folder=tmp_path)
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield Served(ready["url"], ready["witness_vkey"], folder)
    finally:
        ended(process)


def test_publish_asks_a_witness_over_http(tmp_path: Path, book: Publication, alone: Served) -> None:
    ask = ("--witness", alone.url, "--witness-vkey", alone.vkey, "--json")
    done = countermark("log", "publish", tmp_path / "log", *ask)
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["batch"], said["size"], said["cosigned"]) == (0, 1, ["witness.example/w1"])
    # not due again, and cosigned already: nothing changes, nothing is asked
    again = json.loads(countermark("log", "publish", tmp_path / "log", *ask).out)
    assert (again["batch"], again["size"], again["cosigned"]) == (None, 1, ["witness.example/w1"])
    for _ in range(3):
        assert countermark("log", "publish", tmp_path / "log", "--at-once", *ask).code == 0
    notes = cosigned(book.public.folder)
    assert list(notes) == [1, 2, 3, 4]
    assert all(len(split_note(note)[1]) == 2 for note in notes.values())


def test_the_answers_are_those_of_the_specification(tmp_path: Path, book: Publication, alone: Served) -> None:
    book.tick()
    log, key = book.public, SigningKey.load(tmp_path / "log.key")
    first = write_request(Request(0, (), log.head()))
    status, kind, line = alone.post(first)
    assert (status, kind.split(";")[0], line[:2]) == (200, "text/plain", "\u2014 ")
    book.tick()
    assert alone.post(write_request(Request(0, (), log.head()))) == (409, "text/x.tlog.size", "1\n")
    assert alone.post(write_request(Request(1, (), forged(log, key, 1))))[:2] == (409, "text/x.tlog.size")
    assert alone.post(write_request(Request(1, (b"\x00" * 32,), log.head())))[0] == 422
    assert alone.post(write_request(Request(9, (), log.head())))[0] == 400
    assert alone.post(b"old 1\n\nnonsense")[0] == 400
    assert alone.post(write_request(Request(1, (), forged(log, SigningKey.generate(), 2))))[0] == 403
    assert alone.post(first.replace(log.verifier.name.encode(), b"other.example"))[0] == 404
    assert alone.post(b"x" * 70_000)[0] == 413
    assert alone.post(first, "/elsewhere")[0] == 404
    assert alone.post(write_request(Request(1, tuple(log.consistency(1)), log.head())))[0] == 200


def test_a_fork_shown_to_a_witness_ends_with_20(tmp_path: Path, book: Publication, alone: Served) -> None:
    """The owner rewrites the log with its own key after a witness has seen it."""
    ask = ("--witness", alone.url, "--witness-vkey", alone.vkey)
    assert countermark("log", "publish", tmp_path / "log", *ask).code == 0
    kept = (tmp_path / "log.public" / "checkpoint").read_bytes()
    for name in ("log.public/entries.jsonl", "log.public/log.json", "log.public/cosigned/1.note"):
        (tmp_path / name).unlink()
    (tmp_path / "log.public" / "checkpoint").unlink()
    (tmp_path / "kept.note").write_bytes(kept)
    done = countermark("log", "publish", tmp_path / "log", "--at-once", *ask)
    assert done.code == 20, done.err
    assert "forked" in done.err or "holds another checkpoint" in done.err
    vkey = str(book.public.verifier)
    now = tmp_path / "log.public" / "checkpoint"
    found = countermark("log", "compare", tmp_path / "kept.note", now, "--log-vkey", vkey, "--json")
    assert found.code == 20
    assert json.loads(found.out)["fork"] == [str(tmp_path / "kept.note"), str(now)]
    (last,) = Witness.open_or_create(alone.folder).refused(book.public.verifier.name)
    assert last == now.read_text()


def test_a_witness_that_is_down_is_asked_later(tmp_path: Path, book: Publication, alone: Served) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
    other = str(Witness.open_or_create(tmp_path / "down", "down.example").verifier)
    both = ("--witness", dead, "--witness-vkey", other, "--witness", alone.url, "--witness-vkey", alone.vkey)
    done = countermark("log", "publish", tmp_path / "log", *both, "--json")
    said = json.loads(done.out)
    assert (done.code, said["cosigned"], list(said["failed"])) == (
        1,
        ["witness.example/w1"],
        ["down.example"],
    )
    assert list(cosigned(book.public.folder)) == [1]


@pytest.mark.parametrize("url", ["ftp://w.example", "http://w.example", "https://u:p@w.example", "w.example"])
def test_a_witness_is_named_by_an_https_url(tmp_path: Path, url: str) -> None:
    vkey = str(Witness.open_or_create(tmp_path / "w", "w.example").verifier)
    done = countermark("log", "publish", tmp_path / "log", "--witness", url, "--witness-vkey", vkey)
    assert done.code == 2
    assert "plain https URL" in done.error()


def test_an_exchange_cosigns_the_logs_of_its_members(tmp_path: Path, book: Publication) -> None:
    data = tmp_path / "exchange"
    data.mkdir(mode=0o700)
    settings = f'[witness]\nname = "member-b.example/witness"\nlogs = ["{book.public.verifier}"]\n'
    (data / "exchange.toml").write_text(settings)
    (data / "exchange.toml").chmod(0o600)
    process = start("share", "serve", "--data", data, "--port", "0", "--json", folder=tmp_path)
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"] + "/exchange-api/v1/witness"
        shown = json.loads(countermark("log", "witness", "show", data / "witness", "--json").out)
        ask = ("--witness", url, "--witness-vkey", shown["witness_vkey"], "--json")
        done = countermark("log", "publish", tmp_path / "log", *ask)
        assert done.code == 0, done.err
        assert json.loads(done.out)["cosigned"] == ["member-b.example/witness"]
        served = Served(url, shown["witness_vkey"], data / "witness")
        assert served.post(b"nonsense")[0] == 400
        assert served.post(b"x" * 70_000)[0] == 413
    finally:
        ended(process)
