"""A small LiteLLM log, and a capture of it with a key file of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest_rows import litellm_row, write_rows

from countermark.capture.run import CaptureOptions, capture_logs
from countermark.records.capture import Capture


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
