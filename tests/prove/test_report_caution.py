"""A report is never stronger than its record: what is claimed, counted, dated and asked, attack by attack."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from dossier_parts import PROFICIENCY, a_test, findings, replace_record, text_marks
from dossier_samples import dossier, with_attribution
from test_case_report import below, plain, section, texts, words_of
from test_case_report import with_fields as changed

from countermark.prove.dossier.exhibits import has_networks
from countermark.prove.report.pictures import controls_picture
from countermark.prove.report.questions import questions_in
from countermark.prove.report.reliability import ABSENT, PART, PRESENT, factors_of
from countermark.prove.report.report import compose
from countermark.prove.report.results import committed_on, results_of
from countermark.prove.report.sure import UNCLAIMED
from countermark.prove.typeset.document import Section, Table
from countermark.records.canonical import sha256_hex

pytestmark = pytest.mark.usefixtures("plain_pictures")


@pytest.mark.parametrize("more", ["p < 1e-300", "p = 1e-20", "p < 0.00009"])
def test_a_record_that_claims_more_than_it_bears_out_claims_nothing(tmp_path: Path, more: str) -> None:
    marked = text_marks()
    bold = replace_record(marked, conclusions=[changed(marked.conclusions[0], reported=more)])
    one = with_attribution(dossier(tmp_path), bold)
    whole = "\n".join(texts(plain(one)))
    assert more not in whole
    assert plain(one)["results"][2]["chance"].startswith("Nothing is claimed")


def test_no_figure_of_a_picture_is_rounded_below_the_calibrated_level() -> None:
    test = a_test("5a0c1d7e9b3f4826", -28.3, calibrated_to=1.24e-4)
    (picture,) = controls_picture(replace_record(text_marks(3), tests=[test]))
    assert "the result reaches p of at most 0.00013;" in picture.alternative


def test_how_many_groups_were_tried_stands_beside_what_is_claimed_of_one(tmp_path: Path) -> None:
    result = plain(dossier(tmp_path))["results"][0]
    assert result["chance"].endswith("less than 1 time in 100. 9 candidate groups were tested.")


def test_of_a_scan_without_a_calibrated_level_nothing_is_claimed(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    result = next(each for each in plain(one)["results"] if each["kind"] == "scan")
    assert result["answer"]
    assert result["chance"].endswith("all questions together (5,001): 0.01. " + UNCLAIMED)
    asked = [each.text for each in compose(one).questions]
    assert [text for text in asked if text.startswith("Down to which level was the test of a corpus")]


def test_a_key_is_committed_when_the_last_of_its_commitments_is_shown(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    first, second = sha256_hex(b"commitment"), sha256_hex(b"another")
    one.results[2]["commitments"].append(second)
    assert committed_on(results_of(one)[2], one) == ""  # of one of the two nothing is shown
    later = replace(one, committed={first: "2026-06-02 (a witness)", second: "2026-06-09 (a witness)"})
    assert committed_on(results_of(later)[2], later) == "2026-06-09 (a witness)"


def test_only_what_asks_is_asked() -> None:
    rows = (("a row", "Who shows it?\nExhibit 1.", "Open"), ("another", "open", "1"))
    table = Table(columns=("a", "b", "c"), rows=rows, questions=(0, 1))
    assert [one.text for one in questions_in([Section("Here", (table,))])] == ["a row: Who shows it?"]


@pytest.mark.parametrize(
    ("tried", "standing"),
    [([], ABSENT), (["text"], PART), (["detect", "scan", "text", "lineage"], PRESENT)],
)
def test_an_error_rate_is_there_where_every_procedure_was_tried(
    tmp_path: Path, tried: list[str], standing: str
) -> None:
    trial = PROFICIENCY.trials[0]
    trials = [msgspec.structs.replace(trial, procedure=one) for one in tried]
    one = replace(dossier(tmp_path), proficiency=msgspec.structs.replace(PROFICIENCY, trials=trials))
    (rate,) = [each for each in factors_of(one, results_of(one)) if "rate of error" in each.name]
    assert rate.standing == standing


def test_a_control_that_could_not_be_tested_did_not_stay_quiet(tmp_path: Path) -> None:
    marked = text_marks(3)
    untested = changed(marked.controls[0], tests=[], problem="too short")
    shorter = replace_record(marked, controls=[untested, *marked.controls[1:]])
    report = compose(with_attribution(dossier(tmp_path), shorter))
    said = words_of(below(section(report, "Findings"), "Confirmatory"))
    assert "2 stayed quiet, 1 could not be tested." in said


def test_a_ledger_of_another_key_is_none_of_this_one(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    assert "How far keys and outputs are out stands in" in "\n".join(texts(plain(one)))
    other = msgspec.structs.replace(one.exposures[0], key_id="0" * 16)
    said = "\n".join(texts(plain(replace(one, exposures=[other]))))
    assert "How far keys and outputs are out stands in" not in said
    assert "has the key leaked? No ledger was given." in said


def test_networks_that_an_analyst_rejected_are_not_shown() -> None:
    found = findings()
    assert has_networks(found)
    for one in found["campaigns"]:
        one["disposition"] = "rejected"
    assert not has_networks(found)
