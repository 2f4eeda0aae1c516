"""From log files to EVENTS: hostile input, duplicates, appending, privacy, determinism."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest_rows import all_bytes, events, litellm_row, quarantine, write_rows

from countermark.capture import columns, parts, pipeline
from countermark.capture.hashkeys import EPOCH, current_key
from countermark.errors import Error, ExitCode
from countermark.records.capture import Capture
from countermark.records.events import ACCOUNT_SCHEMA, SKETCH_SCHEMA
from countermark.store.events import open_events

Run = Callable[..., Capture]


def test_a_log_becomes_a_whole_folder(run: Run, log: Path, tmp_path: Path) -> None:
    manifest = run(log)
    found = open_events(tmp_path / "events")
    assert found.manifest == manifest
    rows = events(tmp_path / "events")
    assert rows.num_rows == 200
    assert rows["request_id"].to_pylist() == [f"request-{number}" for number in range(200)]
    assert len(set(rows["prompt_hash"].to_pylist())) == 200
    assert len(set(rows["template_hash"].to_pylist())) == 1
    assert pq.read_schema(found.accounts_file).equals(ACCOUNT_SCHEMA)
    sketches = pq.read_table(found.sketches_file)
    assert sketches.schema.equals(SKETCH_SCHEMA)
    assert set(sketches["prompt_hash"].to_pylist()) == set(rows["prompt_hash"].to_pylist())
    assert manifest.counts.prompts == 200
    assert manifest.formats[0].origin["distribution"] == "countermark"
    assert manifest.first_ts == "2026-01-01T00:00:00.250000+00:00"


def test_source_offsets_lead_back_to_the_raw_line(run: Run, log: Path, tmp_path: Path) -> None:
    manifest = run(log)
    raw = log.read_bytes()
    for row in (
        events(tmp_path / "events").select(["request_id", "source_offset", "source_digest"]).to_pylist()
    ):
        line = raw[row["source_offset"] :].split(b"\n", 1)[0]
        assert json.loads(line)["id"] == row["request_id"]
        assert row["source_digest"] == manifest.sources[0].sha256


def test_the_same_input_gives_the_same_bytes(run: Run, log: Path, tmp_path: Path) -> None:
    run(log, out=tmp_path / "one")
    run(log, out=tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


RAW = {
    "prompt": "Tell me everything about the zanzibar treaty, secret phrase xyzzy-plugh",
    "system": "You are the private assistant of quuxcorp",
    "address": "203.0.113.77",
    "e-mail": "ann.private@mail.example",
    "payment": "card-fingerprint-4929",
    "key": "sk-live-abcdef0123456789",
    "phone": "+4930123456789",
}


def test_no_prompt_and_no_raw_identifier_is_anywhere_in_events(run: Run, tmp_path: Path) -> None:
    messages = [{"role": "system", "content": RAW["system"]}, {"role": "user", "content": RAW["prompt"]}]
    metadata = {
        "user_api_key_user_id": RAW["e-mail"],
        "user_api_key_hash": RAW["key"],
        "requester_ip_address": RAW["address"],
        "user_agent": f"bot ({RAW['e-mail']})",
    }
    rows = [
        litellm_row(1, messages=messages, metadata=metadata, end_user=RAW["phone"], trace_id=RAW["address"]),
        litellm_row(
            2, messages=messages, metadata={"user_api_key_user_id": RAW["address"]}, id=RAW["e-mail"]
        ),
        litellm_row(3, messages=messages, startTime=RAW["prompt"]),
    ]
    accounts = tmp_path / "accounts.csv"
    accounts.write_text(f"user_id,email,card_fingerprint\n{RAW['e-mail']},{RAW['e-mail']},{RAW['payment']}\n")
    manifest = run(write_rows(tmp_path / "log", rows), accounts=accounts)
    content = all_bytes(tmp_path / "events").lower()
    for what, value in RAW.items():
        assert value.lower().encode() not in content, what
    assert manifest.counts.hashed_names >= 5
    found = events(tmp_path / "events")["account_id"][0].as_py()
    account = pq.read_table(tmp_path / "events" / "accounts.parquet").to_pylist()[0]
    assert account["account_id"] == found
    assert found.startswith("h:")
    assert account["email_domain"] == "mail.example"
    key = json.loads((tmp_path / "keys" / "hash-keys.json").read_text())["epochs"][0]["key"]
    assert key.encode() not in content


def test_an_empty_log_is_no_input_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    for content in (b"", b"\n\n", gzip.compress(b"")):
        log = tmp_path / "empty.jsonl"
        log.write_bytes(content)
        with pytest.raises(Error, match=r"no requests in empty\.jsonl") as caught:
            run(log, format="litellm")
        assert caught.value.exit_code == ExitCode.NO_INPUT
        assert not (tmp_path / "events").exists()


def test_one_account_and_equal_and_unordered_times(run: Run, tmp_path: Path) -> None:
    same = [
        litellm_row(n, startTime=1_767_225_600.0, metadata={"user_api_key_user_id": "one"}) for n in range(5)
    ]
    run(write_rows(tmp_path / "same", same), out=tmp_path / "a")
    assert len(set(events(tmp_path / "a")["ts"].to_pylist())) == 1
    backwards = [litellm_row(number) for number in reversed(range(5))]
    manifest = run(write_rows(tmp_path / "back", backwards), out=tmp_path / "b")
    times = events(tmp_path / "b")["ts"].to_pylist()
    assert times == sorted(times, reverse=True)
    assert manifest.first_ts == times[-1].isoformat()


def test_times_in_three_units_are_one_time(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "t.csv"
    log.write_text("ts,account_id\n1767225600,a\n1767225600000,b\n1767225600000000,c\n")
    run(log, format="table")
    assert {time.isoformat() for time in events(tmp_path / "events")["ts"].to_pylist()} == {
        "2026-01-01T00:00:00+00:00"
    }


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many batches, groups and parts from few rows."""
    monkeypatch.setattr(pipeline, "BATCH_ROWS", 7)
    monkeypatch.setattr(parts, "GROUP_ROWS", 16)
    monkeypatch.setattr(parts, "PART_ROWS", 32)
    monkeypatch.setattr(columns, "_MEMO_ENTRIES", 5)


