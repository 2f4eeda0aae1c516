"""The commands of docs/drafts.md run, and each party that it names closes a question."""

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from dossier_samples import dossier

from countermark.prove.drafts.form import open_questions
from countermark.prove.drafts.kinds import DRAFTS
from countermark.prove.package.trustfile import SignerEntry, write_trust
from countermark.trust.signing import SigningKey
from running import countermark

PAGE = (Path(__file__).parents[2] / "docs" / "drafts.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ {4}countermark (.+)$", PAGE, re.M)
FILLS = PAGE.split("## What fills a blank")[1].split("\n## ")[0]
PARTIES = {
    name
    for line in FILLS.splitlines()
    if "`parties`" in line or " there" in line
    for name in re.findall(r"`([a-z-]+)`", line)
} - {"parties"}
POLICY = {
    "schema": "countermark/policy/v1",
    "id": "usage-policy",
    "version": "2026-03",
    "title": "Usage policy",
    "provider": "Example AI Inc.",
    "effective": "2026-03-01",
    "text_sha256": "0" * 64,
    "read": "2026-06-01",
    "by": "Ada Example, counsel",
    "clauses": [
        {"id": "a", "title": "A", "where": "section 1", "quote": "Words.", "forbids": ["model-training"]}
    ],
}


def test_the_commands_of_the_page_run(
    sealed: Callable[..., Path], key: SigningKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sealed("case.zip")
    write_trust(Path("trust.json"), [SignerEntry("Ann", key.public.to_base64())])
    Path("FACTS.yaml").write_text(yaml.safe_dump({"schema": "countermark/case-facts/v1"}))
    Path("POLICIES").mkdir()
    Path("POLICIES/usage.yaml").write_text(yaml.safe_dump(POLICY))
    assert len(COMMANDS) == 3
    for command in COMMANDS:
        done = countermark(*shlex.split(command))
        assert done.code == 0, done.err
    assert Path("exhibits.pdf").stat().st_size > 10_000
    assert Path("notice.pdf").stat().st_size > 10_000


def test_the_page_names_every_draft() -> None:
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE.split("##")[0], re.M)) == set(DRAFTS)


@pytest.mark.parametrize("name", sorted(PARTIES))
def test_a_party_of_the_page_closes_a_question(name: str, tmp_path: Path) -> None:
    nobody = dossier(tmp_path, without=["parties"])
    assert len(PARTIES) > 6
    closed = 0
    for make in DRAFTS.values():
        before = make(nobody, ())
        after = make(replace(nobody, parties={name: "Somebody Named"}), ())
        closed += len(open_questions(after)) < len(open_questions(before))
        assert "Somebody Named" not in str(before)
    assert closed, name
