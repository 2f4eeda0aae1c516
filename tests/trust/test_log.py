"""One log: durable appends, proofs, two writers, killed writers; no change of the past goes unnoticed."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.trust import merkle
from countermark.trust.checkpoints import Checkpoint, read_proof, sign_checkpoint, verify_proof, write_proof
from countermark.trust.entries import payload_of, read_entry
from countermark.trust.keyfiles import locked
from countermark.trust.log import CHECKPOINT, CONFIG, ENTRIES, RECOVERED, Log, verify_log
from countermark.trust.notes import VerifierKey
from countermark.trust.signing import SigningKey

KEY = SigningKey.generate()
ORIGIN = "log.example/1"
VERIFIER = VerifierKey(ORIGIN, KEY.public)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def filled(folder: Path, count: int = 6) -> Log:
    log = Log.create(folder, ORIGIN, KEY)
    for number in range(count):
        log.append("note" if number % 2 else "other", {"number": number}, time=NOW)
    return log


def test_what_is_appended_comes_back(tmp_path: Path) -> None:
    log = filled(tmp_path / "log")
    again = Log.open(tmp_path / "log")
    assert len(log) == len(again) == 6
    assert [entry.payload["number"] for entry in again.entries()] == list(range(6))
    assert [entry.index for entry in again.entries("note")] == [1, 3, 5]
    lines = (tmp_path / "log" / ENTRIES).read_bytes().splitlines()
    assert lines[3] == b'{"kind":"note","payload":{"number":3},"time":"2026-07-01T12:00:00Z"}'
    checked = verify_log(tmp_path / "log", VERIFIER)
    assert checked.checkpoint.root == merkle.tree_root([merkle.leaf_hash(line) for line in lines])
    assert (checked.checkpoint.size, checked.torn_bytes) == (6, 0)


def test_every_entry_is_proved_offline(tmp_path: Path) -> None:
    log = filled(tmp_path / "log")
    entries = list(log.entries())
    for entry in entries:
        proof = read_proof(write_proof(log.prove(entry.index)))
        assert read_entry(proof.extra).payload == entry.payload
        assert verify_proof(proof, entry.leaf_hash, VERIFIER).size == 6
        with pytest.raises(Error):
            verify_proof(proof, entries[entry.index - 1].leaf_hash, VERIFIER)
    for index in (-1, 6):
        with pytest.raises(Error, match="no entry"):
            log.prove(index)


def test_old_checkpoints_are_prefixes(tmp_path: Path) -> None:
    log = Log.create(tmp_path / "log", ORIGIN, KEY)
    heads = [log.checkpoint()]
    for number in range(9):
        log.append("note", {"number": number})
        heads.append(log.checkpoint())
    for size, head in enumerate(heads):
        verify_log(tmp_path / "log", VERIFIER, earlier=head)
        if size:
            old = merkle.tree_root([entry.leaf_hash for entry in log.entries()][:size])
            new = verify_log(tmp_path / "log", VERIFIER).checkpoint.root
            assert merkle.verify_consistency(size, old, 9, new, log.consistency(size))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("small") / "log"
    filled(folder, 3)
    return {name: (folder / name).read_bytes() for name in (ENTRIES, CHECKPOINT, CONFIG)}


@given(data=st.data())
def test_any_changed_byte_is_noticed(
    small: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    name = data.draw(st.sampled_from([ENTRIES, CHECKPOINT]))
    content = bytearray(small[name])
    at = data.draw(st.integers(0, len(content) - 1))
    change = data.draw(st.sampled_from(["flip", "drop", "add"]))
    if change == "flip":
        content[at] ^= data.draw(st.integers(1, 255))
    elif change == "drop":
        del content[at]
    else:
        content.insert(at, data.draw(st.integers(0, 255)))
    for one, value in {**small, name: bytes(content)}.items():
        (folder / one).write_bytes(value)
    if bytes(content) == small[name]:
        return
    with pytest.raises(Error) as caught:
        verify_log(folder, VERIFIER)
    assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED
    with pytest.raises(Error):
        Log.open(folder, KEY).append("note", {})


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: lines[1:],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:2], lines[1], *lines[2:]],
        lambda lines: [*lines[:2], lines[2].replace(b"2", b"7", 1), *lines[3:]],
    ],
)
def test_removed_moved_doubled_and_changed_entries(tmp_path: Path, change) -> None:
    filled(tmp_path / "log")
    path = tmp_path / "log" / ENTRIES
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(Error, match="log"):
        verify_log(tmp_path / "log", VERIFIER)
    with pytest.raises(Error, match="log"):
        Log.open(tmp_path / "log", KEY)


def test_a_rewritten_log_does_not_fit_an_earlier_checkpoint(tmp_path: Path) -> None:
    """The owner, who has the key, can sign anything, but not so that others' checkpoints fit."""
    head = filled(tmp_path / "log").checkpoint()
    shorter, other = tmp_path / "shorter", tmp_path / "other"
    filled(shorter, 5)
    with pytest.raises(Error, match="shrunk from 6 to 5"):
        verify_log(shorter, VERIFIER, earlier=head)
    log = Log.create(other, ORIGIN, KEY)
    for number in range(7):
        log.append("note", {"number": number})
    with pytest.raises(Error, match="rewritten"):
        verify_log(other, VERIFIER, earlier=head)
    with pytest.raises(Error, match="none of the known keys"):
        verify_log(tmp_path / "log", VerifierKey(ORIGIN, SigningKey.generate().public))