@pytest.mark.usefixtures("small_parts")
def test_many_parts_hold_what_one_holds(run: Run, log: Path, tmp_path: Path) -> None:
    run(log)
    assert len(open_events(tmp_path / "events").event_files) > 4
    rows = events(tmp_path / "events")
    assert rows["request_id"].to_pylist() == [f"request-{number}" for number in range(200)]


@pytest.mark.usefixtures("small_parts")
def test_exact_duplicates_go_and_conflicting_ids_stay(run: Run, tmp_path: Path) -> None:
    rows = [litellm_row(number) for number in range(100)]
    again = [*rows[:60], litellm_row(70, model="another")]
    first = write_rows(tmp_path / "a.jsonl", rows + rows[:3])
    second = write_rows(tmp_path / "b.jsonl", again)
    manifest = run(first, second)
    assert manifest.counts.requests == 164
    assert manifest.counts.duplicates_dropped == 63
    assert manifest.counts.conflicting_request_ids == 1
    kept = events(tmp_path / "events")
    assert kept["request_id"].to_pylist() == [f"request-{number}" for number in range(100)] + ["request-70"]
    assert set(kept["source_digest"].to_pylist()[:100]) == {manifest.sources[0].sha256}  # the first is kept


@pytest.mark.usefixtures("small_parts")
def test_appending_adds_what_is_new(run: Run, tmp_path: Path) -> None:
    rows = [litellm_row(number) for number in range(100)]
    one = write_rows(tmp_path / "one.jsonl", rows[:60])
    two = write_rows(tmp_path / "two.jsonl", [*rows[40:], {"id": "bad"}])
    run(one)
    with pytest.raises(Error, match="holds EVENTS already"):
        run(two)
    old = {path.name: path.read_bytes() for path in open_events(tmp_path / "events").event_files}
    manifest = run(two, append=True)
    assert manifest.counts.duplicates_dropped == 20
    assert manifest.counts.quarantined == len(quarantine(tmp_path / "events")) == 1
    assert [source.name for source in manifest.sources] == ["one.jsonl", "two.jsonl"]
    assert events(tmp_path / "events")["request_id"].to_pylist() == [
        f"request-{number}" for number in range(100)
    ]
    for name, content in old.items():
        assert (tmp_path / "events" / name).read_bytes() == content
    assert manifest.counts.prompts == 100
    assert run(one, two, out=tmp_path / "at-once").counts.prompts == 100


