"""countermark.toml: defaults of the options, and what is wrong with it in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from countermark.cli.settings import read_settings
from countermark.errors import Error, ExitCode

VERBS = {"detect": {"fdr": "fdr", "json": "as_json"}, "capture": {"logs": {"time-unit": "time_unit"}}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_file_there_are_no_settings() -> None:
    assert read_settings(VERBS) == {}


def test_long_option_names_become_parameters(folder: Path) -> None:
    text = '[detect]\nfdr = 0.05\njson = true\n[capture.logs]\ntime_unit = "ms"\n'
    (folder / "countermark.toml").write_text(text)
    expected = {"detect": {"fdr": 0.05, "as_json": True}, "capture": {"logs": {"time_unit": "ms"}}}
    assert read_settings(VERBS) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"[detect]\nfdrr = 1\n",
        b"[nosuch]\n",
        b"detect = 1\n",
        b"[detect.fdr]\n",
        b"[detect",
        b"\xff\xfe",
        b"[capture]\nlogs=1",
    ],
)
def test_what_cannot_be_set_is_a_usage_error(folder: Path, content: bytes) -> None:
    (folder / "countermark.toml").write_bytes(content)
    with pytest.raises(Error) as caught:
        read_settings(VERBS)
    assert caught.value.exit_code == ExitCode.USAGE
    assert "\n" not in caught.value.message


def test_help_is_there_when_the_file_is_broken(folder: Path) -> None:
    (folder / "countermark.toml").write_text("[detect\n")
    for command, code in ((["detect", "--help"], 0), (["detect", "events", "--out", "f"], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "countermark", *command], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == code, done.stderr
