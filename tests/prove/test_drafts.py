"""Drafts for counsel: what the case does not say is a question, and no number or name stands in its place."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import pytest
from claim_samples import claim, record
from dossier_parts import TERMS_ENTRY
from dossier_samples import PARTS, dossier

from countermark.prove.claims.assess import Assessed, assess
from countermark.prove.claims.read import read_claims
from countermark.prove.clauses.outcome import apply_terms
from countermark.prove.clauses.policy import Clause, Policies, Policy
from countermark.prove.dossier.dossier import Dossier
from countermark.prove.drafts.exhibit_list import NOT_SHOWN
from countermark.prove.drafts.form import MARK, OPEN, open_questions
from countermark.prove.drafts.kinds import DRAFTS, fill
from countermark.prove.drafts.plain import to_plain
from countermark.prove.typeset.document import Document, Paragraph, Section, Table

DAY = date(2026, 7, 15)
KINDS = sorted(DRAFTS)
FORBIDDEN = re.compile(r"\b(copied|stolen|trained on|derived)\b|probability that|\bproved?\b|\bproof\b", re.I)
RULES = "28 37 555 702 707 803 901 902 1746 2008 2017 2025 2026 256"
LAW = {str(at) for at in range(1, 15)} | {"20"} | set(RULES.split())
"""Numbers that stand in the templates: rows, rules, a case's citation, the day a form was written."""


def claims(case: Dossier) -> tuple[Assessed, ...]:
    return (assess(record(claim()), case, DAY),)


def bare(folder: Path) -> Dossier:
    """A case of which nothing is known but its id."""
    return dossier(folder, without=PARTS)


def blocks(document: Document) -> Iterator[object]:
    def walk(section: Section) -> Iterator[object]:
        for block in section.blocks:
            if isinstance(block, Section):
                yield from walk(block)
            else:
                yield block

    for section in document.sections:
        yield from walk(section)


def texts(document: Document) -> str:
    return json.dumps(to_plain(document), ensure_ascii=False)


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+", re.sub(r"\b[0-9a-f]{16,64}\b", "", text)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sealed", [True, False])
def test_the_mark_is_on_every_page_and_the_first_paragraph_says_what_it_is(
    kind: str, sealed: bool, tmp_path: Path
) -> None:
    document = DRAFTS[kind](dossier(tmp_path, sealed=sealed), ())
    assert document.mark == (MARK if sealed else f"{MARK}. Working paper: not sealed")
    first = next(iter(blocks(document)))
    assert isinstance(first, Paragraph)
    assert first.lead == "Draft for counsel."
    assert first.text.startswith("Counsel has to check this draft")


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_trust_file_it_says_what_was_not_checked(kind: str, tmp_path: Path) -> None:
    unchecked = "Signers, log and times of the package were not checked"
    assert unchecked in texts(DRAFTS[kind](dossier(tmp_path, trust=False), ()))
    assert unchecked not in texts(DRAFTS[kind](dossier(tmp_path), ()))


