"""The commands of docs/hold.md are run in their order, and what they promise is there."""

import re
import shlex
from pathlib import Path

import pytest
from held_samples import age_key, plain, write_lines

from countermark.capture.holds import in_force, read_holds
from running import countermark

PAGE = Path(__file__).parent.parent.parent / "docs" / "hold.md"
COMMANDS = re.findall(r"^\$ countermark (.+)$", PAGE.read_text(encoding="utf-8"), re.M)


def test_the_page_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_lines(Path("gateway.jsonl"), range(60))
    Path("accounts.txt").write_text("user-3\nuser-5\n")
    Path("experts.txt").write_text(f"# experts\n{age_key(Path('expert.key'))}\n")
    assert len(COMMANDS) == 4
    said = []
    for command in COMMANDS:
        if "HOLD" in command:
            command = command.replace("HOLD", in_force(Path("events"))[0].hold_id)
        done = countermark(*shlex.split(command))
        assert done.code == 0, f"{command}: {done.err}"
        said.append(done.err + done.out)
    assert "rows stay: their accounts are under legal hold" in said[2]
    assert read_holds(Path("events"))[0].released_by == "Bea Example"
    lines = plain(Path("held"), Path("expert.key"))["lines-00001.age"]
    assert set(lines[0]) == {"held", "sha256"}
    assert set(lines[1]) == {"offset", "line"}
