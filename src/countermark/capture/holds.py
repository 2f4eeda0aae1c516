"""`holds.json` in an EVENTS folder: whose rows are under legal hold, and who said so.

It is replaced in one go and no part of the capture: the digest that findings name stays as it is. While a
hold is in force `purge` keeps the rows of its accounts; after its release the names are gone from it, too.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.records.capture import HOLDS_FILE
from countermark.records.files import write_atomic

HOLDS_SCHEMA_ID = "countermark/holds/v1"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_MOST_BYTES = 256 << 20

State = Literal["freezing", "in force", "released"]


class HoldEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One hold on an EVENTS folder."""

    hold_id: str
    state: State
    """`freezing` until the raw lines lie in their folder; retention is suspended from then on already."""
    by: str
    started: str
    """UTC, `YYYY-MM-DDTHH:MM:SSZ`."""
    anticipated: str
    """Day on which litigation was anticipated."""
    key_id: str
    """Hash key of the folder, which is not destroyed while the hold is in force."""
    named: int
    """Accounts that were named, with rows or not."""
    controls: int
    accounts: list[str]
    """The named ones as EVENTS calls them; empty once released."""
    control_accounts: list[str]
    seed: str
    """32 hex digits: the control sample was drawn with it."""
    seed_source: str
    manifest_sha256: str = ""
    """Of the folder with the raw lines; empty while it is not whole."""
    released: str = ""
    released_by: str = ""
    why: str = ""

    def held(self) -> list[str]:
        """Every account whose rows stay."""
        return [*self.accounts, *self.control_accounts]


class _Holds(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    holds: list[HoldEntry]


def now_text() -> str:
    """This moment as the records write it."""
    return datetime.now(UTC).strftime(TIME_FORMAT)


def read_holds(folder: Path) -> list[HoldEntry]:
    """The holds on an EVENTS folder, in order; none where there is no file.

    Raises `Error` (exit code 3) for a file that is none: what may be under hold is not destroyed.
    """
    path = folder / HOLDS_FILE
    if not path.exists():
        return []
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise ValueError
        holds = msgspec.json.decode(path.read_bytes(), type=_Holds)
        if holds.schema != HOLDS_SCHEMA_ID or len({one.hold_id for one in holds.holds}) != len(holds.holds):
            raise ValueError
    except (ValueError, RecursionError):
        hint = "restore it: it says which accounts are under legal hold"
        raise Error(f"{path} is damaged", hint=hint, exit_code=ExitCode.NO_INPUT) from None
    return holds.holds


def in_force(folder: Path) -> list[HoldEntry]:
    """The holds that were not released."""
    return [one for one in read_holds(folder) if one.state != "released"]


def put_hold(folder: Path, entry: HoldEntry) -> None:
    """Add a hold, or replace the one with its id; the caller has the folder's lock."""
    holds = [one for one in read_holds(folder) if one.hold_id != entry.hold_id] + [entry]
    write_atomic(folder / HOLDS_FILE, canonical_json(_Holds(HOLDS_SCHEMA_ID, holds)) + b"\n")
