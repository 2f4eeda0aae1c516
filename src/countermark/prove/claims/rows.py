"""The rows of a claim: its elements, remedies and counter-arguments, each with source, date and status.

One YAML file a claim below `legal/`; spec/legal.schema.json is made from these types. They are working notes
for counsel, taken from public sources; they are no legal advice.
"""

from typing import Annotated, Literal

import msgspec

LEGAL_SCHEMA_ID = "countermark/legal/v1"
Status = Literal["law", "proposal", "disputed"]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=1200)]
Day = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a row comes from."""

    cite: Line
    """As a lawyer cites it: `18 U.S.C. § 1839(5)`, a case with court and year."""
    dated: Day
    """Of the decision, of the version of the statute that was read, or of its last amendment."""
    url: Annotated[str, msgspec.Meta(pattern=r"^(https://\S{1,400})?$")] = ""
    """A public place where it can be read; empty where none was seen."""
    read: Literal["text", "summary"] = "text"
    """Whether the source itself was read, or another's account of it."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every row has."""

    id: Name
    title: Line
    text: Line
    """One or two plain sentences."""
    status: Status
    sources: Annotated[list[Source], msgspec.Meta(min_length=1, max_length=8)]
    reviewed: Day | None = None
    """Where it is not that of the file."""
    due: Day | None = None
    """The day from which it counts as past its review, where it is not that of the file."""


class Element(Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that has to be shown, or that the other side will ask for."""

    exhibits: list[str] = []
    """Kinds of exhibits (`EXHIBIT_KINDS`) that bear on it."""
    facts: list[Name] = []
    """Facts that a person has to state, where no exhibit of a case can show it."""
    question: Line
    """What is printed where nothing is there: it ends in a question mark."""
    easily_forgotten: bool = False


class Remedy(Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a court may grant."""

    kind: Literal[
        "injunction", "damages", "profits", "restitution", "statutory", "seizure", "costs", "criminal"
    ]


class CounterArgument(Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The main answer of the other side."""

    answer: Line
    """What can be said to it, or that nothing can yet."""


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One claim in one jurisdiction."""

    schema: Literal["countermark/legal/v1"]
    claim: Name
    """As `--claims` names it."""
    jurisdiction: Line
    title: Line
    status: Status
    """Of the claim as a whole, for this kind of case."""
    note: Line = "-"
    """What has to be known before anything else: whose law, which court."""
    reviewed: Day
    reviewed_by: Line
    due: Day
    elements: Annotated[list[Element], msgspec.Meta(min_length=1, max_length=40)]
    remedies: Annotated[list[Remedy], msgspec.Meta(min_length=1, max_length=20)]
    counter_arguments: Annotated[list[CounterArgument], msgspec.Meta(min_length=1, max_length=10)]
