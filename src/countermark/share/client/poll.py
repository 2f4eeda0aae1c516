"""Poll a collection: what is new since the last time, into the folder of what was received (`Received`).

Pages are walked by `next`; where a server says that there is more and names none, by `added_after` and the
date header (3.5). After each page: the objects are made durable, then the cursor is moved. The cursor's base
moves when a walk is whole, so that a `next` that a server forgets costs a second reading and no object.
"""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from countermark.errors import Error
from countermark.share.client.cursors import CURSORS, Cursor, CursorFile
from countermark.share.client.resources import TIME
from countermark.share.client.taxii import Found, PageOf, Taxii
from countermark.share.client.transport import Refused, TooLarge
from countermark.share.stix.reading import Arrival, Received
from countermark.trust.keyfiles import locked

LIMIT = 1000
MOST_PAGES = 100_000
"""Of one poll; the next one goes on."""
MOST_EMPTY = 100
"""Pages without an object, one after the other, that say that there is more."""
MOST_NEXT = 64 << 10
_AHEAD = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


class Polled(msgspec.Struct):
    """What a poll brought."""

    collection: str
    pages: int = 0
    objects: int = 0
    """In the pages."""
    new: int = 0
    """Versions that were not there before."""
    revoked: int = 0
    """Of those, withdrawals of an object by its maker."""
    known: int = 0
    quarantined: int = 0
    position: str = ""
    """`date_added` up to which all was read."""
    ids: list[str] = []
    """Of what is new, in order of arrival; at most the first thousand."""


class _Named(msgspec.Struct):
    id: str = ""
    revoked: bool = False


class Poller:
    """Walks a collection from its cursor."""

    def __init__(
        self, taxii: Taxii, collection: Found, out: Path, *, limit: int = LIMIT, most_pages: int = MOST_PAGES
    ) -> None:
        self._taxii, self._collection, self._out = taxii, collection, out
        self._limit, self._most_pages = limit, most_pages
        self._file = CursorFile(out, taxii.transport.place, collection.path)

    def run(self, told: Callable[[Polled], None] = lambda _: None) -> Polled:
        """Read to the end; `told` is called after each page. Raises `Error`; what was read is kept."""
        done = Polled(self._collection.path)
        with ExitStack() as held:
            try:
                held.enter_context(locked(self._out / CURSORS / self._file.path.name))
            except OSError as error:
                raise Error(f"{self._out} cannot be written: {error.strerror}") from None
            self._walk(self._file.read(), done, held, told)
        return done

    def _walk(self, cursor: Cursor, done: Polled, held: ExitStack, told: Callable[[Polled], None]) -> None:
        received: Received | None = None
        empty, before = 0, set[str]()
        while True:
            page, cursor = self._page(cursor)
            if page.objects:
                received = received or held.enter_context(Received(self._out))
                self._keep(received, page, done)
            empty = 0 if page.objects else empty + 1
            done.pages += 1
            moved = _moved(cursor, page)
            if moved != cursor:
                self._file.write(moved)
            done.position = moved.after
            told(done)
            if not page.more:
                return
            here = f"{moved.after} {moved.next}"
            if here in before or (moved == cursor and not page.objects) or empty > MOST_EMPTY:
                raise Error("the exchange says that there is more, and gives the same place again or nothing")
            if done.pages >= self._most_pages:
                raise Error(
                    f"there is more after {done.pages:,} pages", hint="poll again: it goes on from here"
                )
            before.add(here)
            cursor = moved

    def _page(self, cursor: Cursor) -> tuple[PageOf, Cursor]:
        """The page at the cursor. A `next` that the server does not know any more begins the walk anew."""
        while True:
            query = {"limit": str(self._limit)}
            query |= {"added_after": cursor.after} if cursor.after else {}
            query |= {"next": cursor.next} if cursor.next else {}
            try:
                return self._taxii.page(self._collection, query), cursor
            except TooLarge:
                if self._limit == 1:
                    raise
                self._limit = max(1, self._limit // 4)
            except Refused as refused:
                if not cursor.next or refused.status not in (400, 404, 410, 422):
                    raise
                cursor = msgspec.structs.replace(cursor, next="", seen="")

    def _keep(self, received: Received, page: PageOf, done: Polled) -> None:
        """Make a page durable, and count it."""
        dates = page.last if page.first == page.last else f"{page.first}/{page.last}"
        arrivals = [Arrival(raw, dates) for raw in page.objects]
        taken = received.add_all(self._collection.info.id, arrivals)
        done.objects += len(taken)
        for raw, became in zip(page.objects, taken, strict=True):
            if became == "new":
                one = _named(raw)
                done.new += 1
                done.revoked += one.revoked
                if len(done.ids) < 1000:
                    done.ids.append(one.id)
            elif became == "known":
                done.known += 1
            else:
                done.quarantined += 1


def poll(
    taxii: Taxii,
    collection: Found,
    out: Path,
    *,
    limit: int = LIMIT,
    most_pages: int = MOST_PAGES,
    told: Callable[[Polled], None] = lambda _: None,
) -> Polled:
    """What is new in a collection, into the folder `out`. See `Poller`."""
    return Poller(taxii, collection, out, limit=limit, most_pages=most_pages).run(told)


def _moved(cursor: Cursor, page: PageOf) -> Cursor:
    """The cursor after a page that is on the disk."""
    seen = max(cursor.seen, _date(page.last), key=_moment) if page.objects else cursor.seen
    if page.more and page.next:
        if len(page.next) > MOST_NEXT:
            raise Error("the exchange names the next page by too long a word")
        return msgspec.structs.replace(cursor, next=page.next, seen=seen)
    if not page.more:
        after = max(cursor.after, seen, key=_moment)
        return msgspec.structs.replace(cursor, after=after, next="", seen="")
    last = _date(page.last)
    if not last:
        raise Error("the exchange says that there is more, and not where: no next, and no date of the last")
    return msgspec.structs.replace(
        cursor, after=_step(cursor.after, last, bool(page.objects)), next="", seen=""
    )


def _step(after: str, last: str, objects: bool) -> str:
    """`added_after` of the next page where there is no `next`: just before the last date of this one, since
    other objects may have the same date; that date itself where a page has no other (or nothing).
    """
    when = _moment(last)
    earlier = (when - _MICROSECOND).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return earlier if objects and _moment(earlier) > _moment(after) else max(after, last, key=_moment)


def _date(text: str) -> str:
    """A date header; empty where there is none. One in the future is refused: we would miss what comes."""
    if not text:
        return ""
    if not TIME.fullmatch(text):
        raise Error("a date header of the exchange is no TAXII timestamp")
    if _moment(text) > datetime.now(UTC) + _AHEAD:
        raise Error("the exchange dates its objects into the future")
    return text


def _moment(text: str) -> datetime:
    """The instant; the beginning of time for none."""
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    try:
        whole, _, fraction = text.rstrip("Z").partition(".")
        return datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}+00:00")
    except ValueError:
        raise Error("a date header of the exchange is no time") from None


def _named(raw: bytes) -> _Named:
    try:
        return msgspec.json.decode(raw, type=_Named)
    except msgspec.MsgspecError:
        return _Named()
