"""The commands, the facts file and the trials of docs/report.md are what the program reads."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from whole_case import options_of, told, trust_in

from countermark.prove.typeset.document import Document
from countermark.trust.signing import SigningKey
from running import countermark

PAGE = (Path(__file__).parent.parent.parent / "docs" / "report.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_page_runs(
    sealed: Callable[..., Path],
    tmp_path: Path,
    key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
    plain_pictures: None,
) -> None:
    monkeypatch.chdir(tmp_path)
    story, folder = told(tmp_path / "story")
    trust = trust_in(story, tmp_path, key)
    sealed("case.zip", **options_of(story, tmp_path, trust=trust, attributions=[folder]))
    Path("whole-trust.json").rename("trust.json")
    Path("FACTS.yaml").write_text(block("yaml"))
    Path("proficiency.json").write_text(block("json"))
    Path("papers").mkdir()
    Path("papers/register.txt").write_text("a register")
    ledger = ["--key-id", "0123456789abcdef", "--json"]
    exposure = countermark("watermark", "exposure", "--log", story.folder / "log", *ledger)
    Path("exposure.json").write_text(exposure.out)
    seen: list[Document] = []

    def to_pdf(document: Document) -> bytes:
        seen.append(document)
        return b"%PDF"

    monkeypatch.setattr("countermark.prove.typeset.pdf.to_pdf", to_pdf)
    commands = re.findall(r"^\$ countermark (.+)$", PAGE, re.M)
    assert len(commands) == 2
    for command in commands:
        done = countermark(*shlex.split(command))
        assert done.code == 0, done.err
    assert dict(seen[0].facts)["Expert"] == "Dr. Eve Example"
    text = str(seen[0])
    assert "0 of 60: at most 4.9% (95%)" in text
    assert "From the ledger of each key" in text
    assert not Path("report.pdf").read_bytes().startswith(b"%PDF-1")


def test_every_option_is_named_on_the_page() -> None:
    shown = countermark("case", "report", "--help").out
    for option in re.findall(r"^[│ ]+(--[a-z]+)", shown, re.M):
        assert option == "--help" or f"`{option}`" in PAGE or f"{option} " in PAGE, option
