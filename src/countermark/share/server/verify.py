"""Whether log and database agree: every object has its entry, every entry its objects, and so the register.

The database is looked at first, then the outbox, then the log, so that a server that runs meanwhile does no
harm: what is committed later is looked up once more at the end.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import accumulate

import msgspec

from countermark.errors import Error
from countermark.share.server.audit import READ
from countermark.share.server.parts import Checked
from countermark.share.server.register import KINDS, Told, differences, register
from countermark.store.exchange import ExchangeStore, Row, microseconds, misplaced
from countermark.trust.log import Log

ADDED, DELETED = "objects-added", "objects-deleted"
_BATCH = 500
_MOST_PROBLEMS = 50
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
    member: str
    sha256: str = ""


class _Line(msgspec.Struct):
    kind: str
    payload: msgspec.Raw


class _Number(msgspec.Struct):
    outbox: int | None = None


class _Held(msgspec.Struct):
    """What is kept of a row that was looked at."""

    owner: str
    sha256: bytes
    gone: bool


class _Collection:
    """One collection: what the database holds of it, and what the log says of it."""

    def __init__(self, store: ExchangeStore, check: Check, found: Found, name: str) -> None:
        self._store, self._check, self._found, self._name = store, check, found, name
        self._versions: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        self.held: dict[int, _Held] = {}
        self.added: set[int] = set()
        self.gone: set[int] = set()
        some: list[Row] = []
        for row in store.scan.all(name):
            some.append(row)
            if len(some) == _BATCH:
                self._look(some)
                some = []
        self._look(some)
        for stix_id, versions in self._versions.items():
            if misplaced(versions):  # or one came between two looks: all of them at once
                again = store.scan.versions(name, stix_id)
                for position in misplaced([(one.position, one.version_at, one.standing) for one in again]):
                    self.wrong(position, "stands elsewhere among its versions than it has to")
        self._versions.clear()
        for last in store.segments.differing(name):
            found.wrong(f"collection {name}: the pages up to {last} are not those of its objects")

    def wrong(self, position: int, what: str) -> None:
        """Note what is wrong with one row."""
        self._found.wrong(f"collection {self._name}: the object at {position} {what}")

    def _look(self, rows: Sequence[Row]) -> None:
        """Keep what is needed of rows, and hold each against its own content."""
        live = [row for row in rows if row.data]
        checked = dict(
            zip((row.position for row in live), self._check([row.data for row in live]), strict=True)
        )
        for row in rows:
            if not row.led_to or (not row.data and not row.gone):
                self.wrong(row.position, "is not where the indexes lead to")
            one = checked.get(row.position)
            digest = row.sha256 if one is None else one.sha256
            if one is not None:
                said = (one.stix_id, one.type, one.sha256, one.spec_version)
                if said != (row.stix_id, row.type, row.sha256, row.spec_version) or not _dated(row, one):
                    self.wrong(row.position, "is not what its row says it is")
                self._versions[row.stix_id].append((row.position, row.version_at, row.standing))
            self.held[row.position] = _Held(row.owner, bytes.fromhex(digest), not row.data)

    def added_by(self, index: int, entry: _Added, positions: Sequence[int]) -> None:
        """An entry says that these were added: whose they are, and what they are."""
        self._again([one for one in positions if one not in self.held])
        held = [self.held[one] for one in positions if one in self.held]
        for position in positions:
            if position in self.held and self.held[position].owner != entry.member:
                self.wrong(position, "is not of the member that added it")
        if not entry.sha256 or len(held) != len(positions) or not all(one.sha256 for one in held):
            return
        self._found.contents += sum(1 for one in held if not one.gone)
        if hashlib.sha256(b"".join(one.sha256 for one in held)).hexdigest() != entry.sha256:
            self._found.wrong(f"an object of entry {index} is not what was added")

    def _again(self, positions: Sequence[int]) -> None:
        if positions:
            self._look(self._store.scan.at(self._name, positions))

    def finish(self) -> None:
        """Compare all positions, when the whole log was read."""
        held, added, gone = self.held, self.added, self.gone
        for position in sorted(held.keys() - added):
            self.wrong(position, "has no entry in the log")
        self._again([one for one in sorted(gone) if one in held and not held[one].gone])  # deleted meanwhile?
        for position in sorted(added - held.keys()):
            lost = "is deleted, and nothing is left of it" if position in gone else "is in the log alone"
            self.wrong(position, f"{lost}: the database has not got it")
        for position in sorted(gone & held.keys()):
            if not held[position].gone:
                self.wrong(position, "is deleted in the log, and still there")
        for position in sorted(held.keys() - gone):
            if held[position].gone:
                self.wrong(position, "is deleted, and no entry says so")


def compare(store: ExchangeStore, open_log: Callable[[], Log], check: Check) -> Found:
    """Compare the database with the log, which `open_log` reads and holds against its checkpoint."""
    found, told = Found(), Told()
    before = register(store)
    names = [one.collection_id for one in store.collections.all()]
    collections = {name: _Collection(store, check, found, name) for name in names}
    waiting = store.outbox.take(1_000_000)
    log = open_log()
    found.waiting = len(waiting)
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
        _take(found, index, line, collections, told)
    for number, kind, payload in waiting:
        if number not in seen:
            line = _Line(kind, msgspec.Raw(msgspec.json.encode(payload)))
            _take(found, found.entries, line, collections, told)
    for one in collections.values():
        one.finish()
    # what an operator changed meanwhile agrees afterwards
    lasting = differences(before, told) & differences(register(store), told)
    for problem in sorted(lasting):
        found.wrong(problem)
    return found


def _take(found: Found, index: int, line: _Line, collections: dict[str, _Collection], told: Told) -> None:
    """What an entry says."""
    try:
        if line.kind in KINDS:
            told.take(line.kind, msgspec.json.decode(line.payload))
            return
        if line.kind not in (ADDED, DELETED):
            return
        entry = msgspec.json.decode(line.payload, type=_Added)
    except (msgspec.ValidationError, KeyError, TypeError):
        found.wrong(f"entry {index} does not say what an entry of its kind says")
        return
    positions = list(accumulate(entry.positions))
    one = collections.get(entry.collection)
    if one is None:
        found.wrong(f"entry {index} is of a collection that the database has not")
        return
    where = one.added if line.kind == ADDED else one.gone
    if not where.isdisjoint(positions):
        found.wrong(f"entry {index} names an object that an earlier entry names")
    where.update(positions)
    if line.kind == ADDED:
        found.added += len(positions)
        one.added_by(index, entry, positions)
    else:
        found.deleted += len(positions)


def _dated(row: Row, one: Checked) -> bool:
    """Whether the row's version is the object's; that of an object that has none is its position."""
    try:
        at = row.position if one.version is None else microseconds(one.version)
    except Error:
        return False
    return row.version_at == at and (one.version is None or row.version == one.version)
