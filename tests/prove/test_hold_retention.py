"""A hold stands above retention: `purge` keeps rows and keys until a named person releases it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from held_samples import Place, place, write_lines

from countermark.capture.hashkeys import EPOCH, destroy_keys, held_keys, read_key
from countermark.capture.hold import release
from countermark.capture.holds import in_force, read_holds
from countermark.capture.purge import purge_account, purge_before
from countermark.errors import Error
from countermark.store.events import open_events
from running import countermark

LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return place(tmp_path)


def accounts(events: Path) -> list[str]:
    found = open_events(events)
    return [name for path in found.event_files for name in pq.read_table(path)["account_id"].to_pylist()]


def test_purge_by_date_keeps_the_rows_of_held_accounts_and_says_so(here: Place) -> None:
    here.hold()
    held = set(in_force(here.events)[0].held())
    before = accounts(here.events)
    said: list[str] = []
    tombstone = purge_before(here.events, LATER, say=said.append)
    kept = [name for name in before if name in held]
    assert accounts(here.events) == kept
    assert tombstone is not None
    assert tombstone.rows == len(before) - len(kept)
    assert tombstone.held_rows == len(kept)
    assert said == [
        f"{len(kept)} rows stay: their accounts are under legal hold ({in_force(here.events)[0].hold_id})"
    ]
    assert purge_before(here.events, LATER) is None


def test_purge_of_a_held_account_destroys_nothing(here: Place) -> None:
    here.hold()
    before = accounts(here.events)
    said: list[str] = []
    assert purge_account(here.events, "user-3", hash_key=here.hash_key, say=said.append) is None
    assert accounts(here.events) == before
    assert "stay" in said[0]
    other = next(f"user-{n}" for n in range(7) if f"user-{n}" not in in_force(here.events)[0].held())
    assert purge_account(here.events, other, hash_key=here.hash_key) is not None


def test_the_hold_survives_an_append_and_covers_what_is_appended(here: Place, tmp_path: Path) -> None:
    here.hold(accounts=["user-3", "not-yet"])
    more = write_lines(tmp_path / "third.jsonl", range(200, 230))
    here.capture(more, append=True)
    assert len(in_force(here.events)) == 1
    purge_before(here.events, LATER)
    assert accounts(here.events).count("user-3") == len([n for n in range(230) if n % 7 == 3])
    assert in_force(here.events)[0].accounts == ["not-yet", "user-3"]


def test_events_under_hold_are_not_replaced(here: Place) -> None:
    here.hold()
    with pytest.raises(Error, match="under legal hold"):
        here.capture(here.logs[0], overwrite=True)
    assert len(set(accounts(here.events))) == 7


def test_a_damaged_record_of_holds_stops_purge(here: Place) -> None:
    here.hold()
    for text in ("", "{}", "[]", '{"schema":"countermark/holds/v1","holds":[{}]}'):
        (here.events / "holds.json").write_text(text)
        with pytest.raises(Error, match="is damaged"):
            purge_before(here.events, LATER)
    assert len(set(accounts(here.events))) == 7


def test_a_hold_keeps_its_hash_key_and_release_lets_it_go(here: Place) -> None:
    hold_id = here.hold().entry.hold_id
    key_id = in_force(here.events)[0].key_id
    later = datetime.now(UTC) + EPOCH + timedelta(days=1)
    assert destroy_keys(here.hash_key, now=later) == []
    assert held_keys(here.hash_key, now=later) == {key_id: [hold_id]}
    assert read_key(here.hash_key, key_id) is not None
    release(here.events, hold_id, "Bea Example", "settled", hash_key=here.hash_key)
    assert destroy_keys(here.hash_key, now=later) == [key_id]


def test_release_is_by_a_person_is_recorded_and_forgets_the_names(here: Place) -> None:
    hold_id = here.hold().entry.hold_id
    with pytest.raises(Error, match="by a person"):
        release(here.events, hold_id, "", "", hash_key=here.hash_key)
    with pytest.raises(Error, match="no hold hold-0 is in force"):
        release(here.events, "hold-0", "Bea", "", hash_key=here.hash_key)
    entry = release(here.events, hold_id, "Bea Example", "settled", hash_key=here.hash_key)
    assert (entry.released_by, entry.why, entry.state) == ("Bea Example", "settled", "released")
    assert read_holds(here.events) == [entry]
    assert "user-" not in (here.events / "holds.json").read_text()
    assert purge_before(here.events, LATER) is not None
    assert not accounts(here.events)
    with pytest.raises(Error, match="in force"):
        release(here.events, hold_id, "Bea", "", hash_key=here.hash_key)


def test_a_released_hold_is_not_taken_up_again(here: Place) -> None:
    release(here.events, here.hold().entry.hold_id, "Bea", "", hash_key=here.hash_key)
    with pytest.raises(Error, match="was released by Bea"):
        here.hold()


def test_two_holds_end_one_by_one(here: Place) -> None:
    first = here.hold(control=0).entry.hold_id
    second = here.hold(accounts=["user-1"], out=here.folder / "held-2", control=0).entry.hold_id
    release(here.events, first, "Bea", "", hash_key=here.hash_key)
    purge_before(here.events, LATER)
    assert set(accounts(here.events)) == {"user-1"}
    assert [one.hold_id for one in in_force(here.events)] == [second]


def test_the_commands(here: Place, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("user-3\n\nuser-5\n")
    told = [
        "case",
        "hold",
        here.events,
        *here.logs,
        "--accounts",
        names,
        "--from",
        "2026-01-01",
        "--by",
        "Ann",
    ]
    told += ["--recipient", here.recipient, "--out", here.held, "--hash-key", here.hash_key]
    done = countermark(*told, "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    assert answer["accounts"] == answer["control_accounts"] == 2
    assert "retention is suspended" in done.err
    done = countermark(
        "purge", here.events, "--before", "2030-01-01", "--expired-keys", "--hash-key", here.hash_key
    )
    assert "rows stay: their accounts are under legal hold" in done.err
    done = countermark(
        "case",
        "hold",
        here.events,
        "--release",
        answer["hold_id"],
        "--by",
        "Bea",
        "--hash-key",
        here.hash_key,
    )
    assert done.code == 0
    assert "released by Bea" in done.out
    assert countermark("case", "hold", here.events).code == 2
