"""Purging rows and keys: what goes, what stays, what the tombstone says."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest_rows import litellm_row, write_rows

from countermark.capture.hashkeys import EPOCH, current_key, destroy_keys
from countermark.capture.purge import note_destroyed_keys, purge_account, purge_before
from countermark.errors import Error, ExitCode
from countermark.records.capture import Capture
from countermark.store.events import open_events

Run = Callable[..., Capture]
BEFORE = datetime(2026, 1, 1, 1, 0, tzinfo=UTC)


def column(folder: Path, name: str) -> list[Any]:
    return [
        value for path in open_events(folder).event_files for value in pq.read_table(path)[name].to_pylist()
    ]


def accounts(folder: Path) -> list[str]:
    return pq.read_table(open_events(folder).accounts_file)["account_id"].to_pylist()


@pytest.fixture
def folder(run: Run, log: Path, tmp_path: Path) -> Path:
    """200 requests a minute apart; user-early stops after the first, user-idle never asked anything."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    rows[0]["metadata"]["user_api_key_user_id"] = "user-early"
    table = tmp_path / "accounts.csv"
    table.write_text("account_id\nuser-early\nuser-idle\n" + "".join(f"user-{n}\n" for n in range(7)))
    run(write_rows(log, rows), accounts=table)
    return tmp_path / "events"


def test_old_rows_go_and_what_only_they_referred_to(folder: Path) -> None:
    tombstone = purge_before(folder, BEFORE)
    assert tombstone is not None
    assert (tombstone.kind, tombstone.rows, tombstone.accounts, tombstone.sketches) == ("before", 60, 1, 60)
    assert tombstone.before == "2026-01-01T01:00:00+00:00"
    assert min(column(folder, "ts")) >= BEFORE
    manifest = open_events(folder).manifest
    assert manifest.tombstones == [tombstone]
    assert manifest.counts.purged == 60
    assert manifest.counts.prompts == 140
    assert manifest.first_ts == "2026-01-01T01:00:00.250000+00:00"
    assert "user-early" not in accounts(folder)
    assert "user-idle" in accounts(folder)
    assert purge_before(folder, BEFORE) is None


def test_an_account_goes_without_trace(folder: Path, tmp_path: Path) -> None:
    tombstone = purge_account(folder, "user-3", hash_key=tmp_path / "keys" / "hash-keys.json")
    assert tombstone is not None
    assert (tombstone.kind, tombstone.accounts) == ("account", 1)
    assert tombstone.rows == tombstone.sketches == 29
    assert len(tombstone.account_digest) == 16
    assert "user-3" not in column(folder, "account_id") + accounts(folder)
    assert b"user-3" not in b"".join(path.read_bytes() for path in folder.iterdir())
    assert len(column(folder, "account_id")) == 171


def test_a_hashed_account_is_found_by_its_own_id(run: Run, tmp_path: Path) -> None:
    rows = [litellm_row(n, metadata={"user_api_key_user_id": f"ann{n % 2}@mail.example"}) for n in range(10)]
    run(write_rows(tmp_path / "log", rows))
    key = tmp_path / "keys" / "hash-keys.json"
    with pytest.raises(Error, match="its key is not there"):
        purge_account(tmp_path / "events", "ann0@mail.example", hash_key=tmp_path / "none.json")
    tombstone = purge_account(tmp_path / "events", "ann0@mail.example", hash_key=key)
    assert tombstone is not None
    assert tombstone.rows == 5
    assert purge_account(tmp_path / "events", "nobody", hash_key=key) is None


def test_everything_can_go_and_the_folder_stays_whole(folder: Path, run: Run, log: Path) -> None:
    purge_before(folder, datetime(2030, 1, 1, tzinfo=UTC))
    manifest = open_events(folder).manifest
    assert manifest.first_ts is None
    assert manifest.counts.prompts == 0
    assert column(folder, "ts") == []
    assert accounts(folder) == ["user-idle"]
    assert run(log, append=True).counts.prompts == 200


def test_purged_rows_can_be_captured_again_and_others_stay_duplicates(
    folder: Path, run: Run, log: Path
) -> None:
    purge_before(folder, BEFORE)
    manifest = run(log, append=True)
    assert manifest.counts.duplicates_dropped == 140
    assert len(column(folder, "ts")) == 200
    assert len(manifest.tombstones) == 1


def test_a_destroyed_key_leaves_a_tombstone_and_ends_appending(run: Run, log: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "hash-keys.json"
    start = datetime.now(UTC) - timedelta(days=85)
    old = current_key(path, now=start)
    folder = tmp_path / "events"
    run(log, key_id=old.key_id)
    keys = destroy_keys(path, now=start + EPOCH)
    assert keys == [old.key_id]
    tombstone = note_destroyed_keys(folder, keys)
    assert tombstone is not None
    assert tombstone.key_ids == [old.key_id]
    assert open_events(folder).manifest.tombstones == [tombstone]
    assert note_destroyed_keys(folder, ["0" * 16]) is None
    with pytest.raises(Error, match=r"mixing two key ids.*destroyed"):
        run(log, append=True)


def test_a_folder_that_is_not_whole_or_not_there_is_refused(folder: Path, tmp_path: Path) -> None:
    with (folder / "sketches.parquet").open("ab") as stream:
        stream.write(b"x")
    for path in (folder, tmp_path / "nowhere"):
        with pytest.raises(Error) as caught:
            purge_before(path, BEFORE)
        assert caught.value.exit_code == ExitCode.NO_INPUT
    assert not (tmp_path / "nowhere").exists()
