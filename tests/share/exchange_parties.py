"""An exchange in memory of the process: its database, members with tokens, collections, and a client."""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.testclient import TestClient

from countermark.records.exchange import Caller, Collection
from countermark.share.server.app import build_app
from countermark.share.server.errors import TaxiiError
from countermark.share.server.parts import Given, Parts, Settings
from countermark.store.exchange import ExchangeStore

TAXII = "application/taxii+json;version=2.1"
SHARED = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
OTHER = "52892447-4d7e-4f70-b94d-d7f22742ff63"
READ_ONLY = "64993447-4d7e-4f70-b94d-d7f33742ee63"
WRITE_ONLY = "472c94ae-3113-4e3e-a4dd-a9f4ac7471d4"
HIDDEN = "0d7b0d6d-6d5a-4cb6-9c4a-1f3bb1d9f5aa"
RELEASED = "5a1f6a3c-6a8e-4b57-8b27-0f3ba8b0a7a3"
ABSENT = "11111111-1111-4111-8111-111111111111"


class Checked(msgspec.Struct, frozen=True):
    """A small stand-in for the check of objects."""

    stix_id: str
    type: str
    version: str | None
    spec_version: str
    data: bytes
    sha256: str
    problem: str


def check(raw: Sequence[bytes]) -> list[Checked]:
    """Refuse indicators without a pattern; take everything else."""
    found = []
    for data in raw:
        one = msgspec.json.decode(data)
        problem = "has no pattern" if one["type"] == "indicator" and "pattern" not in one else ""
        version = one.get("modified", one.get("created"))
        digest = hashlib.sha256(msgspec.json.encode(one, order="sorted")).hexdigest()
        found.append(Checked(one["id"], one["type"], version, "2.1", data, digest, problem))
    return found


@dataclass
class Audit:
    """Remembers what was read."""

    store: ExchangeStore
    reads: list[tuple[str, str, list[int], str]] = field(default_factory=list)
    logged: list[dict[str, Any]] = field(default_factory=list)

    async def read(self, caller: Caller, collection: Collection, page: Given, what: str) -> None:
        given = zip(page.positions, page.owners, strict=True)
        others = [position for position, owner in given if owner != caller.member.member_id]
        if others:
            self.reads.append((caller.member.name, collection.collection_id, others, what))

    async def drain(self) -> None:
        for number, _, payload in self.store.outbox.take():
            self.logged.append(payload)
            self.store.outbox.drop(number)


class Limits:
    """Turns away who is named in `stopped`."""

    stopped: tuple[str, ...] = ()

    def admit(self, request: Request, caller: Caller | None) -> None:
        if caller is not None and caller.member.name in self.stopped:
            raise TaxiiError(429, "asked too often", headers={"Retry-After": "1"})


@dataclass
class Exchange:
    """What the tests hold in hand."""

    store: ExchangeStore
    client: TestClient
    audit: Audit
    limits: Limits
    tokens: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)

    def ask(self, who: str | None, method: str, path: str, **options: Any) -> Any:
        """One request; headers of TAXII unless others are given."""
        headers = {"Accept": TAXII} | options.pop("headers", {})
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        return self.client.request(method, path, headers=headers, **options)

    def get(self, path: str, who: str | None = "alice", collection: str = SHARED, **options: Any) -> Any:
        """GET below a collection."""
        return self.ask(who, "GET", f"/exchange/collections/{collection}/{path}", **options)

    def post(
        self,
        objects: Sequence[dict[str, Any]] | bytes,
        who: str = "alice",
        collection: str = SHARED,
        **more: Any,
    ) -> Any:
        """POST objects, or a body."""
        body = objects if isinstance(objects, bytes) else msgspec.json.encode({"objects": objects})
        headers = {"Content-Type": TAXII} | more
        path = f"/exchange/collections/{collection}/objects/"
        return self.ask(who, "POST", path, content=body, headers=headers)

    def dates(self, collection: str = SHARED) -> list[str]:
        """`date_added` of all versions, in order of arrival."""
        found = self.get("manifest/?match[version]=all&limit=1000", "operator", collection).json()
        return [one["date_added"] for one in found.get("objects", [])]


def found(store: ExchangeStore) -> tuple[dict[str, str], dict[str, str]]:
    """Collections and members on a fresh database: tokens and ids by name.

    alice and bob are members, carol is one who has no collection.
    """
    for one in (SHARED, OTHER, READ_ONLY, WRITE_ONLY, HIDDEN, RELEASED):
        alias = "common" if one == SHARED else None
        store.collections.add(
            Collection(
                collection_id=one,
                api_root="exchange",
                title=f"collection {one[:4]}",
                alias=alias,
                require_release=one == RELEASED,
            )
        )
    tokens: dict[str, str] = {}
    members: dict[str, str] = {}
    both = (SHARED, OTHER, RELEASED)
    join(store, tokens, members, "alice", read=[*both, READ_ONLY], write=[*both, WRITE_ONLY])
    join(store, tokens, members, "bob", read=both, write=both)
    join(store, tokens, members, "carol")
    join(store, tokens, members, "operator", role="operator")
    return tokens, members


def join(
    store: ExchangeStore,
    tokens: dict[str, str],
    members: dict[str, str],
    name: str,
    *,
    role: Any = "member",
    read: Sequence[str] = (),
    write: Sequence[str] = (),
) -> None:
    """A member with a token; `read` and `write` are collections."""
    members[name] = store.members.add(name, role).member_id
    tokens[name] = store.members.add_token(members[name], ["read", "write"])[1]
    for one in dict.fromkeys([*read, *write]):
        store.collections.grant(one, member_id=members[name], read=one in read, write=one in write)


@contextmanager
def exchange_at(
    url: str,
    known: tuple[dict[str, str], dict[str, str]] | None = None,
    *,
    checker: Any = check,
    **settings: Any,
) -> Iterator[Exchange]:
    """An exchange on a fresh database, or on one that `found` was called for; `checker` checks objects."""
    store = ExchangeStore.open(url)
    audit, limits = Audit(store), Limits()
    tokens, members = known or found(store)

    async def authenticate(request: Request) -> Caller | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return store.members.authenticate(token, datetime.now(UTC))

    parts = Parts(
        authenticate=authenticate, audit=audit, check=checker, limits=limits, settings=Settings(**settings)
    )
    with TestClient(build_app(store, parts)) as client:
        yield Exchange(store, client, audit, limits, dict(tokens), dict(members))
    store.close()


def indicator(number: int = 0, version: int = 0, **more: Any) -> dict[str, Any]:
    """An indicator of its own id; `version` moves `modified`."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.UUID(int=number + (1 << 80), version=4)}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": f"2026-01-01T00:00:{version:02}.000Z",
        "pattern": "[ipv4-addr:value = '198.51.100.7']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
    } | more


def ids(response: Any) -> list[str]:
    """Ids in an envelope or manifest."""
    assert response.status_code == 200, response.text
    return [one["id"] for one in response.json().get("objects", [])]


def walk(ask: Callable[[str], Any], path: str, name: str = "objects") -> list[Any]:
    """All items of all pages."""
    found: list[Any] = []
    token = ""
    for _ in range(1000):
        page = ask(path + token)
        assert page.status_code == 200, page.text
        body = page.json()
        found += body.get(name, [])
        assert ("next" in body) == body.get("more", False)
        if "next" not in body:
            return found
        token = f"{'&' if '?' in path else '?'}next={body['next']}"
    raise AssertionError("the pages have no end")
