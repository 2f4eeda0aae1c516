"""What is seen when somebody shows two logs; who may call a log witnessed; a whole log examined."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from publications import forged, witness_at

from countermark.errors import Error, ExitCode
from countermark.trust import runs
from countermark.trust.checkpoints import open_checkpoint, read_proof, write_proof
from countermark.trust.cosigned import add_cosignatures, witnessed, witnessed_at
from countermark.trust.entry_proofs import check_entry, prove_entry, read_shown, write_shown
from countermark.trust.examination import examine_private, examine_public
from countermark.trust.forks import compare
from countermark.trust.log import Log
from countermark.trust.notes import VerifierKey
from countermark.trust.publication import Publication
from countermark.trust.signing import SigningKey

START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Known:
    key: VerifierKey
    alliance: bool


def two_histories(tmp_path: Path) -> tuple[Log, Log]:
    """One key, one origin, a common beginning, two ends."""
    key = SigningKey.generate()
    logs = [Log.create(tmp_path / name, "a.example/log.public", key) for name in ("one", "two")]
    for n in range(3):
        for log in logs:
            log.append("batch", {"n": n}, time=START)
    for side, log in enumerate(logs):
        log.append("batch", {"n": 3, "side": side}, time=START)
    return logs[0], logs[1]


def test_a_forked_log_shown_to_two_witnesses_is_found_when_they_meet(tmp_path: Path) -> None:
    one, two = two_histories(tmp_path)
    first = witness_at(tmp_path / "w1", "w1.example", one)
    second = witness_at(tmp_path / "w2", "w2.example", two)
    notes = {
        "first": one.head() + first.add_checkpoint(0, [], one.head()),
        "second": two.head() + second.add_checkpoint(0, [], two.head()),
    }
    found, _ = compare(notes, one.verifier)
    assert found.fork == ("first", "second")
    # and neither witness takes the other side afterwards
    with pytest.raises(Error, match="forked"):
        first.add_checkpoint(4, [], two.head())


def test_notes_of_two_sizes_need_the_entries_in_between(tmp_path: Path) -> None:
    one, two = two_histories(tmp_path)
    small = two.head()
    one.append("batch", {"n": 4}, time=START)
    notes = {"small": small, "large": one.head()}
    found, _ = compare(notes, one.verifier)
    assert (found.fork, found.open) == (None, ("small", "large"))
    found, _ = compare(notes, one.verifier, one.folder)
    assert found.fork == ("small", str(one.folder / "checkpoint"))
    found, _ = compare({"large": one.head()}, one.verifier, two.folder)
    assert (found.fork, found.open) == (None, ("large",))


def test_one_log_is_one_log(tmp_path: Path) -> None:
    one, _ = two_histories(tmp_path)
    early = one.head()
    one.append("batch", {"n": 4})
    found, opened = compare({"early": early, "late": one.head()}, one.verifier, one.folder)
    assert (found.fork, found.open) == (None, ())
    assert sorted(checkpoint.size for checkpoint in opened.values()) == [4, 5]
    with pytest.raises(Error, match="none of the known keys"):
        compare({"early": early}, VerifierKey("a.example/log.public", SigningKey.generate().public))


def test_rivals_alone_are_no_witnesses(tmp_path: Path) -> None:
    log, _ = two_histories(tmp_path)
    rivals = [witness_at(tmp_path / f"r{n}", f"member-{n}.example", log, 2000 + n) for n in range(3)]
    outsider = witness_at(tmp_path / "u", "university.example", log, 1500)
    note = log.head()
    for one in rivals:
        note += one.add_checkpoint(0, [], log.head())
    known = [Known(one.verifier, True) for one in rivals] + [Known(outsider.verifier, False)]
    keys = [one.key for one in known]
    alone = open_checkpoint(note, log.verifier, keys)
    assert len(alone.signatures) == 4
    assert not witnessed(alone, known)
    assert witnessed_at(alone, known) is None
    both = open_checkpoint(note + outsider.add_checkpoint(0, [], log.head()), log.verifier, keys)
    assert witnessed(both, known)
    assert witnessed_at(both, known) == 2002  # the latest: no single witness makes an entry look older
    assert not witnessed(both, known[:3])
    assert not witnessed(open_checkpoint(log.head(), log.verifier), known)


@pytest.fixture
def book(tmp_path: Path) -> Publication:
    book = Publication.open_or_create(tmp_path / "log", batch=3)
    for n in range(4):
        started = runs.start(book.private, f"matter-{n % 2}", runs.Declared(1, 1))
        if n != 2:
            runs.finish(book.private, started, "done", {"answer": "ab" * 32})
        book.tick(START + timedelta(hours=n if n < 3 else 5))
    return book


def test_a_whole_log_is_examined(tmp_path: Path, book: Publication) -> None:
    log = book.public
    outsider = witness_at(tmp_path / "u", "university.example", log)
    line = outsider.add_checkpoint(0, [], log.head())
    add_cosignatures(log.folder, log.verifier, log.head(), line, outsider.verifier)
    known = [Known(outsider.verifier, False)]
    found = examine_public(log.folder, log.verifier, witnesses=known, kept=[log.head()])
    assert (found.batches, found.width, found.missed, found.out_of_cadence, found.kept) == (4, 3, 2, [], 1)
    (one,) = found.cosigned
    assert (one.size, one.witnesses, one.witnessed) == (4, ["university.example"], 1_800_000_000)
    inside = examine_private(tmp_path / "log", log.folder)
    assert (inside.entries, inside.committed, inside.runs, inside.unfinished) == (7, 7, 4, [3])


@pytest.mark.parametrize("what", ["fork", "cut", "other key"])
def test_a_log_that_is_not_what_was_kept_is_refused(tmp_path: Path, book: Publication, what: str) -> None:
    log, key = book.public, SigningKey.load(tmp_path / "log.key")
    kept = {"fork": forged(log, key, 2), "cut": forged(log, key, 9), "other key": log.head()}[what]
    verifier = log.verifier
    if what == "other key":
        verifier = VerifierKey(log.verifier.name, SigningKey.generate().public)
    with pytest.raises(Error) as refused:
        examine_public(log.folder, verifier, kept=[kept])
    assert refused.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_under_order_a_left_out_entry_shows(tmp_path: Path, book: Publication) -> None:
    """A private log without one of its runs, signed anew by its owner, does not give the public log."""
    key = SigningKey.load(tmp_path / "log.key")
    kept = [one for one in book.private.entries() if one.payload.get("run") != 3]
    clean = Log.create(tmp_path / "clean", book.private.verifier.name, key)
    for one in kept:
        clean.append(one.kind, one.payload, time=one.time)
    with pytest.raises(Error, match="commits to something else"):
        examine_private(tmp_path / "clean", book.public.folder, tmp_path / "log.salts")


def test_one_entry_for_a_third_party(tmp_path: Path, book: Publication) -> None:
    log = book.public
    outsider = witness_at(tmp_path / "u", "university.example", log)
    line = outsider.add_checkpoint(0, [], log.head())
    add_cosignatures(log.folder, log.verifier, log.head(), line, outsider.verifier)
    book.tick(START + timedelta(hours=9))
    shown, proof = prove_entry(book, 2)
    given, text = write_shown(shown), write_proof(proof)
    known = [Known(outsider.verifier, False)]
    found = check_entry(read_shown(given), read_proof(text), log.verifier, known)
    assert (found.entry.index, found.entry.payload["run"], found.batch) == (2, 2, 1)
    assert (found.checkpoint.size, found.witnessed) == (4, 1_800_000_000)
    other, _ = prove_entry(book, 6)
    for wrong in (other, read_shown(given.replace(b'"position":0', b'"position":1'))):
        with pytest.raises(Error) as refused:
            check_entry(wrong, read_proof(text), log.verifier, known)
        assert refused.value.exit_code == ExitCode.VERIFICATION_FAILED
    with pytest.raises(Error, match="cannot be read"):
        read_shown(given[:-3])
