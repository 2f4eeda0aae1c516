"""The legal rows that ship: source, date and status in each, and none of the forgotten ones missing."""

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from countermark.prove.claims import rows as rows_module
from countermark.prove.claims.rows import Claim, CounterArgument, Element, Remedy
from countermark.prove.dossier.dossier import EXHIBIT_KINDS
from countermark.records import strict_yaml

LEGAL = Path(rows_module.__file__).parent / "legal"
PAGE = (Path(__file__).parent.parent.parent / "docs" / "claims.md").read_text(encoding="utf-8")
CLAIMS = {path.stem: path.read_bytes() for path in sorted(LEGAL.glob("*.yaml"))}
EVERYWHERE = {
    "defendant-identity",
    "account-to-trainer",
    "damage-beyond-price",
    "enforceable-where",
    "outputs-assigned",
    "reverse-engineering",
}
# copyright asks for no promise of this account
FORGOTTEN = {
    "us-contract": EVERYWHERE | {"assent", "pre-emption"},
    "us-cfaa": EVERYWHERE | {"assent", "pre-emption"},
    "us-dtsa": EVERYWHERE | {"pre-emption"},
    "us-copyright": EVERYWHERE | {"pre-emption"},
    "eu-trade-secret": EVERYWHERE | {"assent"},
    "uk-trade-secret": EVERYWHERE | {"assent"},
    "uk-contract": EVERYWHERE | {"assent"},
    "cn-aucl": EVERYWHERE | {"assent"},
    "sg-confidence": EVERYWHERE | {"assent"},
    "jp-ucpa": EVERYWHERE | {"assent"},
    "kr-ucpa": EVERYWHERE | {"assent"},
}
SUSPECT = {"corpus-marks", "text-marks", "answer-marks", "canaries", "lineage", "identity"}
"""Exhibits over a text, corpus or model of somebody."""
FORBIDDEN = re.compile(r"\b(copied|stolen|trained on|derived)\b", re.IGNORECASE)
"""The words of DESIGN.md that stand in no output."""


def read(name: str) -> Claim:
    return strict_yaml.parse(CLAIMS[name], Claim, f"{name}.yaml", "docs/claims.md")


def rows_of(claim: Claim) -> list[Element | Remedy | CounterArgument]:
    return [*claim.elements, *claim.remedies, *claim.counter_arguments]


def day(text: str) -> date:
    return date.fromisoformat(text)


def test_each_jurisdiction_has_its_claims() -> None:
    assert set(CLAIMS) == set(FORGOTTEN)


@pytest.mark.parametrize("name", CLAIMS)
def test_every_row_has_a_source_a_date_and_a_status(name: str) -> None:
    claim = read(name)
    assert claim.claim == name
    for row in rows_of(claim):
        assert row.sources, row.id
        assert row.status in {"law", "proposal", "disputed"}
        for source in row.sources:
            assert day(source.dated) <= day(claim.reviewed), (row.id, source.cite)
            assert source.read in {"text", "summary"}


@pytest.mark.parametrize("name", CLAIMS)
def test_an_id_stands_once_in_a_claim(name: str) -> None:
    counted = Counter(row.id for row in rows_of(read(name)))
    assert not [one for one, times in counted.items() if times > 1]


@pytest.mark.parametrize("name", CLAIMS)
def test_the_rows_that_are_easily_forgotten_are_there(name: str) -> None:
    marked = {one.id for one in read(name).elements if one.easily_forgotten}
    assert marked == FORGOTTEN[name]


@pytest.mark.parametrize("name", CLAIMS)
def test_no_exhibit_alone_fills_a_row_that_is_easily_forgotten(name: str) -> None:
    """Who stands behind an account, or what was lost, is for a person to state."""
    assert all(one.facts for one in read(name).elements if one.easily_forgotten)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_test_of_a_suspect_needs_somebody_who_says_whose_it_is(name: str) -> None:
    resting = [one for one in read(name).elements if SUSPECT.intersection(one.exhibits)]
    assert all("suspect-is-defendants" in one.facts for one in resting)
    assert len(resting) >= (name != "us-cfaa")


@pytest.mark.parametrize("name", CLAIMS)
def test_elements_name_exhibits_that_there_are_and_ask_where_nothing_is_there(name: str) -> None:
    for element in read(name).elements:
        assert set(element.exhibits) <= set(EXHIBIT_KINDS), element.id
        assert element.exhibits or element.facts, f"{element.id} could never be answered"
        assert element.question.endswith("?"), element.id


@pytest.mark.parametrize("name", CLAIMS)
def test_a_review_is_due_after_it_was_made_and_within_six_months(name: str) -> None:
    claim = read(name)
    for row in rows_of(claim):
        reviewed, due = day(row.reviewed or claim.reviewed), day(row.due or claim.due)
        assert 0 < (due - reviewed).days <= 184, row.id
    assert "not reviewed by counsel" in claim.reviewed_by


@pytest.mark.parametrize("name", CLAIMS)
def test_a_source_that_is_known_from_others_says_from_whom(name: str) -> None:
    telling = re.compile(
        r"\b(as (reported|quoted|summarised|described|reproduced|carried over|set out)|reported by|"
        r"practice page|guest post|expert guide|headnote read|law review on|IP Law on|JunHe on|summary|"
        r"Mondaq|contents)\b",
        re.IGNORECASE,
    )
    for row in rows_of(read(name)):
        for source in row.sources:
            assert source.read == "text" or telling.search(source.cite), source.cite


@pytest.mark.parametrize("name", CLAIMS)
def test_the_forbidden_words_stand_in_no_row(name: str) -> None:
    assert not FORBIDDEN.findall(CLAIMS[name].decode())


@pytest.mark.parametrize("name", CLAIMS)
def test_rows_can_be_set_in_a_font_without_other_scripts(name: str) -> None:
    """A report embeds one family of Latin letters; an address in another script is percent-encoded."""
    assert set(re.findall(r"[^\x20-\x7e\n]", CLAIMS[name].decode())) <= {"§"}


def test_the_page_agrees_with_the_rows() -> None:
    lines = [line for line in PAGE.splitlines() if re.match(r"\| `[a-z-]+` \| [A-Z]", line)]
    said = {line.split("`")[1]: [cell.strip() for cell in line.split("|")[2:-1]] for line in lines}
    shipped = {}
    for name in CLAIMS:
        claim = read(name)
        count = str(len(rows_of(claim)))
        shipped[name] = [
            claim.jurisdiction, claim.title, claim.status, count, claim.reviewed, claim.due
        ]  # fmt: skip
    assert said == shipped


def test_the_page_lists_every_fact_and_no_other() -> None:
    listed = PAGE.split("## Facts that a person states")[1].split("## ")[0]
    used = {fact for name in CLAIMS for element in read(name).elements for fact in element.facts}
    assert set(re.findall(r"^\| `([a-z-]+)` \|", listed, re.MULTILINE)) == used


def test_the_page_holds_no_forbidden_word() -> None:
    assert not FORBIDDEN.findall(PAGE)