@pytest.mark.parametrize("kind", KINDS)
def test_no_forbidden_word(kind: str, tmp_path: Path) -> None:
    for case in (dossier(tmp_path), bare(tmp_path)):
        assessed = [assess(one, case, DAY) for one in read_claims().values()]
        assert FORBIDDEN.findall(texts(DRAFTS[kind](case, assessed))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_is_known_no_number_stands_but_those_of_the_law(kind: str, tmp_path: Path) -> None:
    case = bare(tmp_path)
    document = replace(DRAFTS[kind](case, ()), dated=case_day(case), facts=())
    text = texts(document).replace("2026-07-01T12:00:00Z", "")
    said = "".join(f"{step.number} {step.detail}" for step in case.verification.steps)
    said += "".join(f"{one.number} {one.name}" for one in case.exhibits) + str(case.case.software)
    said += str(case.findings["calibrated_to"])
    assert numbers(text) - numbers(said) <= LAW


def test_a_notice_counts_no_account_of_a_rejected_network(tmp_path: Path) -> None:
    case = dossier(tmp_path)
    case.findings["campaigns"][0]["disposition"] = "rejected"  # the harvest, which alone accepted
    (_, terms, *_) = DRAFTS["breach-notice"](case, ()).sections
    assert "Which record shows that these accounts accepted this version" in str(terms)


def case_day(case: Dossier) -> object:
    from countermark.prove.package.case import created_at

    return created_at(case.case)


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_is_that_of_the_case_or_the_law(kind: str, tmp_path: Path) -> None:
    case = dossier(tmp_path)
    known = str(case.findings) + str(case.scan) + str(case.capture) + str(case.custody) + str(case.exhibits)
    known += str(case.attributions) + str(case.terms) + str(case.statements) + str(case.verification)
    known += str(case.proficiency) + str(case.case) + " 52 40 000"
    known += "".join(f" {at}" for at in range(1, len(case.attributions) + 1))
    rates = {"4", "9", "95"}  # 0 of 60: at most 4.9% (95%)
    said = numbers(texts(DRAFTS[kind](case, claims(case))))
    assert said - numbers(known) - rates - LAW <= scan_counts(case)


def scan_counts(case: Dossier) -> set[str]:
    """`5,001` and the like, as they are printed."""
    assert case.scan is not None
    printed = (f"{case.scan[key]:,}" for key in ("documents", "family"))
    items = (f"{item.bytes:,}" for one in case.custody.acquisitions for item in one.items)
    return {part for text in (*printed, *items) for part in text.split(",")}


@pytest.mark.parametrize("kind", KINDS)
def test_where_no_party_is_named_no_name_stands(kind: str, tmp_path: Path) -> None:
    document = DRAFTS[kind](dossier(tmp_path, without=["parties", "statements"]), ())
    assert "Example AI" not in texts(document)
    assert "Example Labs" not in texts(document)
    opened = [value for _, value in document.facts if value.startswith(OPEN)]
    assert len(opened) >= 3
    assert all(value.endswith("?") for value in opened)


GAPS = [
    ("preservation-letter", "networks", "Which accounts is this about?"),
    ("preservation-letter", "networks", "From which day on has this to be kept?"),
    ("preservation-letter", "parties", "Who gets this letter: name and address?"),
    ("preservation-letter", "statements", "Who states what links the accounts to the recipient, and what"),
    ("preservation-letter", "hold", "Does the claimant keep its own records, and since when?"),
    ("breach-notice", "terms", "Which terms were in force on the days of the conduct"),
    ("breach-notice", "acceptances", "Which record shows that these accounts accepted"),
    ("breach-notice", "members", "Which record shows that these accounts accepted"),
    ("breach-notice", "statements", "Who states whose accounts these are, and what shows it?"),
    ("breach-notice", "parties", "Who is the party in breach: name and address?"),
    ("certificate-902", "custody", "Which records were kept in the ordinary course of business?"),
    ("certificate-902", "custody", "Which data were taken from a device, medium or file"),
    ("exhibit-list", "parties", "Who is the defendant?"),
]


@pytest.mark.parametrize(("kind", "part", "question"), GAPS)
def test_a_gap_is_a_question(kind: str, part: str, question: str, tmp_path: Path) -> None:
    def asked(case: Dossier) -> bool:
        return any(question in one for one in open_questions(DRAFTS[kind](case, ())))

    assert asked(dossier(tmp_path, without=[part]))
    assert not asked(dossier(tmp_path))


@pytest.mark.parametrize("kind", KINDS)
def test_every_open_question_is_one(kind: str, tmp_path: Path) -> None:
    case = bare(tmp_path)
    questions = open_questions(DRAFTS[kind](case, claims(case)))
    assert len(questions) > 6
    assert len(set(questions)) == len(questions)
    assert all("?" in one for one in questions)


def table(document: Document, *columns: str) -> Table:
    tables = (one for one in blocks(document) if isinstance(one, Table))
    return next(one for one in tables if one.columns[: len(columns)] == columns)


def test_the_exhibit_list_names_the_element_that_each_exhibit_supports(tmp_path: Path) -> None:
    case = dossier(tmp_path)
    rows = table(DRAFTS["exhibit-list"](case, claims(case)), "No.", "Exhibit", "Offered for").rows
    offered = {int(row[0]): row[2] for row in rows}
    assert len(rows) == len(case.exhibits)
    for exhibit in case.exhibits:
        wanted = [
            one.element.title
            for one in claims(case)[0].elements
            if (
                exhibit.kind in one.element.exhibits
                and exhibit.outcome != "not shown"
                and exhibit.kind != "statement"
            )
            or (exhibit.kind == "statement" and exhibit.fact in one.element.facts)
        ]
        if exhibit.outcome == "not shown":
            assert offered[exhibit.number] == NOT_SHOWN
        elif wanted:
            assert offered[exhibit.number] == f"A: {'; '.join(wanted)}"
        else:
            starts = "It bears on no element" if exhibit.kind == "corpus-marks" else "Foundation: "
            assert offered[exhibit.number].startswith(starts), exhibit


def test_the_exhibit_list_has_every_digest_and_what_no_seal_covers(tmp_path: Path) -> None:
    case = dossier(tmp_path)
    document = DRAFTS["exhibit-list"](case, claims(case))
    digests = table(document, "No.", "Name", "SHA-256").rows
    assert [row[2] for row in digests] == [one.sha256 for one in case.exhibits]
    sealed = [row[4] == "yes" for row in table(document, "No.", "Exhibit").rows]
    assert sealed == [one.sealed for one in case.exhibits]


def test_elements_that_no_exhibit_supports_stand_in_the_exhibit_list(tmp_path: Path) -> None:
    case = dossier(tmp_path)
    document = DRAFTS["exhibit-list"](case, claims(case))
    rows = table(document, "Element", "What there is").rows
    open_ones = [one for one in claims(case)[0].elements if one.state != "supported"]
    assert [row[0] for row in rows] == [one.element.title for one in open_ones]
    asked = {
        f"{one.element.title}: {one.question}"
        for one in open_ones
        if one.question in ("Who shows weights?", "Who shows law?")
    }
    assert len(asked) == 2
    assert asked <= set(open_questions(document))


def test_a_preservation_letter_says_nothing_of_marks_and_keys(tmp_path: Path) -> None:
    case = dossier(tmp_path)
    text = texts(DRAFTS["preservation-letter"](case, claims(case)))
    assert case.scan is not None
    for secret in (case.scan["key_id"], "watermark", "canar", "Marks", "marks", "p <"):
        assert secret not in text
    assert "52 accounts in 2 networks" in text
    assert "2026-05-20 to 2026-06-14" in text


def test_a_letter_to_a_third_party_raises_no_claim(tmp_path: Path) -> None:
    case = dossier(tmp_path)
    third = replace(case, parties={**case.parties, "recipient": "Example Payments Inc."})
    document = DRAFTS["preservation-letter"](third, ())
    assert document.facts[0] == ("To", "Example Payments Inc.")
    assert "This letter raises no claim against you" in texts(document)
    assert "no claim against you" not in texts(DRAFTS["preservation-letter"](case, ()))


def test_a_notice_of_breach_prints_class_null_and_error_rate_of_each_finding(tmp_path: Path) -> None:
    document = DRAFTS["breach-notice"](dossier(tmp_path), ())
    leads = [one.lead for one in blocks(document) if isinstance(one, Paragraph) and one.lead]
    found = [one.replace(", as the package says", "") for one in leads if "(exhibit" in one]
    assert [one.split(" (exhibit")[0] for one in found] == [
        "Exploratory: account networks in the access log",
        "Exploratory: marks of our keys in a corpus",
        "Confirmatory: marks of our keys in a text",
    ]
    text = texts(document)
    assert "Not independent of key 5a0c1d7e9b3f4826" in text
    assert "less than 1 time in 10,000" in text
    assert text.count("The hypothesis that was rejected:") == 3
    assert text.count("in blind trials: not measured.") == 2
    assert "in blind trials: 0 of 60: at most 4.9% (95%)." in text
    assert "forgery: somebody who holds the key marked the text" in text
    assert "e-" not in re.sub(r"[a-z]e-[a-z]", "", text)  # no computed figure below what is calibrated


def test_of_many_networks_the_null_of_the_largest_stands(tmp_path: Path) -> None:
    case = dossier(tmp_path)
    campaigns = [one | {"null": f"{one['size']} are a random sample"} for one in case.findings["campaigns"]]
    changed = replace(case, findings={**case.findings, "campaigns": campaigns})
    text = texts(DRAFTS["breach-notice"](changed, ()))
    assert "40 are a random sample (of the largest; the exhibit has it of each)" in text
    assert "12 are a random sample" not in text


def test_a_notice_counts_the_accounts_with_a_record(tmp_path: Path) -> None:
    rows = table(DRAFTS["breach-notice"](dossier(tmp_path), ()), "Terms", "In force").rows
    assert [row[3] for row in rows] == ["40; the networks have 52 accounts in 2 networks"]


@pytest.mark.parametrize(("day", "counted"), [("2026-06-14", 40), ("2026-06-15", 39)])
def test_who_accepted_after_the_conduct_is_not_counted(day: str, counted: int, tmp_path: Path) -> None:
    case = dossier(tmp_path)
    assert case.acceptances is not None
    first, *rest = case.acceptances.read_text().splitlines(keepends=True)
    later = json.dumps(json.loads(first) | {"accepted": f"{day}T00:00:00Z"})
    case.acceptances.write_text("".join([later, "\n", *rest]))
    rows = table(DRAFTS["breach-notice"](case, ()), "Terms", "In force").rows
    assert rows[0][3].startswith(f"{counted}; ")


def test_a_notice_prints_the_clauses_in_force(tmp_path: Path) -> None:
    case = dossier(tmp_path)
    applied = apply_terms(case, Policies({POLICY.key: POLICY}, {}))
    document = fill("breach-notice", case, (), applied)
    assert "Words of a sample clause." in texts(document)
    assert "On which of the clauses in force does the claimant rely?" in open_questions(document)
    assert not any("Which clauses of these terms" in one for one in open_questions(document))
    assert "sample clause" not in texts(fill("exhibit-list", case, (), applied))
    silent = dossier(tmp_path, without=["acceptances"])
    document = fill("breach-notice", silent, (), apply_terms(silent, Policies({POLICY.key: POLICY}, {})))
    assert any("Which record shows" in one for one in open_questions(document))


POLICY = Policy(
    schema="countermark/policy/v1",
    id="usage-policy",
    version="2026-03",
    title="Usage policy",
    provider="Example AI Inc.",
    effective="2026-03-01",
    text_sha256=TERMS_ENTRY.sha256,
    read="2026-06-01",
    by="Ada Example, counsel",
    clauses=[
        Clause(
            id="one-account",
            title="One account",
            where="section 1",
            quote="Words of a sample clause.",
            forbids=["multiple-accounts", "model-training"],
        )
    ],
)


def test_terms_that_ended_before_the_conduct_did_not_apply(tmp_path: Path) -> None:
    case = dossier(tmp_path)
    (entry,) = case.terms
    for change, applies in (
        ({"ended": "2026-05-19"}, False),
        ({"ended": "2026-05-20"}, True),
        ({"effective": "2026-06-14"}, True),
        ({"effective": "2026-06-15"}, False),
        ({"effective": None}, False),
    ):
        changed = replace(case, terms=[msgspec.structs.replace(entry, **change)])
        questions = open_questions(DRAFTS["breach-notice"](changed, ()))
        assert any("Which terms were in force" in one for one in questions) != applies, change


def test_the_certificate_keeps_apart_what_was_routine(tmp_path: Path) -> None:
    document = DRAFTS["certificate-902"](dossier(tmp_path), ())
    assert [row[0] for row in table(document, "No.", "Records").rows] == ["acq-1"]
    assert "since made for this case or not shown as routine: acq-2." in texts(document)
    items = table(document, "Acquisition", "Item").rows
    assert [row[1] for row in items] == ["gateway.jsonl", "answers.jsonl"]


def test_the_certificate_has_both_forms_of_the_statute(tmp_path: Path) -> None:
    text = texts(DRAFTS["certificate-902"](dossier(tmp_path), ()))
    end = "that the foregoing is true and correct. Executed on (date).”"
    assert f"“I declare under penalty of perjury {end}" in text
    assert f"“I declare under penalty of perjury under the laws of the United States of America {end}" in text
    assert "reasonable written notice" in text
    for rule in ("902(11)", "902(12)", "902(13)", "902(14)", "803(6)", "28 U.S.C. § 1746"):
        assert rule in text


def test_a_long_list_of_items_is_cut_and_says_where_the_rest_stands(tmp_path: Path) -> None:
    case = dossier(tmp_path)
    first, *rest = case.custody.acquisitions
    many = msgspec.structs.replace(first, items=[first.items[0]] * 300)
    custody = msgspec.structs.replace(case.custody, acquisitions=[many, *rest])
    document = DRAFTS["certificate-902"](replace(case, custody=custody), ())
    assert len(table(document, "Acquisition", "Item").rows) == 200
    assert "101 further items stand with their digests in exhibit 13." in texts(document)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_redaction_took_out_is_no_failure_and_no_number(kind: str, tmp_path: Path) -> None:
    case = dossier(tmp_path)
    campaigns = [dict.fromkeys(one) for one in case.findings["campaigns"]]
    nulls = {"fdr": None, "calibrated_to": None, "kind_error_rates": None}
    scan = dict.fromkeys(case.scan or {}) | {"pooled": [{"passes": True}]}
    taken = replace(case, findings={**case.findings, **nulls, "campaigns": campaigns}, scan=scan)
    text = texts(DRAFTS[kind](taken, claims(taken)))
    assert re.findall(r"\b\d+ accounts", text) == []
    assert "None" not in text.replace("None of the claims", "").replace("None was named", "")
