"""Privileged runs: counted like all others, sealed to counsel, opened with its identity and no other."""

from pathlib import Path

import pyrage
import pytest

from countermark.errors import Error, ExitCode
from countermark.trust.log import Log
from countermark.trust.privileged import Counsel, open_privileged
from countermark.trust.runs import Declared, all_runs, check_runs, family, finish, heading, start, unfinished
from countermark.trust.signing import SigningKey

KEY_ID, DIGEST = "0123456789abcdef", "ab" * 32
ASKED = Declared(3, 2, key_ids=(KEY_ID,), profile_ids=("p-1",), text_ids=("doc-9",), digests={"in": DIGEST})


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.create(tmp_path / "log", "log.example/1", SigningKey.generate())


@pytest.fixture
def identity(tmp_path: Path) -> tuple[Path, Counsel]:
    made = pyrage.x25519.Identity.generate()
    path = tmp_path / "counsel.txt"
    path.write_text(f"# made for a test\n{made}\n")
    path.chmod(0o600)
    return path, Counsel(str(made.to_public()))


def test_both_spaces_count_and_only_counsel_reads(log: Log, identity: tuple[Path, Counsel]) -> None:
    path, counsel = identity
    first = start(log, "m", Declared(1, 1))
    finish(log, first, "done", {"answer": "cd" * 32})
    second = start(log, "m", ASKED, counsel=counsel)
    finish(log, second, "done", {"answer": "ef" * 32}, counsel=counsel)
    third = start(log, "m", Declared(1, 1))
    assert [(one.number, one.space, one.family) for one in all_runs(log)] == [
        (1, "testifying", 1),
        (2, "privileged", 7),
        (3, "testifying", 8),
    ]
    assert (check_runs(log), family(log, "m"), unfinished(log)) == (3, 8, [third])
    entries = (log.folder / "entries.jsonl").read_text()
    for hidden in (KEY_ID, DIGEST, "doc-9", "p-1", "ef" * 32):
        assert hidden not in entries
        assert all(hidden.encode() not in one.read_bytes() for one in (log.folder / "privileged").iterdir())
    opened = list(open_privileged(log, path))
    assert [(one.run, one.kind) for one in opened] == [(2, "run-start"), (2, "run-outcome")]
    assert opened[0].details == {
        "digests": {"in": DIGEST},
        "key_ids": [KEY_ID],
        "profile_ids": ["p-1"],
        "text_ids": ["doc-9"],
    }
    assert opened[1].details == {"digests": {"answer": "ef" * 32}}
    assert list(open_privileged(log, path, "other")) == []
    assert heading(second.entry).space == "privileged"


def test_an_outcome_stays_in_the_space_of_its_run(log: Log, identity: tuple[Path, Counsel]) -> None:
    _, counsel = identity
    hidden, shown = start(log, "m", ASKED, counsel=counsel), start(log, "m", ASKED)
    with pytest.raises(Error, match="same space"):
        finish(log, hidden, "done", {"answer": DIGEST})
    with pytest.raises(Error, match="same space"):
        finish(log, shown, "done", {"answer": DIGEST}, counsel=counsel)
    assert len(unfinished(log)) == 2


def test_what_counsel_opens_is_what_was_logged(
    log: Log, identity: tuple[Path, Counsel], tmp_path: Path
) -> None:
    path, counsel = identity
    start(log, "m", ASKED, counsel=counsel)
    sealed = log.folder / "privileged" / "1.age"
    assert sealed.stat().st_mode & 0o777 == 0o600
    kept = sealed.read_bytes()
    other = tmp_path / "other.txt"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    other.chmod(0o600)
    with pytest.raises(Error, match="not sealed to this identity"):
        list(open_privileged(log, other))
    forged = pyrage.encrypt(b"{}", [pyrage.x25519.Recipient.from_str(counsel.recipient)])
    for content in (forged, kept[:-1], kept + b"x"):
        sealed.write_bytes(content)
        with pytest.raises(Error, match="not those that were logged") as refused:
            list(open_privileged(log, path))
        assert refused.value.exit_code == ExitCode.VERIFICATION_FAILED
    sealed.unlink()
    with pytest.raises(Error, match="cannot be read"):
        list(open_privileged(log, path))
    path.chmod(0o644)
    with pytest.raises(Error, match="read by others"):
        list(open_privileged(log, path))


def test_entries_without_a_space_are_testifying(log: Log) -> None:
    """As they were written before there were spaces."""
    counts = {"bodies": 1, "keys": 1, "profiles": 1, "epochs": 1, "hypotheses": 1, "family": 1}
    ids: dict[str, object] = {"key_ids": [], "profile_ids": [], "text_ids": [], "digests": {}}
    log.append("run-start", {"run": 1, "matter": "m", **counts, **ids})
    log.append("run-outcome", {"run": 1, "matter": "m", "status": "done", "digests": {"answer": DIGEST}})
    assert check_runs(log) == 1
    (run,) = all_runs(log)
    assert (run.space, heading(run.entry).space) == ("testifying", "testifying")


@pytest.mark.parametrize(
    "change",
    [
        {"space": "privileged"},
        {"space": "privileged", "sealed": "ab"},
        {"space": "privileged", "sealed": DIGEST, "digests": {"in": DIGEST}},
        {"space": "testifying", "sealed": DIGEST},
        {"space": "testifying", "sealed": ""},
        {"space": "secret"},
    ],
)
def test_a_start_that_hides_or_shows_too_much_is_found(log: Log, change: dict[str, object]) -> None:
    counts = {"bodies": 1, "keys": 1, "profiles": 1, "epochs": 1, "hypotheses": 1, "family": 1}
    ids: dict[str, object] = {"key_ids": [], "profile_ids": [], "text_ids": [], "digests": {}}
    log.append("run-start", {"run": 1, "matter": "m", **counts, **ids, **change})
    with pytest.raises(Error) as refused:
        check_runs(log)
    assert refused.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_an_outcome_of_another_space_is_found(log: Log, identity: tuple[Path, Counsel]) -> None:
    _, counsel = identity
    start(log, "m", ASKED, counsel=counsel)
    log.append(
        "run-outcome", {"run": 1, "matter": "m", "status": "done", "digests": {}, "space": "testifying"}
    )
    with pytest.raises(Error, match="never started so"):
        check_runs(log)


@pytest.mark.parametrize("text", ["age1x", "AGE-SECRET-KEY-1ABC", "", "no such file", "age1" + "q" * 58])
def test_counsel_is_an_age_recipient(text: str) -> None:
    with pytest.raises(Error) as refused:
        Counsel.read(text)
    assert refused.value.exit_code == ExitCode.USAGE
    assert "SECRET" not in refused.value.message


def test_counsel_comes_from_a_file_too(tmp_path: Path, identity: tuple[Path, Counsel]) -> None:
    _, counsel = identity
    path = tmp_path / "recipient"
    path.write_text(f"# counsel\n{counsel.recipient}\n")
    assert Counsel.read(str(path)) == Counsel.read(counsel.recipient) == counsel
    path.write_text(f"{counsel.recipient}\n{counsel.recipient}\n")
    with pytest.raises(Error, match="no single"):
        Counsel.read(str(path))
