"""A facts file: what persons state and what stands beside a package, each file hashed, none from outside."""

import json
from pathlib import Path

import pytest
from test_proficiency import TRIAL

from countermark.errors import Error, ExitCode
from countermark.prove.dossier.beside import read_facts
from countermark.prove.dossier.dossier import Exhibit
from countermark.records.canonical import sha256_hex

EXPOSURE = {
    "schema": "countermark/watermark-exposure/v1",
    "key_id": "5a0c1d7e9b3f4826",
    "tokens": 1,
    "days": 1,
    "most_accounts": 1,
    "publications": [],
    "refused_from": None,
}
FACTS = """\
schema: countermark/case-facts/v1
parties:
  claimant: Example AI Inc.
  court: District Court, NO
statements:
  - fact: defendant-identity
    says: The accounts were opened for Example Labs Ltd.
    by: Ann Example, head of trust and safety
    dated: 2026-06-20
    files: [papers/registry.pdf]
  - fact: account-to-trainer
    says: The register shows the same address.
    by: Ann Example, head of trust and safety
    dated: 2026-06-21
    files: [papers/registry.pdf]
exhibits:
  - kind: key-exposure
    file: exposure.json
    title: Exposure of the key
  - kind: proficiency
    file: proficiency.json
    title: Blind trials of May
  - kind: negative-controls
    file: papers/registry.pdf
    title: A panel
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "case"
    (place / "papers").mkdir(parents=True)
    (place / "papers/registry.pdf").write_bytes(b"a register")
    (place / "exposure.json").write_text(json.dumps(EXPOSURE))
    trials = {"schema": "countermark/proficiency/v1", "trials": [TRIAL]}
    (place / "proficiency.json").write_text(json.dumps(trials))
    (place / "facts.yaml").write_text(FACTS)
    return place


def changed(folder: Path, old: str, new: str) -> Path:
    assert old in FACTS
    (folder / "facts.yaml").write_text(FACTS.replace(old, new))
    return folder / "facts.yaml"


def test_files_become_exhibits_with_their_digests(folder: Path) -> None:
    beside = read_facts(folder / "facts.yaml")
    assert beside.parties == {"claimant": "Example AI Inc.", "court": "District Court, NO"}
    assert [(one.kind, one.name, one.fact) for one in beside.exhibits] == [
        ("statement", "papers/registry.pdf", "defendant-identity"),
        ("statement", "papers/registry.pdf", "account-to-trainer"),
        ("key-exposure", "exposure.json", ""),
        ("proficiency", "proficiency.json", ""),
        ("negative-controls", "papers/registry.pdf", ""),
    ]
    first: Exhibit = beside.exhibits[0]
    assert (first.sha256, first.sealed) == (sha256_hex(b"a register"), False)
    assert beside.proficiency is not None
    assert [one.key_id for one in beside.exposures] == ["5a0c1d7e9b3f4826"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("papers/registry.pdf]\n  - fact", "papers/nothing.pdf]\n  - fact", "there is no such file"),
        ("papers/registry.pdf]\n  - fact", "../outside.txt]\n  - fact", "below its folder"),
        ("papers/registry.pdf]\n  - fact", "papers/../../outside.txt]\n  - fact", "below its folder"),
        ("papers/registry.pdf]\n  - fact", "/etc/hostname]\n  - fact", "below its folder"),
        ("papers/registry.pdf]\n  - fact", f"{'a' * 900}]\n  - fact", "no file can be called so"),
        ("papers/registry.pdf]\n  - fact", "link.txt]\n  - fact", "leads out of its folder"),
        ("papers/registry.pdf]\n  - fact", "papers]\n  - fact", "there is no such file"),
        ("dated: 2026-06-20", "dated: 2026-06-31", "no day"),
        ("dated: 2026-06-20", "dated: yesterday", "not as expected"),
        ("    by: Ann Example, head of trust and safety\n    dated: 2026-06-20", "", "not as expected"),
        ("kind: key-exposure", "kind: proficiency", "2 files of proficiency trials|not as expected"),
        ("file: exposure.json", "file: papers/registry.pdf", "not strict JSON"),
        ("kind: negative-controls", "kind: networks", "not as expected"),
        ("schema: countermark/case-facts/v1", "schema: another/v1", "not as expected"),
        ("parties:\n", "parties: &one\n", "tags and anchors"),
        ("parties:\n", "surprise: yes\nparties:\n", "not as expected"),
    ],
)
def test_what_is_not_as_expected_is_said(folder: Path, old: str, new: str, why: str) -> None:
    (folder.parent / "outside.txt").write_text("outside")
    (folder / "link.txt").symlink_to(folder.parent / "outside.txt")
    with pytest.raises(Error, match=why) as caught:
        read_facts(changed(folder, old, new))
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_a_facts_file_that_is_not_there_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(Error, match="cannot be read") as caught:
        read_facts(tmp_path / "facts.yaml")
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_a_title_says_no_cause(folder: Path) -> None:
    named = "  - {kind: damages, file: exposure.json, title: What was Copied}\n  - kind: key-exposure"
    with pytest.raises(Error, match="says 'Copied'") as caught:
        read_facts(changed(folder, "  - kind: key-exposure", named))
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_two_ledgers_of_one_key_are_refused(folder: Path) -> None:
    leaked = EXPOSURE | {"refused_from": "2026-02-03"}
    (folder / "leaked.json").write_text(json.dumps(leaked))
    two = "  - {kind: key-exposure, file: leaked.json, title: Another}\n  - kind: key-exposure"
    with pytest.raises(Error, match="two ledgers of one key"):  # else the last one would hide the leak
        read_facts(changed(folder, "  - kind: key-exposure", two))


def test_a_ledger_with_a_day_that_there_is_not_is_said(folder: Path) -> None:
    (folder / "exposure.json").write_text(json.dumps(EXPOSURE | {"refused_from": "2026-02-30"}))
    with pytest.raises(Error, match="no day"):
        read_facts(folder / "facts.yaml")
