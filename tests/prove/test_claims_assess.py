"""What of a claim a case supports: by an oracle that tries every exhibit, and as the tables print it."""

import itertools
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from claim_samples import claim, element, other, record, write
from dossier_samples import PARTS, dossier

from countermark.errors import Error
from countermark.prove.claims.assess import Assessed, AssessedElement, assess, assess_named
from countermark.prove.claims.read import read_claims
from countermark.prove.claims.tables import bears, claims_sections, state_of, to_plain
from countermark.prove.dossier.dossier import Dossier, Exhibit
from countermark.prove.dossier.statements import PersonsStatement
from countermark.prove.typeset.document import Paragraph, Section, Table

DAY = date(2026, 7, 15)
ACCEPTED = "Accounts of the networks with a record of acceptance: 40 of 52."
ASSENT = PersonsStatement(fact="assent", says="All clicked.", by="Eve Example, product", dated="2026-06-21")


@pytest.fixture
def case(tmp_path: Path) -> Dossier:
    return dossier(tmp_path)


def found(assessed: Assessed, name: str) -> AssessedElement:
    return next(one for one in assessed.elements if one.element.id == name)


@pytest.mark.parametrize(
    ("name", "state", "missing"),
    [
        ("contract", "supported", ""),
        ("conduct", "supported", ""),
        ("use", "supported", ""),
        ("weights", "gap", "an exhibit"),
        ("model", "gap", "an exhibit"),
        ("identity", "stated", ""),
        ("trainer", "gap", "a statement"),
        ("assent", "gap", "a statement"),
        ("register", "supported", ""),
        ("loss", "stated", "an exhibit"),
        ("law", "gap", ""),
    ],
)
def test_states_of_the_sample(case: Dossier, name: str, state: str, missing: str) -> None:
    one = found(assess(record(claim()), case, DAY), name)
    assert (one.state, one.missing) == (state, missing)
    assert one.question == (f"Who shows {name}?" if state == "gap" else "")


def test_what_was_tested_and_not_shown_never_supports(case: Dossier) -> None:
    assessed = assess(record(claim()), case, DAY)
    assert [one.kind for one in found(assessed, "use").exhibits] == ["text-marks"]
    assert [one.kind for one in found(assessed, "use").tested] == ["lineage"]
    weights = found(assessed, "weights")
    assert weights.exhibits == ()
    assert bears(weights) == "Who shows weights?\nTested and not shown: Exhibit 5 (exploratory)."


def test_a_log_without_a_finding_is_no_breach(tmp_path: Path) -> None:
    breach = found(
        assess(read_claims()["us-contract"], dossier(tmp_path, without=["networks"]), DAY), "breach"
    )
    assert (breach.state, breach.exhibits) == ("gap", ())
    assert [one.kind for one in breach.tested] == ["networks"]


def test_an_exploratory_result_supports_with_that_word_beside_it(case: Dossier) -> None:
    assessed = assess(record(claim()), case, DAY)
    conduct, use = found(assessed, "conduct"), found(assessed, "use")
    assert bears(conduct) == "Exhibit 1 (exploratory)."
    assert state_of(conduct) == "Supported (exploratory)"
    assert bears(use).startswith("Exhibit 3.\n")
    assert state_of(use) == "Supported"


def test_a_class_that_nobody_checked_is_the_packages_word(tmp_path: Path) -> None:
    assessed = assess(record(claim()), dossier(tmp_path, trust=False), DAY)
    use = found(assessed, "use")
    assert bears(use).startswith("Exhibit 3 (confirmatory, as the package says).\n")
    assert state_of(use) == "Supported (confirmatory, as the package says)"


def test_both_halves_or_the_missing_one_is_said(case: Dossier) -> None:
    assessed = assess(record(claim()), case, DAY)
    assent = found(assessed, "assent")
    assert bears(assent) == f"Who shows assent?\nExhibit 10.\n{ACCEPTED}"
    assert state_of(assent) == "Open: a statement missing"
    loss = found(assessed, "loss")
    assert state_of(loss) == "Stated only: an exhibit missing"
    assert bears(loss).endswith("Nobody states: damage.")
    said = replace(case, statements=[*case.statements, ASSENT])
    assent = found(assess(record(claim()), said, DAY), "assent")
    assert assent.state == "supported"
    assert (
        bears(assent) == f"Exhibit 10.\n{ACCEPTED}\nEve Example, product states on 2026-06-21: “All clicked.”"
    )


