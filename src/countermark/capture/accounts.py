"""The provider's own account table: payment keyed, e-mail cut to its domain, nothing else kept raw."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from countermark.capture.formats.base import BadRecord
from countermark.capture.formats.fields import text
from countermark.capture.formats.times import to_micros
from countermark.capture.hashing import Hasher
from countermark.capture.quarantine import Quarantine
from countermark.capture.reader import Opened, Record, read_records
from countermark.errors import Error, ExitCode
from countermark.records.events import ACCOUNT_SCHEMA

FIELDS: dict[str, tuple[str, ...]] = {
    "account_id": ("account_id", "id", "user_id", "account", "customer_id"),
    "payment": ("payment", "payment_id", "payment_fingerprint", "card_fingerprint", "payment_token"),
    "email": ("email", "email_address", "user_email"),
    "email_domain": ("email_domain",),
    "signup_ts": ("signup_ts", "created_at", "signup_at", "created", "signup_time"),
    "ban_ts": ("ban_ts", "banned_at", "suspended_at", "ban_time"),
    "plan": ("plan", "tier", "subscription"),
    "country": ("country", "country_code"),
}
"""What `--map-account field=column` can name, and the columns that are taken without it."""
RAW_SCHEMA = ACCOUNT_SCHEMA.append(pa.field("turn", pa.int64(), nullable=False))
_TEXTS = ("account_id", "payment", "email", "email_domain", "plan", "country")
_ROWS = 16_384
_CHARACTERS = 256


class AccountTable:
    """Reads an account table into rows; bad ones go to the quarantine."""

    def __init__(self, hasher: Hasher, naming: Callable[[str], str], mapping: Mapping[str, str]) -> None:
        unknown = sorted(set(mapping) - set(FIELDS))
        if unknown:
            hint = "known: " + ", ".join(FIELDS)
            raise Error(f"--map-account knows no field {unknown[0]!r}", hint=hint, exit_code=ExitCode.USAGE)
        self._hasher = hasher
        self._naming = naming
        self._columns = {
            field: (mapping[field],) if field in mapping else names for field, names in FIELDS.items()
        }

    def write(self, source: Opened, target: Path, quarantine: Quarantine) -> int:
        """Write rows of RAW_SCHEMA to `target`, in the order of the source; gives the number of records.

        Raises `Error` (exit code 3) when no row can be used: a run that was told of an account table does
        not go on without one.
        """
        records = usable = 0
        problem = "it has no rows"
        rows: list[dict[str, Any]] = []
        with pq.ParquetWriter(target, RAW_SCHEMA) as writer:
            for records, record in enumerate(read_records(source), start=1):
                try:
                    rows.append({**self._row(_as_mapping(record)), "turn": records})
                    usable += 1
                except BadRecord as error:
                    problem = str(error)
                    quarantine.add(source.path.name, record.line, record.offset, f"account: {error}")
                if len(rows) >= _ROWS:
                    writer.write_table(pa.Table.from_pylist(rows, RAW_SCHEMA))
                    rows = []
            writer.write_table(pa.Table.from_pylist(rows, RAW_SCHEMA))
        if not usable:
            raise Error(
                f"{source.path.name}: no usable row in the account table: {problem}",
                hint="name its columns with --map-account FIELD=COLUMN, or leave --accounts out",
                exit_code=ExitCode.NO_INPUT,
            )
        return records

    def _row(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        found = {field: text(self._first(raw, field), field) for field in _TEXTS}
        if not found["account_id"]:
            raise BadRecord("no account id")
        email = found["email"] or found["email_domain"] or ""
        return {
            "account_id": self._naming(found["account_id"]),
            "payment_hash": self._hasher.identifier("payment", found["payment"])
            if found["payment"]
            else None,
            "email_domain": email.rpartition("@")[2].lower()[:_CHARACTERS] or None,
            "signup_ts": self._time(self._first(raw, "signup_ts")),
            "ban_ts": self._time(self._first(raw, "ban_ts")),
            "plan": (found["plan"] or "")[:_CHARACTERS] or None,
            "country": (found["country"] or "")[:_CHARACTERS] or None,
        }

    def _first(self, raw: Mapping[str, Any], field: str) -> Any:
        for column in self._columns[field]:
            value = raw.get(column)
            if value is not None and value != "":
                return value
        return None

    def _time(self, value: Any) -> int | None:
        # not in the log's --time-unit: this table comes from another system
        return None if value is None else to_micros(value)


def earlier_rows(accounts: Path, target: Path) -> None:
    """Write the rows of an earlier `accounts.parquet` to `target`, so that later ones win."""
    with pq.ParquetFile(accounts) as file, pq.ParquetWriter(target, RAW_SCHEMA) as writer:
        for batch in file.iter_batches():
            turn = pa.repeat(pa.scalar(0, pa.int64()), batch.num_rows)
            writer.write_batch(pa.RecordBatch.from_arrays([*batch.columns, turn], schema=RAW_SCHEMA))


def _as_mapping(record: Record) -> Mapping[str, Any]:
    if record.raw is None:
        raise BadRecord(record.problem)
    if not isinstance(record.raw, bytes):
        return record.raw
    try:
        return msgspec.json.decode(record.raw, type=dict[str, Any])
    except (ValueError, RecursionError):
        raise BadRecord("not a valid JSON object") from None
