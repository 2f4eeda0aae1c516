"""`verify --from-raw`: every column of every row of the held accounts is what its raw line gives."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from held_samples import (
    MAPPING,
    Place,
    age_key,
    place,
    write_csv,
    write_document,
    write_lines,
    write_parquet,
)

from countermark.capture.hashkeys import current_key
from countermark.capture.held_folder import read_manifest
from countermark.errors import Error
from countermark.flow.answers import Answer
from countermark.flow.raw_lines import rederive
from countermark.records.canonical import file_sha256

Change = Callable[[list[dict[str, Any]]], None]


@pytest.fixture
def here(tmp_path: Path) -> Place:
    found = place(tmp_path)
    found.hold(seed=1)
    return found


def check(here: Place, package: Path | None = None, **changes: Path) -> Answer:
    told = {"held": here.held, "age_key": here.age_key, "hash_key": here.hash_key} | changes
    return rederive(**told, package=package or here.events)


def changed(here: Place, change: Change, key_id: str | None = None) -> Path:
    """A copy of EVENTS with other rows, whole again."""
    copy = here.folder / "changed"
    shutil.copytree(here.events, copy)
    path = copy / "events-00000.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    manifest = json.loads((copy / "capture.json").read_text())
    for file in manifest["files"]:
        if file["name"] == path.name:
            file["sha256"] = file_sha256(path)
    manifest["key_id"] = key_id or manifest["key_id"]
    (copy / "capture.json").write_text(json.dumps(manifest))
    return copy


def held_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["account_id"] == "user-3"]


def rows_of(answer: Answer) -> str:
    """What is said of the rows of EVENTS."""
    return next(line.sentence for line in answer.lines if line.name == "raw lines")


def sentence(answer: Answer) -> str:
    return next(line.sentence for line in answer.lines if not line.ok)


def test_rows_that_are_what_their_lines_give(here: Place) -> None:
    answer = check(here)
    assert answer.ok
    assert answer.exit_code == 0
    count = sum(one.lines for one in read_manifest(here.held)[0].sources)
    assert f"EVENTS: {count} rows of 4 accounts; all columns equal" in rows_of(answer)
    assert f"{count} lines decrypted in memory" in answer.lines[-1].sentence


@pytest.mark.parametrize("form", ["csv", "parquet", "document", "hashed"])
def test_every_form_of_log(form: str, tmp_path: Path) -> None:
    if form == "document":
        here = place(tmp_path, write_document(tmp_path / "log.json", range(60)))
    elif form == "hashed":
        here = place(tmp_path, write_lines(tmp_path / "log.jsonl.gz", range(60)), hash_accounts=True)
    else:
        log = (write_csv if form == "csv" else write_parquet)(tmp_path / f"log.{form}", range(60))
        here = place(tmp_path, log, format="table", mapping=MAPPING, time_unit="s")
    here.hold()
    answer = check(here)
    assert answer.ok, answer.lines
    assert " rows of 4 accounts; all columns equal" in rows_of(answer)


def test_a_changed_value_is_found_in_every_column(here: Place) -> None:
    columns = [
        "ts",
        "request_id",
        "model",
        "input_tokens",
        "ip_hash",
        "prompt_hash",
        "template_hash",
        "prompt_lang",
    ]

    def change(rows: list[dict[str, Any]]) -> None:
        for row, column in zip(held_rows(rows), columns, strict=False):
            value = row[column]
            row[column] = (
                "xx"
                if column in ("request_id", "model", "prompt_lang")
                else value.replace(year=2025)
                if column == "ts"
                else value + 1
            )

    answer = check(here, changed(here, change))
    assert not answer.ok
    assert answer.exit_code == 20
    assert f"{len(columns)} row(s) are not what their line gives" in sentence(answer)
    assert [one.rpartition(" ")[2] for one in answer.differences] == columns
    assert all("offset" in one for one in answer.differences)


def test_missing_and_additional_rows(here: Place) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        first, second, third = held_rows(rows)[:3]
        rows.remove(first)
        rows.append(second | {"request_id": "forged"})
        rows.append(third | {"source_offset": 7})

    answer = check(here, changed(here, change))
    assert "1 row(s) that a line gives are missing; 2 row(s) come from no held line" in sentence(answer)
    assert len(answer.differences) == 3


def test_a_row_given_to_another_account_is_missing(here: Place) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        held_rows(rows)[0]["account_id"] = "somebody-else"

    assert "1 row(s) that a line gives are missing" in sentence(check(here, changed(here, change)))


def test_rows_of_a_log_that_is_not_held(here: Place) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        held_rows(rows)[0]["source_digest"] = "0" * 64

    text = sentence(check(here, changed(here, change)))
    assert "1 row(s) are of raw logs of which nothing is held" in text
    assert "1 row(s) that a line gives are missing" in text


def test_other_accounts_are_not_looked_at(here: Place) -> None:
    from countermark.capture.holds import in_force

    held = set(in_force(here.events)[0].held())

    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["account_id"] not in held:
                row["model"] = "another"

    assert check(here, changed(here, change)).ok


def test_another_hash_key_is_called_that(here: Place, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    key = current_key(other)
    answer = check(here, hash_key=other)
    assert "were hashed under key" in sentence(answer)
    assert "does not have" in sentence(answer)
    document = json.loads(here.hash_key.read_text())
    document["epochs"][0]["key"] = key.secret.reveal().hex()
    forged = tmp_path / "forged.json"
    forged.write_text(json.dumps(document))
    forged.chmod(0o600)
    assert "calls another key" in sentence(check(here, hash_key=forged))


def test_events_that_were_hashed_with_another_key(here: Place, tmp_path: Path) -> None:
    copy = changed(here, lambda _rows: None, key_id="0123456789abcdef")
    assert "EVENTS was hashed under key 0123456789abcdef" in sentence(check(here, copy))
    shutil.rmtree(copy)

    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            for column in [name for name in row if name.endswith("_hash") and row[name] is not None]:
                row[column] ^= 1

    answer = check(here, changed(here, change))
    assert "nothing but hashes differ: they were made with another hash key" in sentence(answer)


def test_another_age_key(here: Place, tmp_path: Path) -> None:
    age_key(tmp_path / "other.key")
    assert "is no key of the 1 recipients" in sentence(check(here, age_key=tmp_path / "other.key"))
    loose = tmp_path / "loose.key"
    shutil.copy(here.age_key, loose)
    loose.chmod(0o644)
    with pytest.raises(Error, match="can be read by others"):
        check(here, age_key=loose)
    (tmp_path / "none.key").write_text("nothing\n")
    (tmp_path / "none.key").chmod(0o600)
    with pytest.raises(Error, match="is no age key file"):
        check(here, age_key=tmp_path / "none.key")


def test_rows_of_logs_that_were_gone_are_counted_and_not_checked(tmp_path: Path) -> None:
    here = place(tmp_path)
    here.logs[1].unlink()
    here.hold(sources=[str(here.logs[0])], missing_ok=True)
    answer = check(here)
    assert answer.ok
    assert "row(s) are not checked: their raw log was gone when the hold was made" in rows_of(answer)


def test_a_line_with_requests_of_several_accounts(tmp_path: Path) -> None:
    spans = [
        {
            "traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": f"eee19b7ec3c1b17{number}",
            "name": "chat",
            "startTimeUnixNano": str(1_767_225_600_000_000_000 + number),
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": "gen_ai.request.model", "value": {"stringValue": "model-a"}},
                {"key": "enduser.id", "value": {"stringValue": f"user-{number}"}},
            ],
        }
        for number in range(4)
    ]
    line = {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": spans}]}]}
    log = tmp_path / "otel.jsonl"
    log.write_text(json.dumps(line) + "\n")
    here = place(tmp_path, log, format="otel")
    held = here.hold(accounts=["user-1"], control=1)
    assert sum(one.lines for one in held.manifest.sources) == 1
    answer = check(here)
    assert answer.ok, answer.lines
    assert "2 rows of 2 accounts; all columns equal; 2 rows are of accounts that are not held" in rows_of(
        answer
    )
