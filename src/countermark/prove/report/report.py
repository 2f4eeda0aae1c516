"""`compose`: a dossier as the report of the case. Read this first.

summary      one page for a judge
findings     each result with its class, what is claimed, controls, other explanations
method       what was done, error rates, Rule 702 factor by factor
limits, statements, custody, claims, terms, damages
questions    everything that is missing, in one list
exhibits     with digests
appendices   every run, the verification, the computed values
"""

from collections.abc import Sequence
from dataclasses import dataclass

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.package.case import created_at
from countermark.prove.report.appendices import (
    annex_section,
    exhibits_section,
    runs_section,
    verification_section,
)
from countermark.prove.report.explanations import explanations_of
from countermark.prove.report.limits import limits_section
from countermark.prove.report.marks import attribution_section, scan_section
from countermark.prove.report.method import method_section
from countermark.prove.report.networks import networks_section
from countermark.prove.report.people import custody_section, statements_section
from countermark.prove.report.pictures import timeline_picture
from countermark.prove.report.questions import Question, questions_in, questions_section
from countermark.prove.report.reliability import reliability_section
from countermark.prove.report.results import Result, results_of
from countermark.prove.report.summary import WORKING_MARK, summary
from countermark.prove.report.words import capital, moment, short
from countermark.prove.typeset.document import Document, Paragraph, Section, Table

PARTIES = ("claimant", "defendant", "court", "case-number", "counsel", "expert")
"""In the order of the first page; others follow."""
EXPLAINED = (
    "Nothing in this report is proof by itself. The explanations below lead to the same results, and no"
    " test here tells them apart. Each stands beside its result, too."
)


@dataclass(frozen=True)
class Report:
    """The report of a case."""

    document: Document
    questions: tuple[Question, ...]
    """Everything that is open, in the order of the report."""


def compose(
    dossier: Dossier,
    *,
    claims: Sequence[Section] = (),
    terms: Sequence[Section] = (),
    damages: Sequence[Section] = (),
) -> Report:
    """The report: the same dossier and sections give the same document. What nobody asked for is said to be
    left out."""
    results = results_of(dossier)
    body = _body(dossier, results, claims, terms, damages)
    questions = questions_in(body)
    left_out = [
        text
        for text, sections in (
            ("No claim was assessed.", claims),
            ("No finding was held against the terms in force.", terms),
            ("No damages were reckoned.", damages),
        )
        if not sections
    ]
    front = summary(dossier, results, len(questions), left_out)
    sections = (
        front,
        *body,
        questions_section(questions),
        exhibits_section(dossier),
        runs_section(dossier),
        verification_section(dossier),
        annex_section(dossier, results),
    )
    document = Document(
        title=f"Report on case {dossier.case.case_id}",
        subtitle="What was examined, what it shows, how sure that is, and what is still open",
        dated=created_at(dossier.case),
        mark="" if dossier.sealed else WORKING_MARK,
        facts=_facts(dossier),
        sections=sections,
    )
    return Report(document, tuple(questions))


def _body(
    dossier: Dossier,
    results: Sequence[Result],
    claims: Sequence[Section],
    terms: Sequence[Section],
    damages: Sequence[Section],
) -> list[Section]:
    """Everything between the first page and the open questions."""
    body = [
        Section(
            "Findings",
            (*timeline_picture(dossier), *(_finding(one, dossier) for one in results)),
            new_page=True,
        ),
        Section(
            "Method and error rates",
            (*method_section(dossier, results), reliability_section(dossier, results)),
        ),
        _explanations(results),
        limits_section(dossier, results),
        statements_section(dossier),
        custody_section(dossier),
    ]
    if claims:
        body.append(Section("Claims, element by element", tuple(claims)))
    return [*body, *terms, *damages]


def _finding(result: Result, dossier: Dossier) -> Section:
    if result.attribution is not None:
        return attribution_section(result, dossier, result.attribution)
    return scan_section(result, dossier) if result.kind == "scan" else networks_section(result, dossier)


def _explanations(results: Sequence[Result]) -> Section:
    rows = [
        (str(one.exhibit.number), capital(one.subject), "\n".join(map(capital, explanations_of(one))))
        for one in results
        if one.exhibit
    ]
    table = Table(
        columns=("Exhibit", "Result", "What else leads to the same"),
        rows=tuple(rows),
        caption="Other explanations of each result.",
        widths=(0.1, 0.25, 0.65),
    )
    return Section("Other explanations", (Paragraph(text=EXPLAINED), table))


def _facts(dossier: Dossier) -> tuple[tuple[str, str], ...]:
    case, verification = dossier.case, dossier.verification
    order = {name: at for at, name in enumerate(PARTIES)}
    named = sorted(dossier.parties.items(), key=lambda one: (order.get(one[0], len(order)), one[0]))
    parties = [(capital(name.replace("-", " ")), short(who)) for name, who in named]
    signers = ", ".join(verification.signers) if verification.signers and dossier.sealed else "not checked"
    stamps = (
        ", ".join(map(moment, verification.timestamps))
        if verification.timestamps
        else "none that was checked"
    )
    sealed = [
        ("Sealed", f"{moment(case.created)}, by the sealer's own clock"),
        ("Signed by", signers),
        ("Timestamps", stamps),
        ("Package", f"SHA-256 {dossier.package_sha256}"),
    ]
    made = [("State of", f"{moment(case.created)}, the last change of the case folder")]
    return (("Case", case.case_id), *parties, *(sealed if dossier.sealed else made))
