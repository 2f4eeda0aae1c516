"""Whatever bytes come, the probe judges them and writes transcripts that can be read again."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probing import transcripts, write_prompts

from countermark.capture.probe.journal import Answered, Asked, pack
from countermark.capture.probe.transcribe import Transcriber
from countermark.records.canonical import sha256_hex
from countermark.records.transcripts import read_transcripts, transcript_line
from running import countermark

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def sometimes(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what belongs there."""
    return st.integers(0, 29).flatmap(lambda draw: ANYTHING if draw == 17 else good)


TOKEN = st.fixed_dictionaries(
    {"token": sometimes(st.text(max_size=3)), "logprob": sometimes(st.floats(-50, 0))},
    optional={
        "bytes": sometimes(st.lists(st.integers(0, 255), max_size=3)),
        "top_logprobs": sometimes(st.just([])),
    },
)
CHOICE = st.fixed_dictionaries(
    {"finish_reason": sometimes(st.sampled_from(["stop", "length", "content_filter"]))},
    optional={
        "text": sometimes(st.text(max_size=9)),
        "message": sometimes(st.fixed_dictionaries({"content": sometimes(st.text(max_size=9))})),
        "logprobs": sometimes(st.fixed_dictionaries({"content": st.lists(TOKEN, max_size=3)})),
        "token_ids": sometimes(st.lists(st.integers(0, 1 << 31), max_size=3)),
        "index": sometimes(st.integers(0, 1)),
    },
)
RESPONSE = st.fixed_dictionaries(
    {"choices": sometimes(st.lists(CHOICE, min_size=1, max_size=2))},
    optional={
        "model": sometimes(st.text(max_size=5)),
        "usage": sometimes(
            st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), st.integers(0, 5))
        ),
        "error": sometimes(st.none()),
        "prompt_token_ids": sometimes(st.just([1, 2])),
    },
)
BODIES = st.binary(max_size=40) | RESPONSE.map(lambda one: json.dumps(one).encode())


@settings(max_examples=300)
@given(
    bodies=st.lists(st.tuples(BODIES, st.booleans()), min_size=1, max_size=3),
    status=st.sampled_from([200, 200, 200, 204, 302, 400, 429, 500]),
)
def test_any_answer_becomes_a_line_that_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[tuple[bytes, bool]], status: int
) -> None:
    transcriber = Transcriber("https://a.org")
    request = b'{"model":"m","prompt":[1,2],"max_tokens":3}'
    lines = []
    for at, (raw, stream) in enumerate(bodies):
        body = b"data: " + raw + b"\n\ndata: [DONE]\n\n" if stream else raw
        kind = "text/event-stream" if stream else "application/json"
        asked = Asked(
            id=str(at),
            prompt_id="p",
            attempt=1,
            at="",
            request_sha256=sha256_hex(request),
            packed=pack(request),
            most_in=9,
            most_out=3,
        )
        answered = Answered(
            id=str(at),
            attempt=1,
            status=status,
            headers={"content-type": kind},
            fault="",
            seconds=0.1,
            response_sha256=sha256_hex(body),
            packed=pack(body),
            charged_in=0,
            charged_out=0,
            final=True,
            failed=False,
        )
        lines.append(transcript_line(transcriber.transcript(asked, answered)))
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(b"".join(lines))
    assert len(list(read_transcripts(path))) == len(bodies)


def _garbage(peer: socket.socket) -> None:
    peer.sendall(b"\x16\x03\x01 SSH-2.0 nothing of HTTP\r\n\r\n")


def _endless_head(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        peer.sendall(b"X-More: " + b"a" * 1000 + b"\r\n")


def _endless_interim(peer: socket.socket) -> None:
    while True:
        peer.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")


def _endless_body(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        peer.sendall(b"10000\r\n" + b"a" * 0x10000 + b"\r\n")


def _nothing(peer: socket.socket) -> None:
    peer.recv(1)
    threading.Event().wait(2)


@contextmanager
def server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that takes connections and does something with each."""
    listener = socket.create_server(("127.0.0.1", 0))

    def one(peer: socket.socket) -> None:
        with peer:
            try:
                peer.recv(1 << 16)
                behave(peer)
            except OSError:
                return

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(peer,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize(
    ("behave", "problem"),
    [
        (_garbage, "connection failed"),
        (_endless_head, "connection failed"),
        (_endless_interim, "deadline passed"),
        (_endless_body, "oversized answer"),
        (_nothing, "deadline passed"),
    ],
)
def test_a_server_that_is_none_ends_in_a_problem(
    tmp_path: Path, behave: Callable[[socket.socket], None], problem: str
) -> None:
    write_prompts(tmp_path, "a")
    line: list[str | Path] = ["capture", "probe", "--model", "m", "--retries", "0", "--timeout", "1.5"]
    line += ["--prompts", tmp_path / "prompts.jsonl", "--out", tmp_path / "t.jsonl"]
    with server(behave) as url:
        done = countermark(*line, "--endpoint", url)
    assert "Traceback" not in done.err
    assert transcripts(tmp_path)["p0#1"].problem == problem
