"""Whether log and database agree: every object has its entry, every entry its objects.

The database is looked at first, then the outbox, then the log, so that a server that runs meanwhile does no
harm: what is committed later is looked up once more at the end.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import msgspec

from countermark.records.exchange import Stored
from countermark.share.server.audit import READ
from countermark.share.server.parts import Checked
from countermark.store.exchange import ALL, ExchangeStore, Filters
from countermark.trust.log import Log

ADDED, DELETED = "objects-added", "objects-deleted"
_PAGE = 1000
_MOST_PROBLEMS = 50
_EVERY = Filters(versions=(ALL,), spec_versions=("2.0", "2.1"))
Check = Callable[[Sequence[bytes]], Sequence[Checked]]


class Found(msgspec.Struct):
    """What was compared."""

    entries: int = 0
    reads: int = 0
    added: int = 0
    """Objects that entries say were added."""
    deleted: int = 0
    waiting: int = 0
    """Entries that are committed in the database and not yet in the log."""
    contents: int = 0
    """Objects whose content was compared with the digest in their entry."""
    problems: list[str] = []
    """What does not agree, the first few."""
    more_problems: int = 0

    def wrong(self, problem: str) -> None:
        """Note what does not agree."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)
        else:
            self.more_problems += 1


class _Added(msgspec.Struct):
    collection: str
    positions: list[int]
    sha256: str = ""


class _Line(msgspec.Struct):
    kind: str
    payload: msgspec.Raw


class _Number(msgspec.Struct):
    outbox: int | None = None


def compare(store: ExchangeStore, open_log: Callable[[], Log], check: Check) -> Found:
    """Compare the database with the log, which `open_log` reads and holds against its checkpoint."""
    found = Found()
    live = {one.collection_id: set(_live(store, one.collection_id)) for one in store.collections.all()}
    waiting = store.outbox.take(1_000_000)
    log = open_log()
    found.waiting = len(waiting)
    added: dict[str, set[int]] = {name: set() for name in live}
    gone: dict[str, set[int]] = {name: set() for name in live}
    seen: set[int] = set()
    for index, data in log.lines():
        found.entries = index + 1
        line = msgspec.json.decode(data, type=_Line)
        if line.kind == READ:
            found.reads += 1
            continue
        number = msgspec.json.decode(line.payload, type=_Number).outbox
        if number is not None and number in seen:
            found.wrong(f"entry {index} is in the log a second time")
        seen.add(number or 0)
        _take(found, index, line, added, gone)
        if line.kind == ADDED:
            _compare_content(store, check, found, index, msgspec.json.decode(line.payload, type=_Added))
    for _, kind, payload in waiting:
        _take(found, -1, _Line(kind, msgspec.Raw(msgspec.json.encode(payload))), added, gone, late=True)
    for name in live:
        _compare(store, found, name, live[name], added[name], gone[name])
    return found


def _take(
    found: Found,
    index: int,
    line: _Line,
    added: dict[str, set[int]],
    gone: dict[str, set[int]],
    late: bool = False,
) -> None:
    """Positions that an entry says were added or deleted."""
    if line.kind not in (ADDED, DELETED):
        return
    entry = msgspec.json.decode(line.payload, type=_Added)
    positions = list(accumulate(entry.positions))
    where = (added if line.kind == ADDED else gone).get(entry.collection)
    if where is None:
        found.wrong(f"entry {index} is of a collection that the database has not")
        return
    if not late and not where.isdisjoint(positions):
        found.wrong(f"entry {index} names an object that an earlier entry names")
    where.update(positions)
    if line.kind == ADDED:
        found.added += len(positions)
    else:
        found.deleted += len(positions)


def _compare_content(store: ExchangeStore, check: Check, found: Found, index: int, entry: _Added) -> None:
    """The digest over the objects of an entry; not where one was deleted since, whose content is gone."""
    rows = _at(store, entry.collection, list(accumulate(entry.positions)))
    if not entry.sha256 or len(rows) != len(entry.positions) or not all(row.data for row in rows):
        return
    digests = b"".join(bytes.fromhex(one.sha256) for one in check([row.data for row in rows]))
    found.contents += len(rows)
    if hashlib.sha256(digests).hexdigest() != entry.sha256:
        found.wrong(f"an object of entry {index} is not what was added")


def _compare(
    store: ExchangeStore, found: Found, name: str, live: set[int], added: set[int], gone: set[int]
) -> None:
    for position in sorted(live - added):
        found.wrong(f"collection {name}: the object at {position} has no entry in the log")
    absent = sorted((added - gone) - live)
    there = {row.date_added: row for row in _at(store, name, absent)}
    for position in absent:
        row = there.get(position)
        if row is None or not row.data:
            found.wrong(f"collection {name}: the log has an object at {position}, and the database has not")
    still = {row.date_added for row in _at(store, name, sorted(gone & live)) if row.data}
    for position in sorted(still):
        found.wrong(f"collection {name}: the object at {position} is deleted in the log, and still there")
    kept = {row.date_added for row in _at(store, name, sorted(gone - live))}
    for position in sorted((gone - live) - kept):
        found.wrong(f"collection {name}: nothing is left of the deleted object at {position}")


def _live(store: ExchangeStore, name: str) -> Iterator[int]:
    after: int | None = None
    while True:
        page = store.objects.page(name, _EVERY, after=after, limit=_PAGE, with_data=False)
        yield from (row.date_added for row in page.rows)
        if not page.more:
            return
        after = page.rows[-1].date_added


def _at(store: ExchangeStore, name: str, positions: list[int]) -> list[Stored]:
    return store.objects.at(name, positions) if positions else []
