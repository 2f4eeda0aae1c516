"""`countermark capture logs` and `countermark purge` as a user types them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from countermark.store.events import open_events


def command(folder: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run it with a configuration folder of its own."""
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "config"), "COLUMNS": "100", "NO_COLOR": "1"}
    line = [sys.executable, "-m", "countermark", *arguments]
    return subprocess.run(line, input=stdin, env=environment, cwd=folder, capture_output=True, check=False)


def test_from_standard_input_to_a_summary_and_json(log: Path, tmp_path: Path) -> None:
    done = command(tmp_path, "capture", "logs", "-", "--out", "my events", "--json", stdin=log.read_bytes())
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "countermark/capture/v1"
    assert document["sources"][0]["name"] == "stdin"
    assert document["counts"]["requests"] == 200
    summary = done.stderr.decode()
    assert "stdin: read as litellm" in summary
    assert "requests kept" in summary
    assert "No account table" in summary
    assert max(map(len, summary.splitlines())) <= 80
    assert open_events(tmp_path / "my events").manifest.key_id == document["key_id"]
    keys = tmp_path / "config" / "countermark" / "hash-keys.json"
    assert keys.stat().st_mode & 0o777 == 0o600

    purged = command(tmp_path, "purge", "my events", "--account", "user-1", "--json")
    assert purged.returncode == 0, purged.stderr
    assert json.loads(purged.stdout)["tombstones"][0]["rows"] == 29


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("capture", "logs", "missing.jsonl", "--out", "e"), 3, "no such file"),
        (("capture", "logs", "-", "--out", "e"), 3, "no requests"),
        (("capture", "logs", "https://x.example/l", "--out", "e"), 2, "addresses are not read"),
        (
            ("capture", "logs", "litellm.jsonl", "--out", "e", "--format", "nope"),
            2,
            "no plug-in called 'nope'",
        ),
        (("capture", "logs", "litellm.jsonl", "--out", "e", "--map", "nonsense"), 2, "not FIELD=COLUMN"),
        (
            ("capture", "logs", "litellm.jsonl", "--out", "e", "--append", "--overwrite"),
            2,
            "exclude each other",
        ),
        (("capture", "logs", "litellm.jsonl", "--out", "litellm.jsonl"), 1, "cannot be made"),
        (("capture", "logs", "litellm.jsonl", "--out", "e", "--memory", "lots"), 2, "no amount of memory"),
        (("purge",), 2, "nothing to purge"),
        (("purge", "e", "--before", "yesterday"), 2, "is no date"),
        (("purge", "e", "--before", "2026-01-01"), 3, "no such folder"),
        (("purge", "--account", "x"), 2, "no EVENTS folder"),
    ],
)
@pytest.mark.usefixtures("log")
def test_errors_are_one_line_with_a_code(
    tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = command(tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    lines = done.stderr.decode().splitlines()
    errors = [line for line in lines if line.startswith("countermark: error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in done.stderr.decode()
    assert done.stdout == b""
    assert not (tmp_path / "e").exists()
