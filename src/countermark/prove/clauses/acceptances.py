"""Who accepted which version when, read from the sealed table, for the accounts that matter."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.custody.terms import MAX_LINE, day_of

T = TypeVar("T")
Time = Annotated[str, msgspec.Meta(pattern=r"\A\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z\Z")]


class AcceptanceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table; null where something was taken out."""

    account_id: str | None
    terms_id: str | None
    version: str | None
    accepted: Time | None
    """UTC, `YYYY-MM-DDTHH:MM:SSZ`: as text it sorts by time."""
    record_sha256: str | None
    source: str | None

    @property
    def day(self) -> str:
        """`YYYY-MM-DD`, in UTC."""
        return (self.accepted or "")[:10]


class MemberRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a line of members has to say here."""

    account_id: str | None
    campaign_id: str | None


@dataclass(frozen=True)
class Acceptances:
    """Acceptances by account, in the order of time; of two in the same second the later line is last."""

    by_account: Mapping[str, Sequence[AcceptanceRow]]
    unreadable: int = 0
    """Lines from which account, version or time was taken out: they bind nobody."""


def read_acceptances(path: Path | None, accounts: Collection[str], terms: Collection[str]) -> Acceptances:
    """The acceptances of `accounts` for policies of these ids; none without a table."""
    found: dict[str, list[AcceptanceRow]] = {}
    unreadable = 0
    wanted, ids = frozenset(accounts), frozenset(terms)
    for row in _rows(path, AcceptanceRow) if path else ():
        if not (row.account_id and row.terms_id and row.version and row.accepted):
            unreadable += 1
        elif row.account_id in wanted and row.terms_id in ids:
            _check_day(row.day)
            found.setdefault(row.account_id, []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row.accepted or "")
    return Acceptances(found, unreadable)


@cache
def _check_day(day: str) -> None:
    """Raises `Error(VERIFICATION_FAILED)`; the days of a table are few."""
    try:
        day_of(day)
    except ValueError as error:
        message = f"the table of acceptances has a day that there is not: {day}"
        raise Error(message, exit_code=ExitCode.VERIFICATION_FAILED) from error


def read_members(path: Path | None) -> dict[str, list[str]]:
    """Accounts by campaign, in their order; lines from which either was taken out are left out."""
    found: dict[str, list[str]] = {}
    for row in _rows(path, MemberRow) if path else ():
        if row.account_id and row.campaign_id:
            found.setdefault(row.campaign_id, []).append(row.account_id)
    return found


def _rows(path: Path, kind: type[T]) -> Iterator[T]:
    """Line by line, each bounded."""
    decode = msgspec.json.Decoder(kind).decode
    number = 0
    try:
        with path.open("rb") as stream:
            while line := stream.readline(MAX_LINE + 1):
                number += 1
                yield decode(line)
    except msgspec.MsgspecError as error:
        message = f"{path.name}, line {number}: {error}"
        raise Error(message, exit_code=ExitCode.VERIFICATION_FAILED) from error
