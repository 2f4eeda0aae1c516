"""`case report` as typed: a PDF, the same content as JSON, no report of what does not verify."""

import importlib.util
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from damages_samples import write_inputs
from log_stories import Story
from test_case_report import texts
from whole_case import options_of, told, trust_in

from countermark.prove.typeset.document import Document
from countermark.trust.signing import SigningKey
from running import countermark

Sealed = Callable[..., Path]
FACTS = """\
schema: countermark/case-facts/v1
parties: {claimant: Example AI Inc.}
statements:
  - fact: defendant-identity
    says: It is Example Labs Ltd.
    by: Ann Example
    dated: 2026-06-20
    files: [register.txt]
"""
HAS_TYPESET = importlib.util.find_spec("countermark.prove.typeset.pdf") is not None


@pytest.fixture
def case(sealed: Sealed, tmp_path: Path, key: SigningKey) -> Path:
    """A folder with `whole.zip`, `whole-trust.json` and `facts.yaml`."""
    story, folder = told(tmp_path / "story")
    assert isinstance(story, Story)
    trust = trust_in(story, tmp_path, key)
    sealed("whole.zip", **options_of(story, tmp_path, trust=trust, attributions=[folder]))
    (tmp_path / "facts.yaml").write_text(FACTS)
    (tmp_path / "register.txt").write_text("a register")
    return tmp_path


@pytest.fixture
def stub(plain_pictures: None, monkeypatch: pytest.MonkeyPatch) -> list[Document]:
    """Documents that would have been set; typesetting has tests of its own."""
    seen: list[Document] = []
    module = types.ModuleType("countermark.prove.typeset.pdf")

    def to_pdf(document: Document) -> bytes:
        seen.append(document)
        return b"%PDF-1.7 stub"

    module.to_pdf = to_pdf  # type: ignore[attr-defined]  # a module made here
    monkeypatch.setitem(sys.modules, "countermark.prove.typeset.pdf", module)
    return seen


def test_a_report_is_written_and_printed(case: Path, stub: list[Document]) -> None:
    out = case / "report.pdf"
    given = ["--trust", case / "whole-trust.json", "--facts", case / "facts.yaml", "--out", out]
    done = countermark("case", "report", case / "whole.zip", *given)
    assert (done.code, done.out) == (0, f"report on case CASE-1 in {out}\n")
    assert "open questions" in done.err
    assert out.read_bytes().startswith(b"%PDF")
    assert dict(stub[0].facts)["Claimant"] == "Example AI Inc."
    printed = countermark("case", "report", case / "whole.zip", *given, "--json")
    assert printed.code == 0
    content = json.loads(printed.out)
    assert content["schema"] == "countermark/case-report/v1"
    assert [one["kind"] for one in content["exhibits"]][-1] == "statement"
    assert [one["heading"] for one in content["sections"]] == [one.heading for one in stub[1].sections]
    assert content["verification"]["package"] == "whole.zip"


def test_json_needs_no_pdf(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "countermark.prove.typeset.pdf", None)  # importing it fails
    done = countermark("case", "report", case / "whole.zip", "--json", "--claims", "us-contract")
    assert done.code == 0
    content = json.loads(done.out)
    assert content["claims"][0]["claim"] == "us-contract"
    assert "No trust file was given" in done.err
    assert str(case) not in "\n".join(texts(content))  # no path of this machine


def test_nothing_to_write_is_a_usage_error(case: Path) -> None:
    done = countermark("case", "report", case / "whole.zip")
    assert done.code == 2
    assert done.error() == "countermark: error: there is nothing to write"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nothing.zip"], 3),
        (["whole.zip", "--claims", "no-such"], 2),
        (["whole.zip", "--facts", "missing.yaml"], 3),
        (["whole.zip", "--damages", "missing.yaml"], 3),
        (["whole.zip", "--policies", "."], 3),
        (["whole.zip", "--today", "tomorrow"], 2),
    ],
)
def test_what_cannot_be_used_is_one_line(
    case: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int
) -> None:
    monkeypatch.chdir(case)
    (case / "facts.yaml").unlink()
    done = countermark("case", "report", *arguments, "--out", "r.pdf")
    assert done.code == code
    done.error()
    assert not (case / "r.pdf").exists()


@pytest.mark.parametrize("name", ["whole.zip", "facts.yaml"])
def test_what_a_report_is_made_of_is_never_replaced_by_it(case: Path, name: str) -> None:
    before = (case / name).read_bytes()
    given = ["--facts", case / "facts.yaml", "--out", case / name]
    done = countermark("case", "report", case / "whole.zip", *given)
    assert (done.code, (case / name).read_bytes()) == (2, before)
    assert done.error().endswith("is an input")


