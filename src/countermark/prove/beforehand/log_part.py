"""What of the private and public log goes into a package.

A package holds the public log from its first entry. Of every commitment in it the head is opened, so that
nothing is left out unseen; whole are the matter's testifying runs, its analysis plans, and what those plans
and the results name. Everything else stays closed, and is counted.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from countermark.errors import Error, ExitCode
from countermark.prove.beforehand.conditions import document_of, named_run, texts
from countermark.prove.beforehand.log_reading import MAX_LINE, LogTrust, shown_at
from countermark.prove.beforehand.log_view import COMMITMENTS, OUTCOME, PLAN, START, TESTIFYING
from countermark.prove.custody.custody import Custody
from countermark.prove.package.case import LogHead
from countermark.prove.package.layout import (
    CHECKPOINTS,
    ENTRIES,
    MAX_STAMPED,
    OPENINGS,
    Source,
    read_object,
)
from countermark.prove.package.trustfile import Trust
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.trust.checkpoints import open_checkpoint, read_body
from countermark.trust.cosigned import cosigned_sizes, cosigners, note_file, timestamp_file
from countermark.trust.entries import Entry
from countermark.trust.notes import VerifierKey, split_note
from countermark.trust.publication import Publication, public_folder

ACQUISITION = "acquisition"
_TRIES = 5
_LOOKED_AT = 24


@dataclass(frozen=True)
class LogPart:
    """The files of a log in a package that is sealed, by name."""

    head: LogHead
    files: dict[str, Source]
    key: VerifierKey
    """The log's own: who verifies takes it from elsewhere."""
    waiting: int
    """Entries of the private log that are in no batch yet, and so not in the package."""
    whole: frozenset[int] = frozenset()
    """Entries of the private log that are shown whole, by index."""


@dataclass(frozen=True)
class Asked:
    """What decides which entries a package shows whole, beside the matter's runs and plans."""

    matter: str
    plans: Sequence[bytes] = ()
    """Plans as their files are."""
    documents: Sequence[Mapping[str, Any]] = ()
    """Results: `findings.json`, `scan.json`, every `attribution.json`."""
    custody: Custody = field(default_factory=Custody)

    def wants(self, entry: Entry) -> bool:
        """Whether an entry is shown whole."""
        said = entry.payload
        if entry.kind in (START, OUTCOME):
            testifying = said.get("space", TESTIFYING) == TESTIFYING
            return said.get("matter") == self.matter and (testifying or said.get("run") in self._runs)
        if entry.kind == PLAN:
            return said.get("matter") == self.matter or said.get("sha256") in self._digests
        if entry.kind in COMMITMENTS:
            return said.get("commitment") in self._commitments or entry.index in self._seeds
        return entry.kind == ACQUISITION and not self._acquired.isdisjoint(map(str, said.values()))

    @cached_property
    def _digests(self) -> frozenset[str]:
        return frozenset(map(sha256_hex, self.plans))

    @cached_property
    def _acquired(self) -> frozenset[str]:
        return frozenset(one.digest for one in self.custody.acquisitions)

    @cached_property
    def _commitments(self) -> frozenset[str]:
        plans = [read_object(data, "a plan").get("hypotheses") for data in self.plans]
        rows = [one for plan in plans if isinstance(plan, list) for one in plan if isinstance(one, dict)]
        return frozenset(one for row in rows for one in texts(row.get("commitments")))

    @cached_property
    def _runs(self) -> frozenset[int]:
        named = [named_run(one) for one in self.documents]
        return frozenset(one[1] for one in named if one and one[0] == self.matter)

    @cached_property
    def _seeds(self) -> frozenset[int]:
        """Entries that are said to have fixed the seed of a result's draws."""
        parameters = [document_of(one, "parameters") for one in self.documents]
        return frozenset(
            entry
            for one in parameters
            if isinstance(entry := document_of(one, "seed_source").get("entry"), int)
        )

    def dated(self, entry: Entry) -> bool:
        """Whether it matters since when an entry is shown."""
        return entry.kind in (PLAN, *COMMITMENTS) and self.wants(entry)


