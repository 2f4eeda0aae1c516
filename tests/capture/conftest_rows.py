"""Rows of a LiteLLM log for tests."""

import json
from pathlib import Path
from typing import Any


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
