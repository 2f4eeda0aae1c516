"""Runs in the log: contiguous numbers, a family over calls, starts without outcome, and no keys or texts."""

from pathlib import Path

import pytest

from countermark.errors import Error
from countermark.trust.log import Log
from countermark.trust.runs import OUTCOME, START, Declared, check_runs, family, finish, start, unfinished
from countermark.trust.signing import SigningKey

KEY = SigningKey.generate()
KEY_ID = "0123456789abcdef"


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.create(tmp_path / "log", "log.example/1", KEY)


def test_numbers_and_families_over_calls(log: Log, tmp_path: Path) -> None:
    first = start(log, "M-1", Declared(bodies=10, keys=3, profiles=2, epochs=2, key_ids=(KEY_ID,)))
    other = start(log, "M-2", Declared(bodies=5, keys=1))
    again = Log.open(tmp_path / "log", KEY)
    third = start(again, "M-1", Declared(bodies=1, keys=1, text_ids=("doc-1",), digests={"input": "ab" * 32}))
    assert [one.number for one in (first, other, third)] == [1, 2, 3]
    assert [one.family for one in (first, other, third)] == [120, 5, 121]
    assert (family(again, "M-1"), family(again, "M-2"), family(again, "M-3")) == (121, 5, 0)
    assert check_runs(again) == 3


def test_a_start_without_outcome_stays_visible(log: Log) -> None:
    first, second = (start(log, matter, Declared(1, 1)) for matter in ("M-1", "M-2"))
    assert [one.number for one in unfinished(log)] == [1, 2]
    finish(log, first, "done", {"scores": "cd" * 32})
    assert unfinished(log, "M-1") == []
    assert [one.number for one in unfinished(log, "M-2")] == [2]
    finish(log, second, "failed")
    assert unfinished(log) == []
    with pytest.raises(Error, match="an outcome already"):
        finish(log, second, "done")
    assert check_runs(log) == 2


@pytest.mark.parametrize(
    ("matter", "declared"),
    [
        ("M-1", Declared(0, 1)),
        ("M-1", Declared(1, -1)),
        ("M-1", Declared(1 << 24, 1 << 24)),
        ("", Declared(1, 1)),
        ("a matter", Declared(1, 1)),
        ("M-1", Declared(1, 1, key_ids=("00112233445566778899aabbccddeeff",))),
        ("M-1", Declared(1, 1, key_ids=("15485863",))),
        ("M-1", Declared(1, 1, text_ids=("this is the text that was scored",))),
        ("M-1", Declared(1, 1, text_ids=("x" * 201,))),
        ("M-1", Declared(1, 1, profile_ids=("",))),
        ("M-1", Declared(1, 1, digests={"input": "ab"})),
    ],
)
def test_what_is_not_logged(log: Log, matter: str, declared: Declared) -> None:
    with pytest.raises(Error) as caught:
        start(log, matter, declared)
    assert len(log) == 0
    for one in declared.key_ids:
        assert one not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "change",
    [{"run": 3}, {"family": 6}, {"hypotheses": 1}, {"bodies": "2"}, {"more": 1}],
)
def test_a_wrong_start_is_noticed(log: Log, change: dict) -> None:
    start(log, "M-1", Declared(2, 3))
    good = {**next(log.entries(START)).payload, "run": 2, "family": 12}
    log.append(START, {**good, **change})
    with pytest.raises(Error, match="run log"):
        check_runs(log)


@pytest.mark.parametrize("change", [{"run": 2}, {"matter": "M-2"}, {"status": "lost"}])
def test_a_wrong_outcome_is_noticed(log: Log, change: dict) -> None:
    start(log, "M-1", Declared(2, 3))
    log.append(OUTCOME, {"run": 1, "matter": "M-1", "status": "done", "digests": {}, **change})
    with pytest.raises(Error, match="run log"):
        check_runs(log)


def test_a_second_outcome_is_noticed(log: Log) -> None:
    start(log, "M-1", Declared(2, 3))
    for _ in range(2):
        log.append(OUTCOME, {"run": 1, "matter": "M-1", "status": "done", "digests": {}})
    with pytest.raises(Error, match="a second one"):
        check_runs(log)
    assert unfinished(log) == []
