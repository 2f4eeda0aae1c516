"""When a row of a claim has to be looked at again, and which are past that day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from countermark.prove.claims.read import rows_of
from countermark.prove.claims.rows import Claim, Row


@dataclass(frozen=True)
class DueRow:
    """A row that is past its review date."""

    claim: str
    row: Row
    reviewed: str
    """`YYYY-MM-DD`."""
    due: str
    """The same."""


def reviewed_on(claim: Claim, row: Row) -> str:
    """The day of the last review: the row's own, or that of its claim."""
    return row.reviewed or claim.reviewed


def due_on(claim: Claim, row: Row) -> str:
    """The day from which the row counts as past its review: its own, or that of its claim."""
    return row.due or claim.due


def is_past(due: str, today: date) -> bool:
    """Whether the day has come."""
    return date.fromisoformat(due) <= today


def due_rows(claims: Mapping[str, Claim] | Iterable[Claim], today: date) -> list[DueRow]:
    """Every row past its review date, by claim and in the order of its rows."""
    given = claims.values() if isinstance(claims, Mapping) else claims
    return [
        DueRow(claim.claim, row, reviewed_on(claim, row), due_on(claim, row))
        for claim in given
        for row in rows_of(claim)
        if is_past(due_on(claim, row), today)
    ]
