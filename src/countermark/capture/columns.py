"""Requests to columns of the event table: hashing, fingerprints, and what stays readable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import pyarrow as pa

from countermark.capture.formats.base import Request
from countermark.capture.hashing import (
    READABLE_CHARACTERS,
    Hasher,
    is_raw_identifier,
    parse_ip,
    redacted,
)
from countermark.capture.prompts import Fingerprint, Fingerprints
from countermark.capture.traits import request_traits
from countermark.records.events import CAPTURE_VERSION, EVENT_SCHEMA

_LABEL_CHARACTERS = 256
_MEMO_ENTRIES = 100_000
_USER_AGENT_CHARACTERS = 256
_NUMBERS = ("input_tokens", "output_tokens", "asn")
_LABELS = ("model", "country", "ja4", "status", "access_path")
_HASHED = {
    "api_key_hash": ("api_key", "api_key_id_value"),
    "system_hash": ("system", "system_id_value"),
    "object_hash": ("object", "object_id_value"),
    "params_hash": ("params", "params_id_value"),
    "tools_hash": ("tools", "tools_id_value"),
}
"""Column to the Request's raw field and to the identifier that the source has already reduced."""


@dataclass
class NameCounts:
    """What happened to identifiers so far."""

    bad_addresses: int = 0
    hashed_names: int = 0


