"""Commitments to entries of a private log, and what opens them (spec/log.md, Commitments).

    commitment = SHA-256(0x01 ‖ SHA-256(0x00 ‖ head salt ‖ head) ‖ SHA-256(0x00 ‖ body salt ‖ entry))

The head, opened alone, shows that an entry is there, where and of which kind; with the body also what it
says. Padding has a head that says so and an empty entry.
"""

import hashlib
import re

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.trust import runs
from countermark.trust.entries import MAX_ENTRY_BYTES, Entry, decode_entry
from countermark.trust.records import PLAN

SALT_BYTES = 16
COMMITMENT_BYTES = 32
PADDING = "padding"
OF_RUNS = (runs.START, runs.OUTCOME)
OF_MATTERS = (*OF_RUNS, PLAN)
_HEX_SALT, _HEX_HASH = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")
_KIND = re.compile(r"[a-z][a-z0-9-]{0,63}")
_MOST_HEAD = 1024
_MOST_NUMBER = 1 << 53


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a commitment says of an entry without the entry."""

    kind: str
    index: int | None = None
    """Of the entry in the private log; padding has none."""
    matter: str = ""
    """Of kinds `run-start`, `run-outcome` and `analysis-plan`: the tag of the matter, 32 hex digits."""
    run: int | None = None
    space: str = ""
    """Of a run: `testifying` or `privileged`. A plan is there to be shown, and has none."""


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A line of `openings.jsonl`: head and hash of the body, or head and entry."""

    head: str
    """Canonical JSON."""
    head_salt: str
    """32 hex digits."""
    body: str = ""
    """The hash of the body, 64 hex digits, where the entry is not shown."""
    body_salt: str = ""
    entry: str | None = None
    """The entry, canonical JSON; empty of padding."""


def part_hash(salt: bytes, content: bytes) -> bytes:
    """Hash of a head or of a body."""
    return hashlib.sha256(b"\x00" + salt + content).digest()


def commitment_of(head: bytes, body: bytes) -> bytes:
    """The commitment of the hashes of both parts."""
    return hashlib.sha256(b"\x01" + head + body).digest()


def matter_of(entry: Entry) -> str | None:
    """The matter that stands as a tag in the head of an entry; None where the kind has none.

    A plan without a matter is of the empty one. Raises `Error` for a run or a plan that is none.
    """
    if entry.kind in OF_RUNS:
        return runs.heading(entry).matter
    matter = entry.payload.get("matter", "") if entry.kind == PLAN else None
    if matter is not None and not isinstance(matter, str):
        raise _bad(f"entry {entry.index} of the log is a plan whose matter is no text")
    return matter


def head_of(entry: Entry, tag: str) -> Head:
    """The head of an entry, whose matter has this tag; raises `Error` for a run or a plan that is none."""
    if entry.kind == PADDING:
        raise _bad(f"entry {entry.index} of the log is of kind {PADDING}, which is none of an entry")
    if entry.kind not in OF_RUNS:
        return Head(entry.kind, entry.index, "" if matter_of(entry) is None else tag)
    found = runs.heading(entry)
    return Head(entry.kind, entry.index, tag, found.run, found.space)


def check_opening(opening: Opening, commitment: bytes) -> Head:
    """The head that opens a commitment; an entry that is opened is what its head says.

    Raises `Error(VERIFICATION_FAILED)` where it does not, and where a part of it is not in its form. Whether
    the tag is that of the entry's matter only the salt secret tells (`Publication.tag`).
    """
    shown = opening.entry is not None
    if shown == bool(opening.body) or shown != bool(opening.body_salt):
        raise _bad("an opening has neither the hash of a body nor an entry with its salt, or both")
    if not _HEX_SALT.fullmatch(opening.head_salt) or len(opening.head) > _MOST_HEAD:
        raise _bad("an opening has a head or a salt that is not in its form")
    if opening.entry is None:
        if not _HEX_HASH.fullmatch(opening.body):
            raise _bad("an opening has a hash that is not in its form")
        body = bytes.fromhex(opening.body)
    else:
        if not _HEX_SALT.fullmatch(opening.body_salt) or len(opening.entry) > MAX_ENTRY_BYTES:
            raise _bad("an opening has an entry or a salt that is not in its form")
        body = part_hash(bytes.fromhex(opening.body_salt), _encoded(opening.entry))
    head = part_hash(bytes.fromhex(opening.head_salt), _encoded(opening.head))
    if commitment_of(head, body) != commitment:
        raise _bad("an opening is not that of its commitment")
    found = read_head(opening.head)
    if opening.entry is not None:
        _check_entry(found, opening.entry)
    return found


def opened_entry(opening: Opening, head: Head) -> Entry | None:
    """The entry that an opening shows, with its index in the private log; None where it shows none."""
    if not opening.entry or head.index is None:
        return None
    return decode_entry(head.index, opening.entry.encode())


def read_opening(line: bytes) -> Opening:
    """A line of `openings.jsonl` without its line feed; raises `Error` unless it is one in canonical form."""
    try:
        opening = msgspec.json.decode(line, type=Opening)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(f"a line is no opening: {error}") from error
    if canonical_json(opening) != line:
        raise _bad("an opening is not in canonical form")
    return opening


def read_head(text: str) -> Head:
    """A head; raises `Error` unless it has the fields of its kind and no others, in canonical form."""
    try:
        head = msgspec.json.decode(text.encode(), type=Head)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _bad(f"a head cannot be read: {error}") from error
    if canonical_json(head) != text.encode() or not _KIND.fullmatch(head.kind):
        raise _bad("a head is not in canonical form, or of a kind that is no lower-case word")
    if (head.index is None) != (head.kind == PADDING) or not _is_number(head.index, 0):
        raise _bad("a head has no index where it has to have one, or the reverse")
    of_run = head.kind in OF_RUNS
    said = (bool(head.matter), head.run is not None, bool(head.space))
    if said != (head.kind in OF_MATTERS, of_run, of_run):
        raise _bad("a head lacks what heads of its kind say, or says more")
    if head.matter and not _HEX_SALT.fullmatch(head.matter):
        raise _bad("a head has a tag that is none")
    if of_run and (not _is_number(head.run, 1) or head.space not in ("testifying", "privileged")):
        raise _bad("a head of a run has a number or a space that is none")
    return head


def _is_number(value: int | None, least: int) -> bool:
    return value is None or least <= value < _MOST_NUMBER


def _check_entry(head: Head, text: str) -> None:
    """The entry is what the head says, as far as that shows without the secret."""
    if head.index is None:
        if text:
            raise _bad("a commitment that is padding has an entry")
        return
    entry = decode_entry(head.index, _encoded(text))
    if head_of(entry, head.matter) != head:
        raise _bad(f"entry {head.index} of the private log is not what its head says")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _bad("an opening holds a lone surrogate") from None


def _bad(message: str) -> Error:
    return Error(message, exit_code=ExitCode.VERIFICATION_FAILED)
