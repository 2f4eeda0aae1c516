"""A journal that was changed is an error, never a traceback, and never gives the cap back."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from countermark.capture.probe.journal import Answered, Asked, Journal, Line, Opened, pack
from countermark.capture.probe.past import read_past
from countermark.capture.probe.transcribe import Transcriber
from countermark.errors import Error, ExitCode
from countermark.records.canonical import sha256_hex

BODY = b'{"model":"m","prompt":"x","max_tokens":3}'
OPENED = Opened(endpoint="https://a.org/v1", api="completions", at="", software="")


def asked(body: bytes = BODY, **changes: Any) -> Asked:
    fields: dict[str, Any] = {
        "id": "a#1",
        "prompt_id": "a",
        "attempt": 1,
        "at": "",
        "most_in": 9,
        "most_out": 3,
    }
    return Asked(**{**fields, "request_sha256": sha256_hex(body), "packed": pack(body), **changes})


def changed(**changes: Any) -> Answered:
    """A whole answer, its fields changed past what the constructor checks."""
    one = Answered(
        id="a#1",
        attempt=1,
        status=200,
        headers={},
        fault="",
        seconds=0.0,
        response_sha256=sha256_hex(b"{}"),
        packed=pack(b"{}"),
        charged_in=1,
        charged_out=1,
        final=True,
        failed=False,
    )
    for name, value in changes.items():
        msgspec.structs.force_setattr(one, name, value)
    return one


def past_of(folder: Path, *lines: Line) -> Any:
    path = folder / "t.jsonl.journal"
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    with Journal(path) as journal:
        return read_past(journal)


@pytest.mark.parametrize(
    "lines",
    [
        [OPENED, asked(), changed(), changed()],
        [OPENED, changed()],
        [OPENED, asked(), changed(charged_in=-1)],
        [OPENED, asked(), changed(charged_out=-(10**9))],
        [OPENED, asked(most_in=-5)],
        [OPENED, asked(), changed(fault="nonsense", status=0)],
        [OPENED, asked(), changed(status=-7)],
        [OPENED, OPENED],
        [asked()],
    ],
    ids=["twice", "unasked", "in", "out", "most", "fault", "status", "opened twice", "not opened"],
)
def test_lines_that_no_probe_writes_are_an_error(tmp_path: Path, lines: list[Line]) -> None:
    with pytest.raises(Error) as caught:
        past_of(tmp_path, *lines)
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_an_answer_counts_what_it_was_charged(tmp_path: Path) -> None:
    past = past_of(tmp_path, OPENED, asked(), changed(), asked(id="b#1"))
    assert (past.requests, past.tokens_in, past.tokens_out) == (2, 1 + 9, 1 + 3)


@pytest.mark.parametrize(
    "body",
    [
        b"[1]",
        b"{}",
        b"no JSON",
        b'{"model": 1}',
        b'{"model": "m", "messages": [1]}',
        b'{"model": "m", "messages": [{"role": "user"}]}',
        b'{"model": "m", "prompt": {"a": 1}}',
        b'{"model": "m", "prompt": "x", "max_tokens": "many"}',
    ],
)
def test_a_request_that_is_none_is_an_error(body: bytes) -> None:
    for make in (
        lambda: Transcriber("x").transcript(asked(body), changed()),
        lambda: Transcriber("x").lost(asked(body)),
    ):
        with pytest.raises(Error, match="a request that is none") as caught:
            make()
        assert caught.value.exit_code == ExitCode.NO_INPUT
