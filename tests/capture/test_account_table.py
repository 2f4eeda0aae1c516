"""The provider's own account table."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest_rows import quarantine, write_rows

from countermark.errors import Error, ExitCode
from countermark.records.capture import Capture

Run = Callable[..., Capture]

ACCOUNTS = {
    "csv": (
        "id,payment_fingerprint,email,created_at,plan\nu1,card1,Ann@Mail.Example,2026-01-01T00:00:00Z,pro\n"
        "u2,card1,,,\n,x,,,\nu1,card9,b@other.example,1767225600,free\n"
    ),
    "jsonl": (
        '{"account_id": "u1", "payment": "card9", "email_domain": "other.example", "plan": "free", '
        '"signup_ts": 1767225600}\n{"account_id": "u2", "payment": "card1"}\n{"payment": "x"}\n'
    ),
}


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_the_account_table(run: Run, log: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"accounts.{kind}"
    path.write_text(ACCOUNTS[kind])
    manifest = run(log, accounts=path)
    rows = pq.read_table(tmp_path / "events" / "accounts.parquet").to_pylist()
    assert [row["account_id"] for row in rows] == ["u1", "u2"]
    assert rows[0]["email_domain"] == "other.example"  # the last row of an account counts
    assert rows[0]["signup_ts"].isoformat() == "2026-01-01T00:00:00+00:00"
    assert rows[0]["plan"] == "free"
    assert rows[0]["payment_hash"] != rows[1]["payment_hash"]
    assert manifest.counts.accounts == 2
    assert [entry["reason"] for entry in quarantine(tmp_path / "events")] == ["account: no account id"]


def test_the_account_table_is_kept_and_updated_when_appending(run: Run, log: Path, tmp_path: Path) -> None:
    table = tmp_path / "accounts.csv"
    table.write_text("who,plan\nu1,pro\nu2,pro\n")
    run(log, accounts=table, account_mapping={"account_id": "who"})
    run(log, append=True)
    assert pq.read_table(tmp_path / "events" / "accounts.parquet")["plan"].to_pylist() == ["pro", "pro"]
    table.write_text("who,plan\nu2,free\nu3,free\n")
    run(log, append=True, accounts=table, account_mapping={"account_id": "who"})
    assert pq.read_table(tmp_path / "events" / "accounts.parquet")["plan"].to_pylist() == [
        "pro",
        "free",
        "free",
    ]


def test_an_unknown_account_field_is_a_usage_error(run: Run, log: Path, tmp_path: Path) -> None:
    table = tmp_path / "accounts.csv"
    table.write_text("who\nu1\n")
    with pytest.raises(Error, match="no field 'nick'") as caught:
        run(log, accounts=table, account_mapping={"nick": "who"})
    assert caught.value.exit_code == ExitCode.USAGE


def test_the_logs_time_unit_is_not_the_account_tables(run: Run, tmp_path: Path) -> None:
    log = write_rows(tmp_path / "log.jsonl", [{"who": "u1", "at": 1767225600123}])
    table = tmp_path / "accounts.csv"
    table.write_text("account_id,signup_ts\nu1,1767225600\n")
    run(log, format="table", mapping={"account_id": "who", "ts": "at"}, time_unit="ms", accounts=table)
    rows = pq.read_table(tmp_path / "events" / "accounts.parquet").to_pylist()
    assert rows[0]["signup_ts"].isoformat() == "2026-01-01T00:00:00+00:00"
    assert quarantine(tmp_path / "events") == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no header"),
        (b"account_id,plan\n", "it has no rows"),
        (b"name,plan\nu1,pro\nu2,free\n", "no account id"),
        (b"account_id,signup_ts\nu1,yesterday\n", "timestamp is not a date or a number"),
        (bytes(range(256)) * 8, ""),
    ],
    ids=["empty", "header only", "another column", "no date", "binary"],
)
def test_an_account_table_without_a_usable_row_ends_the_run(
    run: Run, log: Path, tmp_path: Path, content: bytes, why: str
) -> None:
    """Going on would say "no account table" of a run that was given one."""
    table = tmp_path / "accounts.csv"
    table.write_bytes(content)
    with pytest.raises(Error, match="accounts.csv.*" + why) as caught:
        run(log, accounts=table)
    assert caught.value.exit_code == ExitCode.NO_INPUT
    assert not (tmp_path / "events").exists()
