"""Releases under standing approvals: which were drawn for review afterwards, and what the reviewers reported.

A standing approval is suspended for good once a report on one of its releases says `problem`; all of a member
are while a drawn release has not both reports and its time is over. A withdrawal of objects always gets
through: it tells nothing new, and somebody waits for it. Whether an object is one is seen when it comes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from countermark.records.exchange import Microseconds
from countermark.store.exchange.database import Database, chunks, storable
from countermark.store.exchange.outbox import write_entry
from countermark.store.exchange.tables import sample_reports, standing_uses
from countermark.store.exchange.times import now as clock
from countermark.store.exchange.times import rfc3339

REPORTED = "sample-reported"
ROLES = ("counsel", "security")
PROBLEM = "problem"
_MOST = 500
_REMEDY = "two people can approve this release"


class Suspended(Exception):
    """A release that is not taken, because the standing approval is suspended; the reason as its words."""


class Under(msgspec.Struct, frozen=True, kw_only=True):
    """The standing approval under which a release comes, and the draw of that release."""

    standing_id: str
    withdrawal: bool
    """Whether it withdraws objects and does nothing else."""
    draw: str
    drawn: Callable[[int, int], bool]
    """Of the place among the approval's releases (from 0), and how many there are since one was drawn."""
    due: Microseconds
    """When the reports are due, where it is drawn."""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A release under a standing approval."""

    release_id: str
    member_id: str
    standing_id: str
    place: int
    withdrawal: bool
    draw: str
    due: Microseconds | None
    """None where it was not drawn."""
    reports: dict[str, str] = {}
    """Outcome by role."""

    @property
    def missing(self) -> list[str]:
        """Roles whose report is not there, of one that was drawn."""
        return [] if self.due is None else [one for one in ROLES if one not in self.reports]


class Samples:
    """The releases under standing approvals. Whoever calls `report` has checked the signature."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def drawn(self, member_id: str | None = None) -> list[Use]:
        """The drawn releases of a member, or of all, in the order of their approvals and places."""
        query = sa.select(standing_uses).where(standing_uses.c.due.is_not(None))
        if member_id is not None:
            query = query.where(standing_uses.c.member_id == member_id)
        with self._database.reading() as connection:
            return _uses(connection, query)

    def get(self, release_id: str) -> Use | None:
        """One of them, drawn or not; None for a release under no standing approval."""
        if not storable(release_id):
            return None
        query = sa.select(standing_uses).where(standing_uses.c.release_id == release_id)
        with self._database.reading() as connection:
            return next(iter(_uses(connection, query)), None)

    def all(self) -> list[Use]:
        """All of them."""
        with self._database.reading() as connection:
            return _uses(connection, sa.select(standing_uses))

    def suspended(self, member_id: str, release_ids: Sequence[str], now: int) -> dict[str, str]:
        """Those of some releases of a member that let in withdrawals alone at `now`, each with the reason."""
        uses: list[tuple[str, str]] = []
        with self._database.reading() as connection:
            for part in chunks(list(release_ids), _MOST):
                query = sa.select(standing_uses.c.release_id, standing_uses.c.standing_id)
                found = connection.execute(query.where(standing_uses.c.release_id.in_(part)))
                uses += [(release_id, standing_id) for release_id, standing_id in found]
            approvals = {standing_id for _, standing_id in uses}
            reasons = {one: _reason(connection, member_id, one, now) for one in approvals}
        return {release_id: reasons[standing_id] for release_id, standing_id in uses if reasons[standing_id]}

    def report(
        self, release_id: str, role: str, outcome: str, envelope: bytes, *, entry: Mapping[str, Any]
    ) -> bool:
        """Keep one role's report on a drawn release; False where it says nothing new.

        A problem may follow a clean report, and nothing follows a problem.
        """
        same = (sample_reports.c.release_id == release_id) & (sample_reports.c.role == role)
        drawn = sa.select(standing_uses.c.due).where(standing_uses.c.release_id == release_id)
        with self._database.writing() as connection:
            # the row is held, so that two reports of a role take turns
            connection.execute(drawn.with_for_update()).one()
            known = connection.execute(sa.select(sample_reports.c.outcome).where(same)).scalar_one_or_none()
            if known in (outcome, PROBLEM):
                return False
            connection.execute(sa.delete(sample_reports).where(same))
            row: dict[str, Any] = {"release_id": release_id, "role": role, "outcome": outcome}
            row |= {"envelope": envelope, "received": clock()}
            connection.execute(sa.insert(sample_reports), row)
            write_entry(connection, REPORTED, entry)
        return True


