"""Entries of a log: canonical JSON (RFC 8785) of a kind, a payload and a time; the bytes are the leaf."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import rfc8785

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.trust import merkle

MAX_ENTRY_BYTES = 1 << 20
_KIND = re.compile(r"[a-z][a-z0-9-]{0,63}")
Payload = Mapping[str, Any] | msgspec.Raw
"""What an entry says; `Raw` is its canonical JSON (`payload_of`)."""


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    payload: dict[str, Any]
    time: datetime


@dataclass(frozen=True)
class Entry:
    """One entry of the log."""

    index: int
    kind: str
    time: datetime
    """When it was written, by the writer's own clock (UTC, seconds)."""
    payload: dict[str, Any]
    data: bytes
    """Its canonical bytes, the leaf."""

    @property
    def leaf_hash(self) -> bytes:
        """Hash of the leaf."""
        return merkle.leaf_hash(self.data)


def read_entry(data: bytes) -> Entry:
    """An entry from its bytes alone, as a proof's extra line has them; its index is not known (-1)."""
    return decode_entry(-1, data)


def payload_of(record: msgspec.Struct) -> msgspec.Raw:
    """Canonical JSON of a record of texts and integers below 2^53 whose fields stand in the order of their
    names."""
    data = msgspec.json.encode(record)
    plain = data.isascii() and b"\\" not in data and b"." not in data
    return msgspec.Raw(data if plain else canonical_json(record))


def encode_entry(index: int, kind: str, payload: Payload, when: datetime) -> bytes:
    """Canonical bytes of an entry; raises `Error` for what is none, and over 1 MiB."""
    if isinstance(payload, msgspec.Raw):
        time = msgspec.to_builtins(when)
        data = b'{"kind":"%b","payload":%b,"time":"%b"}' % (kind.encode(), payload, time.encode())
    else:
        try:
            data = canonical_json({"kind": kind, "payload": payload, "time": when})
        except (rfc8785.CanonicalizationError, TypeError) as error:
            raise Error(f"the log entry is no plain JSON: {error}") from error
    if len(data) > MAX_ENTRY_BYTES:
        raise Error("the log entry is over 1 MiB", hint="log digests of long lists, not the lists")
    if not isinstance(payload, msgspec.Raw):
        decode_entry(index, data)
    return data


def decode_entry(index: int, data: bytes) -> Entry:
    """The entry of these bytes; raises `Error(VERIFICATION_FAILED)` where they are none in canonical form."""
    try:
        document = msgspec.json.decode(data, type=_Document)
        canonical = canonical_json(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, rfc8785.CanonicalizationError) as error:
        raise Error(
            f"log entry {index} is no entry: {error}", exit_code=ExitCode.VERIFICATION_FAILED
        ) from error
    if not _KIND.fullmatch(document.kind) or canonical != data:
        raise Error(
            f"log entry {index} is not in canonical form, or of a kind that is no lower-case word",
            exit_code=ExitCode.VERIFICATION_FAILED,
        )
    return Entry(index, document.kind, document.time, document.payload, data)
