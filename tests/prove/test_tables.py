"""Tables as JSON lines: canonical, without nulls, in order, of the members only."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rfc8785

from countermark.errors import Error, ExitCode
from countermark.prove.package import tables
from countermark.records.events import ACCOUNT_SCHEMA, EVENT_SCHEMA
from countermark.records.findings import MEMBER_SCHEMA

TIME = datetime(2026, 6, 1, 23, 59, 59, 1, tzinfo=UTC)
REQUEST: dict[str, Any] = {
    "ts": TIME,
    "account_id": "a",
    "request_id": "r",
    "source_digest": "ab" * 32,
    "source_offset": 7,
    "capture_version": "1",
}


def written(rows: list[dict[str, Any]], schema: pa.Schema, path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return path


def lines(accounts: list[str], *files: Path) -> list[bytes]:
    target = io.BytesIO()
    tables.write_rows_of(pa.array(accounts, pa.string()), files, target)
    data = target.getvalue()
    assert not data or data.endswith(b"\n")
    return data.splitlines()


@pytest.mark.parametrize(
    ("column", "value", "as_json"),
    [
        ("ip_hash", 2**53 - 1, 2**53 - 1),
        ("ip_hash", 2**53, str(2**53)),
        ("ip_hash", -(2**63), str(-(2**63))),
        ("ip_hash", 2**63 - 1, str(2**63 - 1)),
        ("input_tokens", 0, 0),
        ("ts", TIME, "2026-06-01T23:59:59.000001Z"),
        ("ts", TIME.replace(microsecond=0), "2026-06-01T23:59:59.000000Z"),
        ("ts", datetime(1969, 12, 31, 23, 59, 59, 5, tzinfo=UTC), "1969-12-31T23:59:59.000005Z"),
        ("user_agent", 'say "hi"\\\n\t\x01\x7fé𝄞', 'say "hi"\\\n\t\x01\x7fé𝄞'),
        ("user_agent", "", ""),
        ("user_agent", "null", "null"),
    ],
)
def test_values(tmp_path: Path, column: str, value: object, as_json: object) -> None:
    file = written([REQUEST | {column: value}, REQUEST], EVENT_SCHEMA, tmp_path / "events.parquet")
    first, second = lines(["a"], file)
    row = json.loads(first)
    assert row[column] == as_json
    assert first == rfc8785.dumps(row)
    expected = {**REQUEST, "ts": "2026-06-01T23:59:59.000001Z"}
    assert second == rfc8785.dumps(expected)  # columns that are null are not there


def test_rows_of_the_members_in_their_order(tmp_path: Path) -> None:
    rows = [
        REQUEST | {"account_id": "abc"[at % 3], "source_offset": at, "ts": TIME + timedelta(seconds=at)}
        for at in range(100)
    ]
    one = written(rows[:60], EVENT_SCHEMA, tmp_path / "one.parquet")
    two = written(rows[60:], EVENT_SCHEMA, tmp_path / "two.parquet")
    offsets = [json.loads(line)["source_offset"] for line in lines(["a", "c"], one, two)]
    assert offsets == [at for at in range(100) if at % 3 != 1]
    assert lines(["d"], one, two) == []
    assert lines([], one, two) == []


def test_batches_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [REQUEST | {"source_offset": at, "model": None if at % 2 else "m\n"} for at in range(50)]
    file = written(rows, EVENT_SCHEMA, tmp_path / "events.parquet")
    whole = lines(["a"], file)
    monkeypatch.setattr(tables, "_ROWS", 7)
    assert lines(["a"], file) == whole


def test_members_and_accounts(tmp_path: Path) -> None:
    row = {"campaign_id": "c", "score": 0.1 + 0.2, "member_p": 1e-300, "member_q": 1.0, "reasons": ["é", '"']}
    members = written(
        [row | {"account_id": one} for one in "bab"], MEMBER_SCHEMA, tmp_path / "members.parquet"
    )
    target = io.BytesIO()
    assert tables.write_members(members, target).to_pylist() == ["b", "a"]
    made = [json.loads(line) for line in target.getvalue().splitlines()]
    assert made[0] == row | {"account_id": "b"}
    assert target.getvalue() == b"".join(rfc8785.dumps(one) + b"\n" for one in made)
    accounts = written(
        [{"account_id": "a", "signup_ts": TIME}, {"account_id": "z"}],
        ACCOUNT_SCHEMA,
        tmp_path / "accounts.parquet",
    )
    assert lines(["a"], accounts) == [b'{"account_id":"a","signup_ts":"2026-06-01T23:59:59.000001Z"}']


def test_what_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "members.parquet").write_bytes(b"PAR1 members")
    with pytest.raises(Error, match="no Parquet file") as caught:
        tables.write_members(tmp_path / "members.parquet", io.BytesIO())
    assert caught.value.exit_code == ExitCode.NO_INPUT
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    with pytest.raises(Error, match="no column account_id"):
        tables.write_members(tmp_path / "other.parquet", io.BytesIO())
    with pytest.raises(Error, match="no Parquet file"):
        tables.write_rows_of(pa.array(["a"]), [tmp_path / "missing.parquet"], io.BytesIO())
