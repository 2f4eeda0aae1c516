"""What a damages file may hold: every input with its unit and the question that it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Unit = Literal[
    "million tokens",
    "CURRENCY per million tokens",
    "CURRENCY",
    "percent",
    "hours",
    "CURRENCY per hour",
    "person-months",
    "CURRENCY per person-month",
    "items",
    "CURRENCY per item",
]


@dataclass(frozen=True)
class InputForm:
    """One input."""

    name: str
    """Key in the file."""
    title: str
    unit: Unit
    """`CURRENCY` stands for the code of the file."""
    question: str
    """What is printed where it is empty."""

    def unit_in(self, currency: str) -> str:
        """The unit with the file's currency."""
        return self.unit.replace("CURRENCY", currency)


SERVED = (
    InputForm(
        "input-tokens",
        "Input tokens served",
        "million tokens",
        "How many input tokens did the accounts of the case send in its window?",
    ),
    InputForm(
        "output-tokens",
        "Output tokens served",
        "million tokens",
        "How many output tokens did the accounts of the case receive in its window?",
    ),
    InputForm(
        "cost-per-million-input",
        "Cost of a million input tokens",
        "CURRENCY per million tokens",
        "What did a million input tokens cost the claimant to serve at that time?",
    ),
    InputForm(
        "cost-per-million-output",
        "Cost of a million output tokens",
        "CURRENCY per million tokens",
        "What did a million output tokens cost the claimant to serve at that time?",
    ),
    InputForm(
        "list-price-per-million-input",
        "List price of a million input tokens",
        "CURRENCY per million tokens",
        "What was the published price of a million input tokens at that time?",
    ),
    InputForm(
        "list-price-per-million-output",
        "List price of a million output tokens",
        "CURRENCY per million tokens",
        "What was the published price of a million output tokens at that time?",
    ),
    InputForm(
        "amounts-paid",
        "Amounts paid for the service",
        "CURRENCY",
        "What did the accounts of the case pay, after refunds and credits?",
    ),
)
SALES = (
    InputForm(
        "lost-sales",
        "Sales lost",
        "CURRENCY",
        "Which sales were lost to whom because of this conduct, and what would they have brought?",
    ),
    InputForm(
        "lost-sales-margin",
        "Margin on the sales lost",
        "percent",
        "What share of that revenue would have remained after the costs of serving it?",
    ),
)
REMEDIATION = (
    InputForm(
        "technical-hours",
        "Technical hours",
        "hours",
        "How many hours went into closing accounts, repairing and securing the service?",
    ),
    InputForm(
        "technical-rate",
        "Cost of a technical hour",
        "CURRENCY per hour",
        "What does an hour of those people cost the claimant?",
    ),
    InputForm(
        "technical-other-cost",
        "Other technical costs",
        "CURRENCY",
        "What was paid to others for that repair (0 with its source, if nothing)?",
    ),
    InputForm(
        "investigative-hours",
        "Investigative hours",
        "hours",
        "How many hours went into finding out who did it, how and how much?",
    ),
    InputForm(
        "investigative-rate",
        "Cost of an investigative hour",
        "CURRENCY per hour",
        "What does an hour of those people cost the claimant?",
    ),
    InputForm(
        "investigative-other-cost",
        "Other investigative costs",
        "CURRENCY",
        "What was paid to others for the investigation (0 with its source, if nothing)?",
    ),
)
AVOIDED = (
    InputForm(
        "avoided-person-months",
        "Person-months of research avoided",
        "person-months",
        "How many person-months of research and development did the defendant not have to spend?",
    ),
    InputForm(
        "person-month-cost",
        "Cost of a person-month",
        "CURRENCY per person-month",
        "What would a person-month have cost the defendant?",
    ),
    InputForm(
        "avoided-compute-cost",
        "Computing avoided",
        "CURRENCY",
        "What computing did the defendant not have to pay for?",
    ),
    InputForm(
        "avoided-labelled-items",
        "Labelled items not bought",
        "items",
        "How many answers, rankings or labels did the defendant not have to have written by people?",
    ),
    InputForm(
        "labelling-price",
        "Price of a labelled item",
        "CURRENCY per item",
        "What would one of them have cost on the market?",
    ),
    InputForm(
        "attributable-share",
        "Share that is due to this conduct",
        "percent",
        "Which share of what was avoided is due to this conduct, and not to other sources?",
    ),
)
LICENCE = (
    InputForm(
        "licence-base",
        "Base of the licence fee",
        "CURRENCY",
        "Which revenue of the defendant would a licence fee have been reckoned on?",
    ),
    InputForm(
        "licence-rate",
        "Rate of the licence fee",
        "percent",
        "Which rate would the two have agreed upon, and which comparable licence shows it?",
    ),
)
GROUPS: Mapping[str, tuple[InputForm, ...]] = {
    "The service": SERVED,
    "Sales": SALES,
    "Remediation": REMEDIATION,
    "What the defendant avoided": AVOIDED,
    "A licence": LICENCE,
}
FORMS: Mapping[str, InputForm] = {form.name: form for group in GROUPS.values() for form in group}
"""By name, in the order of the file."""
