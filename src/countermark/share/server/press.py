"""A reader that is late with a withdrawal gets on with nothing else in the collection until it has it.

Who is late stands in memory; a page asks whether anybody is, and for one that is not that is all. A late
reader may always fetch the withdrawn object, and read on towards the withdrawal in order of arrival, so that
an ordinary poll gets through by itself. All else of the collection is refused: manifest, other objects, pages
behind the withdrawal, what a filter picks out, adding and deleting (docs/adr/0020).

An operator is not pressed, and neither is who may not read the collection any more: it could not fetch it.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from countermark.records.exchange import Caller, Collection
from countermark.share.server.errors import TaxiiError
from countermark.share.server.metrics import Metrics
from countermark.share.server.readers import CONTENT
from countermark.store.exchange import ACTIONS, LAST, ExchangeStore, Filters, Overdue

CODE = "revocation-overdue"
_WORDS = frozenset({LAST, "all"})
_MOST_NAMED = 20
Late = Mapping[str, Overdue]
"""By dispute."""
_NOBODY: Late = {}


class Press:
    """The late readers of one server process; `load` reads them from the database."""

    def __init__(self, store: ExchangeStore, metrics: Metrics | None = None) -> None:
        self._store, self._metrics = store, metrics
        self._late: dict[tuple[str, str], dict[str, Overdue]] = {}

    def load(self) -> None:
        """See who is late, by whatever process."""
        waiting = self._store.overdue.waiting()
        members = self._store.members.all()
        spared = {one.member_id for one in members if one.role == "operator"}
        gone = {one.member_id for one in members if one.disabled}
        late: dict[tuple[str, str], dict[str, Overdue]] = {}
        for one in waiting:
            for collection in () if one.member_id in spared else one.wanted:
                late.setdefault((one.member_id, collection), {})[one.dispute_id] = one
        self._late = late  # at once: requests look at it meanwhile
        if self._metrics is not None:
            self._metrics.overdue(
                readers=sum(1 for one in waiting if one.wanted and one.member_id not in gone),
                disclosers=sum(1 for one in waiting if not one.wanted and one.member_id not in gone),
            )

    def late(self, caller: Caller, collection: Collection) -> Late:
        """What the caller is late with in a collection: nothing, nearly always."""
        if not self._late:
            return _NOBODY
        return self._late.get((caller.member.member_id, collection.collection_id), _NOBODY)

    async def admit_read(
        self,
        caller: Caller,
        collection: Collection,
        endpoint: str,
        stix_id: str,
        filters: Filters,
        start: int,
        positions: Sequence[int],
    ) -> None:
        """Raise `TaxiiError` 403 for a page that does not bring a late reader nearer to the withdrawal.

        `start` is the position behind which the page begins, `stix_id` empty for a listing.
        """

        page = set(positions)

        def gets_on(late: Iterable[Overdue]) -> bool:
            if stix_id:
                return any(one.object_id == stix_id for one in late)
            wanted = [one.wanted[collection.collection_id] for one in late]
            if endpoint not in CONTENT:
                return False
            if any(not page.isdisjoint(some) for some in wanted):
                return True
            return _is_plain(filters) and any(start < max(some) for some in wanted)

        if not gets_on(self.late(caller, collection).values()):
            await asyncio.to_thread(self.load)  # it may have fetched it from another process
            late = self.late(caller, collection)
            if late and not gets_on(late.values()):
                raise _refusal(collection, late)

    def admit_change(self, caller: Caller, collection: Collection) -> None:
        """Raise `TaxiiError` 403 where a late reader would change the collection; it blocks for one."""
        if not self.late(caller, collection):
            return
        self.load()
        late = self.late(caller, collection)
        member = caller.member
        whole = Caller(member=member, token_id=caller.token_id, actions=ACTIONS[member.role])
        if late and self._store.collections.rights(whole, collection).read:
            raise _refusal(collection, late)

    async def given(
        self, caller: Caller, collection: Collection, endpoint: str, positions: Sequence[int]
    ) -> None:
        """A page was given, and is in the log: let go of who was given what it was late with."""
        if endpoint not in CONTENT:
            return
        late = self.late(caller, collection)
        name, page = collection.collection_id, set(positions)
        had = [one.dispute_id for one in late.values() if not page.isdisjoint(one.wanted[name])]
        if had:
            await asyncio.to_thread(self._store.overdue.settle, caller.member.member_id, had)
            await asyncio.to_thread(self.load)


def _is_plain(filters: Filters) -> bool:
    """Whether a listing leaves out nothing that is a last version."""
    picked = filters.ids or filters.types or filters.spec_versions
    return not picked and not _WORDS.isdisjoint(filters.versions or (LAST,))


def _refusal(collection: Collection, late: Late) -> TaxiiError:
    objects = sorted({one.object_id for one in late.values()})
    where = f"/{collection.api_root}/collections/{collection.collection_id}/objects/{objects[0]}/"
    more = f", and {len(objects) - 1} more" if len(objects) > 1 else ""
    details: dict[str, Any] = {"objects": objects[:_MOST_NAMED]}
    return TaxiiError(
        403,
        "an object that you have read was withdrawn, and you are late with fetching that",
        f"first GET {where}{more}, or poll on in order of arrival from where you stopped; all else in this "
        "collection waits until then",
        code=CODE,
        details=details,
    )
