"""Claims, terms and damages in the report: asked for, or said to be left out; all questions in one list."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from claim_samples import claim
from damages_samples import typical, write_inputs
from dossier_parts import TERMS_TEXT
from dossier_samples import dossier
from test_case_report import FORBIDDEN, texts

from countermark.errors import Error, ExitCode
from countermark.prove.claims.read import read_claims
from countermark.prove.damages.input_forms import FORMS
from countermark.prove.dossier.statements import PersonsStatement
from countermark.prove.report.make import Asked, Made, make
from countermark.records.canonical import file_sha256, sha256_hex

pytestmark = pytest.mark.usefixtures("plain_pictures")
POLICY: dict[str, Any] = {
    "schema": "countermark/policy/v1",
    "id": "usage-policy",
    "version": "2026-03",
    "title": "Usage policy",
    "provider": "Example AI Inc.",
    "effective": "2026-03-01",
    "text_sha256": sha256_hex(TERMS_TEXT),
    "read": "2026-06-20",
    "by": "Bob Example, counsel",
    "clauses": [
        {
            "id": "no-competing-models",
            "title": "No competing models",
            "where": "section 1",
            "quote": "You will not use outputs to develop a competing model.",
            "forbids": ["model-training"],
        }
    ],
}


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """All parts: counsel's own claim, one policy, two inputs of the damages."""
    (tmp_path / "legal").mkdir()
    (tmp_path / "legal/us-sample.yaml").write_text(yaml.safe_dump(claim()))
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/usage.yaml").write_text(yaml.safe_dump(POLICY))
    first = next(iter(FORMS))
    inputs = write_inputs(tmp_path / "inputs.yaml", {first: typical(first)})
    return Asked(
        claims="us-sample",
        legal=tmp_path / "legal",
        policies=tmp_path / "policies",
        damages=inputs,
        today=date(2026, 7, 1),
    )


def headings(made: Made) -> list[str]:
    return [one.heading for one in made.report.document.sections]


def test_all_parts_stand_in_the_report(tmp_path: Path, asked: Asked) -> None:
    made = make(dossier(tmp_path), asked)
    there = headings(made)
    assert "Claims, element by element" in there
    assert "Damages" in there
    assert there.index("Claims, element by element") < there.index("Open questions")
    plain = made.to_plain()
    assert plain["claims"][0]["claim"] == "us-sample"
    assert plain["terms"]["campaigns"][0]["bound"] == 40
    assert plain["damages"]
    summary = str(made.report.document.sections[0])
    assert "No claim was assessed." not in summary
    assert "No damages were reckoned." not in summary


def test_what_nobody_asked_for_is_said_to_be_left_out(tmp_path: Path) -> None:
    made = make(dossier(tmp_path), Asked())
    summary = str(made.report.document.sections[0])
    for sentence in (
        "No claim was assessed.",
        "No finding was held against the terms in force.",
        "No damages were reckoned.",
    ):
        assert sentence in summary
    plain = made.to_plain()
    assert (plain["claims"], plain["terms"], plain["damages"]) == ([], None, None)


def test_the_inputs_of_the_damages_are_an_exhibit(tmp_path: Path, asked: Asked) -> None:
    assert asked.damages is not None
    one = dossier(tmp_path)
    made = make(one, asked)
    last = made.dossier.exhibits[-1]
    assert (last.kind, last.number) == ("damages", len(one.exhibits) + 1)
    assert last.sha256 == file_sha256(asked.damages)
    again = make(made.dossier, asked)
    assert list(again.dossier.exhibits) == list(made.dossier.exhibits)


@pytest.mark.parametrize(("loss", "case"), [("0", "CASE-1"), ("250000", "CASE-1"), ("250000", "CASE-2")])
def test_inputs_of_nothing_or_another_case_support_no_damage(
    tmp_path: Path, asked: Asked, loss: str, case: str
) -> None:
    figures = {"lost-sales": (loss, loss, loss), "lost-sales-margin": ("40", "40", "40")}
    said = PersonsStatement(fact="damage", says="Sales were lost.", by="Ann Example", dated="2026-06-20")
    one = replace(dossier(tmp_path), statements=[said])
    inputs = write_inputs(tmp_path / "other.yaml", figures, case=case)
    made = make(one, replace(asked, claims="us-contract", damages=inputs))
    damage = next(e for e in made.assessed[0].elements if e.element.id == "damage-beyond-price")
    bears = (loss, case) == ("250000", "CASE-1")
    idle = [
        each.text for each in made.report.questions if each.text.startswith("What was lost in this case?")
    ]
    assert len(idle) == (not bears)
    assert damage.state == ("supported" if bears else "stated")
    assert [each.kind for each in made.dossier.exhibits][-1] == "damages"


def test_an_empty_input_is_a_question_in_the_one_list(tmp_path: Path, asked: Asked) -> None:
    asked_for = {one.section for one in make(dossier(tmp_path), asked).report.questions}
    assert "Open questions on the sums" in asked_for


def test_a_gap_of_a_claim_is_a_question_in_the_one_list(tmp_path: Path, asked: Asked) -> None:
    made = make(dossier(tmp_path, without=["terms"]), asked)
    texts = [one.text for one in made.report.questions]
    gaps = [one for claimed in made.assessed for one in claimed.elements if one.state == "gap"]
    assert gaps
    for one in gaps:
        assert [text for text in texts if one.question in text]


def test_without_acceptances_no_clause_is_said_to_bind(tmp_path: Path, asked: Asked) -> None:
    plain = make(dossier(tmp_path, without=["acceptances"]), asked).to_plain()
    assert [one["bound"] for one in plain["terms"]["campaigns"]] == [0, 0]


def test_accounts_without_a_record_of_acceptance_are_asked_about(tmp_path: Path, asked: Asked) -> None:
    found = make(dossier(tmp_path), asked).report.questions
    where = [one.section for one in found if "Did anything else bind" in one.text]
    assert len(where) == 1
    assert "clauses that bound the accounts" in where[0]


def test_review_dates_are_held_against_the_day_on_which_it_is_made(tmp_path: Path, asked: Asked) -> None:
    one = dossier(tmp_path)
    before = datetime.now(UTC).date()
    assert before <= make(one, replace(asked, today=None)).assessed[0].today <= datetime.now(UTC).date()
    made = make(one, replace(asked, today=date(2026, 6, 1)))
    same = make(one, replace(asked, today=date(2026, 6, 2)))
    assert made.report == same.report  # until a row falls due, no day of making shows
    later = make(one, Asked(claims="us-sample", legal=asked.legal, today=date(2027, 1, 1)))
    marked = [len(one.to_plain()["claims"][0]["past_review"]) for one in (made, later)]
    assert marked[0] < marked[1]
    assert str(later.report.document).count("past its review date") > marked[0]


def test_a_claim_that_there_is_not_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Error, match="no-such-claim") as caught:
        make(dossier(tmp_path), Asked(claims="no-such-claim"))
    assert caught.value.exit_code == ExitCode.USAGE


def test_the_same_case_and_parts_give_the_same_document(tmp_path: Path, asked: Asked) -> None:
    one, other = (make(dossier(tmp_path), asked).report for _ in range(2))
    assert one == other


def test_no_forbidden_word_comes_with_the_shipped_claims(tmp_path: Path) -> None:
    made = make(dossier(tmp_path), Asked(claims=",".join(read_claims())))
    assert FORBIDDEN.findall("\n".join(texts(made.to_plain()))) == []
