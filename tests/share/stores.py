"""A store with a collection and members, and objects to put into it."""

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from countermark.records.exchange import Caller, Collection, Stored
from countermark.store.exchange import ACTIONS, ExchangeStore, Filters, Outcome, Page, Prepared, media_type

COLLECTION = Collection(
    collection_id="91a7b528-80eb-42ed-a74d-c6fbd5a26116", api_root="exchange", title="Indicators", alias="ind"
)


def prepare(
    stix_id: str, version: str | None = "2026-01-01T00:00:00.000Z", spec: str = "2.1", pad: str = ""
) -> Prepared:
    """An object as the exchange's validation hands it on; `pad` makes other bytes of it."""
    body = {"id": stix_id, "pad": pad, "spec_version": spec, "type": stix_id.split("--")[0]}
    data = json.dumps(body | ({} if version is None else {"modified": version})).encode()
    return Prepared(
        stix_id=stix_id,
        type=stix_id.split("--")[0],
        version=version,
        spec_version=spec,
        media_type=media_type(spec),
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def new_id(kind: str = "indicator") -> str:
    """A random STIX id."""
    return f"{kind}--{uuid.uuid4()}"


def count(outcomes: Sequence[Any]) -> dict[str, int]:
    """A log entry."""
    return {"count": len(outcomes)}


class Exchange:
    """A store, one collection, two members and an operator."""

    def __init__(self, url: str) -> None:
        self.store = ExchangeStore.open(url)
        if not self.store.collections.all():
            self.store.collections.add(COLLECTION)
            for name, role in (("ada", "member"), ("bob", "member"), ("op", "operator")):
                self.store.members.add(name, role)  # type: ignore[arg-type]
            self.store.outbox.drop(1 << 62)

    def caller(self, name: str) -> Caller:
        """A member as caller."""
        member = self.store.members.by_name(name)
        assert member is not None
        return Caller(member=member, token_id="t", actions=ACTIONS[member.role])

    def add(self, *objects: Prepared, who: str = "ada") -> list[Outcome]:
        """Add objects; what became of them."""
        return self.store.objects.add(self.caller(who), COLLECTION, objects, entry=count)[0]

    def delete(self, stix_id: str, who: str = "ada", **filters: Any) -> int:
        """Delete versions of an object."""
        asked = Filters(**filters)
        return self.store.objects.delete(self.caller(who), COLLECTION, stix_id, asked, entry=count)

    def page(self, after: int | None = None, limit: int = 100, **filters: Any) -> Page:
        """A page of objects."""
        return self.store.objects.page(COLLECTION.collection_id, Filters(**filters), after=after, limit=limit)

    def walk(self, limit: int = 100, **filters: Any) -> list[Stored]:
        """All pages."""
        rows: list[Stored] = []
        while True:
            page = self.page(rows[-1].date_added if rows else None, limit, **filters)
            rows += page.rows
            if not page.more:
                return rows


@contextmanager
def exchange(url: str) -> Iterator[Exchange]:
    """An exchange on a database, closed afterwards."""
    made = Exchange(url)
    try:
        yield made
    finally:
        made.store.close()
