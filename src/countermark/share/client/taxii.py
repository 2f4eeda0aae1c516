"""TAXII 2.1, the client's side: discovery, API root, collection, pages of objects, adding objects, status.

Section numbers are the standard's. Every path ends in a slash, every request names the media type (3.1).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar
from urllib.parse import urljoin

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.client.resources import (
    TAXII,
    ApiRoot,
    CollectionInfo,
    Collections,
    Discovery,
    Envelope,
    ErrorMessage,
    StatusResource,
    is_taxii,
    read_resource,
)
from countermark.share.client.transport import Answer, Refused, Transport, place_of

DISCOVERY = "/taxii2/"
MAX_ROOTS = 100
MAX_SHOWN = 10
FIRST, LAST = "x-taxii-date-added-first", "x-taxii-date-added-last"
_COLLECTION = re.compile(r"(/.*/)collections/([^/]+)/(?:objects/)?")
_HINTS = {
    401: "the token is unknown, expired or revoked: --token-file FILE",
    403: "the token does not allow this; ask the operator",
    404: "it is not there, or not for this token",
    406: "the server does not speak TAXII 2.1?",
}
OVERDUE = "revocation-overdue"
"""`error_code` of our exchange for a reader that is late with a withdrawal."""
MAX_NAMED = 100
_OBJECT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,249}--[0-9A-Fa-f-]{36}", re.ASCII)
_HINTS_BY_CODE = {OVERDUE: "share poll fetches the withdrawal, and then all is open again"}
_T = TypeVar("_T")


class _Details(msgspec.Struct):
    objects: list[str] = []


class Found(NamedTuple):
    """A collection at an exchange."""

    root: str
    """Path of its API root, with slashes on both ends."""
    info: CollectionInfo

    @property
    def path(self) -> str:
        """Path of the collection."""
        return f"{self.root}collections/{self.info.id}/"


class PageOf(NamedTuple):
    """A page of objects."""

    objects: list[bytes]
    """Each as the bytes that came."""
    more: bool
    next: str
    """Empty where the server names none."""
    first: str
    last: str
    """The two date headers (3.2); empty where they are missing."""


class Taxii:
    """An exchange that is asked in TAXII."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def find(self, path: str, wanted: str = "", *, write: bool = False) -> Found:
        """The collection below the URL's path that has this id, alias or title; without one, the only one.

        `path` is that of the server (discovery tells the API roots), of an API root, or of a collection.
        Raises `Error(NO_INPUT)` where none or several would do.
        """
        named = _COLLECTION.fullmatch(path if path.endswith("/") else f"{path}/")
        if named:
            info = self._get(f"{named[1]}collections/{named[2]}/", CollectionInfo, "collection")
            if wanted and wanted not in (info.id, info.alias, info.title):
                raise Error("the URL names another collection than --collection", exit_code=ExitCode.USAGE)
            return Found(named[1], info)
        found = [Found(root, info) for root in self._roots(path) for info in self._collections(root)]
        if wanted:
            chosen = [one for one in found if wanted in (one.info.id, one.info.alias)]
            chosen = chosen or [one for one in found if one.info.title == wanted]
        else:
            chosen = [one for one in found if (one.info.can_write if write else one.info.can_read)]
        if len(chosen) != 1:
            raise self._not_one(wanted, chosen or found)
        return chosen[0]

    def root(self, path: str) -> ApiRoot:
        """4.2. Raises `Error` for one that does not speak 2.1."""
        root = self._get(path, ApiRoot, "API root")
        if not any(is_taxii(one) and "version" in one.lower() for one in root.versions):
            raise Error("the API root does not speak TAXII 2.1")
        return root

    def page(self, collection: Found, query: Mapping[str, str], *, once: bool = False) -> PageOf:
        """5.4: one page of objects. `once`: raise `Broken` where the connection breaks, and do not repeat."""
        return self._page(f"{collection.path}objects/", query, once)

    def object(self, collection: Found, stix_id: str) -> PageOf:
        """5.6: the last version of one object, by an id that is one."""
        return self._page(f"{collection.path}objects/{stix_id}/", {}, False)

    def _page(self, path: str, query: Mapping[str, str], once: bool) -> PageOf:
        answer = self._ask("GET", path, query=query, once=once)
        envelope = read_resource(answer.body, Envelope, "envelope")
        return PageOf(
            [bytes(one) for one in envelope.objects],
            envelope.more,
            envelope.next,
            answer.headers.get(FIRST, "").strip(),
            answer.headers.get(LAST, "").strip(),
        )

    def add(self, collection: Found, objects: Sequence[bytes]) -> StatusResource:
        """5.5: add objects, each as JSON; what the server says became of them."""
        answer = self._ask("POST", f"{collection.path}objects/", body=envelope_of(objects))
        return read_resource(answer.body, StatusResource, "status")

    def status(self, root: str, status_id: str) -> StatusResource:
        """4.3."""
        return self._get(f"{root}status/{status_id}/", StatusResource, "status")

    def _roots(self, path: str) -> list[str]:
        """Paths of the API roots, the default one first; those of other hosts are left aside."""
        if path not in ("/", "", "/taxii2", DISCOVERY):
            return [path if path.endswith("/") else f"{path}/"]
        found = self._get(DISCOVERY, Discovery, "discovery resource")
        here, elsewhere = [], []
        for text in dict.fromkeys([found.default, *found.api_roots[:MAX_ROOTS]]):
            if text:
                place, root = _place(urljoin(f"{self.transport.place}{DISCOVERY}", text))
                if place == self.transport.place:
                    here.append(root)
                else:
                    elsewhere.append(text)
        if not here:
            others = self.transport.hide(", ".join(elsewhere[:MAX_SHOWN]))[:300]
            where = f"; named are {others}" if elsewhere else ""
            raise Error(
                "the exchange shows no API root on its own host to this token",
                hint=f"give the URL of an API root yourself{where}",
                exit_code=ExitCode.NO_INPUT,
            )
        return [root if root.endswith("/") else f"{root}/" for root in here]

    def _collections(self, root: str) -> list[CollectionInfo]:
        """5.1; none of a root that is not for this token."""
        try:
            return self._get(f"{root}collections/", Collections, "list of collections").collections
        except Refused as refused:
            if refused.status in (403, 404):
                return []
            raise

    def _not_one(self, wanted: str, found: Sequence[Found]) -> Error:
        hide = self.transport.hide
        names = ", ".join(f"{hide(one.info.title)[:60]!r} ({hide(one.info.id)})" for one in found[:MAX_SHOWN])
        what = (
            f"no collection {wanted[:100]!r}, or more than one" if wanted else "not one collection to choose"
        )
        hint = f"--collection, one of: {names}" if names else "this token sees no collection"
        return Error(what, hint=hint, exit_code=ExitCode.NO_INPUT)

    def _get(self, path: str, kind: type[_T], what: str) -> _T:
        return read_resource(self._ask("GET", path).body, kind, what)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        once: bool = False,
    ) -> Answer:
        """An answer of 200 or 202, in TAXII's media type."""
        headers = {"Accept": TAXII} | ({"Content-Type": TAXII} if body is not None else {})
        answer = self.transport.ask(method, path, query=query, body=body, headers=headers, once=once)
        if answer.status not in (200, 202):
            raise refused(answer, self.transport)
        if not is_taxii(answer.headers.get("content-type", "")):
            kind = self.transport.hide(answer.headers.get("content-type", "none"))[:80]
            raise Error(f"the answer's media type is not TAXII's: {kind}", hint="is the URL right?")
        return answer


