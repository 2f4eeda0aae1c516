"""Polling every so often: how long between two rounds, and how it ends."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest
from release_folders import indicators
from servers import SHARED, serving
from test_share_client import token

from countermark.errors import Error, ExitCode
from countermark.share.client.regularly import FIRST_PAUSE, Regularly, Stopped, seconds_of
from running import countermark, start


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("15m", 900), ("1h", 3600), ("1d", 86_400)])
def test_times(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "0h", "-1h", "1.5h", "8d", "1 h", "9999999d", "١h"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(Error) as refused:
        seconds_of(text)
    assert refused.value.exit_code == ExitCode.USAGE


def test_after_failures_the_pauses_grow_up_to_the_time_between_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds, least = Regularly(3600), []
    monkeypatch.setattr(rounds._asked, "wait", lambda _: None)
    longest = []
    for _ in range(9):
        rounds.wait(failed=True)
        pauses = [rounds.pause() for _ in range(200)]
        longest.append(max(pauses))
        least.append(min(pauses))
    wanted = [min(3600.0, FIRST_PAUSE * 2**one) for one in range(9)]
    assert all(0.9 * most < one <= most for one, most in zip(longest, wanted, strict=True))
    assert all(one >= most / 2 for one, most in zip(least, wanted, strict=True))
    rounds.wait(failed=False)
    assert rounds.pause() == 3600


def test_a_signal_ends_the_wait_at_once_and_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Regularly(3600) as rounds:
        signal.raise_signal(signal.SIGTERM)
        began = time.monotonic()
        with pytest.raises(Stopped):
            rounds.wait(failed=False)
        assert time.monotonic() - began < 1
        assert rounds.stopped_by == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_poll_every_hour_stops_when_told(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        line: tuple[Any, ...] = ("share", "poll", server.url, "--collection", SHARED, "--out", tmp_path / "o")
        line = (*line, *token(server, "bob", tmp_path))
        for number, (sig, code) in enumerate(((signal.SIGTERM, 0), (signal.SIGINT, ExitCode.INTERRUPTED))):
            server.post("alice", *indicators(3, server.members["alice"], start=3 * number))
            process = start(*line, "--every", "1h", folder=tmp_path)
            assert process.stdout is not None
            assert "3 new" in process.stdout.readline()
            process.send_signal(sig)
            out, err = process.communicate(timeout=20)
            assert (process.returncode, out) == (code, ""), err
            assert "Traceback" not in err
        assert "say the same" in countermark(*line, "--every", "1h", "--follow", "3").error()
        assert "no time between rounds" in countermark(*line, "--every", "soon").error()
        none = ("--every", "1h", "--collection", "nothing of that name")
        assert countermark(*line, *none).code == ExitCode.NO_INPUT


def test_a_round_that_fails_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[bool] = []

    def wait(_: Regularly, *, failed: bool) -> None:
        waited.append(failed)
        if len(waited) == 3:
            raise Stopped

    def down(*_: Any, **__: Any) -> None:
        raise Error("the exchange is not reached")

    monkeypatch.setattr(Regularly, "wait", wait)
    monkeypatch.setattr("countermark.cli.share_poll.collection_at", down)
    done = countermark("share", "poll", "https://exchange.example", "--every", "1h", "--out", tmp_path / "o")
    assert done.code == 0
    assert waited == [True, True, True]
    assert done.err.count("the exchange is not reached") == 3