class Columns:
    """Turns requests into record batches; keeps memos and counts over a run."""

    def __init__(self, hasher: Hasher, fingerprints: Fingerprints, *, hash_accounts: bool = False) -> None:
        self._hasher = hasher
        self._fingerprints = fingerprints
        self._hash_accounts = hash_accounts
        self._names: dict[str, str] = {}
        self._agents: dict[str, str] = {}
        self._addresses: dict[str, tuple[int | None, int | None]] = {}
        self.counts = NameCounts()

    def account(self, name: str) -> str:
        """An account's name as it stands in EVENTS."""
        return self._hasher.pseudonym("account_id", name) if self._hash_accounts else self._readable(name)

    def batch(self, requests: Sequence[Request], digest: str, offsets: Sequence[int]) -> pa.RecordBatch:
        """Rows of EVENT_SCHEMA for requests of one source; raises when a value fits no column."""
        columns: dict[str, Any] = {
            "ts": _values(requests, "ts"),
            "source_digest": pa.repeat(pa.scalar(digest), len(requests)),
            "source_offset": offsets,
            "capture_version": pa.repeat(pa.scalar(CAPTURE_VERSION), len(requests)),
        }
        for name in _NUMBERS:
            columns[name] = _values(requests, name)
        for name in _LABELS:
            columns[name] = _each(_label, _values(requests, name))
        columns["user_agent"] = _each(self._agent, _values(requests, "user_agent"))
        self._add_names(columns, requests, digest, offsets)
        self._add_addresses(columns, requests)
        for column, (raw, reduced) in _HASHED.items():
            columns[column] = self._hashes(requests, raw, reduced)
        self._add_prompts(columns, requests)
        arrays = [_array(columns[field.name], field.type, len(requests)) for field in EVENT_SCHEMA]
        return pa.RecordBatch.from_arrays(arrays, schema=EVENT_SCHEMA)

    def _add_names(
        self, columns: dict[str, Any], requests: Sequence[Request], digest: str, offsets: Sequence[int]
    ) -> None:
        columns["account_id"] = [self.account(request.account_id) for request in requests]
        columns["request_id"] = [
            self._readable(request.request_id, recurs=False)
            if request.request_id
            else f"{digest[:16]}:{offset}"
            for request, offset in zip(requests, offsets, strict=True)
        ]
        for name in ("org_id", "end_user", "session_id"):
            columns[name] = _each(self._readable, _values(requests, name))

    def _readable(self, name: str, *, recurs: bool = True) -> str:
        """The provider's own name, unless it is a raw identifier or too long."""
        known = self._names.get(name) if recurs else None
        if known is not None:
            self.counts.hashed_names += known is not name and known != name
            return known
        shown = name
        if len(name) > READABLE_CHARACTERS or is_raw_identifier(name):
            shown = self._hasher.pseudonym("name", name)
            self.counts.hashed_names += 1
        if recurs:
            _remember(self._names, name, shown)
        return shown

    def _agent(self, agent: str) -> str:
        known = self._agents.get(agent)
        if known is None:
            known = redacted(agent[: 4 * _USER_AGENT_CHARACTERS])[:_USER_AGENT_CHARACTERS]
            _remember(self._agents, agent, known)
        return known

    def _add_addresses(self, columns: dict[str, Any], requests: Sequence[Request]) -> None:
        pairs = [self._address(request) for request in requests]
        columns["ip_hash"] = [pair[0] for pair in pairs]
        columns["ip_prefix_hash"] = [pair[1] for pair in pairs]

    def _address(self, request: Request) -> tuple[int | None, int | None]:
        if not request.ip:
            address, prefix = request.ip_id_value, request.ip_prefix_id_value
            hashed = self._hasher.identifier
            return (
                hashed("ip_id", address) if address else None,
                hashed("ip_prefix_id", prefix) if prefix else None,
            )
        known = self._addresses.get(request.ip)
        if known is None:
            parsed = parse_ip(request.ip)
            known = (
                (self._hasher.text("ip", parsed[0]), self._hasher.text("ip_prefix", parsed[1]))
                if parsed
                else (None, None)
            )
            _remember(self._addresses, request.ip, known)
        self.counts.bad_addresses += known[0] is None
        return known

    def _hashes(self, requests: Sequence[Request], raw: str, reduced: str) -> list[int | None] | None:
        texts, identifiers = _values(requests, raw), _values(requests, reduced)
        hashed = self._hasher.identifier
        if not any(identifiers):
            return _each(partial(hashed, raw), texts)
        domain = reduced.removesuffix("_value")
        return [
            hashed(raw, text) if text else hashed(domain, identifier) if identifier else None
            for text, identifier in zip(texts, identifiers, strict=True)
        ]

    def _add_prompts(self, columns: dict[str, Any], requests: Sequence[Request]) -> None:
        prints = self._fingerprints.of([request.prompt for request in requests])
        columns["prompt_hash"] = [
            found.prompt_hash if found else self._reduced("prompt_id", request.prompt_id_value)
            for request, found in zip(requests, prints, strict=True)
        ]
        columns["template_hash"] = [
            found.template_hash if found else self._reduced("template_id", request.template_id_value)
            for request, found in zip(requests, prints, strict=True)
        ]
        columns["opening_hash"] = [found.opening_hash if found else None for found in prints]
        columns["closing_hash"] = [found.closing_hash if found else None for found in prints]
        columns["prompt_lang"] = [found.language if found else None for found in prints]
        columns["prompt_traits"] = [
            _traits(request, found) for request, found in zip(requests, prints, strict=True)
        ]

    def _reduced(self, domain: str, value: str | None) -> int | None:
        return self._hasher.identifier(domain, value) if value else None


def _traits(request: Request, found: Fingerprint | None) -> int | None:
    told = request_traits(request.response_format, request.reasoning_requested)
    return found.traits | told if found else told or None


def _values(requests: Sequence[Request], name: str) -> list[Any]:
    return list(map(attrgetter(name), requests))


def _each(function: Callable[[Any], Any], values: list[Any]) -> list[Any] | None:
    """The function of each value, None for absent and empty ones; None when all are."""
    return [function(value) if value else None for value in values] if any(values) else None


def _label(value: str) -> str:
    return redacted(value[:_LABEL_CHARACTERS])


def _remember(memo: dict[str, Any], key: str, value: Any) -> None:
    if len(memo) >= _MEMO_ENTRIES:
        memo.clear()
    if len(key) <= READABLE_CHARACTERS:
        memo[key] = value


def _array(values: Any, kind: pa.DataType, rows: int) -> pa.Array:
    if values is None:
        return pa.nulls(rows, kind)
    if isinstance(values, pa.Array):
        return values
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, kind)
