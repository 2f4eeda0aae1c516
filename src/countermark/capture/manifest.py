"""`capture.json`: what the files of a folder hold, read from the files themselves."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from countermark.capture.parts import part_numbers
from countermark.records.canonical import file_sha256
from countermark.records.capture import CAPTURE_FILE, QUARANTINE_FILE, Capture, File
from countermark.records.events import EVENT_SCHEMA, OPTIONAL_EVENT_COLUMNS
from countermark.records.files import write_atomic


def describe(path: Path) -> File:
    """Name, SHA-256 and rows of a file of EVENTS."""
    if path.name == QUARANTINE_FILE:
        with path.open("rb") as stream:
            rows = sum(1 for _ in stream)
    else:
        rows = pq.read_metadata(path).num_rows
    return File(path.name, file_sha256(path), rows)


def event_facts(files: Iterable[Path]) -> dict[str, Any]:
    """`empty_columns`, `first_ts` and `last_ts` of event parts, from the statistics in their footers."""
    filled: set[str] = set()
    times: list[datetime] = []
    for path in files:
        metadata = pq.read_metadata(path)
        for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
            for index, name in enumerate(EVENT_SCHEMA.names):
                if group.column(index).statistics.null_count < group.num_rows:
                    filled.add(name)
            moments = group.column(EVENT_SCHEMA.get_field_index("ts")).statistics
            times += [moments.min, moments.max]
    return {
        "empty_columns": [name for name in OPTIONAL_EVENT_COLUMNS if name not in filled],
        "first_ts": min(times).astimezone(UTC).isoformat() if times else None,
        "last_ts": max(times).astimezone(UTC).isoformat() if times else None,
    }


def event_files(out: Path, staged: Path, kept: Iterable[str]) -> list[Path]:
    """The event parts that EVENTS will have: staged ones, and those `kept` from before, by number."""
    places = {name: out / name for name in kept}
    places |= {path.name: path for path in staged.glob("events-*.parquet")}
    by_number = {part_numbers([name])[0]: path for name, path in places.items() if part_numbers([name])}
    return [by_number[number] for number in sorted(by_number)]


def write_manifest(staged: Path, manifest: Capture) -> None:
    """Write `capture.json` into the staging folder: from here on the run counts."""
    document = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    write_atomic(staged / CAPTURE_FILE, document + b"\n")
