"""A witness cosigns what continues, and nothing else; what it refuses is kept; bodies are read strictly."""

import os
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publications import forged, witness_at

from countermark.errors import Error, ExitCode
from countermark.trust.checkpoints import open_checkpoint
from countermark.trust.cosigned import add_cosignatures, cosigned, keep_note, last_cosigned, write_timestamp
from countermark.trust.log import Log
from countermark.trust.notes import VerifierKey, split_note
from countermark.trust.signing import SigningKey
from countermark.trust.witness import (
    MAX_PROOF,
    MAX_REQUEST,
    Conflict,
    Refused,
    Request,
    Witness,
    read_request,
    write_request,
)

KEY = SigningKey.generate()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.create(tmp_path / "log", "member-a.example/log.public", KEY)


@pytest.fixture
def witness(tmp_path: Path, log: Log) -> Witness:
    return witness_at(tmp_path / "witness", "witness.example/w1", log)


def grow(log: Log, entries: int) -> str:
    log.append_all([("batch", {"n": n}) for n in range(entries)])
    return log.head()


def status_of(witness: Witness, old: int, proof: list[bytes], note: str) -> int:
    with pytest.raises(Refused) as refused:
        witness.add_checkpoint(old, proof, note)
    return refused.value.status


def test_it_cosigns_what_continues(log: Log, witness: Witness) -> None:
    sizes = []
    for size in (0, 1, 5, 6, 6, 20):
        note = grow(log, size - len(log))
        old = sizes[-1] if sizes else 0
        proof = log.consistency(old) if 0 < old < size else []
        line = witness.add_checkpoint(old, proof, note)
        found = open_checkpoint(note + line, log.verifier, [witness.verifier])
        assert (found.size, found.seen_at()) == (size, 1_800_000_000)
        sizes.append(size)
    again = Witness.open(witness.folder, witness._key)
    assert open_checkpoint(again.last(log.verifier.name) or "", log.verifier).size == 20


def test_it_says_no_with_the_status_of_the_specification(log: Log, witness: Witness) -> None:
    first, second = grow(log, 3), grow(log, 2)
    proof = log.consistency(3)
    witness.add_checkpoint(0, [], first)
    stranger = Log.create(log.folder.with_name("stranger"), "other.example", KEY)
    false = Log.create(log.folder.with_name("false"), log.verifier.name, SigningKey.generate())
    assert status_of(witness, 0, [], stranger.head()) == 404
    assert status_of(witness, 3, proof, grow(false, 5)) == 403
    assert status_of(witness, 6, proof, second) == 400
    assert status_of(witness, 0, [], "no note") == 400
    assert status_of(witness, 2, log.consistency(2), second) == 409
    assert status_of(witness, 0, [], second) == 409
    assert status_of(witness, 3, [], second) == 422
    assert status_of(witness, 3, [*proof, b"\x00" * 32], second) == 422
    assert status_of(witness, 3, [b"\x01" * 32, *proof[1:]], second) == 422
    assert witness.add_checkpoint(3, proof, second)


def test_a_conflict_tells_the_size(log: Log, witness: Witness) -> None:
    witness.add_checkpoint(0, [], grow(log, 3))
    with pytest.raises(Conflict) as conflict:
        witness.add_checkpoint(0, [], grow(log, 1))
    assert (conflict.value.size, conflict.value.exit_code) == (3, ExitCode.VERIFICATION_FAILED)


def test_a_fork_and_a_shrink_are_refused_and_kept_as_proof(log: Log, witness: Witness) -> None:
    small = grow(log, 2)
    large = grow(log, 3)
    witness.add_checkpoint(0, [], large)
    name = log.verifier.name
    assert status_of(witness, 2, [], small) == 409  # a shrink, honestly told
    assert status_of(witness, 5, [], small) == 400  # one that says to be none
    assert witness.refused(name) == []
    fork = forged(log, KEY, 5)
    assert status_of(witness, 5, [], fork) == 409
    longer = forged(log, KEY, 9)
    assert status_of(witness, 5, log.consistency(3), longer) == 422
    assert status_of(witness, 5, log.consistency(3), longer) == 422
    assert witness.refused(name) == [fork, longer]
    assert (
        open_checkpoint(witness.last(name) or "", log.verifier).root
        == open_checkpoint(large, log.verifier).root
    )


def test_an_empty_log_has_one_root(log: Log, witness: Witness) -> None:
    assert status_of(witness, 0, [], forged(log, KEY, 0)) == 422
    assert witness.add_checkpoint(0, [], log.head())
    assert status_of(witness, 0, [b"\x00" * 32], grow(log, 1)) == 422


def test_two_at_once_never_roll_it_back(log: Log, witness: Witness) -> None:
    """Of requests from one old size only one is taken, whatever their order."""
    witness.add_checkpoint(0, [], grow(log, 1))
    wanted = []
    for _ in range(8):
        note = grow(log, 1)
        wanted.append((log.consistency(1), note))
    taken: list[str] = []

    def ask(proof: list[bytes], note: str) -> None:
        try:
            witness.add_checkpoint(1, proof, note)
            taken.append(note)
        except Conflict:
            pass

    threads = [Thread(target=ask, args=one) for one in wanted]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(taken) == 1
    last = open_checkpoint(witness.last(log.verifier.name) or "", log.verifier)
    assert last.size == open_checkpoint(taken[0], log.verifier).size


