"""Any table: CSV, Parquet or flat JSON lines, with `--map field=column` where its columns have other names.

The field names are the contract's: EVENT_SCHEMA's columns (see `records.events`), and the raw values that
capture hashes (`FIELDS` lists all). `prompt=c` takes text and hashes it, `prompt_hash=c` keys an identifier
that the source has already made. Without a mapping, columns are taken by the contract's own names. A column
may be a dotted path into nested JSON. `ts` and `account_id` are required; without `request_id`, capture names
each request after its file and row.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from countermark.capture.formats.base import Request
from countermark.capture.formats.fields import (
    as_object,
    at_path,
    canonical,
    complete,
    count,
    flag,
    identifier,
    keys_of,
    text,
)
from countermark.capture.formats.times import UNITS, to_micros
from countermark.errors import Error, ExitCode

Reader = Callable[[Any, str], Any]


def _structure(value: Any, field: str) -> str | bytes | None:
    return canonical(value) if isinstance(value, list | dict) else text(value, field)


def _time(value: Any, _field: str) -> int:
    return 0 if value is None or value == "" else to_micros(value)


_READERS: dict[str, Reader] = {
    "ts": _time,
    "account_id": identifier,
    "request_id": identifier,
    "input_tokens": count,
    "output_tokens": count,
    "asn": count,
    "tools": _structure,
    "params": _structure,
    "reasoning_requested": flag,
}
_HASHED = ("ip", "ip_prefix", "api_key", "system", "prompt", "template", "object", "params", "tools")

FIELDS: dict[str, tuple[str, Reader]] = {
    **{
        name: (name, _READERS.get(name, text))
        for name in Request.__struct_fields__
        if not name.endswith("_id_value")
    },
    **{f"{name}_hash": (f"{name}_id_value", text) for name in _HASHED},
}
"""What `--map` can name: field -> (field of `Request`, how its value is read)."""


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Raise `Error` when `mapping` names a field that there is not, or no column."""
    for field, column in mapping.items():
        if field not in FIELDS:
            known = ", ".join(sorted(FIELDS))
            raise Error(
                f"--map: no field called {field!r}", hint=f"fields: {known}", exit_code=ExitCode.USAGE
            )
        if not column:
            raise Error(f"--map: no column for {field}", exit_code=ExitCode.USAGE)


def check_unit(time_unit: str | None) -> None:
    """Raise `Error` for a time unit that there is not."""
    if time_unit is not None and time_unit not in UNITS:
        raise Error(
            f"no time unit {time_unit!r}", hint=f"units: {', '.join(UNITS)}", exit_code=ExitCode.USAGE
        )


def read_field(field: str, value: Any, time_unit: str | None) -> tuple[str, Any]:
    """(field of `Request`, value) for a field that `--map` names; raises `BadRecord`."""
    target, reader = FIELDS[field]
    if field == "ts" and time_unit and value is not None and value != "":
        return target, to_micros(value, time_unit)
    return target, reader(value, field)


class Table:
    """Rows with one request each, columns named by `mapping` (field -> column)."""

    name = "table"
    documentation = "Countermark's own contract: the columns of EVENT_SCHEMA, docs/formats.md"
    impossible: frozenset[str] = frozenset()

    def __init__(self, mapping: Mapping[str, str] | None = None, time_unit: str | None = None) -> None:
        """`time_unit` ("s", "ms", "us", "ns") is what numeric times are in; else each one's size tells.

        Raises `Error` for unknown fields or units, and when a mapping leaves out `ts` or `account_id`.
        """
        mapping = mapping or {}
        check_mapping(mapping)
        check_unit(time_unit)
        missing = [field for field in ("ts", "account_id") if mapping and field not in mapping]
        if missing:
            raise Error(
                f"--map: {' and '.join(missing)} not mapped",
                hint="add --map ts=COLUMN --map account_id=COLUMN",
                exit_code=ExitCode.USAGE,
            )
        self._columns = dict(mapping) or {field: field for field in FIELDS}
        self._time_unit = time_unit

    def recognises(self, record: bytes | Mapping[str, Any]) -> float:
        """Low for a row with at least a time and an account, so that every other format goes first."""
        keys = keys_of(record)
        wanted = {self._columns["ts"], self._columns["account_id"]}
        return 0.2 if wanted <= keys else 0.0

    def parse(self, record: bytes | Mapping[str, Any]) -> Iterable[Request]:
        """One request a row; raises `BadRecord`."""
        row = as_object(record)
        values: dict[str, Any] = {"ts": 0, "account_id": "", "request_id": ""}
        for field, column in self._columns.items():
            value = row.get(column)
            if value is None and "." in column:
                value = at_path(row, column)
            if value is not None:
                target, read = read_field(field, value, self._time_unit)
                values[target] = read
        return (complete(Request(**values)),)