def test_overwriting_replaces(run: Run, log: Path, tmp_path: Path) -> None:
    run(log)
    other = write_rows(tmp_path / "other.jsonl", [litellm_row(1000)])
    run(other, overwrite=True)
    assert events(tmp_path / "events")["request_id"].to_pylist() == ["request-1000"]


def test_a_failed_overwrite_keeps_what_was_there(run: Run, log: Path, tmp_path: Path) -> None:
    run(log)
    (tmp_path / "empty").write_text("")
    with pytest.raises(Error):
        run(tmp_path / "empty", overwrite=True)
    assert events(tmp_path / "events").num_rows == 200


def test_two_key_ids_are_never_mixed(run: Run, log: Path, tmp_path: Path) -> None:
    run(log)
    with pytest.raises(Error, match="mixing two key ids"):
        run(log, append=True, hash_key=tmp_path / "other" / "hash-keys.json")
    with pytest.raises(Error, match="mixing two key ids"):
        run(log, append=True, key_id="0" * 16)
    with pytest.raises(Error, match="hash-accounts"):
        run(log, append=True, hash_accounts=True)


def test_an_old_key_can_be_used_while_it_is_valid(run: Run, log: Path, tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    path = tmp_path / "keys" / "hash-keys.json"
    old = current_key(path, now=datetime.now(UTC) - EPOCH + timedelta(days=3))
    new = current_key(path)
    assert new.key_id != old.key_id
    assert run(log, key_id=old.key_id).key_id == old.key_id
    assert run(log, append=True).key_id == old.key_id
    assert run(log, out=tmp_path / "next").key_id == new.key_id


def test_hashes_join_across_folders_under_one_key_only(run: Run, log: Path, tmp_path: Path) -> None:
    run(log, out=tmp_path / "a")
    run(log, out=tmp_path / "b")
    run(log, out=tmp_path / "c", hash_key=tmp_path / "k2" / "hash-keys.json")
    hashes = [set(events(tmp_path / name)["ip_hash"].to_pylist()) for name in "abc"]
    assert hashes[0] == hashes[1]
    assert not hashes[0] & hashes[2]


def test_hash_accounts_keys_every_account(run: Run, log: Path, tmp_path: Path) -> None:
    run(log, hash_accounts=True)
    names = events(tmp_path / "events")["account_id"].to_pylist()
    assert all(name.startswith("h:") for name in names)
    assert len(set(names)) == 7


def test_a_folder_with_other_files_is_refused_and_untouched(run: Run, log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("thesis.txt", ".partial-thesis"):
        (folder / name).write_text("precious")
        with pytest.raises(Error, match="holds other files"):
            run(log, out=folder, overwrite=True)
        assert [path.name for path in folder.iterdir()] == [name]
        (folder / name).unlink()


@pytest.mark.parametrize("damage", ["remove", "change", "manifest"])
def test_a_folder_that_is_not_whole_is_not_opened(run: Run, log: Path, tmp_path: Path, damage: str) -> None:
    run(log)
    folder = tmp_path / "events"
    if damage == "remove":
        (folder / "sketches.parquet").unlink()
    elif damage == "change":
        with (folder / "events-00000.parquet").open("r+b") as stream:
            stream.seek(100)
            stream.write(b"\1")
    else:
        (folder / "capture.json").write_text("{}")
    with pytest.raises(Error) as caught:
        open_events(folder)
    assert caught.value.exit_code == ExitCode.NO_INPUT
    assert "capture again" in caught.value.hint


def test_auto_says_what_it_reads_and_refuses_what_nothing_knows(run: Run, log: Path, tmp_path: Path) -> None:
    said: list[str] = []
    from countermark.capture.run import CaptureOptions, capture_logs

    options = CaptureOptions([str(log)], tmp_path / "events", hash_key=tmp_path / "keys" / "k.json")
    capture_logs(options, say=said.append)
    assert said == ["litellm.jsonl: read as litellm"]
    (tmp_path / "notes.txt").write_text("dear diary\n")
    with pytest.raises(Error, match=r"no log format recognises notes.txt") as caught:
        run(tmp_path / "notes.txt", out=tmp_path / "other")
    assert "litellm" in caught.value.hint
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_in_a_folder_what_nothing_knows_is_left_out_and_said(run: Run, log: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    shutil.copy(log, logs / "a.jsonl")
    (logs / "b.jsonl.gz").write_bytes(gzip.compress((json.dumps(litellm_row(999)) + "\n").encode()))
    (logs / "README").write_text("dear diary\n")
    manifest = run(logs)
    assert events(tmp_path / "events").num_rows == 201
    assert manifest.counts.quarantined == 1
    assert quarantine(tmp_path / "events")[0] == {
        "file": "README",
        "line": 0,
        "offset": 0,
        "reason": "no log format recognises it",
    }


def test_a_log_without_prompts_works_and_says_what_that_costs(run: Run, tmp_path: Path) -> None:
    rows = [litellm_row(number, messages=None) for number in range(3)]
    manifest = run(write_rows(tmp_path / "log", rows))
    assert any("No prompts" in cost for cost in manifest.costs)
    assert any("No account table" in cost for cost in manifest.costs)
    assert {"prompt_hash", "template_hash", "asn"} <= set(manifest.empty_columns)
    assert "asn" in manifest.impossible_columns
    assert "prompt_hash" not in manifest.impossible_columns
    assert open_events(tmp_path / "events").sketches_file.exists()


def test_mapped_identifiers_are_keyed(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("when,who,what\n1767225600,a,template-7\n1767225601,b,template-7\n")
    run(log, format="table", mapping={"ts": "when", "account_id": "who", "prompt_hash": "what"})
    rows = events(tmp_path / "events")
    assert rows["prompt_hash"].null_count == 0
    assert len(set(rows["prompt_hash"].to_pylist())) == 1
    digest = rows["source_digest"][0].as_py()
    assert rows["request_id"].to_pylist() == [f"{digest[:16]}:0", f"{digest[:16]}:1"]


def test_addresses_that_are_none_are_counted(run: Run, tmp_path: Path) -> None:
    rows = [litellm_row(n, metadata={"requester_ip_address": "not an address"}) for n in range(3)]
    manifest = run(write_rows(tmp_path / "log", rows))
    assert manifest.counts.bad_addresses == 3
    assert events(tmp_path / "events")["ip_hash"].null_count == 3


def test_a_prompt_over_the_kernels_limit_is_kept_and_counted(run: Run, tmp_path: Path) -> None:
    long = "word " * 50_000
    rows = [litellm_row(n, messages=[{"role": "user", "content": long + str(n)}]) for n in range(2)]
    manifest = run(write_rows(tmp_path / "log", rows))
    kept = events(tmp_path / "events")
    assert manifest.counts.cut_prompts == 2
    assert len(set(kept["prompt_hash"].to_pylist())) == 2
    assert len(set(kept["template_hash"].to_pylist())) == 1


def test_a_second_run_at_the_same_time_is_refused(run: Run, log: Path, tmp_path: Path) -> None:
    from countermark.capture.staging import staging

    with staging(tmp_path / "events"), pytest.raises(Error, match="another run is writing"):
        run(log)
