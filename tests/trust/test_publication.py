"""The public log: batches of one size, padding that nobody can tell, every entry once and in order."""

import hashlib
import json
import os
import re
import signal
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from publications import commitments_of, heads_of, in_base64

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.trust import runs
from countermark.trust.batches import BATCH
from countermark.trust.log import Log
from countermark.trust.openings import opened_entry, read_head, read_opening
from countermark.trust.publication import Opening, Publication, check_opening
from countermark.trust.records import record_plan

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def book(tmp_path: Path) -> Publication:
    return Publication.open_or_create(tmp_path / "log", batch=4)


def test_a_batch_has_one_size_whatever_waits(book: Publication) -> None:
    sizes = []
    for waiting in (0, 1, 4, 9, 0, 0):
        book.private.append_all([("policy", {"n": n}) for n in range(waiting)])
        entry = book.tick()
        sizes.append(
            (entry.kind, len(entry.payload["commitments"]), entry.payload["number"], len(entry.data))
        )
    assert sizes == [(BATCH, 4, n, sizes[0][3]) for n in range(6)]
    assert [head.index for head in heads_of(book)] == list(range(14))
    assert book.waiting == 0


def test_cadence_and_size_are_fixed_when_the_log_is_made(tmp_path: Path, book: Publication) -> None:
    again = Publication.open_or_create(tmp_path / "log")
    assert (again.batch, again.every_seconds) == (book.batch, book.every_seconds) == (4, 3600)
    for other in ({"batch": 5}, {"every_seconds": 60}):
        with pytest.raises(Error, match="as it was made") as refused:
            Publication.open_or_create(tmp_path / "log", **other)
        assert refused.value.exit_code == ExitCode.USAGE


def test_a_batch_is_due_once_a_tick(book: Publication) -> None:
    assert book.due(NOON)
    book.tick(NOON + timedelta(minutes=20))
    due = [book.due(NOON + timedelta(minutes=n)) for n in (-5, 21, 59, 60, 300)]
    assert due == [False, False, False, True, True]


def test_padding_cannot_be_told_from_entries_without_the_secret(book: Publication) -> None:
    """Commitments to equal entries and to padding are all different, and so are those of two logs."""
    book.private.append_all([("policy", {"same": 1})] * 4, time=NOON)
    for _ in range(3):
        book.tick(NOON)
    found = commitments_of(book.public)
    assert len(set(found)) == len(found) == 12
    heads = [head for head in heads_of(book, range(4)) if head.kind == "policy"]
    assert len(heads) == 4
    # who knows what an entry says, and its head, learns nothing: without the salts neither hash can be made
    entry = next(book.private.entries()).data
    head = canonical_json({"index": 0, "kind": "policy"})
    bare = [hashlib.sha256(b"\x00" + part).digest() for part in (head, entry)]
    assert hashlib.sha256(b"\x01" + b"".join(bare)).digest() not in found


def test_the_salt_secret_is_the_owners_alone(tmp_path: Path, book: Publication) -> None:
    path = tmp_path / "log.salts"
    text = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert re.fullmatch("[0-9a-f]{64}", text)
    book.private.append("policy", {})
    book.tick()
    said = [repr(book), repr(vars(book)), *map(str, book.openings(1, {0}))]
    said += [one.read_text() for one in (tmp_path / "log.public").iterdir() if one.is_file()]
    assert not any(text in one for one in said)
    path.chmod(0o644)
    with pytest.raises(Error, match="read by others"):
        Publication.open(tmp_path / "log")


def test_lost_salts_are_not_made_again(tmp_path: Path, book: Publication) -> None:
    book.tick()
    (tmp_path / "log.salts").unlink()
    with pytest.raises(Error, match="no salt secret"):
        Publication.open_or_create(tmp_path / "log")
    (tmp_path / "log.salts").write_text("ab" * 32)
    (tmp_path / "log.salts").chmod(0o600)
    with pytest.raises(Error, match="commits to something else") as other:
        Publication.open_or_create(tmp_path / "log")
    assert other.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_heads_show_runs_and_tags_and_nothing_of_the_matter(book: Publication) -> None:
    for matter in ("matter-7", "matter-8", "matter-7"):
        started = runs.start(book.private, matter, runs.Declared(1, 1))
        runs.finish(book.private, started, "failed")
    book.tick()
    book.tick()
    heads = heads_of(book)
    assert [(one.kind, one.run) for one in heads] == [
        (kind, run) for run in (1, 2, 3) for kind in ("run-start", "run-outcome")
    ]
    tags = [one.matter for one in heads]
    assert tags == [book.tag("matter-7")] * 2 + [book.tag("matter-8")] * 2 + [book.tag("matter-7")] * 2
    assert {one.space for one in heads} == {"testifying"}
    assert "matter" not in "".join(tags)


