"""A tick of the public log: a batch when it is due, cosignatures of witnesses, a timestamp over the note.

What is still missing of an earlier call (a witness that was down, a timestamp) is asked for again, as long as
the size is the same; a killed call leaves nothing half done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.prove.package.timestamp import request_timestamp
from countermark.share.client.witness import WitnessAddress, submit
from countermark.trust.cosigned import cosigners, keep_note, note_file, timestamp_file, write_timestamp
from countermark.trust.publication import Publication


@dataclass
class Published:
    """What one call did."""

    size: int
    """Batches in the public log."""
    batch: int | None
    """Number of the batch that was made, None where none was due."""
    waiting: int
    """Entries of the private log that wait for the next batch."""
    cosigned: list[str]
    """Names of the witnesses that were asked and have cosigned this size."""
    timestamped: bool
    failed: dict[str, str] = field(default_factory=dict)
    """Why, by the name of a witness or `timestamp`."""
    forked: bool = False
    """Whether a witness holds a checkpoint that this log does not continue."""


def publish(
    publication: Publication,
    *,
    witnesses: Sequence[WitnessAddress] = (),
    tsa: str = "",
    at_once: bool = False,
    ca_file: Path | None = None,
    now: datetime | None = None,
) -> Published:
    """Make a batch if one is due (or `at_once`), and have the log's head cosigned and timestamped.

    A witness or an authority that fails does not keep the others from being asked.
    """
    made = None
    if at_once or publication.due(now or datetime.now(UTC)):
        made = publication.tick(now).index
    log = publication.public
    done = Published(len(log), made, publication.waiting, [], False)
    for one in witnesses:
        if _has_cosigned(log.folder, len(log), one):
            done.cosigned.append(one.key.name)
            continue
        try:
            submit(log, one, ca_file)
            done.cosigned.append(one.key.name)
        except Error as error:
            done.failed[one.key.name] = error.message
            done.forked |= error.exit_code == ExitCode.VERIFICATION_FAILED
    if tsa:
        try:
            _timestamp(publication, tsa)
        except Error as error:
            done.failed["timestamp"] = error.message
    done.timestamped = timestamp_file(log.folder, len(log)).exists()
    return done


def _has_cosigned(public: Path, size: int, witness: WitnessAddress) -> bool:
    path = note_file(public, size)
    return path.exists() and (witness.key.name, witness.key.key_id) in cosigners(path.read_text("utf-8"))


def _timestamp(publication: Publication, url: str) -> None:
    """Over the note as it is then; what cosigns later is not under it any more."""
    log = publication.public
    size = len(log)
    if timestamp_file(log.folder, size).exists():
        return
    note = keep_note(log.folder, log.verifier, log.head())
    write_timestamp(log.folder, size, request_timestamp(url, note).response)