def test_acceptances_of_other_accounts_support_nothing(case: Dossier) -> None:
    assert case.acceptances
    rows = case.acceptances.read_text().replace("harvest-0001", "stranger")
    case.acceptances.write_text(rows)
    said = replace(case, statements=[*case.statements, ASSENT])
    one = found(assess(record(claim()), said, DAY), "assent")
    assert (one.state, one.missing, one.exhibits) == ("stated", "an exhibit", ())
    assert "with a record of acceptance: 0 of 52." in bears(one)


def test_a_file_behind_another_fact_does_not_bear(case: Dossier) -> None:
    rows = [
        element("other", ["statement"], ["damage"]),
        element("same", ["statement"], ["defendant-identity"]),
    ]
    assessed = assess(record(claim(elements=rows)), case, DAY)
    assert found(assessed, "other").exhibits == ()
    assert [one.title for one in found(assessed, "same").exhibits] == [
        "Company register of Example Labs Ltd."
    ]


def oracle(fields: dict[str, Any], exhibits: list[Exhibit], said: list[PersonsStatement]) -> str:
    """By the words of the rule, written again without the code."""
    counts = results = 0
    for exhibit in exhibits:
        right = exhibit.kind in fields["exhibits"]
        if exhibit.kind == "statement" and exhibit.fact not in fields["facts"]:
            right = False
        counts += right and exhibit.outcome in ("shown", "record")
        results += right and exhibit.outcome == "shown"
    if any(kind in ("networks", "lineage") or kind.endswith("-marks") for kind in fields["exhibits"]):
        counts = counts if results else 0  # records support beside a result only
    stated = sum(one.fact in fields["facts"] for one in said)
    if fields["exhibits"] and fields["facts"]:
        return "supported" if counts and stated else "stated" if stated else "gap"
    if fields["exhibits"]:
        return "supported" if counts else "gap"
    return "stated" if stated else "gap"


KINDS = [
    [],
    ["networks"],
    ["networks", "requests"],
    ["lineage"],
    ["terms", "acceptances"],
    ["text-marks", "lineage"],
    ["statement"],
]
FACTS = [[], ["defendant-identity"], ["assent"], ["assent", "defendant-identity"]]


@pytest.mark.parametrize("without", [(), *((part,) for part in PARTS if part != "networks"), PARTS[1:]])
def test_every_pair_against_an_oracle(without: tuple[str, ...], tmp_path: Path) -> None:
    case = dossier(tmp_path, without=without)
    rows = [
        element(f"e{at}", kinds, facts) for at, (kinds, facts) in enumerate(itertools.product(KINDS, FACTS))
    ]
    assessed = assess(record(claim(elements=rows)), case, DAY)
    for fields, one in zip(rows, assessed.elements, strict=True):
        exhibits = [each for each in case.exhibits if each.kind != "acceptances" or "members" not in without]
        assert one.state == oracle(fields, exhibits, list(case.statements)), (without, fields)


@pytest.mark.parametrize("name", sorted(read_claims()))
def test_shipped_claims_against_the_oracle(name: str, case: Dossier) -> None:
    one = read_claims()[name]
    for assessed in assess(one, case, DAY).elements:
        fields = {"exhibits": assessed.element.exhibits, "facts": assessed.element.facts}
        assert assessed.state == oracle(fields, list(case.exhibits), list(case.statements)), fields


def tables(section: Section) -> dict[str, Table]:
    inner = [one for one in section.blocks if isinstance(one, Section)]
    return {one.heading: block for one in inner for block in one.blocks if isinstance(block, Table)}


