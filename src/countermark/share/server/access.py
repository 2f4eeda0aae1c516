"""Who calls, and what of the exchange is there for them; read anew with every request.

Nothing at all may be done in a collection: it is not there (404, the same for every caller). Something may be
done, and not this: 403. The same holds for API roots of which one has no collection.
"""

import re

from starlette.requests import Request

from countermark.records.exchange import Caller, Collection, Rights
from countermark.share.server.bodies import Bodies
from countermark.share.server.errors import TaxiiError, forbidden, not_found
from countermark.share.server.parts import Parts
from countermark.share.server.work import Work
from countermark.store.exchange import ExchangeStore

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}", re.ASCII)
OBJECT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,249}--[0-9A-Fa-f-]{36}", re.ASCII)


def unknown(parts: Parts) -> TaxiiError:
    """401, with the ways to prove who one is."""
    headers = {"WWW-Authenticate": parts.settings.challenge}
    return TaxiiError(401, "no credentials, or none that are valid", headers=headers)


async def still(parts: Parts, request: Request) -> Caller:
    """Who calls, asked once more; `TaxiiError` 401 where the credentials do not hold any more."""
    caller = await parts.authenticate(request)
    if caller is None:
        raise unknown(parts)
    return caller


class Access:
    """The store and the parts as the endpoints use them."""

    def __init__(self, store: ExchangeStore, parts: Parts) -> None:
        self.store, self.parts, self.settings = store, parts, parts.settings
        self.work = Work(parts.settings)
        self.bodies = Bodies(parts.settings)

    async def caller(self, request: Request) -> Caller:
        """Who calls; `TaxiiError` 401 for nobody that is known, 429 for one that asks too often."""
        caller = await self.parts.authenticate(request)
        self.parts.limits.admit(request, caller)
        if caller is None:
            raise unknown(self.parts)
        return caller

    async def caller_still(self, request: Request) -> Caller:
        """The caller as it is now that its body has come; `TaxiiError` 401 where its token ended."""
        return await still(self.parts, request)

    def visible_collections(self, caller: Caller, root: str) -> list[tuple[Collection, Rights]]:
        """Collections of a root in which the caller may do anything, by id."""
        found = [
            (one, self.store.collections.rights(caller, one)) for one in self.store.collections.all(root)
        ]
        visible = [(one, rights) for one, rights in found if rights.read or rights.write]
        return sorted(visible, key=lambda pair: pair[0].collection_id)

    def visible_roots(self, caller: Caller) -> list[str]:
        """The default API root, and those in which the caller may do anything."""
        default = self.settings.api_root
        others = sorted(set(self.store.collections.roots()) - {default})
        return [default, *(root for root in others if self.visible_collections(caller, root))]

    def root(self, caller: Caller, root: str) -> str:
        """A root that is there for the caller; `TaxiiError` 404 for any other."""
        if root != self.settings.api_root and (
            not _SEGMENT.fullmatch(root) or not self.visible_collections(caller, root)
        ):
            raise not_found()
        return root

    def collection(self, caller: Caller, path: dict[str, str]) -> tuple[Collection, Rights]:
        """The collection of a path, by id or alias, and the rights in it; `TaxiiError` 404."""
        root, name = path["root"], path["collection"]
        if _SEGMENT.fullmatch(root) and _SEGMENT.fullmatch(name):
            found = self.store.collections.get(root, name)
            if found is not None:
                rights = self.store.collections.rights(caller, found)
                if rights.read or rights.write:
                    return found, rights
        raise not_found()

    def is_at_hand(self, path: dict[str, str]) -> bool:
        """Whether `readable` and the others may be asked in the event loop: nobody waits for a database."""
        return self.work.inline or self.store.collections.is_at_hand(path["root"], path["collection"])

    def readable(self, caller: Caller, path: dict[str, str]) -> Collection:
        """The collection of a path, to read from; `TaxiiError` 404 or 403."""
        collection, rights = self.collection(caller, path)
        if not rights.read:
            raise forbidden("read")
        return collection

    def writable(self, caller: Caller, path: dict[str, str]) -> Collection:
        """The collection of a path, to add to; `TaxiiError` 404 or 403."""
        collection, rights = self.collection(caller, path)
        if not rights.write:
            raise forbidden("write")
        self.admit_change(caller, collection)
        return collection

    def admit_change(self, caller: Caller, collection: Collection) -> None:
        """`TaxiiError` 403 for a reader that is late with a withdrawal in this collection."""
        if self.parts.press is not None:
            self.parts.press.admit_change(caller, collection)


def object_id(path: dict[str, str]) -> str:
    """The STIX id of a path; `TaxiiError` 404 for what can be none."""
    found = path["object_id"]
    if not OBJECT_ID.fullmatch(found):
        raise not_found()
    return found