def take(connection: sa.Connection, member_id: str, release_id: str, under: Under) -> dict[str, Any]:
    """Keep a new release under a standing approval, in the transaction that keeps the release.

    Gives what the log is told of it. Raises `Suspended`.
    """
    if connection.dialect.name == "postgresql":  # places are given one after the other
        key = sa.func.hashtextextended(member_id, 8)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
    if not under.withdrawal:
        reason = _reason(connection, member_id, under.standing_id, clock())
        if reason:
            raise Suspended(reason)
    mine = (standing_uses.c.member_id == member_id) & (standing_uses.c.standing_id == under.standing_id)
    place = connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one()
    last = sa.select(sa.func.max(standing_uses.c.place)).where(mine, standing_uses.c.due.is_not(None))
    since = place - 1 - (connection.execute(last).scalar_one_or_none() or 0)
    due = under.due if under.drawn(place, since) else None
    row = {"release_id": release_id, "member_id": member_id, "standing_id": under.standing_id}
    told = {"place": place, "draw": under.draw, "due": due}
    connection.execute(sa.insert(standing_uses), row | told | {"withdrawal": under.withdrawal})
    return {"standing_id": under.standing_id, **told}


def _reason(connection: sa.Connection, member_id: str, standing_id: str, now: int) -> str:
    """Why a standing approval of a member is suspended; empty where it is in force."""
    joined = sa.join(standing_uses, sample_reports, standing_uses.c.release_id == sample_reports.c.release_id)
    bad = sa.select(standing_uses.c.release_id).select_from(joined)
    bad = bad.where(standing_uses.c.member_id == member_id, standing_uses.c.standing_id == standing_id)
    found = connection.execute(bad.where(sample_reports.c.outcome == PROBLEM).limit(1)).scalar_one_or_none()
    if found is not None:
        return (
            f"the standing approval is suspended: a reviewer found a problem in {found}. "
            f"Begin another, or {_REMEDY}"
        )
    reports = (
        sa.select(sa.func.count())
        .where(sample_reports.c.release_id == standing_uses.c.release_id)
        .scalar_subquery()
    )
    late = sa.select(standing_uses.c.release_id, standing_uses.c.due)
    late = late.where(standing_uses.c.member_id == member_id, standing_uses.c.due <= now)
    row = connection.execute(late.where(reports < len(ROLES)).order_by(standing_uses.c.due).limit(1)).first()
    if row is None:
        return ""
    return (
        f"the standing approval is suspended: {row.release_id} was drawn for review, and the reports on it "
        f"were due {rfc3339(row.due)}. Report on it, or {_REMEDY}"
    )


def _uses(connection: sa.Connection, query: "sa.Select[Any]") -> list[Use]:
    rows = connection.execute(query.order_by(standing_uses.c.standing_id, standing_uses.c.place)).all()
    reports: dict[str, dict[str, str]] = {}
    for part in chunks([row.release_id for row in rows], _MOST):
        asked = sa.select(sample_reports.c.release_id, sample_reports.c.role, sample_reports.c.outcome)
        for release_id, role, outcome in connection.execute(
            asked.where(sample_reports.c.release_id.in_(part))
        ):
            reports.setdefault(release_id, {})[role] = outcome
    return [Use(**row._mapping, reports=reports.get(row.release_id, {})) for row in rows]
