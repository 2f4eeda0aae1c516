"""How far a key's outputs and the key itself are out: by the day, in the one log.

Log entries rather than files of their own: an opening or leak bars text acquired later from being evidence,
so the day of its recording must not be changeable afterwards, and the log shows any change. Entries are never
altered; for tokens and accounts the last entry of a day counts, so that a nightly job may run twice.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.trust.derivation import Terms
from countermark.trust.entries import Entry
from countermark.trust.log import Log

DAY, PUBLICATION = "exposure-day", "exposure-publication"
OPENING, LEAK = "exposure-opening", "exposure-leak"
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_MAX_TOKENS = 1 << 53


class _Day(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key_id: str
    day: date
    tokens: int
    accounts: int


class _Publication(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key_id: str
    day: date
    where: str
    tokens: int | None = None


class _Exposed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Of one key, or of all keys of a profile, epoch and purpose."""

    day: date
    key_id: str = ""
    terms: dict[str, str] = {}


@dataclass(frozen=True)
class Exposure:
    """What the ledger holds of one key."""

    tokens: int
    """Served under it, all days."""
    days: int
    """On which any were."""
    most_accounts: int
    """On one day; accounts of several days may be the same and are not added up."""
    publications: tuple[str, ...]
    """Known places where its outputs stand."""
    refused_from: date | None
    """First day of an opening or leak; text acquired on it or later shows nothing."""


def record_day(log: Log, key_id: str, day: date, *, tokens: int, accounts: int) -> Entry:
    """Tokens served and accounts served to under a key on a day (UTC); replaces that day's earlier entry."""
    if not (0 <= tokens < _MAX_TOKENS and 0 <= accounts < _MAX_TOKENS):
        raise Error("tokens and accounts of a day are counts below 2^53")
    return _append(log, DAY, _Day(_checked(key_id), day, tokens, accounts))


def record_publication(log: Log, key_id: str, day: date, where: str, tokens: int | None = None) -> Entry:
    """Outputs of a key that became public: a data set's name or a URL, up to 500 characters; never text."""
    if not 1 <= len(where) <= 500 or not where.isprintable():
        raise Error("a place of publication is 1 to 500 printable characters")
    return _append(log, PUBLICATION, _Publication(_checked(key_id), day, where, tokens))


def record_opening(log: Log, terms: Terms, day: date) -> Entry:
    """The epoch secret for these terms was given out: every key cut from it is open from that day on."""
    return _append(log, OPENING, _Exposed(day, terms=terms.fields()))


def record_leak(log: Log, key_id: str, day: date) -> Entry:
    """A key may have been in others' hands since that day: the earliest possible, not that of discovery."""
    return _append(log, LEAK, _Exposed(day, key_id=_checked(key_id)))


def refused_after(log: Log, key_id: str, terms: Terms | None = None) -> date | None:
    """First day of an opening or leak of a key, None if none is recorded.

    `terms` are those that the key was derived by: an opening is recorded for them, and opens all their keys.
    """
    _checked(key_id)
    days = [
        one.day
        for kind in (OPENING, LEAK)
        for one in _read(log, kind, _Exposed)
        if one.key_id == key_id or (terms is not None and one.terms == terms.fields())
    ]
    return min(days, default=None)


def check_acquired(log: Log, key_id: str, acquired: date, terms: Terms | None = None) -> None:
    """Raise `Error` for text acquired when the key was out: anybody could have marked it."""
    refused = refused_after(log, key_id, terms)
    if refused is not None and acquired >= refused:
        raise Error(
            f"text acquired on {acquired} is refused: key {key_id} is open or leaked since {refused}",
            hint="only text that was acquired before that day can be evidence",
        )


def check_keys(log: Log, key_ids: Iterable[str], acquired: date | None, terms: Terms) -> None:
    """Raise `Error` where one of many keys was out when the text was acquired, or no day is given."""
    exposed = [one for kind in (OPENING, LEAK) for one in _read(log, kind, _Exposed)]
    opened = any(one.terms == terms.fields() for one in exposed)
    out = {one.key_id for one in exposed}
    for key_id in key_ids if exposed else ():
        if not opened and key_id not in out:
            continue
        if acquired is None:
            raise Error(
                f"key {key_id} is open or leaked, and it is not said when the text was acquired",
                hint="--acquired DATE",
                exit_code=ExitCode.USAGE,
            )
        check_acquired(log, key_id, acquired, terms)


def exposure(log: Log, key_id: str, terms: Terms | None = None) -> Exposure:
    """Everything the ledger holds of a key."""
    days = {one.day: one for one in _read(log, DAY, _Day) if one.key_id == _checked(key_id)}
    return Exposure(
        tokens=sum(one.tokens for one in days.values()),
        days=sum(1 for one in days.values() if one.tokens),
        most_accounts=max((one.accounts for one in days.values()), default=0),
        publications=tuple(
            one.where for one in _read(log, PUBLICATION, _Publication) if one.key_id == key_id
        ),
        refused_from=refused_after(log, key_id, terms),
    )


def _append(log: Log, kind: str, payload: Any) -> Entry:
    return log.append(kind, msgspec.to_builtins(payload))


def _read(log: Log, kind: str, shape: Any) -> Iterator[Any]:
    for entry in log.entries(kind):
        try:
            yield msgspec.convert(entry.payload, shape)
        except msgspec.ValidationError as error:
            raise Error(
                f"log entry {entry.index} is no {kind}: {error}", exit_code=ExitCode.VERIFICATION_FAILED
            ) from error


def _checked(key_id: str) -> str:
    if not _KEY_ID.fullmatch(key_id):
        # not quoted: it may be a key
        raise Error("a key id is 16 hex digits", hint="a key itself is never recorded")
    return key_id
