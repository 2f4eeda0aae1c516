"""What `capture` says about an EVENTS folder: `capture.json`, written last.

It names every file with its SHA-256, so that a folder without it, or one that differs from it, is not whole.
"""

import msgspec

from countermark.records.events import CAPTURE_VERSION

CAPTURE_SCHEMA_ID = "countermark/capture/v1"
CAPTURE_FILE = "capture.json"
ACCOUNTS_FILE = "accounts.parquet"
SKETCHES_FILE = "sketches.parquet"
QUARANTINE_FILE = "quarantine.jsonl"
HOLDS_FILE = "holds.json"
"""Legal holds on the folder; no part of what was captured, so `capture.json` does not list it."""


class FormatUsed(msgspec.Struct, frozen=True):
    """A log format that read a source."""

    name: str
    origin: dict[str, str]
    """Distribution, version and SHA-256 of the plug-in."""
    documentation: str
    """Where its field names come from."""


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """One source file, as it was stored (compressed files as they are)."""

    name: str
    """File name without its folder."""
    sha256: str
    bytes: int
    format: str
    records: int
    """Raw records in it: lines, rows, elements."""
    requests: int
    """Requests read from them, duplicates included."""
    quarantined: int
    mapping: dict[str, str] = {}
    """`--map` that it was read with: without it the same lines would give other rows."""
    time_unit: str = ""
    """`--time-unit` that it was read with."""


class File(msgspec.Struct, frozen=True):
    """One file of the EVENTS folder."""

    name: str
    sha256: str
    rows: int


class Counts(msgspec.Struct, frozen=True):
    """What became of the records; sums over all runs that appended."""

    records: int = 0
    requests: int = 0
    """Requests read from the records."""
    duplicates_dropped: int = 0
    """Exact duplicates of a raw record."""
    quarantined: int = 0
    purged: int = 0
    """Rows that `purge` removed."""
    conflicting_request_ids: int = 0
    """Request ids that stand in more than one kept row, with different content."""
    accounts: int = 0
    """Rows of the account table."""
    prompts: int = 0
    """Distinct prompts."""
    bad_addresses: int = 0
    """Values that are no IP address; the column is empty there."""
    hashed_names: int = 0
    """Names that were e-mail addresses, IP addresses, phone numbers or overlong, replaced by their hash."""
    cut_prompts: int = 0
    """Prompts over the kernel's 64 KiB: hashed whole, template and sketch from their beginning."""


class Tombstone(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was purged; nothing that leads back to it."""

    at: str
    """ISO 8601 in UTC."""
    kind: str
    """`before`, `account` or `hash_key`."""
    rows: int = 0
    accounts: int = 0
    sketches: int = 0
    before: str = ""
    """Rows older than this (ISO 8601) were removed."""
    account_digest: str = ""
    """Keyed digest of the account's id (hex)."""
    held_rows: int = 0
    """Rows that would have gone and stayed: a legal hold stands above retention."""
    key_ids: list[str] = []
    """Hash keys that were destroyed."""


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `capture.json`."""

    schema: str = CAPTURE_SCHEMA_ID
    capture_version: str = CAPTURE_VERSION
    countermark_version: str
    traits_version: str
    key_id: str
    """The hash key's id; folders with different key ids cannot be joined."""
    hash_accounts: bool
    """Account ids were replaced by their hashes (`--hash-accounts`)."""
    formats: list[FormatUsed]
    sources: list[Source]
    files: list[File]
    counts: Counts
    empty_columns: list[str]
    """Columns without any value."""
    impossible_columns: list[str]
    """Those of them that no format used here can fill."""
    costs: list[str]
    """What the empty columns cost, in plain sentences."""
    first_ts: str | None
    """Earliest request, ISO 8601 in UTC; None when purge left none."""
    last_ts: str | None
    tombstones: list[Tombstone] = []
