"""The commands of docs/custody.md run as they stand there."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from countermark.cli import main
from countermark.prove.sealing.seal_options import SealOptions

PAGE = Path(__file__).parent.parent.parent / "docs" / "custody.md"
COMMANDS = re.findall(r"^\$ (countermark .+)$", PAGE.read_text(encoding="utf-8"), re.M)


def test_the_page_runs(
    options: SealOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gateway.jsonl").write_bytes(b"raw log")
    Path("use.md").write_text("no distillation")
    header = "account_id,terms_id,version,accepted,record_sha256,source"
    Path("acceptances.csv").write_text(
        f"{header}\na,usage-policy,2026-03,2026-03-02T10:00:00Z,{'b' * 64},tos\n"
    )
    shutil.copytree(options.findings, "FINDINGS")
    shutil.copytree(options.events, "EVENTS")
    assert len(COMMANDS) == 8
    for command in COMMANDS:
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, capsys.readouterr().err
    assert Path("custody.jsonld").stat().st_size > 1000
    out = capsys.readouterr().out
    assert "missing      detect names no plan" in out
    assert "CHANGED" not in out