def test_the_exact_table_of_elements(case: Dossier) -> None:
    (section,) = claims_sections([assess(record(claim()), case, DAY)])
    table = tables(section)["Elements and what bears on them"]
    assert [(row[2], row[3]) for row in table.rows] == [
        ("Exhibit 9.", "Supported"),
        ("Exhibit 1 (exploratory).", "Supported (exploratory)"),
        ("Exhibit 3.\nTested and not shown: Exhibit 5 (exploratory).", "Supported"),
        ("Who shows weights?\nTested and not shown: Exhibit 5 (exploratory).", "Open"),
        ("Who shows model?", "Open"),
        (f"{IDENTITY}\nWith it: Exhibit 17.", "Stated only"),
        ("Who shows trainer?", "Open"),
        (f"Who shows assent?\nExhibit 10.\n{ACCEPTED}", "Open: a statement missing"),
        (f"Exhibit 17.\n{IDENTITY}", "Supported"),
        (f"{IDENTITY}\nWith it: Exhibit 17.\nNobody states: damage.", "Stated only: an exhibit missing"),
        ("Who shows law?", "Open"),
    ]
    assert table.questions == (3, 4, 6, 7, 10)
    assert table.rows[2][0] == "Title of use [disputed]"
    assert table.rows[5][0] == "Title of identity [past its review date (due 2026-07-01)]"


IDENTITY = (
    "Ann Example, head of trust and safety states on 2026-06-20:"
    " “The accounts were opened for Example Labs Ltd.”"
)


def test_the_rest_of_the_section(case: Dossier) -> None:
    (section,) = claims_sections([assess(record(claim()), case, DAY, own=True)])
    assert section.heading == "Sampleland: Breach of sample terms"
    opening = [one for one in section.blocks if isinstance(one, Paragraph)]
    assert opening[0].text == "4 supported by an exhibit, 2 stated by a person only, 5 open."
    assert any(one.text == "Read the choice of law first." for one in opening)
    assert any(one.text.startswith("Counsel's own rows") for one in opening)
    assert any(one.style == "warning" and "1 row of this claim" in one.text for one in opening)
    made = tables(section)
    remedy = ("Title of stop [a proposal, not in force]", "Injunction", "Text of stop.")
    assert made["What a court may grant"].rows == (remedy,)
    said = ("Title of reverse", "Text of reverse.", "Nothing can be said to it yet.")
    assert made["What the other side will say"].rows == (said,)
    ((cite, dated, rest),) = made["Sources"].rows
    assert (cite, dated) == ("Example Act, section 1", "2025-01-02")
    assert rest.count(";") == 12
    assert "Title of contract (law); " in rest
    assert "Title of identity (law, reviewed 2026-06-01, due 2026-07-01)" in rest
    assert rest.endswith("Title of stop (a proposal, not in force); Title of reverse (law)")


def test_a_claim_without_a_note_or_a_row_past_review(case: Dossier) -> None:
    (section,) = claims_sections([assess(record(other(note="-")), case, DAY)])
    opening = [one for one in section.blocks if isinstance(one, Paragraph)]
    assert [one.style for one in opening] == ["plain", "note", "plain"]
    assert "Counsel's own" not in opening[2].text


def test_every_gap_of_every_claim_is_a_question_row(tmp_path: Path) -> None:
    case = dossier(tmp_path, without=[part for part in PARTS if part != "networks"])
    for one in read_claims().values():
        (section,) = claims_sections([assess(one, case, DAY)])
        table = tables(section)["Elements and what bears on them"]
        assert table.questions
        for at, row in enumerate(table.rows):
            asked = row[2].split("\n")[0].endswith("?")
            assert asked == (at in table.questions) == row[3].startswith("Open"), row


def test_claims_are_assessed_by_name(case: Dossier, tmp_path: Path) -> None:
    shipped = sorted(read_claims())[0]
    legal = write(tmp_path / "legal", claim(shipped), other())
    assessed = assess_named(f"eu-sample,{shipped}", case, DAY, legal)
    assert [(one.claim.claim, one.own) for one in assessed] == [("eu-sample", True), (shipped, True)]
    assert [one.own for one in assess_named(shipped, case, DAY)] == [False]
    with pytest.raises(Error, match="eu-sample"):
        assess_named("eu-sample", case, DAY)


def test_as_plain_data(case: Dossier) -> None:
    plain = json.loads(json.dumps(to_plain(assess(record(claim()), case, DAY, own=True))))
    assert plain["own"] is True
    assert plain["past_review"] == ["identity"]
    use = plain["elements"][2]
    assert (use["exhibits"], use["exploratory"], use["tested_not_shown"]) == ([3], [], [5])
    assert plain["elements"][1]["exploratory"] == [1]
    assert plain["elements"][3]["question"] == "Who shows weights?"
    assert plain["elements"][5]["statements"][0]["by"] == "Ann Example, head of trust and safety"
    assert plain["elements"][9]["unstated"] == ["damage"]
