"""Checkpoints that others kept, against each other and against a public log: does one log stand behind them?

Two notes of one origin, both signed by the log's key, contradict each other when they have one size and two
roots, or when no log continues both. Together they are the proof that different people were shown different
logs, and nobody but the holder of its key can have made them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from countermark.trust import merkle
from countermark.trust.checkpoints import Checkpoint, open_checkpoint
from countermark.trust.log import Log
from countermark.trust.notes import VerifierKey


@dataclass(frozen=True)
class Comparison:
    """What came out."""

    fork: tuple[str, str] | None
    """Names of the two notes that contradict each other."""
    open: tuple[str, ...] = ()
    """Names of notes of which nothing shows that they are of the log, nor that they are not."""


def compare(
    notes: Mapping[str, str], verifier: VerifierKey, public: Path | None = None
) -> tuple[Comparison, dict[str, Checkpoint]]:
    """Compare signed notes by their names, and with the entries of a public log where one is given.

    Raises `Error(VERIFICATION_FAILED)` for a note that the log's key has not signed: it proves nothing.
    """
    opened = {name: open_checkpoint(note, verifier) for name, note in notes.items()}
    fork = _one_size_two_roots(opened)
    if fork is not None:
        return Comparison(fork), opened
    if public is None:
        sizes = {one.size for one in opened.values() if one.size}
        return Comparison(None, tuple(opened) if len(sizes) > 1 else ()), opened
    log = Log.open(public)
    held = open_checkpoint(log.head(), verifier)
    roots = roots_at(log, [one.size for one in opened.values()])
    for name, one in opened.items():
        if one.size <= held.size and roots[one.size] != one.root:
            return Comparison((name, str(public / "checkpoint"))), opened
    return Comparison(None, tuple(name for name, one in opened.items() if one.size > held.size)), opened


def roots_at(log: Log, sizes: Sequence[int]) -> dict[int, bytes]:
    """Roots over the first entries of a log, for each of these sizes that it has."""
    wanted = {size for size in sizes if size <= len(log)}
    frontier = merkle.Frontier()
    found = {0: merkle.EMPTY_ROOT}
    for index, data in log.lines():
        frontier.append(merkle.leaf_hash(data))
        if index + 1 in wanted:
            found[index + 1] = frontier.root()
    return found


def _one_size_two_roots(opened: Mapping[str, Checkpoint]) -> tuple[str, str] | None:
    seen: dict[int, tuple[str, bytes]] = {}
    for name, one in opened.items():
        other, root = seen.setdefault(one.size, (name, one.root))
        if root != one.root:
            return other, name
    return None
