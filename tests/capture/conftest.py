"""A small LiteLLM log, and a capture of it with a key file of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from countermark.capture.run import CaptureOptions, capture_logs
from countermark.records.capture import Capture


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


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """200 requests of 7 accounts."""
    return write_rows(tmp_path / "litellm.jsonl", [litellm_row(number) for number in range(200)])


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Capture]:
    """capture_logs into tmp_path/events with a key file under tmp_path."""

    def call(*sources: Path | str, **options: Any) -> Capture:
        defaults = {
            "out": tmp_path / "events",
            "hash_key": tmp_path / "keys" / "hash-keys.json",
            "threads": 1,
        }
        return capture_logs(
            CaptureOptions(sources=[str(source) for source in sources], **(defaults | options))
        )

    return call
