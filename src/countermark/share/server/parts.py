"""What the application has beside the store: who calls, the audit, the check of objects, settings."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fastapi import APIRouter
from starlette.requests import Request

from countermark.records.exchange import Caller, Collection
from countermark.store.exchange import Filters

_BEARER = 'Bearer realm="countermark"'
_BASIC = 'Basic realm="countermark", charset="UTF-8"'


class Checked(Protocol):
    """One object of a request after its check."""

    @property
    def stix_id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def version(self) -> str | None: ...
    @property
    def spec_version(self) -> str: ...
    @property
    def data(self) -> bytes: ...
    @property
    def sha256(self) -> str: ...
    @property
    def problem(self) -> str:
        """Why it cannot be taken; empty when it can."""


class Given(Protocol):
    """Objects of a page that is to leave."""

    @property
    def positions(self) -> Sequence[int]: ...
    @property
    def owners(self) -> Sequence[str]: ...
    @property
    def those(self) -> frozenset[str]: ...
    @property
    def steps(self) -> list[int]: ...


class Audit(Protocol):
    """Where reads and writes are recorded before they are answered."""

    async def read(self, caller: Caller, collection: Collection, page: Given, what: str) -> None:
        """Return when the log holds that the caller was given these objects as `what`."""

    async def drain(self) -> None:
        """Return when the log holds every entry that is committed in the outbox."""


class Pressing(Protocol):
    """Readers that are late with a withdrawal (`press.Press`)."""

    def late(self, caller: Caller, collection: Collection) -> object:
        """What the caller is late with in a collection; false, and at once, for nearly everybody."""

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
        """Raise `TaxiiError` 403 for a page that does not bring a late reader nearer to the withdrawal."""

    def admit_change(self, caller: Caller, collection: Collection) -> None:
        """Raise `TaxiiError` 403 where a late reader would change the collection."""

    async def given(
        self, caller: Caller, collection: Collection, endpoint: str, positions: Sequence[int]
    ) -> None:
        """Let go of who was given what it was late with."""


class Limits(Protocol):
    """How often one may ask."""

    def admit(self, request: Request, caller: Caller | None) -> None:
        """Raise `TaxiiError` 429 for a caller (None: nobody that is known) that asks too often."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator may set of the TAXII endpoints."""

    title: str = "Countermark exchange"
    description: str = ""
    contact: str = ""
    api_root: str = "exchange"
    """Path segment of the API root that every caller sees; others are seen by who has rights in them."""
    public_url: str | None = None
    """`https://HOST[:PORT]` as clients see it; API roots are named relative to the server without it."""
    max_content_length: int = 8 << 20
    """Bytes of a body; also told to clients (4.2.1)."""
    max_objects: int = 10_000
    """Objects in one request."""
    max_object_length: int = 1 << 20
    """Bytes of one object."""
    max_depth: int = 64
    """Levels of JSON in a body, the envelope's two included."""
    body_seconds: float = 30.0
    """Time within which a body has to arrive."""
    bytes_in_flight: int = 256 << 20
    """Bytes of all bodies that are being received or worked on."""
    page_limit: int = 100
    """Objects in a page for a client that names no limit."""
    most_per_page: int = 1000
    """Objects in a page whatever the client asks for."""
    basic: bool = False
    """Whether a token is also taken as password of HTTP Basic, and said to be (8.2.2.5, 8.2.2.6)."""
    threads: int = 8
    """Threads that wait for the database and check what was posted."""
    reads_inline: bool = False
    """Whether a page is read without a thread: faster on SQLite, whose reads wait for nobody."""

    @property
    def challenge(self) -> str:
        """WWW-Authenticate of an answer 401: what is taken here, and nothing else."""
        return f"{_BEARER}, {_BASIC}" if self.basic else _BEARER


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What `build_app` joins with the store."""

    authenticate: Callable[[Request], Awaitable[Caller | None]]
    """Who sends a request; None for nobody that is known. It may block as long as one indexed query."""
    audit: Audit
    check: Callable[[Sequence[bytes]], Sequence[Checked]]
    """Check raw objects, in a thread: one result for each, in order."""
    limits: Limits
    settings: Settings = field(default_factory=Settings)
    press: Pressing | None = None
    """Readers that are late with a withdrawal."""
    routers: Sequence[APIRouter] = ()
    """Endpoints beside TAXII."""
