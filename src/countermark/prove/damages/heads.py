"""The heads of loss and the ways to add them: written once, for the code and for the workbook's formulas.

Rounding, in both: every product is rounded to the hundredth of the currency, half up, when it is formed.
Sums of such amounts need none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Term:
    """One or two inputs, multiplied."""

    factors: tuple[str, ...]
    deducted: bool = False
    """Taken off; its high figure then belongs to the head's low one."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """One head of loss: a sum of terms, of which a share may count."""

    name: str
    title: str
    terms: tuple[Term, ...]
    share: str = ""
    """Input in percent that the sum is multiplied by."""
    note: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of its inputs, in order."""
        share = (self.share,) if self.share else ()
        return tuple(name for term in self.terms for name in term.factors) + share


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A way to reckon the damage: heads that may be added. Two measures are alternatives, never added."""

    name: str
    title: str
    kind: Literal["own loss", "gain of the defendant", "licence fee", "computer-fraud loss"]
    heads: tuple[str, ...]
    law: str
    """What allows it and what stands against it, with the source."""


_PAID = Term(("amounts-paid",), deducted=True)
_HEADS = (
    Head(
        name="served-at-cost",
        title="Tokens served, at cost, less what was paid",
        terms=(
            Term(("input-tokens", "cost-per-million-input")),
            Term(("output-tokens", "cost-per-million-output")),
            _PAID,
        ),
        note="Below zero where more was paid than the service cost: then nothing was lost beyond the price.",
    ),
    Head(
        name="served-at-list",
        title="Tokens served, at list price, less what was paid",
        terms=(
            Term(("input-tokens", "list-price-per-million-input")),
            Term(("output-tokens", "list-price-per-million-output")),
            _PAID,
        ),
        note="Zero where the accounts paid the list price: the conduct then has to show in another head.",
    ),
    Head(
        name="lost-sales",
        title="Profit on sales lost",
        terms=(Term(("lost-sales",)),),
        share="lost-sales-margin",
        note="Revenue less the costs that were saved; each sale with the reason why it was lost.",
    ),
    Head(
        name="remediation-technical",
        title="Remediation, technical",
        terms=(Term(("technical-hours", "technical-rate")), Term(("technical-other-cost",))),
        note="Closing accounts, repairing and securing the service. Improvements beyond that do not count.",
    ),
    Head(
        name="remediation-investigative",
        title="Remediation, investigative",
        terms=(Term(("investigative-hours", "investigative-rate")), Term(("investigative-other-cost",))),
        note="Finding out who, how and how much. Costs of the lawsuit are no part of it.",
    ),
    Head(
        name="avoided-development",
        title="Research and development that the defendant avoided",
        terms=(Term(("avoided-person-months", "person-month-cost")), Term(("avoided-compute-cost",))),
        share="attributable-share",
        note="Facts about the defendant, which disclosure or an expert has to give.",
    ),
    Head(
        name="avoided-labelling",
        title="Labelling that the defendant avoided",
        terms=(Term(("avoided-labelled-items", "labelling-price")),),
        share="attributable-share",
        note="What people would have been paid for the answers that the service gave.",
    ),
    Head(
        name="licence-fee",
        title="Licence fee",
        terms=(Term(("licence-base",)),),
        share="licence-rate",
        note="What willing parties would have agreed upon; a comparable licence has to show it.",
    ),
)
HEADS: Mapping[str, Head] = {head.name: head for head in _HEADS}

MEASURES = (
    Measure(
        name="own-loss-at-cost",
        title="Own loss, the service at its cost",
        kind="own loss",
        heads=("served-at-cost", "lost-sales", "remediation-technical"),
        law="Actual loss: 18 U.S.C. § 1836(b)(3)(B)(i)(I); 17 U.S.C. § 504(b); Directive (EU) 2016/943, "
        "art. 14(2); expectation or reliance under contract law. A sale to the accounts of the case must not "
        "stand among the sales lost.",
    ),
    Measure(
        name="own-loss-at-list",
        title="Own loss, the service at its list price",
        kind="own loss",
        heads=("served-at-list", "lost-sales", "remediation-technical"),
        law="As the measure before, with the price of the service in place of its cost: for a claim that "
        "what was taken had a price which was not paid.",
    ),
    Measure(
        name="gain",
        title="Gain of the defendant",
        kind="gain of the defendant",
        heads=("avoided-development", "avoided-labelling"),
        law="Unjust enrichment that is not addressed in computing actual loss: 18 U.S.C. § "
        "1836(b)(3)(B)(i)(II); profits: 17 U.S.C. § 504(b); unfair profits: Directive (EU) 2016/943, art. "
        "14(2). Avoided costs are disputed: not on top of lost profits where the secret kept its value "
        "(Syntel v. TriZetto, No. 21-1370, 2d Cir. 25 May 2023); see also Motorola v. Hytera, 108 F.4th 458 "
        "(7th Cir. 2024).",
    ),
    Measure(
        name="licence",
        title="Reasonable royalty",
        kind="licence fee",
        heads=("licence-fee",),
        law="In lieu of damages measured by any other method: 18 U.S.C. § 1836(b)(3)(B)(ii); alternatively a "
        "lump sum of at least the fee: Directive (EU) 2016/943, art. 14(2).",
    ),
    Measure(
        name="cfaa-loss",
        title="Loss under the CFAA, technical costs alone",
        kind="computer-fraud loss",
        heads=("remediation-technical",),
        law="18 U.S.C. § 1030(e)(11), (g): at least $5,000 in one year, economic damages only. The "
        "definitions focus on technological harms (Van Buren v. United States, 141 S. Ct. 1648, 1659-60 "
        "(2021)); courts that follow this closely count technical costs alone.",
    ),
    Measure(
        name="cfaa-loss-with-investigation",
        title="Loss under the CFAA, with investigative costs",
        kind="computer-fraud loss",
        heads=("remediation-technical", "remediation-investigative"),
        law="The wider reading: reasonable costs of responding to an offense count without technological "
        "harm (Moxie Pest Control v. Nielsen, No. 24-4076, 10th Cir. 21 January 2026). The courts of "
        "appeals differ.",
    ),
)
ALTERNATIVES = (
    "Heads within one measure are added. Measures are alternatives: no two of them are ever added here. "
    "Cost and list price value the same tokens. A royalty stands in lieu of every other measure. "
    "The gain of the defendant may stand beside the own loss only as far as the loss does not contain it "
    "already: that is for counsel to argue and for the court to decide. "
    "Loss under the CFAA is a threshold and a measure of its own; its technical costs stand in the own loss "
    "too."
)
