"""Read the public log in a package: batches under checkpoints, every commitment opened (spec/package.md).

Nothing here says whose runs are shown (`log_runs.py`) or what follows for a result (`conditions.py`).
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from cryptography.x509 import Certificate

from countermark.errors import Error
from countermark.prove.beforehand.log_view import LogView, Opened, Shown, moment
from countermark.prove.package.case import LogHead
from countermark.prove.package.layout import (
    CHECKPOINTS,
    ENTRIES,
    LOG,
    MAX_KEPT_BYTES,
    OPENINGS,
    Contents,
    check_marks,
    count_marks,
    data_of,
    failed,
)
from countermark.prove.package.timestamp import check_content, check_issuer
from countermark.prove.package.trustfile import Trust, WitnessKey
from countermark.trust import merkle
from countermark.trust.batches import Batch, read_batch
from countermark.trust.checkpoints import Checkpoint, open_checkpoint, read_body
from countermark.trust.cosigned import witnessed_at
from countermark.trust.entries import decode_entry
from countermark.trust.notes import VerifierKey, split_note
from countermark.trust.openings import Opening, check_opening, opened_entry, read_opening

MAX_LINE = 1 << 20
_CHECKPOINT = re.compile(r"(0|[1-9][0-9]{0,14})\.(note|tsr)")


@dataclass(frozen=True)
class LogTrust:
    """What a log is held against."""

    key: VerifierKey
    """Of the log; its name is the origin."""
    witnesses: tuple[WitnessKey, ...] = ()
    tsa_roots: tuple[Certificate, ...] = ()
    checkpoints: tuple[str, ...] = ()
    """Signed notes that somebody else kept, of any log."""

    @classmethod
    def of(cls, trust: Trust, origin: str) -> "LogTrust | None":
        """From a trust file; None where it has no key of this log."""
        key = next((one for one in trust.logs if one.name == origin), None)
        return cls(key, trust.witnesses, trust.tsa_roots, trust.checkpoints) if key else None


@dataclass(frozen=True)
class _Kept:
    """A checkpoint that somebody else kept."""

    checkpoint: Checkpoint
    number: int
    """In the trust file, from 1."""


@dataclass
class _Budget:
    """What opened entries, which are kept, may take together."""

    size: int = 0
    marks: int = 0

    def take(self, entry: bytes) -> None:
        """Count an entry before it is parsed; raises where it is one too many."""
        self.size += len(entry)
        self.marks += count_marks(entry)
        check_marks(self.marks)
        if self.size > MAX_KEPT_BYTES:
            raise failed(f"the opened entries of the log are larger than {MAX_KEPT_BYTES >> 20} MiB")


def read_log(contents: Contents, log: LogHead, trust: LogTrust) -> LogView:
    """What the package shows of a log, once all of it holds: signatures, roots, openings, no contradiction.

    Raises `Error(VERIFICATION_FAILED)` with what does not.
    """
    heads = _checkpoints(contents, checkpoint_names(contents), trust)
    if log.size not in heads:
        raise failed(f"there is no checkpoint of all {log.size} entries of the log")
    if any(size > log.size for size in heads):
        raise failed("there is a checkpoint of more entries than the package has of the log")
    kept = _kept(trust)
    opened, ends = [], None
    for batch, commitments in _batches(contents, log.size, heads, kept):
        opened += commitments
        ends = batch.entry.time
    shown, allied = _times(contents, heads, trust)
    known = max((one.checkpoint.size for one in kept), default=0)
    return LogView(log.origin, log.size, tuple(opened), shown, allied, ends, known)


def check_no_log(contents: Contents) -> None:
    """Raise where a case without a log has files of one."""
    for name in contents:
        if name.startswith(LOG):
            raise failed(f"{name} is there, and the case has no log")


def checkpoint_names(contents: Contents) -> dict[int, bool]:
    """Sizes of the checkpoints in a package, and whether a timestamp stands beside each; raises where another
    file stands below `data/log/`, or one of the two long ones is missing."""
    sizes: dict[int, set[str]] = {}
    for name in contents:
        if not name.startswith(LOG) or name in (ENTRIES, OPENINGS):
            continue
        match = (
            _CHECKPOINT.fullmatch(name.removeprefix(CHECKPOINTS)) if name.startswith(CHECKPOINTS) else None
        )
        if match is None:
            raise failed(f"{name} does not belong to a log")
        sizes.setdefault(int(match[1]), set()).add(match[2])
    for name in (ENTRIES, OPENINGS):
        if name not in contents:
            raise failed(f"{name} is missing")
    for size, kinds in sizes.items():
        if "note" not in kinds:
            raise failed(f"{CHECKPOINTS}{size}.tsr stands beside no checkpoint")
    return {size: "tsr" in kinds for size, kinds in sorted(sizes.items())}


def _kept(trust: LogTrust) -> list[_Kept]:
    """The checkpoints of this log that somebody else kept."""
    found = []
    for number, note in enumerate(trust.checkpoints, 1):
        if read_body(split_note(note)[0]).origin == trust.key.name:
            found.append(_Kept(open_checkpoint(note, trust.key), number))
    return found


def _checkpoints(contents: Contents, sizes: dict[int, bool], trust: LogTrust) -> dict[int, Checkpoint]:
    witnesses = [one.key for one in trust.witnesses]
    heads = {}
    for size in sizes:
        name = f"{CHECKPOINTS}{size}.note"
        try:
            heads[size] = open_checkpoint(data_of(contents, name).decode(), trust.key, witnesses)
        except (Error, UnicodeDecodeError) as error:
            raise failed(f"{name}: {error}") from error
        if heads[size].size != size:
            raise failed(f"{name} is a checkpoint of {heads[size].size} entries")
    return heads


def _batches(
    contents: Contents, size: int, heads: dict[int, Checkpoint], kept: Sequence[_Kept]
) -> Iterator[tuple[Batch, list[Opened]]]:
    """Every batch with its commitments that are no padding, while they are held against the checkpoints."""
    with ExitStack() as stack:
        entries, openings = (
            lines(stack.enter_context(closing(contents[name].open())), name) for name in (ENTRIES, OPENINGS)
        )
        frontier, following, width, budget = merkle.Frontier(), 0, 0, _Budget()
        _check_roots(frontier, heads, kept)
        for data in entries:
            batch = read_batch(decode_entry(frontier.size, data))
            width = width or len(batch.commitments)
            if len(batch.commitments) != width:
                raise failed(f"batch {batch.number} of the log has not {width} commitments, as the others")
            frontier.append(batch.entry.leaf_hash)
            _check_roots(frontier, heads, kept)
            numbered = enumerate(batch.commitments, batch.number * width)
            found = [
                _open(next(openings, None), one, number, frontier.size, budget) for number, one in numbered
            ]
            entries_of = [one for one in found if one.head.index is not None]
            for one in entries_of:
                if one.head.index != following:
                    raise failed(f"entry {following} of the log is left out: {one.head.index} follows")
                following += 1
            yield batch, entries_of
        if frontier.size != size:
            raise failed(f"the package has {frontier.size} entries of the log, and says {size}")
        if next(openings, None) is not None:
            raise failed(f"{OPENINGS} has more lines than the log has commitments")


def _open(line: bytes | None, commitment: bytes, number: int, size: int, budget: _Budget) -> Opened:
    if line is None:
        raise failed(f"{OPENINGS} has fewer lines than the log has commitments: number {number} is missing")
    try:
        opening: Opening = read_opening(line)
        head = check_opening(opening, commitment)
        budget.take((opening.entry or "").encode())
        return Opened(number, size, head, opened_entry(opening, head))
    except Error as error:
        raise failed(f"{OPENINGS}, line {number + 1}: {error.message}") from error


def _check_roots(frontier: merkle.Frontier, heads: dict[int, Checkpoint], kept: Sequence[_Kept]) -> None:
    """Hold the entries so far against the checkpoints of just this size."""
    size = frontier.size
    root = frontier.root() if size in heads or any(one.checkpoint.size == size for one in kept) else b""
    if size in heads and heads[size].root != root:
        raise failed(f"{CHECKPOINTS}{size}.note is not a checkpoint of the entries in the package")
    for one in kept:
        if one.checkpoint.size == size and one.checkpoint.root != root:
            raise failed(
                f"the log was forked: checkpoint {one.number} of the trust file is of its first {size}"
                " entries and has another root"
            )


def _times(
    contents: Contents, heads: dict[int, Checkpoint], trust: LogTrust
) -> tuple[dict[int, Shown], dict[int, datetime]]:
    """What is shown at each checkpoint, and where only members of the alliance cosigned."""
    shown, allied = {}, {}
    for size, head in heads.items():
        name = f"{CHECKPOINTS}{size}.tsr"
        response = data_of(contents, name) if name in contents else None
        found = shown_at(head, data_of(contents, f"{CHECKPOINTS}{size}.note"), response, trust)
        latest = head.seen_at()
        if found is not None:
            shown[size] = found
        elif latest is not None:
            allied[size] = moment(latest)
    return shown, allied


def shown_at(head: Checkpoint, note: bytes, response: bytes | None, trust: LogTrust) -> Shown | None:
    """Since when a checkpoint, opened with the witnesses' keys, is shown; None where nobody says so.

    `response` is the RFC 3161 response beside it, if any; raises where that is not over this note.
    """
    found = []
    seen = witnessed_at(head, trust.witnesses)
    if seen is not None:
        names = sorted({one.key.name for one in head.signatures if one.time is not None})
        found.append(Shown(moment(seen), f"cosigned by {', '.join(names)}"))
    if response is not None:
        found += _stamped(head.size, response, note, trust)
    return min(found, key=lambda one: one.time, default=None)


def _stamped(size: int, response: bytes, note: bytes, trust: LogTrust) -> list[Shown]:
    """The time of a response; none where it leads to no accepted root."""
    try:
        time = check_content(response, note)
    except Error as error:
        raise failed(f"{CHECKPOINTS}{size}.tsr: {error.message}") from error
    try:
        root = check_issuer(response, note, trust.tsa_roots)
    except Error:
        return []
    return [Shown(time, f"timestamped under {root.subject.rfc4514_string()}")]


def lines(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Lines without their line feed; raises for one that is too long, and where the last has no line feed."""
    while line := stream.readline(MAX_LINE + 1):
        if not line.endswith(b"\n"):
            raise failed(f"{name} has a line that is too long, or does not end in a line feed")
        yield line[:-1]
