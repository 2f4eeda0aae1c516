"""The example plug-in is installed as anybody's would be, and then used by name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent.parent / "examples" / "plugin"
GOOD = {
    "msec": "1767225600.123",
    "request_id": "4f2c",
    "remote_user": "acct-1",
    "remote_addr": "192.0.2.7",
    "http_user_agent": "curl/8",
    "status": "200",
    "uri": "/v1/chat/completions",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of a process that sees the plug-in; pip builds and installs it without a network."""
    source, target = tmp_path_factory.mktemp("source") / "plugin", tmp_path_factory.mktemp("site")
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "countermark_format_example.py"):
        (source / name).write_bytes((PLUGIN / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--target", target, source], check=True)
    return {**os.environ, "PYTHONPATH": str(target)}


def python(environment: dict[str, str], program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_it_stands_behind_the_door_with_its_origin(installed: dict[str, str]) -> None:
    program = (
        "import json; from countermark import plugins;"
        "print(json.dumps(plugins.load(plugins.LOG_FORMATS, 'nginx').origin.to_dict()))"
    )
    origin = json.loads(python(installed, program))
    assert origin["distribution"] == "countermark-format-example"
    assert origin["version"] == "0.1.0"
    assert len(origin["sha256"]) == 64


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\xff\x00",
        b"[" * 100_000,
        b"{}",
        json.dumps({**GOOD, "msec": "1e999999999"}).encode(),
        json.dumps({**GOOD, "remote_user": ""}).encode(),
    ],
)
def test_a_bad_line_is_refused_unquoted(installed: dict[str, str], bad: bytes, tmp_path: Path) -> None:
    line = tmp_path / "line"
    line.write_bytes(bad)
    program = (
        "import sys, pathlib; from countermark_format_example import Nginx, BadRecord\n"
        "line = pathlib.Path(sys.argv[1]).read_bytes()\n"
        "assert Nginx().recognises(line) == 0\n"
        "try: Nginx().parse(line)\n"
        "except BadRecord as error: print(error)"
    )
    reason = python(installed, program, str(line))
    assert "access log line" in reason
    assert "999999999" not in reason


def test_capture_reads_a_log_in_the_format(installed: dict[str, str], tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    log, events = tmp_path / "gateway.jsonl", tmp_path / "events"
    log.write_text(json.dumps(GOOD) + "\n" + '{"msec":"yesterday"}\n')
    command = [sys.executable, "-m", "countermark", "capture", "logs", str(log), "--format", "nginx"]
    command += ["--hash-key", str(tmp_path / "hash.key"), "--out", str(events)]
    done = subprocess.run(command, env=installed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (row,) = [row for path in events.glob("events-*.parquet") for row in parquet.read_table(path).to_pylist()]
    assert row["account_id"] == "acct-1"
    assert row["ts"].isoformat() == "2026-01-01T00:00:00.123000+00:00"
    assert row["status"] == "200"
    assert GOOD["remote_addr"] not in json.dumps(row, default=str)
    assert len((events / "quarantine.jsonl").read_text().splitlines()) == 1