@pytest.mark.parametrize(
    "torn", [b'{"kind":"no', b'{"kind":"note","payload":{},"time":"2026-07-01T12:00:00Z"}\n', b"\0" * 99]
)
def test_what_a_killed_writer_left_is_moved_aside_and_said(tmp_path: Path, torn: bytes) -> None:
    filled(tmp_path / "log", 4)
    with (tmp_path / "log" / ENTRIES).open("ab") as stream:
        stream.write(torn)
    assert verify_log(tmp_path / "log", VERIFIER).torn_bytes == len(torn)
    log = Log.open(tmp_path / "log", KEY)
    assert len(list(log.entries())) == 4
    assert log.append("note", {"number": 9}).index == 5
    (recovered,) = log.entries(RECOVERED)
    assert (recovered.index, recovered.payload["bytes"]) == (4, len(torn))
    assert (tmp_path / "log" / recovered.payload["file"]).read_bytes() == torn
    assert verify_log(tmp_path / "log", VERIFIER).torn_bytes == 0


def test_two_objects_write_one_log(tmp_path: Path) -> None:
    first = Log.create(tmp_path / "log", ORIGIN, KEY)
    second = Log.open(tmp_path / "log", KEY)
    for number in range(10):
        (first if number % 3 else second).append("note", {"number": number})
    assert [entry.payload["number"] for entry in Log.open(tmp_path / "log").entries()] == list(range(10))
    proof = first.prove(9)
    verify_proof(proof, merkle.leaf_hash(proof.extra), VERIFIER)


def test_a_writer_waits_for_the_other(tmp_path: Path) -> None:
    log = Log.create(tmp_path / "log", ORIGIN, KEY)
    writer = threading.Thread(target=log.append, args=("note", {}))
    with locked(tmp_path / "log" / ENTRIES):
        writer.start()
        writer.join(0.2)
        assert writer.is_alive()
        assert (tmp_path / "log" / ENTRIES).read_bytes() == b""
    writer.join(30)
    assert [entry.kind for entry in Log.open(tmp_path / "log").entries()] == ["note"]


