"""`custody.json`: who acquired what, when and from where; legal holds; who handled the evidence since.

The fields of a redacted document may be null (spec/package.md, 'Redaction'): hence `None` in the types. What
is sealed has none.
"""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.package.layout import MAX_KEPT_BYTES, failed, read_object
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.records.files import write_atomic

CUSTODY_SCHEMA_ID = "countermark/custody/v1"
CUSTODY_FILE = "custody.json"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
MAX_RECORDS = 10_000
"""Of acquisitions, of holds, and of actions."""
MAX_ITEMS = 100_000
"""Files of one acquisition."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_Record = TypeVar("_Record", "Acquisition", "Hold")


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file that was acquired."""

    name: str | None
    """Without the folder it lay in."""
    sha256: Sha256
    bytes: _Count | None


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The clock that an acquisition's times were read from."""

    source: str | None
    """What it was set by: `ntp`, `gps`, `by hand`."""
    offset_seconds: float | None
    """That clock minus true time: a clock that is fast has a positive one."""


class Acquisition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Files that somebody took from somewhere at a time."""

    id: str | None
    what: str | None
    by: str | None
    role: str | None
    source: str | None
    """The system and place they were taken from."""
    method: str | None
    purpose: Literal["routine", "case"] | None
    """`routine`: kept in the ordinary course of business; `case`: made for this case."""
    started: str | None
    """UTC, `YYYY-MM-DDTHH:MM:SSZ`, as the clock showed it."""
    ended: str | None
    clock: Clock
    items: list[Item]

    @property
    def digest(self) -> str:
        """SHA-256 over the record in canonical JSON: what the log's entry fixes."""
        return sha256_hex(canonical_json(self))