def test_heads_of_plans_have_the_tag_of_their_matter(book: Publication) -> None:
    """So that a plan that is not shown is counted to its matter all the same."""
    record_plan(book.private, "first", "11" * 32, "matter-7")
    record_plan(book.private, "of-no-matter", "22" * 32)
    runs.start(book.private, "matter-7", runs.Declared(1, 1))
    book.tick()
    first, other, run = heads_of(book)
    assert (first.kind, first.space, first.run) == ("analysis-plan", "", None)
    assert first.matter == run.matter == book.tag("matter-7")
    assert other.matter == book.tag("")


def test_a_plan_whose_matter_is_no_text_is_never_committed(book: Publication) -> None:
    book.private.append("analysis-plan", {"matter": 7, "plan_id": "P", "sha256": "11" * 32})
    with pytest.raises(Error, match="a plan whose matter is no text"):
        book.tick()


def test_an_entry_that_is_opened_is_what_its_head_says(book: Publication) -> None:
    started = runs.start(book.private, "m", runs.Declared(2, 3))
    book.tick()
    first, *_ = book.openings(1, {0})
    (commitment, *_) = commitments_of(book.public)
    head = check_opening(first, commitment)
    entry = opened_entry(first, head)
    assert entry is not None
    assert (entry.data, entry.index) == (started.entry.data, 0)
    assert read_opening(canonical_json(first)) == first
    closed, *_ = book.openings(1, ())
    assert closed.entry is None
    assert check_opening(closed, commitment) == head
    changes = (
        {"head": first.head.replace('"run":1', '"run":2')},
        {"head_salt": "00" * 16},
        {"body_salt": first.head_salt},
        {"entry": first.entry.replace('"bodies":2', '"bodies":1')},
        {"entry": ""},
        {"body": closed.body},
        {"head_salt": first.head_salt.upper()},
        {"head": first.head.replace(",", ", ")},
        {"head": '{"kind":"padding"}'},
    )
    for change in changes:
        with pytest.raises(Error) as refused:
            check_opening(msgspec.structs.replace(first, **change), commitment)
        assert refused.value.exit_code == ExitCode.VERIFICATION_FAILED, change


@pytest.mark.parametrize(
    "head",
    [
        {"kind": "policy"},
        {"index": 1, "kind": "padding"},
        {"index": -1, "kind": "policy"},
        {"index": 1, "kind": "policy", "run": 1},
        {"index": 1, "kind": "run-start"},
        {"index": 1, "kind": "run-start", "matter": "m", "run": 1, "space": "testifying"},
        {"index": 1, "kind": "run-start", "matter": "ab" * 16, "run": 0, "space": "testifying"},
        {"index": 1, "kind": "run-start", "matter": "ab" * 16, "run": 1, "space": "secret"},
        {"index": 1, "kind": "Policy"},
        {"index": 1, "kind": "policy", "more": 1},
        {"index": None, "kind": "policy"},
        {"index": 1, "kind": "analysis-plan"},
        {"index": 1, "kind": "analysis-plan", "matter": "m"},
        {"index": 1, "kind": "analysis-plan", "matter": "ab" * 16, "space": "privileged"},
        {"index": 1, "kind": "policy", "matter": "ab" * 16},
    ],
)
def test_a_head_has_the_fields_of_its_kind_and_no_others(head: dict[str, object]) -> None:
    with pytest.raises(Error):
        read_head(json.dumps(head, separators=(",", ":"), sort_keys=True))


def test_a_commitment_is_what_the_specification_says(tmp_path: Path, book: Publication) -> None:
    """Made here from the page alone."""
    started = runs.start(book.private, "matter-7", runs.Declared(1, 1))
    book.tick()
    secret = bytes.fromhex((tmp_path / "log.salts").read_text().strip())

    def keyed(text: bytes) -> bytes:
        return hashlib.blake2b(text, key=secret, digest_size=16).digest()

    tag = keyed(b"countermark/matter/v1\nmatter-7").hex()
    heads = [
        f'{{"index":0,"kind":"run-start","matter":"{tag}","run":1,"space":"testifying"}}'.encode(),
        *[b'{"kind":"padding"}'] * 3,
    ]
    made = []
    for number, (head, body) in enumerate(zip(heads, [started.entry.data, b"", b"", b""], strict=True)):
        parts = [
            hashlib.sha256(b"\x00" + keyed(name + number.to_bytes(8, "big")) + content).digest()
            for name, content in ((b"countermark/head/v1\n", head), (b"countermark/body/v1\n", body))
        ]
        made.append(hashlib.sha256(b"\x01" + parts[0] + parts[1]).digest())
    assert commitments_of(book.public) == made


