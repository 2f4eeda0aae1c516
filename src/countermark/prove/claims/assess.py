"""What of a claim this case supports: each element, the exhibits that bear on it, and what is missing.

`supported` says that something bears on an element, never that the element is met: that is for a court.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from countermark.prove.claims.read import own_claims, pick, read_claims
from countermark.prove.claims.review import due_on, is_past
from countermark.prove.claims.rows import Claim, Element, Row
from countermark.prove.clauses.acceptances import read_acceptances, read_members
from countermark.prove.dossier.dossier import RESULT_KINDS, Dossier, Exhibit
from countermark.prove.dossier.statements import PersonsStatement

State = Literal["supported", "stated", "gap"]
Missing = Literal["", "an exhibit", "a statement", "both"]


@dataclass(frozen=True)
class Accepted:
    """Accounts of the networks that have a record of acceptance of the case's terms."""

    with_record: int
    accounts: int
    """That the case lists."""


@dataclass(frozen=True, kw_only=True)
class AssessedElement:
    """One element in this case."""

    element: Element
    state: State
    exhibits: tuple[Exhibit, ...]
    """Those that support it: of its kinds, and shown or a record."""
    tested: tuple[Exhibit, ...]
    """Those of its kinds that were tested and not shown; they never support."""
    statements: tuple[PersonsStatement, ...]
    """What persons state of its facts."""
    files: tuple[Exhibit, ...]
    """Files behind these statements that are none of `exhibits`: the element does not ask for a file."""
    missing: Missing
    """The half that is not there; of an element that rests on exhibits alone `an exhibit`, and so on."""
    unstated: tuple[str, ...]
    """Facts of it that nobody states."""
    accepted: Accepted | None
    """Of an element that asks for records of acceptance, where the case has any: how far they go."""

    @property
    def question(self) -> str:
        """What is asked where it is a gap; empty elsewhere."""
        return self.element.question if self.state == "gap" else ""


@dataclass(frozen=True, kw_only=True)
class Assessed:
    """A claim in this case."""

    claim: Claim
    own: bool
    """Whether these are counsel's own rows, in place of those that ship."""
    today: date
    """The day against which review dates were held."""
    elements: tuple[AssessedElement, ...]

    def past_review(self, row: Row) -> str:
        """The day on which the review of a row was due, where that is past; else empty."""
        due = due_on(self.claim, row)
        return due if is_past(due, self.today) else ""

    def count(self, state: State) -> int:
        """Elements in this state."""
        return sum(one.state == state for one in self.elements)


def assess_named(
    names: str, dossier: Dossier, today: date, legal: Path | None = None
) -> tuple[Assessed, ...]:
    """The claims of `us-contract,eu-trade-secret`; `legal` is a folder of counsel's own.

    Raises `Error(USAGE)` for a name that no claim has.
    """
    own: Mapping[str, Claim] = own_claims(legal) if legal else {}
    claims = pick(read_claims() | dict(own), names)
    return tuple(assess(claim, dossier, today, own=claim.claim in own) for claim in claims)


def assess(claim: Claim, dossier: Dossier, today: date, *, own: bool = False) -> Assessed:
    """What of a claim this case supports."""
    accepted = _accepted(dossier) if dossier.acceptances else None
    elements = tuple(_assess_element(element, dossier, accepted) for element in claim.elements)
    return Assessed(claim=claim, own=own, today=today, elements=elements)


def _accepted(dossier: Dossier) -> Accepted:
    """What the table of acceptances says of the accounts of the networks that no analyst rejected."""
    groups = read_members(dossier.members)
    found = dossier.findings.get("campaigns") or ()
    campaigns = [one for one in found if one.get("disposition") != "rejected"]
    accounts = {account for one in campaigns for account in groups.get(str(one.get("campaign_id")), ())}
    terms = [one.id for one in dossier.terms if one.id]
    records = read_acceptances(dossier.acceptances, accounts, terms)
    return Accepted(len(records.by_account), len(accounts))


def _assess_element(element: Element, dossier: Dossier, accepted: Accepted | None) -> AssessedElement:
    bearing = list(_bearing(element, dossier.exhibits))
    if accepted is None or not accepted.with_record:
        bearing = [one for one in bearing if one.kind != "acceptances"]  # records of others show nothing
    exhibits = tuple(one for one in bearing if one.outcome != "not shown")
    if _asks_for_a_result(element) and not any(one.kind in RESULT_KINDS for one in exhibits):
        exhibits = ()  # the log alone is no breach: records support beside a result that was shown
    statements = tuple(one for one in dossier.statements if one.fact in element.facts)
    stated = {one.fact for one in statements}
    missing = _missing(element, bool(exhibits), bool(statements))
    return AssessedElement(
        element=element,
        state=_state(element, missing, bool(statements)),
        exhibits=exhibits,
        tested=tuple(one for one in bearing if one.outcome == "not shown"),
        statements=statements,
        files=tuple(
            one
            for one in dossier.exhibits
            if one.kind == "statement" and one.fact in element.facts and one not in exhibits
        ),
        missing=missing,
        unstated=tuple(fact for fact in element.facts if fact not in stated),
        accepted=accepted if "acceptances" in element.exhibits else None,
    )


def _asks_for_a_result(element: Element) -> bool:
    """Whether a test is among the kinds that bear on it."""
    return not set(RESULT_KINDS).isdisjoint(element.exhibits)


def _bearing(element: Element, exhibits: Sequence[Exhibit]) -> Iterator[Exhibit]:
    """A file behind a statement bears on the facts of this element only, whatever else persons state."""
    for one in exhibits:
        if one.kind in element.exhibits and (one.kind != "statement" or one.fact in element.facts):
            yield one


def _missing(element: Element, exhibits: bool, statements: bool) -> Missing:
    no_exhibit = bool(element.exhibits) and not exhibits
    no_statement = bool(element.facts) and not statements
    if no_exhibit and no_statement:
        return "both"
    return "an exhibit" if no_exhibit else "a statement" if no_statement else ""


def _state(element: Element, missing: Missing, statements: bool) -> State:
    if not element.exhibits and not element.facts:
        return "gap"  # nothing that a case holds can answer it
    if missing == "" and element.exhibits:
        return "supported"
    return "stated" if statements else "gap"
