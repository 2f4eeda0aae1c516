"""Open an EVENTS folder: only a whole one, its files as `capture.json` says."""

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from countermark.errors import Error, ExitCode
from countermark.records.canonical import file_sha256
from countermark.records.capture import ACCOUNTS_FILE, CAPTURE_FILE, CAPTURE_SCHEMA_ID, SKETCHES_FILE, Capture
from countermark.records.events import ACCOUNT_SCHEMA, CAPTURE_VERSION, EVENT_SCHEMA, SKETCH_SCHEMA

STAGING = ".unfinished"
"""Folder inside EVENTS where a run writes; what lies in it is not part of EVENTS yet."""
_MAX_MANIFEST = 256 << 20
_EVENTS_NAME = re.compile(r"events-[0-9]{5,}\.parquet")
_FILE_NAME = re.compile(r"[a-z][a-z-]*(-[0-9]{5,})?\.(parquet|jsonl)")


@dataclass(frozen=True)
class EventsFolder:
    """A whole EVENTS folder."""

    folder: Path
    manifest: Capture
    manifest_sha256: str
    """SHA-256 of `capture.json`; through its list of files it stands for the whole folder."""
    event_files: list[Path]
    """In the order in which they were captured."""
    accounts_file: Path
    sketches_file: Path


def open_events(folder: Path, *, verify: bool = True) -> EventsFolder:
    """The EVENTS folder at `folder`; `verify` compares the SHA-256 of every file.

    Raises `Error` (exit code 3) when it is no EVENTS folder, not whole, or of another version.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise _unusable(f"{folder} is not a whole EVENTS folder: no {CAPTURE_FILE}")
    if (folder / STAGING / CAPTURE_FILE).exists():
        raise _unusable(f"{folder} is not whole: a run was killed while it put its files in place")
    if manifest.capture_version != CAPTURE_VERSION:
        raise _unusable(
            f"{folder} was captured by version {manifest.capture_version}, this is {CAPTURE_VERSION}"
        )
    for file in manifest.files:
        path = folder / file.name
        if not _FILE_NAME.fullmatch(file.name) or not path.is_file():
            raise _unusable(f"{folder} is not whole: {file.name} is missing")
        if verify and file_sha256(path) != file.sha256:
            raise _unusable(f"{folder} is not whole: {file.name} differs from {CAPTURE_FILE}")
        _check_columns(path)
    listed = {file.name for file in manifest.files}
    if not {ACCOUNTS_FILE, SKETCHES_FILE} <= listed:
        raise _unusable(f"{folder} is not whole: {CAPTURE_FILE} lists no accounts or no sketches")
    return EventsFolder(
        folder=folder,
        manifest=manifest,
        manifest_sha256=file_sha256(folder / CAPTURE_FILE),
        event_files=[folder / name for name in sorted(listed, key=_order) if _EVENTS_NAME.fullmatch(name)],
        accounts_file=folder / ACCOUNTS_FILE,
        sketches_file=folder / SKETCHES_FILE,
    )


def _check_columns(path: Path) -> None:
    """A digest says that a file is the listed one, not that it is a table of the contract."""
    schema = _schema_of(path.name)
    if schema is None:
        return
    try:
        found = pq.read_schema(path)
    except (OSError, ValueError):
        raise _unusable(f"{path} is no Parquet file") from None
    if not found.equals(schema):
        raise _unusable(f"{path} does not have the columns of version {CAPTURE_VERSION}")


def _schema_of(name: str) -> pa.Schema | None:
    if _EVENTS_NAME.fullmatch(name):
        return EVENT_SCHEMA
    return {ACCOUNTS_FILE: ACCOUNT_SCHEMA, SKETCHES_FILE: SKETCH_SCHEMA}.get(name)


def read_manifest(folder: Path) -> Capture | None:
    """`capture.json` of a folder, None when there is none; raises `Error` when it cannot be read."""
    path = folder / CAPTURE_FILE
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > _MAX_MANIFEST:
            raise ValueError
        manifest = msgspec.json.decode(path.read_bytes(), type=Capture)
        if manifest.schema != CAPTURE_SCHEMA_ID:
            raise ValueError
    except (ValueError, RecursionError):
        raise _unusable(f"{path} is not a {CAPTURE_SCHEMA_ID} document") from None
    except OSError as error:
        raise _unusable(f"{path} cannot be read: {error.strerror}") from None
    return manifest


def _order(name: str) -> tuple[int, str]:
    return len(name), name


def _unusable(message: str) -> Error:
    hint = "run countermark capture again with the same --out"
    return Error(message, hint=hint, exit_code=ExitCode.NO_INPUT)
