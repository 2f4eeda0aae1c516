"""The public log: batches of commitments, all of one number, at one cadence (spec/log.md, Batches).

PUBLIC/                 a log (`trust.log`) whose entries are all of kind `batch`
PUBLIC/publication.json number of commitments in a batch, seconds between batches
PUBLIC/cosigned/        cosigned checkpoints by size (`trust.cosigned`)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.records.files import write_atomic
from countermark.trust.entries import Entry, decode_entry
from countermark.trust.log import Log
from countermark.trust.openings import COMMITMENT_BYTES
from countermark.trust.signing import decode_base64, encode_base64

BATCH = "batch"
SETTINGS = "publication.json"
SCHEMA = "countermark/publication/v1"
DEFAULT_BATCH, DEFAULT_SECONDS = 16, 3600
MAX_BATCH, MAX_SECONDS = 4096, 31 * 86_400
MAX_SETTINGS = 1 << 16


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: str
    batch: int
    every_seconds: int


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    commitments: list[str]
    number: int


@dataclass(frozen=True)
class Batch:
    """One batch of the public log."""

    number: int
    entry: Entry
    commitments: tuple[bytes, ...]


class PublicLog(Log):
    """A log that holds batches and nothing else, so that a killed writer leaves no entry of its own.

    What was behind the last checkpoint nobody was told of; it is kept aside as of every log.
    """

    def _tell_torn(self, *_: object) -> None:
        return


def read_batches(log: Log, *, since: int = 0) -> Iterator[Batch]:
    """Batches of a public log, from one on, in order.

    Raises `Error(VERIFICATION_FAILED)` for an entry that is none, numbers that do not follow, and batches of
    different numbers of commitments.
    """
    width = 0
    for index, data in log.lines(since):
        batch = read_batch(decode_entry(index, data))
        if width and len(batch.commitments) != width:
            raise _bad(f"batch {batch.number} has another number of commitments than the one before")
        width = len(batch.commitments)
        yield batch


def read_batch(entry: Entry) -> Batch:
    """An entry as the batch that it is; its number is its index."""
    try:
        payload = msgspec.convert(entry.payload, _Payload)
        commitments = tuple(map(decode_base64, payload.commitments))
    except (msgspec.ValidationError, Error) as error:
        raise _bad(f"entry {entry.index} of the public log is no batch: {error}") from error
    if entry.kind != BATCH or not 1 <= len(commitments) <= MAX_BATCH:
        raise _bad(f"entry {entry.index} of the public log is no batch")
    if any(len(one) != COMMITMENT_BYTES for one in commitments) or len(set(commitments)) < len(commitments):
        raise _bad(f"batch {payload.number} has a commitment that is none, or one twice")
    if entry.index >= 0 and payload.number != entry.index:
        raise _bad(f"entry {entry.index} of the public log has batch number {payload.number}")
    return Batch(payload.number, entry, commitments)


def batch_payload(number: int, commitments: list[bytes]) -> dict[str, object]:
    """The payload of a batch."""
    return {"commitments": [encode_base64(one) for one in commitments], "number": number}


def settings_of(folder: Path) -> tuple[int, int]:
    """Commitments in a batch and seconds between batches of a public log."""
    try:
        with (folder / SETTINGS).open("rb") as stream:
            found = msgspec.json.decode(stream.read(MAX_SETTINGS), type=_Settings)
    except OSError as error:
        raise Error(
            f"{folder} is no public log: no {SETTINGS}: {error.strerror}", exit_code=ExitCode.NO_INPUT
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(f"{folder / SETTINGS} cannot be read: {error}") from error
    if found.schema != SCHEMA:
        raise _bad(f"{folder / SETTINGS} is not of schema {SCHEMA}")
    check_settings(found.batch, found.every_seconds)
    return found.batch, found.every_seconds


def write_settings(folder: Path, batch: int, every_seconds: int) -> None:
    """Fix both for as long as the log is there."""
    check_settings(batch, every_seconds)
    write_atomic(folder / SETTINGS, canonical_json(_Settings(SCHEMA, batch, every_seconds)) + b"\n")


def check_settings(batch: int, every_seconds: int) -> None:
    """Raise `Error(USAGE)` for numbers that cannot be."""
    if not 1 <= batch <= MAX_BATCH or not 1 <= every_seconds <= MAX_SECONDS:
        raise Error(
            f"a batch has 1 to {MAX_BATCH} commitments, a cadence 1 second to 31 days",
            exit_code=ExitCode.USAGE,
        )


def _bad(message: str) -> Error:
    return Error(message, exit_code=ExitCode.VERIFICATION_FAILED)
