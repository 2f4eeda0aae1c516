"""Key files and input files for the watermark tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from watermark_samples import KEY


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A key file as keygen writes it."""
    path = tmp_path / "k.key"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def write_bodies(tmp_path: Path) -> Callable[..., Path]:
    """Writes an input file of bodies."""

    def write(*lines: dict[str, Any], name: str = "in.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    return write
