"""The report of a case: each gap a question, nothing more certain than its numbers, the same twice."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dossier_parts import a_test, replace_record, text_marks
from dossier_samples import dossier, with_attribution
from hypothesis import given
from hypothesis import strategies as st

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.report.plain import to_plain
from countermark.prove.report.report import Report, compose
from countermark.prove.report.results import results_of
from countermark.prove.report.words import chance, claimed
from countermark.prove.typeset.document import Paragraph, Section, Table
from countermark.records.attributions import reported

pytestmark = pytest.mark.usefixtures("plain_pictures")
FORBIDDEN = re.compile(r"\b(?:copied|stolen|trained on|derived)\b|probability that", re.IGNORECASE)


def texts(value: Any) -> Iterator[str]:
    """Every text in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def plain(one: Dossier) -> dict[str, Any]:
    return to_plain(compose(one), one)


def section(report: Report, heading: str) -> Section:
    return next(one for one in report.document.sections if one.heading == heading)


def below(one: Section, heading: str) -> Section:
    """A section below another, by what its heading begins with."""
    found = (each for each in one.blocks if isinstance(each, Section) and each.heading.startswith(heading))
    return next(found)


def words_of(one: Section) -> str:
    """All texts of a section, in a row."""
    found = []
    for block in one.blocks:
        if isinstance(block, Section):
            found += [block.heading, words_of(block)]
        elif isinstance(block, Paragraph):
            found += [block.lead, block.text]
        elif isinstance(block, Table):
            found += [block.caption, *(cell for row in block.rows for cell in row)]
        else:
            found += list(getattr(block, "items", ()))
    return "\n".join(found)


GAPS = {
    "terms": "Which terms bound the accounts?",
    "acceptances": "Which accounts accepted the terms, and when?",
    "custody": "Who took the evidence, from where, when and how?",
    "hold": "Are the raw lines held?",
    "log": "How often was something tried, and with which outcome?",
    "exposure": "How many outputs are out under key 5a0c1d7e9b3f4826",
    "proficiency": "How often is this procedure wrong as a whole (text)?",
    "statements": "Who states, under their name, how any of this came about?",
    "members": "Which accounts are meant?",
    "parties": "Who is the other side?",
    "controls": "Exhibit 3 has no controls.",
    "plan": "Will exhibit 3 be seen again on fresh data",
}


@pytest.mark.parametrize("part", GAPS)
def test_each_gap_is_a_question_and_only_where_it_is_one(tmp_path: Path, part: str) -> None:
    asked = [one.text for one in compose(dossier(tmp_path, without=[part])).questions]
    assert [text for text in asked if GAPS[part] in text]
    whole = [one.text for one in compose(dossier(tmp_path)).questions]
    assert not [text for text in whole if GAPS[part] in text]


def test_questions_are_listed_once_and_counted_on_the_first_page(tmp_path: Path) -> None:
    report = compose(dossier(tmp_path, without=["terms", "custody", "exposure"]))
    table = section(report, "Open questions").blocks[0]
    assert isinstance(table, Table)
    assert [row[1] for row in table.rows] == [one.text for one in report.questions]
    assert len({row[1] for row in table.rows}) == len(table.rows)
    assert f"{len(report.questions)} questions are open" in words_of(report.document.sections[0])


def test_without_trials_the_procedure_is_not_measured(tmp_path: Path) -> None:
    measured, bare = dossier(tmp_path), dossier(tmp_path, without=["proficiency"])
    rates = words_of(below(section(compose(measured), "Method and error rates"), "Error rates"))
    assert "0 of 60: at most 4.9% (95%)" in rates
    assert "3 of 60 (1 inconclusive): 5% (95%: 1% to 14%)" in rates
    found = {one["kind"]: one["false_positives"] for one in plain(bare)["results"]}
    assert set(found.values()) == {"not measured"}
    assert "at most" not in words_of(compose(bare).document.sections[0])


@pytest.mark.parametrize("without", [[], ["terms", "log", "proficiency", "statements", "exposure", "plan"]])
@pytest.mark.parametrize("trust", [True, False])
def test_no_forbidden_word_stands_anywhere(tmp_path: Path, without: list[str], trust: bool) -> None:
    whole = "\n".join(texts(plain(dossier(tmp_path, without=without, trust=trust, sealed=trust))))
    assert FORBIDDEN.findall(whole) == []


def test_nothing_below_the_calibrated_level_is_claimed(tmp_path: Path) -> None:
    report = compose(dossier(tmp_path))
    annex = report.document.sections[-1]
    assert "under the ideal-PRF model" in annex.heading
    assert "-28.3" in words_of(annex)
    rest = "\n".join(words_of(one) for one in report.document.sections[:-1])
    for figure in ("28.3", "612.4", "608.7", "41.2"):
        assert figure not in rest, figure
    assert re.findall(r"\d(?:\.\d+)?e-\d+", rest) == []  # no figure as small as that stands in words
    assert "p < 0.0001" in rest
    assert "less than 1 time in 10,000" in words_of(report.document.sections[0])