def test_an_entry_that_was_held_back_or_back_dated_is_named(tmp_path: Path, book: Publication) -> None:
    book.private.append("policy", {"n": 0}, time=NOON)
    book.tick(NOON + HOUR)
    book.private.append("policy", {"n": 1}, time=NOON + 2 * HOUR)
    book.private.append("analysis-plan", {"plan_id": "P"}, time=NOON)  # it says to be older than batch 0
    book.tick(NOON + 3 * HOUR)
    assert Publication.open(tmp_path / "log").late == [2]


def test_a_public_log_that_does_not_follow_is_refused(tmp_path: Path, book: Publication) -> None:
    """A batch that leaves an entry out, and a private log that lost one."""
    book.private.append_all([("policy", {"n": n}) for n in range(6)])
    book.tick()
    other = Publication.open_or_create(tmp_path / "other", batch=4)
    with pytest.raises(Error, match="commits to something else"):
        Publication(other.private, book.public, book._secret)
    batch = commitments_of(book.public)
    book.public.append(BATCH, {"commitments": list(map(in_base64, batch)), "number": 1})
    with pytest.raises(Error, match="commits to something else"):
        Publication.open(tmp_path / "log")


@pytest.mark.parametrize("round_", range(12))
def test_kills_leave_every_entry_committed_once(tmp_path: Path, round_: int) -> None:
    """Killed at a random write between the private append and the end of the tick, twenty times over."""
    folder = tmp_path / "log"
    Publication.open_or_create(folder, batch=2)
    for attempt in range(20):
        child = os.fork()
        if child == 0:
            _append_and_die(folder, at=1 + (attempt * 7 + round_) % 12)
        os.waitpid(child, 0)
    book = Publication.open_or_create(folder)
    while book.waiting:
        book.tick()
    kinds = [entry.kind for entry in book.private.entries()]
    assert kinds.count("policy") >= 3
    heads = heads_of(book, range(len(kinds)))
    assert [(head.index, head.kind) for head in heads] == list(enumerate(kinds))
    assert [entry.kind for entry in book.public.entries()] == [BATCH] * len(book.public)
    assert [entry.payload["number"] for entry in book.public.entries()] == list(range(len(book.public)))


def _append_and_die(folder: Path, at: int) -> None:
    """SIGKILL at the `at`-th sync, rename or write of three entries and two ticks."""
    left = at

    def dying(real):  # type: ignore[no-untyped-def]
        def wrapped(*args, **named):  # type: ignore[no-untyped-def]
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **named)

        return wrapped

    book = Publication.open_or_create(folder)
    os.write, os.fsync = dying(os.write), dying(os.fsync)
    for n in range(3):
        book.private.append("policy", {"n": n})
        book.tick()
    os._exit(0)


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.integers(min_value=0, max_value=5), max_size=8), batch=st.integers(1, 5))
def test_any_order_of_entries_and_ticks(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], batch: int
) -> None:
    folder = tmp_path_factory.mktemp("any") / "log"
    book = Publication.open_or_create(folder, batch=batch)
    for count in steps:
        book.private.append_all([("policy", {"n": n}) for n in range(count)])
        book.tick()
    read = Publication.open(folder)
    assert read.waiting == book.waiting == max(0, len(book.private) - len(heads_of(read)))
    assert [head.index for head in heads_of(read)] == list(range(len(book.private) - book.waiting))
    assert len(commitments_of(read.public)) == batch * len(steps)


def test_openings_of_a_beginning_account_for_all_of_it(book: Publication) -> None:
    book.private.append_all([("policy", {"n": n}) for n in range(6)])
    for _ in range(3):
        book.tick()
    openings = list(book.openings(2, {5}))
    assert len(openings) == 8
    assert [opening.entry is not None for opening in openings] == [False] * 5 + [True] * 3
    with pytest.raises(Error, match="no 4 batches"):
        list(book.openings(4, ()))


def test_an_opening_is_read_in_its_only_spelling() -> None:
    opening = Opening(head='{"kind":"padding"}', head_salt="00" * 16, body_salt="11" * 16, entry="")
    line = canonical_json(opening)
    assert b'"entry":""' in line
    assert read_opening(line) == opening
    for other in (line + b" ", line.replace(b":", b": "), b"{}", b"[]", b"\xff", line[:-1] + b',"more":1}'):
        with pytest.raises(Error):
            read_opening(other)


def test_a_log_without_its_secret_can_still_be_read(tmp_path: Path, book: Publication) -> None:
    book.tick()
    assert len(commitments_of(Log.open(tmp_path / "log.public"))) == 4