def test_it_is_on_disk_before_it_is_said(log: Log, witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    note = grow(log, 2)

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="No space"):
            witness.add_checkpoint(0, [], note)
    assert witness.last(log.verifier.name) is None
    assert witness.add_checkpoint(0, [], note)


def test_a_witness_keeps_its_key_its_name_and_a_key_a_log(tmp_path: Path, log: Log) -> None:
    folder = tmp_path / "new"
    with pytest.raises(Error):
        Witness.open_or_create(folder)
    made = Witness.open_or_create(folder, "w.example")
    assert Witness.open_or_create(folder).verifier == made.verifier
    assert (folder / "witness.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Error, match="another key or name"):
        Witness.open_or_create(folder, "v.example")
    with pytest.raises(Error, match="another key or name"):
        Witness.open(folder, SigningKey.generate())
    made.add_log(log.verifier)
    made.add_log(log.verifier)
    with pytest.raises(Error, match="another key"):
        made.add_log(VerifierKey(log.verifier.name, SigningKey.generate().public))
    with pytest.raises(Error, match="no log"):
        made.add_log(made.verifier)
    made.set_logs([])
    assert made.logs() == {}


def test_cosignatures_are_kept_by_size_and_merged(tmp_path: Path, log: Log, witness: Witness) -> None:
    note = grow(log, 2)
    other = witness_at(tmp_path / "other", "other.example/w", log, 1_800_000_007)
    lines = {one: one.add_checkpoint(0, [], note) for one in (witness, other)}
    for one, line in lines.items():
        add_cosignatures(log.folder, log.verifier, note, line, one.verifier)
    kept = cosigned(log.folder)
    assert list(kept) == [2]
    keys = [one.verifier for one in lines]
    assert open_checkpoint(kept[2], log.verifier, keys).seen_at() == 1_800_000_007
    assert len(split_note(kept[2])[1]) == 3
    assert last_cosigned(log.folder, witness.verifier) == 2
    assert keep_note(log.folder, log.verifier, note).decode() == kept[2]
    write_timestamp(log.folder, 2, b"der")
    third = witness_at(tmp_path / "third", "third.example", log)
    with pytest.raises(Error, match="stays as it is"):
        add_cosignatures(log.folder, log.verifier, note, third.add_checkpoint(0, [], note), third.verifier)
    assert cosigned(log.folder) == kept


def test_a_reply_that_is_none_is_not_kept(log: Log, witness: Witness) -> None:
    note = grow(log, 2)
    line = witness.add_checkpoint(0, [], note)
    later = grow(log, 1)
    for about, lines in (
        (later, line),
        (note, ""),
        (note, "hello\n"),
        (note, line[:40] + "AAAA" + line[44:]),
    ):
        with pytest.raises(Error):
            add_cosignatures(log.folder, log.verifier, about, lines, witness.verifier)
    assert cosigned(log.folder) == {}


HASH = st.binary(min_size=32, max_size=32)


@given(old=st.integers(0, 10**18 - 1), proof=st.lists(HASH, max_size=MAX_PROOF))
def test_a_request_is_read_as_it_was_written(old: int, proof: list[bytes]) -> None:
    request = Request(old, tuple(proof), "origin\n1\nAAAA\n\n— origin AAAAAAA=\n")
    assert read_request(write_request(request)) == request


def check_read(body: bytes) -> None:
    """Whatever is taken is what would be written: no two bodies are one request."""
    read = None
    with suppress(Refused):
        read = read_request(body)
    assert read is None or write_request(read) == body


@given(st.binary(max_size=400))
def test_any_bytes_are_a_request_or_refused(body: bytes) -> None:
    check_read(body)


@given(st.data())
def test_a_changed_request_is_read_in_one_spelling(data: st.DataObject) -> None:
    body = write_request(Request(20, (b"\x05" * 32, b"\x06" * 32), "o\n21\nAAAA\n\n— o AAAAAAA=\n"))
    at = data.draw(st.integers(0, len(body) - 1))
    check_read(body[:at] + data.draw(st.binary(max_size=3)) + body[at + data.draw(st.integers(0, 3)) :])


@pytest.mark.parametrize(
    "head",
    [
        "old 01",
        "old -1",
        "old +1",
        "old 1 ",
        "old  1",
        "Old 1",
        "old",
        "old " + "9" * 19,
        "old ١",
        "old 1\nAAAA",
        "old 1\n" + "A" * 43,
        "old 1\n" + "\n".join(["BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU="] * 64),
        "old 1\r",
    ],
)
def test_bodies_that_deviate_are_refused(head: str) -> None:
    with pytest.raises(Refused) as refused:
        read_request(f"{head}\n\no\n1\nAAAA\n\n— o AAAAAAA=\n".encode())
    assert refused.value.status == 400


def test_a_body_has_a_bound() -> None:
    with pytest.raises(Refused, match="64 KiB"):
        read_request(b"old 0\n\n" + b"x" * MAX_REQUEST)
