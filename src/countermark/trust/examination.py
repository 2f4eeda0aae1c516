"""A public log, examined: whole, of batches of one size, cosigned, continuing what others kept.

Under order, with the private log and its salt secret, every commitment is made again: each entry was
committed exactly once and in its order, and nothing else was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.trust.batches import read_batches, settings_of
from countermark.trust.checkpoints import Checkpoint, open_checkpoint
from countermark.trust.cosigned import Witnessing, open_cosigned, timestamp_file, witnessed_at
from countermark.trust.forks import roots_at
from countermark.trust.log import Log, verify_log
from countermark.trust.notes import VerifierKey
from countermark.trust.openings import OF_RUNS
from countermark.trust.publication import Publication
from countermark.trust.runs import all_runs, check_runs, unfinished


@dataclass(frozen=True)
class Cosigned:
    """A cosigned checkpoint."""

    size: int
    witnesses: list[str]
    """Names of the known witnesses that cosigned it."""
    witnessed: int | None
    """Latest cosignature, in seconds since 1970; None without somebody outside the alliance."""
    timestamped: bool
    """Whether a timestamp stands beside it; it is not verified here."""


@dataclass(frozen=True)
class PublicPart:
    """What a public log shows to everybody."""

    origin: str
    batches: int
    width: int
    """Commitments in a batch."""
    every_seconds: int
    missed: int
    """Ticks of the cadence without a batch: the publisher stood still."""
    out_of_cadence: list[int]
    """Numbers of batches that share their tick with the one before: somebody did not wait."""
    cosigned: list[Cosigned]
    kept: int
    """Notes kept elsewhere that the log continues."""


@dataclass(frozen=True)
class PrivatePart:
    """What the private log adds, under order."""

    entries: int
    committed: int
    waiting: int
    late: list[int]
    """Entries that say to be older than a batch that had room for them: back-dated, or held back."""
    runs: int
    privileged: int
    unfinished: list[int]
    """Runs without an outcome."""
    kinds: dict[str, int] = field(default_factory=dict)


def examine_public(
    folder: Path,
    verifier: VerifierKey,
    *,
    witnesses: Sequence[Witnessing] = (),
    kept: Sequence[str] = (),
) -> PublicPart:
    """Check a whole public log; raises `Error(VERIFICATION_FAILED)` where it is not what it was.

    `kept` are signed checkpoints that were kept elsewhere.
    """
    verify_log(folder, verifier)
    log = Log.open(folder)
    width, every = settings_of(folder)
    times: list[datetime] = []
    for batch in read_batches(log):
        if len(batch.commitments) != width:
            raise _failed(f"batch {batch.number} has not {width} commitments, as the log was made for")
        times.append(batch.entry.time)
    keys = [one.key for one in witnesses]
    found = list(open_cosigned(folder, verifier, keys))
    elsewhere = [open_checkpoint(note, verifier) for note in kept]
    _check_continued(log, [*found, *elsewhere])
    missed, doubled = _cadence(times, every)
    return PublicPart(
        origin=verifier.name,
        batches=len(times),
        width=width,
        every_seconds=every,
        missed=missed,
        out_of_cadence=doubled,
        cosigned=[_cosigned(folder, one, witnesses) for one in found],
        kept=len(elsewhere),
    )


def examine_private(folder: Path, public: Path, salts: Path | None = None) -> PrivatePart:
    """Check under order that the public log commits to every entry of the private one, once and in order.

    Raises `Error(VERIFICATION_FAILED)` where it does not, and where numbers, families or outcomes of runs do
    not follow from the entries.
    """
    both = Publication.open(folder, public, salts)
    log = both.private
    verify_log(folder, log.verifier)
    outside = both.public.verifier
    if (f"{log.verifier.name}.public", log.verifier.public) != (outside.name, outside.public):
        raise _failed("the public log is that of another private one")
    count = check_runs(log)
    kinds: dict[str, int] = {}
    for entry in log.entries():
        kinds[entry.kind] = kinds.get(entry.kind, 0) + 1
    runs = all_runs(log)
    return PrivatePart(
        entries=len(log),
        committed=len(log) - both.waiting,
        waiting=both.waiting,
        late=both.late,
        runs=count,
        privileged=sum(one.space == "privileged" for one in runs),
        unfinished=[one.number for one in unfinished(log)],
        kinds={kind: number for kind, number in sorted(kinds.items()) if kind not in OF_RUNS},
    )


def _check_continued(log: Log, checkpoints: Sequence[Checkpoint]) -> None:
    roots = roots_at(log, [one.size for one in checkpoints])
    for one in checkpoints:
        if one.size > len(log):
            raise _failed(f"a kept checkpoint has {one.size} entries, the log {len(log)}: it was cut back")
        if roots[one.size] != one.root:
            raise _failed(f"a kept checkpoint of {one.size} entries has another root: the log is forked")


def _cosigned(folder: Path, one: Checkpoint, witnesses: Sequence[Witnessing]) -> Cosigned:
    names = [signed.key.name for signed in one.signatures if signed.time is not None]
    stamped = timestamp_file(folder, one.size).exists()
    return Cosigned(one.size, names, witnessed_at(one, witnesses), stamped)


def _cadence(times: Sequence[datetime], every: int) -> tuple[int, list[int]]:
    ticks = [int(one.timestamp()) // every for one in times]
    steps = [later - before for before, later in pairwise(ticks)]
    missed = sum(step - 1 for step in steps if step > 1)
    return missed, [number for number, step in enumerate(steps, 1) if step < 1]


def _failed(message: str) -> Error:
    return Error(
        message,
        hint="keep the folder and the notes as they are: together they are the proof",
        exit_code=ExitCode.VERIFICATION_FAILED,
    )
