"""Rows of a LiteLLM log, and what stands in EVENTS afterwards."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from countermark.records.events import EVENT_SCHEMA
from countermark.store.events import open_events


def litellm_row(number: int, **changes: Any) -> dict[str, Any]:
    """One record of LiteLLM's log; `changes` replace fields, `metadata` is merged."""
    metadata = {"user_api_key_user_id": f"user-{number % 7}", "user_api_key_hash": f"key-{number % 7}"}
    metadata["requester_ip_address"] = f"198.51.100.{number % 50}"
    row = {
        "id": f"request-{number}",
        "call_type": "acompletion",
        "status": "success",
        "startTime": 1_767_225_600.25 + 60 * number,
        "model": "model-a",
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "metadata": metadata | changes.pop("metadata", {}),
        "messages": [
            {"role": "user", "content": f"Please tell me all about the number {number} and its friends"}
        ],
    }
    return row | changes


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write records as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def events(folder: Path) -> pa.Table:
    """All rows of a whole folder."""
    found = open_events(folder)
    table = pa.concat_tables(pq.read_table(path) for path in found.event_files)
    assert table.schema.equals(EVENT_SCHEMA)
    return table


def quarantine(folder: Path) -> list[dict[str, Any]]:
    """The entries of its quarantine."""
    return [json.loads(line) for line in (folder / "quarantine.jsonl").read_text().splitlines()]


def all_bytes(folder: Path) -> bytes:
    """Every byte under a folder, Parquet files also decompressed."""
    content = b""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content += path.read_bytes()
        if path.suffix == ".parquet":
            content += (
                repr(pq.read_table(path).to_pylist()).encode()
                + repr(pq.read_metadata(path).metadata).encode()
            )
    return content
