"""An accused asks to be cleared: the dispute is recorded, the object withdrawn; it shows who has read that.

The revocation is a version of the object like any other (STIX 2.1, section 3.6): `revoked` is true,
`modified` later, all else as it left. It goes the way of every release, but needs no legal basis: it tells
nothing new.
"""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import sha256_hex
from countermark.share.policy.home import DISPUTED, Home
from countermark.trust.entries import Entry

MAX_ANSWER = 4 << 20
MAX_ANSWERS = 64 << 20


class Reader(msgspec.Struct, frozen=True):
    """Somebody who has read the object, or confirmed that it was withdrawn."""

    member: str
    at: str = ""


class Late(msgspec.Struct, frozen=True):
    """A reader that the exchange noticed to be late with the withdrawal, and that still is."""

    member: str
    noticed: str


class Answer(msgspec.Struct, frozen=True):
    """What the exchange says of a dispute."""

    dispute_id: str
    object_id: str
    due: datetime
    """When every reader is to have the revocation."""
    readers: Annotated[list[Reader], msgspec.Meta(max_length=100_000)] = []
    receipts: Annotated[list[Reader], msgspec.Meta(max_length=100_000)] = []
    overdue: Annotated[list[Late], msgspec.Meta(max_length=100_000)] = []
    """Pressed: all else of the collection waits for them until they have fetched it."""
    member: str = ""
    """Whose object it is."""

    def missing(self) -> list[str]:
        """Members that have read the object and have not confirmed its withdrawal."""
        confirmed = {one.member for one in self.receipts}
        return sorted({one.member for one in self.readers} - confirmed)

    def late(self, now: datetime) -> bool:
        """Whether the day is over and somebody has not confirmed."""
        return bool(self.missing()) and now >= self.due


def record_dispute(
    home: Home, object_id: str, statement: bytes, hours: int, now: datetime
) -> tuple[Entry, datetime]:
    """Put a dispute into the member's log; gives the entry and when the matter is due.

    The accused's statement stays with the member: the log holds its digest.
    """
    due = now.replace(microsecond=0) + timedelta(hours=hours)
    payload = {"object_id": object_id, "statement_sha256": sha256_hex(statement), "due": due}
    return home.record(DISPUTED, payload), due


class _All(msgspec.Struct):
    disputes: Annotated[list[Answer], msgspec.Meta(max_length=100_000)]


def parse_answers(data: bytes) -> list[Answer]:
    """The exchange's answer to `GET /exchange-api/v1/disputes`."""
    try:
        found = msgspec.json.decode(data, type=_All) if len(data) <= MAX_ANSWERS else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Error(f"that is no answer about disputes: {error}", exit_code=ExitCode.NO_INPUT) from error
    if found is None or any(one.due.tzinfo is None for one in found.disputes):
        raise Error("that is no answer about disputes", exit_code=ExitCode.NO_INPUT)
    return found.disputes


def parse_answer(data: bytes) -> Answer:
    """The exchange's answer to `GET /exchange-api/v1/disputes/{id}`."""
    try:
        answer = msgspec.json.decode(data, type=Answer) if len(data) <= MAX_ANSWER else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Error(f"that is no answer about a dispute: {error}", exit_code=ExitCode.NO_INPUT) from error
    if answer is None or answer.due.tzinfo is None:
        raise Error("that is no answer about a dispute", exit_code=ExitCode.NO_INPUT)
    return answer
