"""Federal Rule of Evidence 702 and the factors of Daubert, one by one: what this case has for each.

Sources: Fed. R. Evid. 702 as amended effective 1 December 2023, with the committee note of 2023; Daubert v.
Merrell Dow Pharmaceuticals, Inc., 509 U.S. 579 (1993); Kumho Tire Co. v. Carmichael, 526 U.S. 137 (1999).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.proficiency import NOT_MEASURED
from countermark.prove.report.results import Result
from countermark.prove.report.words import counted, exhibits
from countermark.prove.typeset.document import Block, Paragraph, Section, Table

SOURCES = (
    "Fed. R. Evid. 702 as amended effective 1 December 2023; Daubert v. Merrell Dow Pharmaceuticals,"
    " Inc., 509 U.S. 579 (1993); Kumho Tire Co. v. Carmichael, 526 U.S. 137 (1999). The proponent has to"
    " demonstrate to the court that it is more likely than not that the rule is satisfied; the factors"
    " of Daubert are a flexible list. Whether any is met is for the court."
)
NOBODY = "nobody recorded how the evidence was taken"
PRESENT, PART, ABSENT = "present", "in part", "not met"


@dataclass(frozen=True)
class Factor:
    """One factor in this case."""

    name: str
    asks: str
    has: str
    """What the case has for it."""
    standing: str
    """PRESENT, PART or ABSENT."""
    question: str = ""
    """Asked unless it is present; empty where another section asks."""


def reliability_section(dossier: Dossier, results: Sequence[Result]) -> Section:
    """All factors, with a question for each that is not there."""
    factors = factors_of(dossier, results)
    rows = tuple((one.name, one.asks, one.has, one.standing) for one in factors)
    table = Table(
        columns=("Factor", "What it asks", "What this case has", "Standing"),
        rows=rows,
        caption="“In part” and “not met” are said as this report sees it.",
        widths=(0.17, 0.25, 0.44, 0.14),
    )
    questions: list[Block] = [
        Paragraph(text=one.question, style="question")
        for one in factors
        if one.question and one.standing != PRESENT
    ]
    return Section("Rule 702, factor by factor", (Paragraph(text=SOURCES, style="note"), table, *questions))


def factors_of(dossier: Dossier, results: Sequence[Result]) -> list[Factor]:
    """Rule 702 (a) to (d) and the five factors of Daubert, in order."""
    return [
        _helps(dossier),
        _facts_or_data(dossier),
        _principles(),
        _application(results),
        _tested(results),
        _reviewed(),
        _error_rate(dossier, results),
        _standards(dossier),
        _accepted(),
    ]


def _helps(dossier: Dossier) -> Factor:
    expert = dossier.parties.get("expert", "")
    return Factor(
        "702(a): a qualified expert who helps",
        "A witness qualified by knowledge, skill, experience, training or education, whose knowledge helps to"
        " understand the evidence",
        f"Named as expert: {expert}." if expert else "No expert is named. A program is no witness.",
        PART if expert else ABSENT,
        "What qualifies the expert, in this method?"
        if expert
        else "Who is the expert that answers for this method?",
    )


def _facts_or_data(dossier: Dossier) -> Factor:
    counts = dossier.capture.get("counts") or {}
    records = counts.get("records")
    quarantined = counts.get("quarantined")
    acquired = len(dossier.custody.acquisitions)
    has = f"{records:,} log records" if isinstance(records, int) else "The log's size is not shown"
    has += f", {quarantined:,} of them unreadable and kept apart" if isinstance(quarantined, int) else ""
    said = f"{counted(acquired, 'acquisition')} with person, time and digests" if acquired else NOBODY
    has += f"; {said}."
    return Factor(
        "702(b): sufficient facts or data",
        "Testimony based on sufficient facts or data",
        has,
        PRESENT if acquired and dossier.sealed else PART,
        "Who took the evidence, from where, how and when, and when is it sealed?",
    )


def _principles() -> Factor:
    return Factor(
        "702(c): reliable principles and methods",
        "The product of reliable principles and methods",
        "Each p-value states its null, and its law is exact or a proven bound. Each test ships a"
        " calibration, and nothing is claimed below it. Data that found something do not confirm it.",
        PART,
        "Which independent person or body has validated the method for data like these?",
    )


def _application(results: Sequence[Result]) -> Factor:
    confirmed = [one for one in results if one.result_class == "confirmatory"]
    outside = [one for one in results if one.attribution and one.attribution.not_validated]
    has = f"{len(confirmed)} of {counted(len(results), 'result')} followed a plan fixed before the data."
    if outside:
        numbers = exhibits(one.exhibit.number for one in outside if one.exhibit)
        has += f" Outside the range where the test was measured: {numbers}."
    good = bool(results) and len(confirmed) == len(results) and not outside
    return Factor(
        "702(d): reliable application",
        "An opinion that reflects a reliable application of the principles and methods to the facts of"
        " the case",
        has,
        PRESENT if good else PART if confirmed else ABSENT,
        "Who beside the examiner has checked how the method was applied here?",
    )


def _tested(results: Sequence[Result]) -> Factor:
    panels = [one for one in results if one.attribution and one.attribution.controls]
    return Factor(
        "Daubert: tested",
        "Whether the technique can be, and has been, tested",
        "Two programs that were written apart check the package, and computations can be run again where"
        f" their inputs are at hand. {counted(len(panels), 'result')} of this case"
        f" {'has' if len(panels) == 1 else 'have'} negative controls.",
        PRESENT if panels else PART,
    )


def _reviewed() -> Factor:
    return Factor(
        "Daubert: peer review and publication",
        "Whether it has been subjected to peer review and publication",
        "The schemes of marking and the laws of the tests come from published work, named in the"
        " documentation. This implementation, and its use in a case, have not been reviewed outside the"
        " project.",
        PART,
        "Who outside the project and its users has reviewed this implementation, and where was that"
        " published?",
    )


def _error_rate(dossier: Dossier, results: Sequence[Result]) -> Factor:
    kinds = list(dict.fromkeys(one.kind for one in results))
    measured = [kind for kind in kinds if dossier.proficiency and dossier.proficiency.of(kind)]
    rest = [kind for kind in kinds if kind not in measured]
    has = "The error rate of each formula is its level. That of the procedure, in blind trials: "
    has += f"measured for {', '.join(measured)}; " if measured else ""
    has += f"{NOT_MEASURED} for {', '.join(rest)}." if rest else "nothing is left unmeasured."
    return Factor(
        "Daubert: known or potential rate of error",
        "What the known or potential rate of error is",
        has,
        PRESENT if measured and not rest else PART if measured else ABSENT,
    )


def _standards(dossier: Dossier) -> Factor:
    plans, log = len(dossier.plans), dossier.case.log is not None
    has = counted(plans, "analysis plan") if plans else "no analysis plan"
    has += "; a public log of every run" if log else "; no log of runs"
    has += "; a written specification of package, log and tests, with test vectors. No standards body has"
    has += " adopted it."
    return Factor(
        "Daubert: standards that control its operation",
        "Whether standards exist and are maintained",
        has,
        PART if plans or log else ABSENT,
        "Which standard outside the project controls how the examination is done?",
    )


def _accepted() -> Factor:
    return Factor(
        "Daubert: general acceptance",
        "Whether it is generally accepted in the relevant scientific community",
        "Not shown. Marks in text and the comparison of models are young fields; no community has yet"
        " generally accepted such examinations in court.",
        ABSENT,
        "What shows that the relevant scientific community accepts this method?",
    )
