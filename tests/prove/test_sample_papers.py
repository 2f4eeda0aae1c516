"""The sample papers: their script, what a person adds to the demo's case, and the files in docs/samples."""

import csv
import importlib.util
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pypdfium2
import pytest
from whole_case import options_of, told, trust_in

from countermark.prove.damages.inputs import read_inputs
from countermark.prove.damages.reckon import reckon
from countermark.prove.dossier.beside import read_facts
from countermark.trust.signing import SigningKey
from running import countermark

ROOT = Path(__file__).parent.parent.parent
HERE, SAMPLES = ROOT / "examples" / "case", ROOT / "docs" / "samples"
PAPERS = ("report", "preservation-letter", "breach-notice", "certificate-902", "exhibit-list")
PDFS = [SAMPLES / f"{name}.pdf" for name in PAPERS]
FORBIDDEN = re.compile(r"\b(copied|stolen|trained on|derived)\b|probability that", re.IGNORECASE)
MOST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def make() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("make_samples", HERE / "make.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(path: Path) -> str:
    """All words of a PDF, or all text of a workbook's parts."""
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as parts:
            return " ".join(re.sub(r"<[^>]+>", " ", parts.read(name).decode()) for name in parts.namelist())
    with pypdfium2.PdfDocument(path) as document:
        pages = (page.get_textpage().get_text_range() for page in document)
        return re.sub(r"\s+", " ", " ".join(pages))


def test_acceptances_are_missing_for_some_and_late_for_others(make: ModuleType, tmp_path: Path) -> None:
    accounts = [f"user_{number}" for number in range(400)]
    for name in ("one.csv", "two.csv"):
        make.acceptances(accounts, tmp_path / name)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    with (tmp_path / "one.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert 200 < len(rows) < 350
    assert 0 < sum(row["accepted"] > "2026-03-01" for row in rows) < 100


def test_what_a_person_adds_is_read_and_leaves_gaps_on_purpose() -> None:
    facts = read_facts(HERE / "facts.yaml")
    assert facts.proficiency is not None
    assert [one.key_id for one in facts.exposures] == ["ed0e95bdb0a87a83"]
    stated = {one.fact for one in facts.statements}
    assert "defendant-identity" in stated
    assert not stated & {"account-to-trainer", "suspect-is-defendants"}
    damages = reckon(read_inputs(HERE / "damages.yaml"))
    assert damages.questions
    assert any(one.state == "total" for one in damages.measures)


def test_the_script_writes_every_paper(
    make: ModuleType,
    sealed: Callable[..., Path],
    tmp_path: Path,
    key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
    plain_pictures: None,
) -> None:
    story, folder = told(tmp_path / "story")
    trust = trust_in(story, tmp_path, key)
    package = sealed("whole.zip", **options_of(story, tmp_path, trust=trust, attributions=[folder]))

    def typed(*words: str | Path) -> str:
        done = countermark(*map(str, words))
        assert done.code == 0, done.err
        return done.out

    monkeypatch.setattr(make, "countermark", typed)
    out = tmp_path / "papers"
    out.mkdir()
    make.write_papers(package, tmp_path / "whole-trust.json", out)
    names = {f"{name}.{end}" for name in PAPERS for end in ("pdf", "json")}
    assert {path.name for path in out.iterdir()} == names | {"damages.xlsx", "damages.json", "terms.json"}
    assert all(json.loads(path.read_text())["schema"] for path in out.glob("*.json"))


@pytest.mark.parametrize("path", [*PDFS, SAMPLES / "damages.xlsx"], ids=lambda path: path.name)
def test_a_sample_is_small_and_holds_no_forbidden_word(path: Path) -> None:
    assert path.stat().st_size < MOST_BYTES
    said = text_of(path)
    assert len(said) > 1_000
    assert not FORBIDDEN.findall(said)


@pytest.mark.parametrize("path", PDFS, ids=lambda path: path.name)
def test_a_sample_names_nobody_who_is_not_made_up(path: Path) -> None:
    said = text_of(path)
    assert "/tmp" not in said
    assert "Example" in said


def test_the_sample_report_has_filled_rows_and_gaps() -> None:
    said = text_of(SAMPLES / "report.pdf")
    for words in (
        "Supported",
        "Stated only",
        "Open: a state",
        "No record of acceptance",
        "0 of 60: at",
    ):
        assert words in said
