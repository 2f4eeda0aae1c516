"""Poll a collection: what is new since the last time, into the folder of what was received (`Received`).

Pages are walked by `next`; where a server says that there is more and names none, by `added_after` and the
date header (3.5). After each page: the objects are made durable, then the cursor is moved. The cursor is a
date, never a `next`: there are servers (medallion) whose `next` goes on by itself with every use, and what
a killed client asked for would be lost. Pages come in order of date (3.3), and inside of a walk the cursor
stays a microsecond before the last date, since other objects may have the same. So a reading that begins
anew, after a kill or a broken connection, reads some objects again and misses none.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from countermark.errors import Error
from countermark.share.client.cursors import CURSORS, Cursor, CursorFile
from countermark.share.client.resources import TIME
from countermark.share.client.taxii import OVERDUE, Found, PageOf, Taxii
from countermark.share.client.transport import Broken, Refused, TooLarge
from countermark.share.stix.reading import Arrival, Received
from countermark.trust.keyfiles import locked

LIMIT = 1000
MOST_PAGES = 100_000
"""Of one poll; the next one goes on."""
MOST_IDLE = 100
"""Pages in a row that bring nothing new, do not get on, and say that there is more."""
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
    withdrawals: int = 0
    """Objects that were fetched by their id, because the exchange asked for it."""
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
        self._trouble = ""
        self._file = CursorFile(out, taxii.transport.place, collection.path)

    def run(self, told: Callable[[Polled], None] = lambda _: None) -> Polled:
        """Read to the end; `told` is called after each page. Raises `Error`; what was read is kept."""
        done = Polled(self._collection.path)
        with ExitStack() as held:
            try:
                held.enter_context(locked(self._out / CURSORS / self._file.path.name))
                self._file.refuse_another_place()
            except OSError as error:
                raise Error(f"{self._out} cannot be written: {error.strerror}") from None
            self._walk(self._file.read(), done, held, told)
        return done

    def _walk(self, cursor: Cursor, done: Polled, held: ExitStack, told: Callable[[Polled], None]) -> None:
        received: Received | None = None
        after, token, idle, seen = cursor.after, "", 0, ""
        fetched: set[str] = set()
        while True:
            try:
                page = self._page(after, token)
            except Refused as refused:
                if refused.code != OVERDUE or not set(refused.objects) - fetched:
                    raise
                if received is None:
                    received = held.enter_context(Received(self._out))
                self._fetch_withdrawn(refused.objects, received, done)
                fetched |= set(refused.objects)
                page = None
            if page is None:  # the connection broke, or the server forgot its word: from the cursor again
                after, token, idle = cursor.after, "", idle + 1
                self._check_gets_on(idle)
                continue
            brought = 0
            if page.objects:
                if received is None:  # an empty one, of which all went to the quarantine, is false
                    received = held.enter_context(Received(self._out))
                brought = self._keep(received, page, done)
            done.pages += 1
            seen = max(seen, _last(page), key=_moment)
            moved = msgspec.structs.replace(cursor, after=_position(cursor.after, page, seen))
            if moved != cursor:
                self._file.write(moved)
            done.position = moved.after
            told(done)
            if not page.more:
                return
            idle = 0 if moved != cursor or brought else idle + 1
            self._check_gets_on(idle)
            if done.pages >= self._most_pages:
                raise Error(
                    f"there is more after {done.pages:,} pages", hint="poll again: it goes on from here"
                )
            cursor, token = moved, page.next
            after = after if token else moved.after

    def _fetch_withdrawn(self, stix_ids: Sequence[str], received: Received, done: Polled) -> None:
        """Fetch what the exchange says we are late with, behind the cursor as it may be; the cursor stays."""
        for stix_id in stix_ids:
            page = self._taxii.object(self._collection, stix_id)
            if page.objects:
                self._keep(received, page, done)
            done.withdrawals += 1

    def _check_gets_on(self, idle: int) -> None:
        if idle > MOST_IDLE:
            what = self._trouble or "the exchange gives the same place again or nothing"
            raise Error(f"there is more, and {what}", hint="poll again: it goes on from here")

    def _page(self, after: str, token: str) -> PageOf | None:
        """A page; None for a `next` that is not to be used again."""
        while True:
            query = {"limit": str(self._limit)}
            query |= {"added_after": after} if after else {}
            query |= {"next": token} if token else {}
            try:
                return self._taxii.page(self._collection, query, once=bool(token))
            except TooLarge:
                if self._limit == 1:
                    raise
                self._limit = max(1, self._limit // 4)
                if token:
                    return None
            except Broken as broken:
                self._trouble = broken.message
                return None
            except Refused as refused:
                if not token or refused.status not in (400, 404, 410, 422):
                    raise
                return None

    def _keep(self, received: Received, page: PageOf, done: Polled) -> int:
        """Make a page durable, and count it; how much of it was not there, quarantine included."""
        had = done.new + len(received.quarantine)
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
        return done.new + len(received.quarantine) - had


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


def _last(page: PageOf) -> str:
    """Its last date, checked; empty where it has no object, and where the server says none."""
    if len(page.next) > MOST_NEXT:
        raise Error("the exchange names the next page by too long a word")
    return _date(page.last) if page.objects or (page.more and not page.next) else ""


def _position(before: str, page: PageOf, seen: str) -> str:
    """The cursor after a page that is on the disk: the last date of the walk when it is the end, a
    microsecond earlier than that of the page while there is more. Where a server without `next` has a page of
    one date alone, that date, as the standard says (3.5): the rest of that date is missed.
    """
    if not page.more:
        return max(before, seen, key=_moment)
    last = _last(page)
    if not last:
        if not page.next:
            raise Error(
                "the exchange says that there is more, and not where: no next, and no date of the last"
            )
        return before
    earlier = (_moment(last) - _MICROSECOND).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if not page.next and _moment(earlier) <= _moment(before):
        earlier = last
    return max(before, earlier, key=_moment)


def _date(text: str) -> str:
    """A date header; empty where there is none. One in the future is refused: we would miss what comes."""
    if not text:
        return ""
    if not TIME.fullmatch(text):
        raise Error("a date header of the exchange is no TAXII timestamp")
    if _moment(text) > datetime.now(UTC) + _AHEAD:
        raise Error(
            "the exchange dates its objects into the future", hint="is the clock of this machine right?"
        )
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
