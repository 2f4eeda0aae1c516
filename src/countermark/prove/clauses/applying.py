"""Which clauses were in force for an account on a day.

The version of a policy that binds is the one of the latest acceptance not later than the day (UTC). It binds
on the days on which it was effective, if its text is the sealed one. Without a record of acceptance nothing
binds. Acceptance is a record; whether it is assent in law is for the court.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from countermark.prove.clauses.acceptances import AcceptanceRow, Acceptances
from countermark.prove.clauses.policy import Clause, Conduct, Policies, Policy

NO_RECORD = "no record of acceptance"
NOT_YET = "the version that was accepted was not effective yet"
ENDED = "the version that was accepted had ended"
NO_POLICY = "no policy file for the version that was accepted"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Bound:
    """One clause with the acceptance that makes it bind."""

    policy: Policy
    clause: Clause
    acceptance: AcceptanceRow


@dataclass(frozen=True)
class ClauseHit:
    """The clauses in force for an account on a day that forbid the conduct."""

    account: str
    day: date
    bound: tuple[Bound, ...]


@dataclass(frozen=True)
class Stretch:
    """Days on which one version, or none, bound an account; both ends belong to it."""

    first: date
    last: date
    terms_id: str
    version: str
    """Accepted latest; empty without a record."""
    reason: str
    """Why nothing binds; empty where the version does."""


def applies(
    policies: Policies, acceptances: Acceptances, account: str, day: date, conduct: Collection[Conduct]
) -> ClauseHit | None:
    """The clauses that forbid any of `conduct` and bound `account` on `day`; None where there is none."""
    rows = acceptances.by_account.get(account, ())
    bound: list[Bound] = []
    for terms_id in policies.ids:
        row = latest(rows, terms_id, day)
        if row is None or reason_against(policies, terms_id, row, day):
            continue
        policy = policies.by_key[terms_id, str(row.version)]
        bound += [Bound(policy, clause, row) for clause in forbidding(policy, conduct)]
    return ClauseHit(account, day, tuple(bound)) if bound else None


def forbidding(policy: Policy, conduct: Collection[Conduct]) -> list[Clause]:
    """The clauses of a policy that forbid any of it."""
    return [clause for clause in policy.clauses if not set(conduct).isdisjoint(clause.forbids)]


def latest(rows: Sequence[AcceptanceRow], terms_id: str, day: date) -> AcceptanceRow | None:
    """The last acceptance of a policy not later than a day."""
    until = day.isoformat()
    return next((row for row in reversed(rows) if row.terms_id == terms_id and row.day <= until), None)


def reason_against(policies: Policies, terms_id: str, row: AcceptanceRow, day: date) -> str:
    """Why the version of an acceptance does not bind on a day; empty where it does."""
    key = (terms_id, str(row.version))
    policy = policies.by_key.get(key)
    if policy is None:
        return policies.refused.get(key, NO_POLICY)
    if day < policy.first:
        return NOT_YET
    return ENDED if policy.last is not None and day > policy.last else ""


def stretches(
    policies: Policies, rows: Sequence[AcceptanceRow], first: date, last: date
) -> tuple[Stretch, ...]:
    """What bound an account on each day of a window, by policy; days that are alike stand together."""
    found: list[Stretch] = []
    for terms_id in policies.ids:
        starts = sorted(_changes(policies, rows, terms_id, first, last))
        part: list[Stretch] = []
        for start, following in pairwise([*starts, last + _DAY]):
            one = _stretch(policies, rows, terms_id, start, following - _DAY)
            if part and (part[-1].version, part[-1].reason) == (one.version, one.reason):
                one = Stretch(part.pop().first, one.last, terms_id, one.version, one.reason)
            part.append(one)
        found += part
    return tuple(found)


def _stretch(
    policies: Policies, rows: Sequence[AcceptanceRow], terms_id: str, first: date, last: date
) -> Stretch:
    row = latest(rows, terms_id, first)
    if row is None:
        return Stretch(first, last, terms_id, "", NO_RECORD)
    return Stretch(first, last, terms_id, str(row.version), reason_against(policies, terms_id, row, first))


def _changes(
    policies: Policies, rows: Sequence[AcceptanceRow], terms_id: str, first: date, last: date
) -> set[date]:
    """The first day, and each later day of the window on which the answer may change."""
    accepted = {date.fromisoformat(row.day) for row in rows if row.terms_id == terms_id}
    own = [policy for policy in policies.by_key.values() if policy.id == terms_id]
    effective = {policy.first for policy in own}
    ended = {policy.last + _DAY for policy in own if policy.last and policy.last < date.max}
    return {first} | {day for day in accepted | effective | ended if first < day <= last}