def files_for_case(
    log: Path, asked: Asked, *, public: Path | None = None, trust: Trust | None = None
) -> LogPart:
    """The files of a log for a package: all of the public log, every commitment opened, and the checkpoints
    that show since when the plans and commitments were there.

    Raises `Error` where there is no public log, or the two logs do not fit together.
    """
    folder = public or public_folder(log)
    if not folder.is_dir():
        raise Error(
            f"there is no public log at {folder}",
            hint=f"countermark log publish {log} makes it",
            exit_code=ExitCode.NO_INPUT,
        )
    book, note = _at_rest(log, folder)
    size = read_body(split_note(note)[0]).size
    whole, dated = [], []
    for entry in book.private.entries():
        place = book.place(entry.index)
        if place is None or place[0] >= size:
            break
        if asked.wants(entry):
            whole.append(entry.index)
            dated += [place[0] + 1] if asked.dated(entry) else []
    head = LogHead(book.public.verifier.name, size)
    files: dict[str, Source] = {
        ENTRIES: b"".join(data + b"\n" for at, data in book.public.lines() if at < size),
        OPENINGS: b"".join(_line(canonical_json(one)) for one in book.openings(size, whole)),
    }
    key = book.public.verifier
    known = LogTrust.of(trust, head.origin) if trust else None
    for kept, (text, stamp) in _chosen(folder, note, dated, known).items():
        files[f"{CHECKPOINTS}{kept}.note"] = text.encode()
        if stamp is not None:
            files[f"{CHECKPOINTS}{kept}.tsr"] = stamp
    return LogPart(head, files, key, book.waiting, frozenset(whole))


def _at_rest(log: Path, folder: Path) -> tuple[Publication, str]:
    """Both logs, and the public one's checkpoint over just what was read: a batch may be made meanwhile."""
    for _ in range(_TRIES):
        book = Publication.open(log, folder)
        note = book.public.checkpoint()
        if read_body(split_note(note)[0]).size == len(book.public):
            return book, note
    raise Error(f"{folder} grows while it is read", hint="seal again")


def _line(data: bytes) -> bytes:
    if len(data) > MAX_LINE:
        raise Error("an entry of the log is too large to be opened in a package: its line is over 1 MiB")
    return data + b"\n"


def _chosen(
    folder: Path, note: str, dated: Collection[int], trust: LogTrust | None
) -> dict[int, tuple[str, bytes | None]]:
    """Checkpoints with their timestamps, by size: the one over everything, the latest that is cosigned, and
    for each size that has to be covered the first one by each cosigner, the first with a timestamp and, by
    what the trust file trusts, the earliest."""
    size = read_body(split_note(note)[0]).size
    sizes = [one for one in cosigned_sizes(folder) if one <= size]
    wanted = {sizes[-1]} if sizes else set()
    for need in sorted(set(dated)):
        covering = [one for one in sizes if one >= need]
        wanted |= _first_by_each(folder, covering)
        if trust is not None:
            wanted |= _earliest(folder, covering, trust)
    found = {one: _with_stamp(folder, one) for one in sorted(wanted)}
    stamped = [one for one, (_, stamp) in found.items() if stamp is not None]
    if (many := len(stamped)) > MAX_STAMPED:  # those that stay are spread evenly, the first among them
        stays = {stamped[at * many // MAX_STAMPED] for at in range(MAX_STAMPED)}
        found |= {one: (found[one][0], None) for one in stamped if one not in stays}
    return {size: (note, None)} | found


def _first_by_each(folder: Path, sizes: Sequence[int]) -> set[int]:
    """Whom somebody trusts to have seen it is not known when it is sealed."""
    first: dict[object, int] = {}
    for size in sizes[:_LOOKED_AT]:
        note, response = _with_stamp(folder, size)
        for one in [*cosigners(note), *(["stamp"] if response else [])]:
            first.setdefault(one, size)
    return set(first.values())


def _with_stamp(folder: Path, size: int) -> tuple[str, bytes | None]:
    stamp = timestamp_file(folder, size)
    return note_file(folder, size).read_text(encoding="utf-8"), stamp.read_bytes() if stamp.exists() else None


def _earliest(folder: Path, sizes: Sequence[int], trust: LogTrust) -> set[int]:
    """Of these sizes the one that is shown earliest. Witnesses cosign in order, and timestamps follow soon:
    the first few that are shown at all decide it."""
    times: dict[int, datetime] = {}
    for size in sizes:
        note, response = _with_stamp(folder, size)
        head = open_checkpoint(note, trust.key, [one.key for one in trust.witnesses])
        shown = shown_at(head, note.encode(), response, trust)
        if shown is not None:
            times[size] = shown.time
        if len(times) == _LOOKED_AT:
            break
    return {min(times, key=lambda one: times[one])} if times else set()
