"""What named persons state of a case: the facts that no log and no test can give (`FACTS.yaml`).

Who the defendant is, who stands behind the accounts, what was lost: a person says it, signs for it, and
names the files that show it. A fact that nobody states is a gap, and prints as a question.
"""

from typing import Annotated, Literal

import msgspec

FACTS_SCHEMA_ID = "countermark/case-facts/v1"
Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,63}\Z")]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
Day = Annotated[str, msgspec.Meta(pattern=r"\A\d{4}-\d{2}-\d{2}\Z")]
FileName = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class PersonsStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fact, as somebody states it."""

    fact: Name
    """As the rows of a claim name it: `defendant-identity`, `account-to-trainer` …"""
    says: Line
    by: Line
    """Name and role."""
    dated: Day
    files: list[FileName] = []
    """What shows it, below the folder of the facts file; each becomes an exhibit with its digest."""


class Beside(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A record that stands beside the package and becomes an exhibit."""

    kind: Literal["key-exposure", "proficiency", "damages"]
    file: FileName
    title: Line


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of a facts file."""

    schema: Literal["countermark/case-facts/v1"]
    parties: dict[Name, Line] = {}
    """`claimant`, `defendant`, `counsel`, `expert`, `court`, `case-number`, as they are to be printed."""
    statements: list[PersonsStatement] = []
    exhibits: list[Beside] = []


def fact_words(fact: str) -> str:
    """A fact as a reader calls it: `defendant identity`."""
    return fact if fact == "pre-emption" else fact.replace("-", " ")