def test_a_test_without_calibration_claims_no_level(tmp_path: Path) -> None:
    test = a_test("5a0c1d7e9b3f4826", -28.3, calibrated_to=1.0)
    bare = replace_record(
        text_marks(), tests=[test], conclusions=[with_fields(text_marks().conclusions[0], reported="p < 1")]
    )
    report = compose(with_attribution(dossier(tmp_path), bare))
    finding = words_of(below(section(report, "Findings"), "Confirmatory"))
    assert "no level is claimed" in finding
    assert "not calibrated" in finding
    assert "p < 1" not in finding


def with_fields(one: Any, **changes: Any) -> Any:
    return type(one)(**({name: getattr(one, name) for name in one.__struct_fields__} | changes))


def test_networks_without_a_calibrated_level_claim_nothing(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    said = {name: value for name, value in one.findings.items() if name != "calibrated_to"}
    result = plain(replace(one, findings=said))["results"][0]
    assert result["chance"] == "Nothing is claimed: the test has no calibration."


def test_every_heading_of_a_result_says_its_class(tmp_path: Path) -> None:
    findings = section(compose(dossier(tmp_path)), "Findings")
    headings = [one.heading for one in findings.blocks if isinstance(one, Section)]
    assert [one.partition(":")[0] for one in headings] == [
        "Exploratory",
        "Exploratory",
        "Confirmatory",
        "Exploratory",
    ]
    assert "not independent of key 5a0c1d7e9b3f4826, committed on 2026-06-02" in words_of(findings).replace(
        "Not independent", "not independent"
    )


def test_other_explanations_stand_beside_each_result(tmp_path: Path) -> None:
    findings = section(compose(dossier(tmp_path)), "Findings")
    for one in findings.blocks:
        if isinstance(one, Section):
            assert "Other explanations." in words_of(one), one.heading


def test_what_was_tested_and_not_shown_is_said_so(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    answers = {row["kind"]: row["answer"] for row in plain(one)["results"]}
    assert answers["lineage"].startswith("Not shown: the test was made and did not pass.")
    report = compose(one)
    assert "layers 48" in words_of(below(section(report, "Findings"), "Exploratory: weights"))


def test_undisclosed_runs_are_counted(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    runs = words_of(section(compose(one), "Appendix: every run"))
    assert "9 runs of all matters in the log: 3 of this matter shown, 5 of other matters." in runs
    assert "1 run of the matter stays undisclosed (privileged)." in runs
    assert "undisclosed" in runs.splitlines()
    assert plain(one)["undisclosed_runs"] == 1
    unchecked = dossier(tmp_path, trust=False)
    assert "The log was not checked" in words_of(section(compose(unchecked), "Appendix: every run"))
    assert plain(unchecked)["undisclosed_runs"] is None
    none = dossier(tmp_path, without=["log"])
    assert "The case has no log" in words_of(section(compose(none), "Appendix: every run"))


def test_a_missing_trust_file_is_said_on_the_first_page(tmp_path: Path) -> None:
    first = compose(dossier(tmp_path, trust=False)).document.sections[0].blocks[0]
    assert isinstance(first, Paragraph)
    assert first.style == "warning"
    assert "No trust file was given." in first.text
    checked = compose(dossier(tmp_path)).document.sections[0]
    assert "No trust file" not in words_of(checked)


def test_an_unchecked_class_is_the_words_of_the_package(tmp_path: Path) -> None:
    findings = section(compose(dossier(tmp_path, trust=False)), "Findings")
    assert "Confirmatory, as the package says: marks of our keys in a text" in words_of(findings)


def test_a_working_paper_is_marked_on_every_page(tmp_path: Path) -> None:
    working = compose(dossier(tmp_path, sealed=False))
    assert working.document.mark == "Working paper: not sealed"
    assert "The case is not sealed." in words_of(working.document.sections[0])
    assert "Sealed" not in dict(working.document.facts)
    assert compose(dossier(tmp_path)).document.mark == ""


def test_the_same_case_gives_the_same_document(tmp_path: Path) -> None:
    assert compose(dossier(tmp_path)) == compose(dossier(tmp_path))


def test_what_a_leaked_key_costs_is_said(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    leaked = replace(one, exposures=[with_fields(one.exposures[0], refused_from="2026-06-01")])
    method = words_of(section(compose(leaked), "Method and error rates"))
    assert "is open, or may have leaked, since 2026-06-01" in method


def test_factors_that_are_not_met_say_so(tmp_path: Path) -> None:
    method = section(compose(dossier(tmp_path)), "Method and error rates")
    table = next(one for one in below(method, "Rule 702").blocks if isinstance(one, Table))
    standing = {row[0]: row[3] for row in table.rows}
    assert standing["Daubert: general acceptance"] == "not met"
    assert standing["702(a): a qualified expert who helps"] == "not met"
    assert len(standing) == 9
    named = replace(dossier(tmp_path), parties={"expert": "Dr. Eve Example"})
    method = section(compose(named), "Method and error rates")
    assert "Named as expert: Dr. Eve Example." in words_of(method)


def test_rejected_networks_are_no_finding(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    rejected = [each | {"disposition": "rejected"} for each in one.findings["campaigns"]]
    answers = plain(replace(one, findings={**one.findings, "campaigns": rejected}))["results"]
    assert answers[0]["answer"] == "No group of accounts that act as one was found."


def test_the_lists_of_accounts_are_counted_and_not_printed(tmp_path: Path) -> None:
    findings = section(compose(dossier(tmp_path)), "Findings")
    table = next(one for one in below(findings, "Exploratory: account").blocks if isinstance(one, Table))
    assert [(row[-1], *row[1:3]) for row in table.rows] == [
        ("harvest-0001", "40", "40"),
        ("pool-0001", "12", "12"),
    ]
    assert "listed in exhibit 6" in table.caption
    assert "harvest-0001-7" not in words_of(findings)


def test_without_the_lists_no_number_stands_in_their_place(tmp_path: Path) -> None:
    findings = section(compose(dossier(tmp_path, without=["members"])), "Findings")
    table = next(one for one in below(findings, "Exploratory: account").blocks if isinstance(one, Table))
    assert [row[2] for row in table.rows] == ["not shown", "not shown"]
    assert "The lists are not in the package." in table.caption


def test_json_has_every_text_of_the_document(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    report = compose(one)
    content = to_plain(report, one)
    there = set(texts(json.loads(json.dumps(content))))
    for part in report.document.sections:
        for block in part.blocks:
            if isinstance(block, Table):
                assert {cell for row in block.rows for cell in row} <= there
            if isinstance(block, Paragraph):
                assert block.text in there
    assert [row["sha256"] for row in content["exhibits"]] == [each.sha256 for each in one.exhibits]
    assert content["verification"]["verdict"] == "VERIFIED"
    assert [row["text"] for row in content["questions"]] == [each.text for each in report.questions]


def test_a_result_that_was_taken_out_says_nothing(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    gone = replace(one, exhibits=[each for each in one.exhibits if each.kind != "lineage"])
    found = results_of(gone)[-1]
    assert found.heading.endswith("(taken out)")
    assert not found.shown
    assert plain(gone)["results"][-1]["answer"].startswith("It was taken out of the package")


@given(st.floats(1e-300, 1.0), st.floats(1e-12, 1.0))
def test_words_are_never_stronger_than_what_is_claimed(p_value: float, calibrated: float) -> None:
    words = chance(reported(p_value, calibrated))
    level = max(p_value, calibrated)
    if found := re.fullmatch(r"(?:less than|about) 1 time in ([\d,]+)", words):
        assert 1 / int(found[1].replace(",", "")) >= level * 0.94  # `p = ` is itself rounded to two digits
    elif found := re.fullmatch(r"(?:less than|about) ([\d.e+]+) times in 100", words):
        assert float(found[1]) / 100 >= level * 0.95  # `p = ` is itself rounded to two digits
    else:
        assert words == ""
        assert level > 0.99


def test_no_level_is_claimed_of_what_cannot_be_read() -> None:
    assert claimed("p < 1") == "no level is claimed"
    assert claimed("certain") == "no level is claimed"
    assert chance("certain") == ""
    assert (claimed("p < 0.0001"), chance("p < 0.0001")) == ("p < 0.0001", "less than 1 time in 10,000")
    assert chance("p = 0.4") == "about 40 times in 100"
    assert chance("p < 0.0641") == "less than 7 times in 100"


def test_pictures_show_no_more_than_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, tuple[Any, ...]] = {}
    for name in ("bars", "intervals", "timeline"):
        monkeypatch.setattr(
            f"countermark.prove.typeset.pictures.{name}",
            lambda *given, name=name: drawn.setdefault(f"{name} {given[-1]}", given) and b"<svg/>",
        )
    compose(dossier(tmp_path))
    labels, values, _ = drawn["bars the longer, the more unusual"]
    assert labels[0] == "this result"
    assert values[0] == pytest.approx(4.0)  # of 28.3 that were computed, 4 are calibrated
    assert max(values[1:]) <= 1.0
    assert drawn["bars accounts"][:2] == (["group 1", "group 2"], [40, 12])
    _, low, mid, high, _ = drawn["intervals per cent"]
    assert (mid[0], low[0]) == (0, 0)
    assert high[0] == pytest.approx(4.87, abs=0.01)
    days = next(given[0] for name, given in drawn.items() if name.startswith("timeline"))
    assert [text for _, text in days][-1] == "sealed"
    assert not any("run 4" in text for _, text in days)  # it stays closed
