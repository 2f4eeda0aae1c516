"""Announcements: which members watch with which keys, logged before any data; each batch logged before it is
bet on.

So nobody can join, leave, or drop a batch after seeing what it gives. Members may keep logs of their own: the
same announcement has the same id in each.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from countermark.attribute.monitor.state import State
from countermark.errors import Error, ExitCode
from countermark.records.canonical import content_id
from countermark.records.transcripts import read_transcripts, sent_at
from countermark.trust.entries import Entry
from countermark.trust.log import Log

COMMIT, BATCH = "monitor-commit", "monitor-batch"
SCHEMA = "countermark/monitor-commit/v1"
MAX_MEMBERS = 1_000
Combination = Literal["product", "lookback-average"]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One key that is watched with."""

    member: str
    key_id: str
    """16 hex digits, never the key."""


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """What is fixed before any data."""

    schema: str = SCHEMA
    name: str
    """Of the monitoring: a suspect's file number, for instance."""
    members: list[Member]
    combination: Combination
    """`product` only where the keys were drawn independently, else `lookback-average`."""
    alpha: float

    @property
    def announcement_id(self) -> str:
        """Derived from the content: the same in every member's log."""
        return content_id("monitor", self)


def announce(log: Log, announcement: Announcement) -> Entry:
    """Log an announcement; a second one of that name is an `Error`."""
    _check(announcement)
    with log.writing():
        if any(one.payload.get("name") == announcement.name for one in log.entries(COMMIT)):
            raise Error(
                f"the log has an announcement of {announcement.name!r} already", hint="choose another name"
            )
        return log.append(COMMIT, msgspec.to_builtins(announcement))


def announced(log: Log, name: str) -> tuple[Announcement, datetime]:
    """The announcement of that name and when it was logged; `Error` where there is none."""
    for entry in log.entries(COMMIT):
        if entry.payload.get("name") == name:
            try:
                return msgspec.convert(entry.payload, Announcement), entry.time
            except msgspec.ValidationError:
                break
    raise Error(
        f"the log has no announcement of {name!r}",
        hint="countermark attribute monitor commit, before any data",
        exit_code=ExitCode.NO_INPUT,
    )


def note_batch(log: Log, name: str, key_id: str, sha256: str, state: State) -> None:
    """Log a batch before it is bet on; nothing where it stands in the log already.

    Raises `Error` where a batch that was logged before has not been bet on: it cannot be left out.
    """
    known = {one.sha256 for one in state.head.batches}
    with log.writing():
        noted = [
            one.payload.get("sha256")
            for one in log.entries(BATCH)
            if (one.payload.get("name"), one.payload.get("key_id")) == (name, key_id)
        ]
        left_out = [one for one in noted if one not in known and one != sha256]
        if left_out:
            raise Error(
                f"the batch with sha256 {str(left_out[0])[:12]}… was logged before, and has not been added",
                hint="add it first: no batch is left out",
                exit_code=ExitCode.USAGE,
            )
        if sha256 not in noted:
            log.append(BATCH, {"name": name, "key_id": key_id, "sha256": sha256})


def check_later(batch: Path, when: datetime) -> None:
    """Raise `Error` for a transcript that was asked before the announcement, or does not say when it was."""
    for one in read_transcripts(batch):
        sent = sent_at(one)
        if sent is None or sent < when:
            told = "without a time of asking" if sent is None else f"of {sent.date()}"
            raise Error(
                f"{batch} holds a transcript {told}, and only what was asked after the announcement counts",
                hint="`sent` is a time such as 2026-11-30T12:00:00Z",
                exit_code=ExitCode.USAGE,
            )


def members_of(pairs: Sequence[str]) -> list[Member]:
    """Of the form `NAME=KEYID`."""
    return [Member(member=name, key_id=key_id) for name, _, key_id in (pair.partition("=") for pair in pairs)]


def _check(announcement: Announcement) -> None:
    names = [one.member for one in announcement.members]
    keys = [one.key_id for one in announcement.members]
    problem = ""
    if not 1 <= len(names) <= MAX_MEMBERS or len(set(names)) < len(names) or len(set(keys)) < len(keys):
        problem = f"a monitoring has 1 to {MAX_MEMBERS:,} members, and each its own name and key"
    elif any(len(key) != 16 or set(key) - set("0123456789abcdef") for key in keys):
        # not quoted: whoever passes a key where its id belongs should not find it in a log
        problem = "a member's key id is not 16 hex digits"
    elif any(not 0 < len(name) <= 200 or not name.isprintable() for name in [announcement.name, *names]):
        problem = "a name is empty, over 200 characters, or not printable"
    if problem:
        raise Error(problem, hint="--member NAME=KEYID", exit_code=ExitCode.USAGE)
