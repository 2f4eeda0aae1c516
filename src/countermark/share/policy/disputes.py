"""An accused asks to be cleared: the dispute is recorded, the object withdrawn; it shows who has read that.

The revocation is a version of the object like any other (STIX 2.1, section 3.6): `revoked` is true,
`modified` later, all else as it left. It goes the way of every release, but needs no legal basis: it tells
nothing new.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import sha256_hex
from countermark.share.policy.forms import as_time
from countermark.share.policy.home import DISPUTED, Home
from countermark.share.policy.release import read_release
from countermark.trust.log import Entry

MAX_ANSWER = 4 << 20


class Reader(msgspec.Struct, frozen=True):
    """Somebody who has read the object, or confirmed that it was withdrawn."""

    member: str
    at: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What the exchange says of a dispute."""

    dispute_id: str
    object_id: str
    due: datetime
    """When every reader is to have the revocation."""
    readers: Annotated[list[Reader], msgspec.Meta(max_length=100_000)] = []
    receipts: Annotated[list[Reader], msgspec.Meta(max_length=100_000)] = []

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


def revocation_of(before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The version that withdraws an object; raises `Error` for one without versions, or withdrawn before."""
    last = as_time(before.get("modified"))
    if last is None:
        raise Error(
            f"an object of type {before.get('type')} has no versions, so it cannot be revoked",
            hint="revoke the indicator, sighting or relationship that says something of it",
            exit_code=ExitCode.USAGE,
        )
    if before.get("revoked") is True:
        raise Error("the object was revoked before", exit_code=ExitCode.USAGE)
    modified = max(now.astimezone(UTC), last + timedelta(milliseconds=1))
    text = modified.strftime("%Y-%m-%dT%H:%M:%S.") + f"{modified.microsecond // 1000:03d}Z"
    return {**before, "modified": text, "revoked": True}


def object_that_left(home: Home, release: Path, object_id: str) -> dict[str, Any]:
    """An object of a release folder that the log says left; raises `Error` for any other."""
    statement, lines = read_release(release)
    if not home.released(sha256_hex(statement.payload)):
        raise Error(
            f"the log does not say that {statement.release_id} left", hint="--home names another folder?"
        )
    for held, line in zip(statement.objects, lines, strict=True):
        if held.id == object_id:
            found: dict[str, Any] = msgspec.json.decode(line)
            return found
    raise Error(f"{object_id[:100]} is not in that release", exit_code=ExitCode.NO_INPUT)


def parse_answer(data: bytes) -> Answer:
    """The exchange's answer to `GET /exchange-api/v1/disputes/{id}`."""
    try:
        answer = msgspec.json.decode(data, type=Answer) if len(data) <= MAX_ANSWER else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Error(f"that is no answer about a dispute: {error}", exit_code=ExitCode.NO_INPUT) from error
    if answer is None or answer.due.tzinfo is None:
        raise Error("that is no answer about a dispute", exit_code=ExitCode.NO_INPUT)
    return answer
