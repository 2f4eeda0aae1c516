"""The HELD folder: `manifest.json` and one age file a raw log, nothing else."""

import re
from pathlib import Path
from typing import Annotated

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json, file_sha256, sha256_hex

HELD_SCHEMA_ID = "countermark/held/v1"
MANIFEST_FILE = "manifest.json"
MAX_SOURCES = 100_000
_MOST_BYTES = 64 << 20
_FILE = re.compile(r"lines-[0-9]{5,}\.age")

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0)]
AccountHash = Annotated[str, msgspec.Meta(pattern=r"\Ah:[0-9a-f]{16}\Z")]


class HeldSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One raw log, what was frozen of it, and how it is read."""

    name: str
    sha256: Sha256
    bytes: Count
    """Of the raw log as it was captured; one that has grown since is read as far as that."""
    format: str
    mapping: dict[str, str]
    time_unit: str
    lines: Count
    """Raw records that were frozen: their offsets, counted."""
    rows: Count
    """Rows of EVENTS that come from them, those of other accounts left out."""
    file: str
    file_sha256: Sha256
    file_bytes: Count


class MissingSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A raw log that was not there when the hold was made."""

    name: str
    sha256: Sha256
    lines: Count


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The random control sample: which accounts, and how anybody with the ids draws it again."""

    accounts: list[AccountHash]
    asked: Count
    drawn_from: Count
    """Accounts with rows that were not named."""
    seed: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    seed_source: str
    rule: str


class Captured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The EVENTS folder that the lines were captured into."""

    capture_sha256: Sha256
    capture_version: str
    traits_version: str
    key_id: str
    hash_accounts: bool
    formats: dict[str, str]
    """Format to the SHA-256 of the plug-in that read it."""


class HeldManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of `manifest.json`, canonical JSON."""

    schema: str = HELD_SCHEMA_ID
    hold_id: str
    by: str
    started: str
    anticipated: str
    events: Captured
    accounts: list[AccountHash]
    """The named accounts with rows: keyed hashes of their ids as EVENTS has them."""
    without_rows: Count
    """Named accounts that EVENTS has no row of; rows that come later are kept, too."""
    control: Control
    recipients: list[str]
    sources: list[HeldSource]
    missing: list[MissingSource]
    rows_before: Count
    """Held rows older than the day on which litigation was anticipated."""
    rows_since: Count
    software: dict[str, str]


def encode_manifest(manifest: HeldManifest) -> bytes:
    """The bytes of `manifest.json`."""
    return canonical_json(manifest) + b"\n"


def held_file(number: int) -> str:
    """Name of the age file of the source with this number, from 1."""
    return f"lines-{number:05d}.age"


def read_manifest(held: Path) -> tuple[HeldManifest, str]:
    """The manifest of a HELD folder and its SHA-256; the age files are not read.

    Raises `Error`: exit code 3 where there is no such folder, 20 where the manifest is not as it was written.
    """
    path = held / MANIFEST_FILE
    if not path.is_file():
        hint = "countermark case hold makes one"
        raise Error(f"{held} is no folder of held lines", hint=hint, exit_code=ExitCode.NO_INPUT)
    try:
        if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
            raise ValueError
        data = path.read_bytes()
        manifest = msgspec.json.decode(data, type=HeldManifest)
        if manifest.schema != HELD_SCHEMA_ID or encode_manifest(manifest) != data:
            raise ValueError
    except (ValueError, RecursionError, OSError):
        raise failed(f"{path} is not the manifest of a hold") from None
    _check(manifest)
    return manifest, sha256_hex(data)


def _check(manifest: HeldManifest) -> None:
    if len(manifest.sources) > MAX_SOURCES:
        raise failed(f"the manifest names over {MAX_SOURCES:,} raw logs")
    files = [source.file for source in manifest.sources]
    digests = [one.sha256 for one in manifest.sources] + [one.sha256 for one in manifest.missing]
    if files != [held_file(number) for number in range(1, len(files) + 1)] or len(set(digests)) < len(
        digests
    ):
        raise failed("the manifest does not name one file a raw log, in order")
    named, control = manifest.accounts, manifest.control.accounts
    for accounts in (named, control):
        if accounts != sorted(set(accounts)):
            raise failed("the accounts of the manifest are not sorted, each once")
    if set(named) & set(control):
        raise failed("an account of the manifest is both named and in the control sample")


def check_files(held: Path, manifest: HeldManifest) -> None:
    """Exactly the age files of the manifest are there, as they were written; raises `Error` (20) else."""
    expected = {source.file for source in manifest.sources} | {MANIFEST_FILE}
    try:
        found = {path.name for path in held.iterdir()}
        for name in sorted(expected ^ found):
            raise failed(f"{name} is {'missing from' if name in expected else 'one too many in'} {held}")
        for source in manifest.sources:
            path = held / source.file
            whole = _FILE.fullmatch(source.file) and path.is_file() and not path.is_symlink()
            if not whole or path.stat().st_size != source.file_bytes:
                raise failed(f"{source.file} has another size than the manifest says")
            if file_sha256(path) != source.file_sha256:
                raise failed(f"{source.file} has another digest than the manifest says")
    except OSError as error:
        raise failed(f"{held} cannot be read: {error.strerror}") from None


def failed(message: str) -> Error:
    """What is said of held lines that do not check."""
    return Error(message, exit_code=ExitCode.VERIFICATION_FAILED)