def test_two_processes_write_one_log(tmp_path: Path) -> None:
    Log.create(tmp_path / "log", ORIGIN, KEY)
    KEY.save(tmp_path / "key")
    program = (
        "import sys; from pathlib import Path; from countermark.trust.log import Log\n"
        "from countermark.trust.signing import SigningKey\n"
        "log = Log.open(Path('log'), SigningKey.load(Path('key')))\n"
        "for number in range(15): log.append('note', {'who': sys.argv[1], 'number': number})\n"
    )
    command = [sys.executable, "-c", program]
    running = [subprocess.Popen([*command, who], cwd=tmp_path, env={**os.environ}) for who in "ab"]
    assert [one.wait(60) for one in running] == [0, 0]
    verify_log(tmp_path / "log", VERIFIER)
    log = Log.open(tmp_path / "log")
    for who in "ab":
        numbers = [entry.payload["number"] for entry in log.entries() if entry.payload["who"] == who]
        assert numbers == list(range(15))


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    Log.create(tmp_path / "log", ORIGIN, KEY)
    KEY.save(tmp_path / "key")
    program = (
        "from pathlib import Path; from countermark.trust.log import Log\n"
        "from countermark.trust.signing import SigningKey\n"
        "log = Log.open(Path('log'), SigningKey.load(Path('key')))\n"
        "while True: print(log.append('note', {'pad': 'x' * 3000}).index, flush=True)\n"
    )
    acknowledged: set[int] = set()
    for wanted in (1, 3, 6):
        command = [sys.executable, "-c", program]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as one:
            assert one.stdout is not None
            acknowledged |= {int(one.stdout.readline()) for _ in range(wanted)}
            one.kill()
            acknowledged |= {int(line) for line in one.stdout.read().split("\n")[:-1]}
        verify_log(tmp_path / "log", VERIFIER)
    kinds = {entry.index: entry.kind for entry in Log.open(tmp_path / "log", KEY).entries()}
    assert {kinds[index] for index in acknowledged} == {"note"}


def test_many_entries_are_one_append(tmp_path: Path) -> None:
    one, other = filled(tmp_path / "one"), Log.create(tmp_path / "other", ORIGIN, KEY)
    payloads = [(entry.kind, entry.payload) for entry in one.entries()]
    assert other.append_all(payloads, time=NOW) == range(len(payloads))
    assert other.checkpoint() == one.checkpoint()
    assert list(other.append_all([])) == []
    with pytest.raises(Error, match="plain JSON"):
        other.append_all([("note", {}), ("note", {"n": float("nan")})])
    assert other.checkpoint() == one.checkpoint()
    verify_log(tmp_path / "other", VERIFIER)


class _Seen(msgspec.Struct):
    number: int
    who: str


@pytest.mark.parametrize("who", ["identity--1", "Zoë", 'a "b" \\', "tab\t", "1.5", "\x7f"])
def test_a_record_is_logged_as_its_fields_are(tmp_path: Path, who: str) -> None:
    one, other = (Log.create(tmp_path / name, ORIGIN, KEY) for name in ("one", "other"))
    one.append("seen", {"who": who, "number": 7}, time=NOW)
    other.append_all([("seen", payload_of(_Seen(7, who)))], time=NOW)
    assert one.checkpoint() == other.checkpoint()
    assert verify_log(tmp_path / "other", VERIFIER).checkpoint.size == 1
    with pytest.raises(Error, match="over 1 MiB"):
        other.append_all([("seen", payload_of(_Seen(7, who * (1 << 20))))], time=NOW)


def test_every_entry_of_a_long_log_is_proven(tmp_path: Path) -> None:
    log = Log.create(tmp_path / "log", ORIGIN, KEY)
    for size in (1, 63, 64, 65, 7):
        log.append_all([("note", {"number": len(log) + at, "pad": "x" * (at % 5)}) for at in range(size)])
    again = Log.open(tmp_path / "log")
    for index in (0, 1, 63, 64, 65, 127, 128, 191, 192, 199):
        for one in (log, again):
            proof = one.prove(index)
            assert read_entry(proof.extra).payload["number"] == index
            verify_proof(proof, merkle.leaf_hash(proof.extra), VERIFIER)


def test_a_batch_survives_kill_9_whole_or_not_at_all(tmp_path: Path) -> None:
    Log.create(tmp_path / "log", ORIGIN, KEY)
    KEY.save(tmp_path / "key")
    program = (
        "from pathlib import Path; from countermark.trust.log import Log\n"
        "from countermark.trust.signing import SigningKey\n"
        "log = Log.open(Path('log'), SigningKey.load(Path('key')))\n"
        "batch = [('note', {'pad': 'x' * 3000, 'at': at}) for at in range(30)]\n"
        "while True: print(log.append_all(batch)[-1], flush=True)\n"
    )
    acknowledged: set[int] = set()
    for wanted in (1, 2, 4):
        command = [sys.executable, "-c", program]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as one:
            assert one.stdout is not None
            acknowledged |= {int(one.stdout.readline()) for _ in range(wanted)}
            one.kill()
            acknowledged |= {int(line) for line in one.stdout.read().split("\n")[:-1]}
        verify_log(tmp_path / "log", VERIFIER)
    log = Log.open(tmp_path / "log", KEY)
    log.append("note", {"at": 0})  # moves aside what the last one left
    entries = list(log.entries())
    assert {entries[index].payload["at"] for index in acknowledged} == {29}
    notes = [entry.payload["at"] for entry in entries if entry.kind == "note"]
    assert notes == [at % 30 for at in range(len(notes))]


