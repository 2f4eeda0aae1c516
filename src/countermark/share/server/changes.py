"""Adding objects (5.5) and deleting one (5.7). A change is in the log before it is answered."""

import hashlib
from collections.abc import Sequence
from itertools import chain
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from countermark.records.exchange import Caller, Collection, Stored
from countermark.share.server.access import OBJECT_ID, Access, object_id
from countermark.share.server.answers import Answer
from countermark.share.server.creators import NOT_YOURS, in_names_of_others
from countermark.share.server.declared import Declared
from countermark.share.server.discovery import status_body
from countermark.share.server.envelopes import envelope_objects
from countermark.share.server.errors import forbidden, not_found
from countermark.share.server.filters import OF_DELETE, parse_query
from countermark.share.server.media import check_accept, check_content_encoding, check_content_type
from countermark.share.server.parts import Checked
from countermark.share.server.spelling import as_signed
from countermark.share.server.times import finer_than_microseconds, now, taxii_time
from countermark.store.exchange import Filters, Outcome, Prepared, Status, media_type, steps_of

NO_RELEASE = "it stands in no release of yours that two people signed and that still holds"
NO_ID = "its id is not that of a STIX object of its type"
_PAGE = 1000


class Changes:
    """The endpoints that change a collection."""

    def __init__(self, access: Access) -> None:
        self._access, self._store = access, access.store
        self._declared = Declared(access.store)

    async def add(self, request: Request) -> Response:
        """`POST …/objects/`: 202 with a status, which says what is wrong with each object."""
        caller = await self._access.caller(request)
        work = self._access.work
        collection = await work.quick(self._access.writable, caller, request.path_params)
        check_accept(request.headers.getlist("accept"))
        check_content_type(request.headers.getlist("content-type"))
        check_content_encoding(request.headers.getlist("content-encoding"))
        member_id = caller.member.member_id
        async with self._access.bodies.received(request, member_id) as body:
            caller = await self._access.caller_still(request)  # a body may take long, and rights be taken
            collection = await work.quick(self._access.writable, caller, request.path_params)
            status = await work.posted(member_id, self._add, caller, collection, body)
        await self._access.parts.audit.drain()
        return Answer(status_body(status), status=202)

    async def delete(self, request: Request) -> Response:
        """`DELETE …/objects/{object-id}/`: all versions, or those that the query names."""
        caller = await self._access.caller(request)
        await self._access.work.slow(self._delete, caller, request)
        await self._access.parts.audit.drain()
        return Answer(b"")

    def _add(self, caller: Caller, collection: Collection, body: bytes) -> Status:
        checked = self._access.parts.check(envelope_objects(body, self._access.settings))
        if collection.require_release:
            checked = as_signed(checked)
        refusals = self._refusals(caller, collection, checked)
        requested = taxii_time(now())
        prepared = [_prepared(one) for one, problem in zip(checked, refusals, strict=True) if not problem]
        refused = [
            Outcome(stix_id=one.stix_id, version=one.version or requested, problem=problem)
            for one, problem in zip(checked, refusals, strict=True)
            if problem
        ]

        def entry(outcomes: list[Outcome]) -> dict[str, Any]:
            new = [(one, at.date_added or 0) for one, at in zip(prepared, outcomes, strict=False) if at.new]
            digests = b"".join(bytes.fromhex(one.sha256) for one, _ in new)
            return _entry(caller, collection, [at for _, at in new]) | {
                "sha256": hashlib.sha256(digests).hexdigest(),
                "failed": sum(1 for one in outcomes if one.problem),
            }

        return self._store.objects.add(caller, collection, prepared, entry=entry, refused=refused)[1]

    def _refusals(self, caller: Caller, collection: Collection, checked: Sequence[Checked]) -> list[str]:
        """What is wrong with each object, or nothing: its form, its creator, or that no release names it.

        An object that is there already may be sent again by anybody (5.5: no error for a duplicate).
        """
        problems = [one.problem or ("" if _is_named(one) else NO_ID) for one in checked]
        sound = [one for one, problem in zip(checked, problems, strict=True) if not problem]
        wrong: dict[str, str] = {}
        if collection.require_release:
            digests = [one.sha256 for one in sound]
            member_id, at = caller.member.member_id, now()
            named = self._store.releases.naming(member_id, digests, at)
            suspended = self._store.samples.suspended(member_id, sorted({*chain(*named.values())}), at)
            for one in sound:
                releases = named.get(one.sha256, [])
                withdraws = bool(releases) and self._declared.withdraws(caller, collection, one)
                holding = [each for each in releases if withdraws or each not in suspended]
                if holding:
                    wrong[one.sha256] = self._declared.problem(one, holding, withdraws)
                else:
                    wrong[one.sha256] = suspended[releases[0]] if releases else NO_RELEASE
        wrong |= dict.fromkeys(in_names_of_others(self._store.members, caller, sound), NOT_YOURS)
        for at, one in enumerate(checked):
            problem = problems[at] or wrong.get(one.sha256, "")
            if problem and (problems[at] or not self._is_there(collection, one)):
                problems[at] = problem
        return problems

    def _is_there(self, collection: Collection, one: Checked) -> bool:
        if one.version is not None and finer_than_microseconds(one.version):
            return False  # none is stored
        filters = Filters(ids=(one.stix_id,), versions=(one.version or "all",))
        page = self._store.objects.page(collection.collection_id, filters, after=None, limit=_PAGE)
        return any(row.data == one.data for row in page.rows)

    def _delete(self, caller: Caller, request: Request) -> None:
        collection, rights = self._access.collection(caller, request.path_params)
        if not (rights.read and rights.write):
            raise forbidden("delete")
        stix_id = object_id(request.path_params)
        check_accept(request.headers.getlist("accept"))
        query = parse_query(request.scope["query_string"], OF_DELETE, strict=True, default_version="all")
        if query.nothing:
            raise not_found()
        self._access.admit_change(caller, collection)
        self._refuse_others(caller, collection, stix_id, query.filters)

        def entry(gone: list[Stored]) -> dict[str, Any]:
            owners = sorted({row.owner for row in gone})
            positions = [row.date_added for row in gone]
            return _entry(caller, collection, positions) | {"id": stix_id, "owners": owners}

        if not self._store.objects.delete(caller, collection, stix_id, query.filters, entry=entry):
            raise not_found()

    def _refuse_others(self, caller: Caller, collection: Collection, stix_id: str, filters: Filters) -> None:
        """403 when any of what would be deleted is another member's: nothing is deleted by halves."""
        asked = Filters(ids=(stix_id,), versions=filters.versions, spec_versions=filters.spec_versions)
        after: int | None = None
        while caller.member.role != "operator":
            page = self._store.objects.page(
                collection.collection_id, asked, after=after, limit=_PAGE, with_data=False
            )
            if any(row.owner != caller.member.member_id for row in page.rows):
                raise forbidden("delete what another member added")
            if not page.more:
                return
            after = page.rows[-1].date_added


def _is_named(one: Checked) -> bool:
    """Whether the id is one by which the object can be asked for afterwards."""
    return bool(OBJECT_ID.fullmatch(one.stix_id)) and one.stix_id.startswith(f"{one.type}--")


def _prepared(one: Checked) -> Prepared:
    return Prepared(
        stix_id=one.stix_id,
        type=one.type,
        version=one.version,
        spec_version=one.spec_version,
        media_type=media_type(one.spec_version),
        data=one.data,
        sha256=one.sha256,
    )


def _entry(caller: Caller, collection: Collection, positions: list[int]) -> dict[str, Any]:
    """The log entry of a change: who, by which token, where; positions as the first and the steps between."""
    return {
        "member": caller.member.member_id,
        "token": caller.token_id,
        "collection": collection.collection_id,
        "positions": steps_of(positions),
    }