class Hold(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Raw lines that are kept because a dispute was anticipated."""

    id: str | None
    by: str | None
    started: str | None
    anticipated: str | None
    """What was anticipated, and when that was written down."""
    accounts: _Count | None
    control_accounts: _Count | None
    manifest_sha256: Sha256 | None


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What somebody did with evidence after it was acquired."""

    at: str | None
    by: str | None
    action: Literal["received", "sealed", "handed over", "examined", "stored"] | None
    what: str | None
    sha256: list[Sha256]
    """Digests of the files that it was done with; may be empty."""
    to: str | None
    """Who got them; empty where nobody did."""


class Custody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of `custody.json`."""

    schema: str = CUSTODY_SCHEMA_ID
    acquisitions: list[Acquisition] = []
    holds: list[Hold] = []
    actions: list[Action] = []

    def acquisition(self, name: str) -> Acquisition | None:
        """The acquisition with this id; none has an empty one."""
        return next((one for one in self.acquisitions if one.id == name), None) if name else None


def is_record_id(text: str) -> bool:
    """Letters, digits, dot, underscore and hyphen; 64 at most, no dot or hyphen first."""
    return _ID.fullmatch(text) is not None


def time_of(text: str) -> datetime:
    """The moment of a time as documents write it; raises `ValueError` for any other spelling."""
    moment = datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    if f"{moment:%Y-%m-%dT%H:%M:%SZ}" != text:
        raise ValueError(text)
    return moment


def encode_custody(custody: Custody) -> bytes:
    """The bytes of `custody.json`: the same for the same records."""
    return canonical_json(custody)


def decode_custody(data: bytes, *, redacted: bool = False) -> Custody:
    """Read `custody.json` strictly; nulls only where something was taken out of it.

    An empty list that was taken out is read as the empty list it was. Raises `Error(VERIFICATION_FAILED)`.
    """
    document = read_object(data, CUSTODY_FILE)
    if redacted:
        document = _lists_back(document)
    try:
        custody = msgspec.convert(document, Custody)
    except (msgspec.ValidationError, RecursionError) as error:
        raise failed(f"{CUSTODY_FILE}: {error}") from error
    check_custody(custody, redacted=redacted)
    return custody


def check_custody(custody: Custody, *, redacted: bool = False) -> None:
    """Raise `Error(VERIFICATION_FAILED)` unless ids are unique, times in order, and offsets finite."""
    if custody.schema != CUSTODY_SCHEMA_ID:
        raise failed(f"{CUSTODY_FILE} has a schema other than {CUSTODY_SCHEMA_ID}")
    for what, records in (("acquisition", custody.acquisitions), ("hold", custody.holds)):
        ids = [one.id for one in records if one.id is not None]
        if len(set(ids)) != len(ids):
            raise failed(f"{CUSTODY_FILE} has two {what}s with one id")
    if not redacted and _has_null(msgspec.to_builtins(custody)):
        raise failed(f"{CUSTODY_FILE} has a field that is null")
    most = max(len(custody.acquisitions), len(custody.holds), len(custody.actions))
    if most > MAX_RECORDS or any(len(one.items) > MAX_ITEMS for one in custody.acquisitions):
        raise failed(f"{CUSTODY_FILE} has more than {MAX_RECORDS} records or {MAX_ITEMS} items of one")
    for acquisition in custody.acquisitions:
        _check_acquisition(acquisition)
    for hold in custody.holds:
        _check_time(hold.started, "hold", hold.id)
    for number, action in enumerate(custody.actions, 1):
        _check_time(action.at, "action", str(number))


def _check_acquisition(acquisition: Acquisition) -> None:
    started = _check_time(acquisition.started, "acquisition", acquisition.id)
    ended = _check_time(acquisition.ended, "acquisition", acquisition.id)
    if started and ended and ended < started:
        raise failed(f"acquisition {acquisition.id} ended before it started")
    offset = acquisition.clock.offset_seconds
    if offset is not None and not math.isfinite(offset):
        raise failed(f"acquisition {acquisition.id} has a clock offset that is no number")


def _check_time(text: str | None, what: str, name: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return time_of(text)
    except ValueError as error:
        raise failed(f"{what} {name} has a time that is not YYYY-MM-DDTHH:MM:SSZ") from error


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return value is None or (isinstance(value, list) and any(map(_has_null, value)))


def _lists_back(document: dict[str, Any]) -> dict[str, Any]:
    """Lists that are null were empty when they were taken out: a list with something in it is no field."""
    lists = {"acquisitions", "holds", "actions", "items", "sha256"}

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {key: [] if key in lists and one is None else walk(one) for key, one in value.items()}

    return {key: [] if key in lists and one is None else walk(one) for key, one in document.items()}


def read_custody(path: Path) -> Custody:
    """The records in a file; raises `Error(NO_INPUT)` where there are none or they do not hold."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_KEPT_BYTES + 1)
        if len(data) > MAX_KEPT_BYTES:
            raise failed(f"larger than {MAX_KEPT_BYTES >> 20} MiB")
        custody = decode_custody(data)
        encode_custody(custody)
        return custody
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from error
    except Error as error:
        raise Error(f"{path}: {error.message}", exit_code=ExitCode.NO_INPUT) from error
    except ValueError as error:  # a lone surrogate
        raise Error(f"{path} cannot be written as UTF-8", exit_code=ExitCode.NO_INPUT) from error


def write_custody(path: Path, custody: Custody) -> None:
    """Write the records in one piece, once they hold."""
    check_custody(custody)
    write_atomic(path, encode_custody(custody))


def merge(one: Custody, other: Custody) -> Custody:
    """Both together: the same record twice counts once, actions in order of time.

    Raises `Error` where two records have one id and say different things.
    """
    actions = list(one.actions) + [action for action in other.actions if action not in one.actions]
    merged = Custody(
        acquisitions=_joined(one.acquisitions, other.acquisitions, "acquisition"),
        holds=_joined(one.holds, other.holds, "hold"),
        actions=sorted(actions, key=lambda action: action.at or ""),
    )
    check_custody(merged)
    return merged


def _joined(old: Sequence[_Record], new: Iterable[_Record], what: str) -> list[_Record]:
    by_id = {one.id: one for one in old}
    for one in new:
        if by_id.setdefault(one.id, one) != one:
            raise Error(f"there is another {what} {one.id} already", hint="give it another --id")
    return list(by_id.values())