def test_what_is_refused(tmp_path: Path) -> None:
    log = filled(tmp_path / "log")
    with pytest.raises(Error, match="holds a log already"):
        Log.create(tmp_path / "log", ORIGIN, KEY)
    with pytest.raises(Error, match="another key"):
        Log.open(tmp_path / "log", SigningKey.generate())
    with pytest.raises(Error, match="for reading"):
        Log.open(tmp_path / "log").append("note", {})
    with pytest.raises(Error, match="no log in"):
        Log.open(tmp_path)
    with pytest.raises(Error, match="name"):
        Log.create(tmp_path / "new", "two words", KEY)
    for kind, payload in [("Note", {}), ("", {}), ("note", {"n": 1 << 60}), ("note", {"x": "y" * (1 << 20)})]:
        with pytest.raises(Error, match="log entry"):
            log.append(kind, payload)
    with pytest.raises(Error, match="log entry"):
        log.append("note", {"n": float("nan")})
    assert verify_log(tmp_path / "log", VERIFIER).checkpoint.size == 6


def test_a_line_without_end_is_not_read_whole(tmp_path: Path) -> None:
    filled(tmp_path / "log", 1)
    long = b'"' + b"x" * (2 << 20) + b'"'
    (tmp_path / "log" / ENTRIES).write_bytes(long + b"\n")
    head = Checkpoint(ORIGIN, 1, merkle.tree_root([merkle.leaf_hash(long)]))
    (tmp_path / "log" / CHECKPOINT).write_text(sign_checkpoint(head, KEY))
    with pytest.raises(Error, match="too long"):
        verify_log(tmp_path / "log", VERIFIER)


@pytest.mark.parametrize(
    "line", [b"[]", b"{}", b'{"kind":"note","payload":{},"time":"x"}', b"\xff", b"[" * 5000]
)
def test_a_signed_line_that_is_no_entry(tmp_path: Path, line: bytes) -> None:
    filled(tmp_path / "log", 0)
    (tmp_path / "log" / ENTRIES).write_bytes(line + b"\n")
    head = Checkpoint(ORIGIN, 1, merkle.tree_root([merkle.leaf_hash(line)]))
    (tmp_path / "log" / CHECKPOINT).write_text(sign_checkpoint(head, KEY))
    with pytest.raises(Error, match="entry 0"):
        verify_log(tmp_path / "log", VERIFIER)


def test_the_folders_own_key_is_the_one_in_its_config(tmp_path: Path) -> None:
    filled(tmp_path / "log")
    stranger = VerifierKey(ORIGIN, SigningKey.generate().public)
    path = tmp_path / "log" / CONFIG
    path.write_bytes(
        canonical_json({"schema": "countermark/log/v1", "origin": ORIGIN, "verifier": str(stranger)})
    )
    with pytest.raises(Error, match="none of the known keys"):
        Log.open(tmp_path / "log")
    for text in ("{", "[]", '{"schema":"x","origin":"a","verifier":"b"}'):
        path.write_text(text)
        with pytest.raises(Error):
            Log.open(tmp_path / "log")


def test_a_full_log_takes_no_more_and_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from countermark.trust import log as module

    key = SigningKey.generate()
    full = Log.create(tmp_path / "log", "example.org/log", key)
    full.append("note", {"n": 1})
    monkeypatch.setattr(module, "MAX_LOG_BYTES", (tmp_path / "log" / "entries.jsonl").stat().st_size + 10)
    with pytest.raises(Error, match="is full"):
        full.append("note", {"n": 2})
    assert len(Log.open(tmp_path / "log", key)) == 1