def envelope_of(objects: Iterable[bytes]) -> bytes:
    """3.7: an envelope of objects, whose bytes stay as they are."""
    return b'{"objects":[%s]}' % b",".join(objects)


def refused(answer: Answer, transport: Transport) -> Refused:
    """The error of an answer, with what the server says in its title and description (3.6.1)."""
    said, code = "", ""
    objects: tuple[str, ...] = ()
    try:
        message = read_resource(answer.body, ErrorMessage, "error")
        title, more = transport.hide(message.title)[:200], transport.hide(message.description)[:300]
        said = f": {title}" + (f" ({more})" if more else "")
        code, objects = message.error_code, _named_in(message)
    except Error:
        pass
    hint = _HINTS_BY_CODE.get(code) or _HINTS.get(answer.status, "")
    offered = answer.headers.get("www-authenticate", "").lower()
    if answer.status == 401 and transport.by_password and "basic" not in offered:
        hint = "the exchange does not take HTTP Basic: leave --user out, and give a token"
    return Refused(
        answer.status, f"the exchange answers {answer.status}{said}", hint, code=code, objects=objects
    )


def _named_in(message: ErrorMessage) -> tuple[str, ...]:
    """STIX ids in `details`, which other servers fill with what they like."""
    try:
        found = msgspec.json.decode(message.details, type=_Details).objects
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return tuple(one for one in found[:MAX_NAMED] if _OBJECT_ID.fullmatch(one))


def _place(url: str) -> tuple[str, str]:
    """Place and path of an API root; nothing for one that is not asked."""
    try:
        return place_of(url)
    except Error:
        return "", ""