@pytest.mark.parametrize("named", ["CASE-1", "CASE-2"])
def test_damages_of_a_facts_file_bear_on_the_case_that_they_name(case: Path, named: str) -> None:
    sales = {"lost-sales": ("9", "9", "9"), "lost-sales-margin": ("40", "40", "40")}
    write_inputs(case / "INPUTS.yaml", sales, case=named)
    lost = FACTS[FACTS.index("  - fact") :].replace("defendant-identity", "damage")
    beside = "exhibits: [{kind: damages, file: INPUTS.yaml, title: Inputs of the damages}]\n"
    (case / "facts.yaml").write_text(FACTS + lost + beside)
    given = ["--facts", case / "facts.yaml", "--claims", "us-contract", "--json"]
    done = countermark("case", "report", case / "whole.zip", *given)
    assert done.code == 0, done.err
    elements = {one["id"]: one["state"] for one in json.loads(done.out)["claims"][0]["elements"]}
    assert elements["damage-beyond-price"] == ("supported" if named == "CASE-1" else "stated")


def test_a_folder_is_no_out(case: Path) -> None:
    inputs = write_inputs(case / "INPUTS.yaml", {})
    for line in (
        ("report", case / "whole.zip"),
        ("draft", "exhibit-list", case / "whole.zip"),
        ("damages", inputs),
        ("damages", "--template"),
    ):
        done = countermark("case", *line, "--out", case)
        assert (done.code, done.error()) == (2, f"countermark: error: --out {case} is a folder")


@pytest.mark.parametrize("trusted", [True, False])
def test_a_draft_says_whether_signers_were_checked(case: Path, trusted: bool) -> None:
    given = ["--trust", case / "whole-trust.json"] if trusted else []
    done = countermark("case", "draft", "exhibit-list", case / "whole.zip", *given, "--json")
    assert done.code == 0
    assert ("No trust file was given" in done.err) != trusted


def test_rows_of_counsel_without_a_claim_are_a_usage_error(case: Path) -> None:
    done = countermark("case", "report", case / "whole.zip", "--legal", case, "--json")
    assert done.code == 2
    assert done.error() == "countermark: error: --legal needs --claims"


def test_a_changed_package_is_no_report(case: Path) -> None:
    data = (case / "whole.zip").read_bytes()
    (case / "whole.zip").write_bytes(data.replace(b"shared template", b"shared_template"))
    done = countermark("case", "report", case / "whole.zip", "--out", case / "r.pdf")
    assert done.code == 20
    assert "does not verify, step " in done.error()
    assert not (case / "r.pdf").exists()


@pytest.mark.skipif(not HAS_TYPESET, reason="typesetting is not there")
def test_the_pdf_has_the_content_of_the_json(case: Path) -> None:
    pypdfium2 = pytest.importorskip("pypdfium2")
    pytest.importorskip("typst")
    given = ["--trust", case / "whole-trust.json", "--facts", case / "facts.yaml", "--claims", "us-contract"]
    given += ["--today", "2026-07-01"]
    first, second = case / "one.pdf", case / "two.pdf"
    for out in (first, second):
        done = countermark("case", "report", case / "whole.zip", *given, "--out", out, "--json")
        assert done.code == 0
    assert first.read_bytes() == second.read_bytes()
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(first)]
    there = "".join("".join(pages).split()).replace("\u00ad", "").replace("\ufffe", "")
    content = json.loads(done.out)
    wanted = [one["text"] for one in content["questions"]] + [one["sha256"] for one in content["exhibits"]]
    wanted += [one["answer"] for one in content["results"]]
    for text in wanted:
        assert "".join(text.split()).replace("-", "") in there.replace("-", ""), text


def test_without_trust_no_exhibit_is_called_confirmatory(case: Path) -> None:
    whole = case / "whole.zip"
    trusted = countermark("case", "report", whole, "--trust", case / "whole-trust.json", "--json")
    classes = {one["result_class"] for one in json.loads(trusted.out)["exhibits"]}
    assert "confirmatory" in classes  # or the test shows nothing
    bare = json.loads(countermark("case", "report", whole, "--json").out)
    assert "confirmatory" not in {one["result_class"] for one in bare["exhibits"]}
    drafted = countermark("case", "draft", "certificate-902", whole, "--json")
    assert "confirmatory; " not in drafted.out
