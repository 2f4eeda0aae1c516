"""What a log format has to be: a parser from one raw record to the requests in it."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec


class BadRecord(ValueError):
    """A raw record that cannot be read; its reason goes to the quarantine and must not quote its content."""


class Request(msgspec.Struct, gc=False):
    """One request as a source tells it, with raw text: it lives in memory only and is never written.

    A `*_id_value` field holds an identifier that the source has already reduced (a hash, a template's
    name): it is keyed as it is. Where both are given, the text wins.
    """

    ts: int
    """Microseconds since 1970 in UTC."""
    account_id: str
    request_id: str
    """Empty when the source has none: capture then names the request after its file and offset."""
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    ip: str | None = None
    asn: int | None = None
    country: str | None = None
    user_agent: str | None = None
    ja4: str | None = None
    api_key: str | None = None
    org_id: str | None = None
    end_user: str | None = None
    session_id: str | None = None
    status: str | None = None
    access_path: str | None = None
    prompt: str | None = None
    """Text of the last user turn."""
    system: str | None = None
    """System and developer turns, joined by a newline."""
    tools: str | bytes | None = None
    """Tool definitions, as canonical a text as the source allows."""
    params: str | bytes | None = None
    """Sampling parameters (temperature, top_p, max_tokens, ...) as canonical text; not the prompt."""
    object: str | None = None
    """URL, repository or document acted upon."""
    response_format: str | None = None
    """`json_schema`, `json_object`, ... where the source says so (a trait)."""
    reasoning_requested: bool = False
    """The request asks for a reasoning trace by a parameter (a trait)."""
    ip_id_value: str | None = None
    ip_prefix_id_value: str | None = None
    prompt_id_value: str | None = None
    system_id_value: str | None = None
    template_id_value: str | None = None
    object_id_value: str | None = None
    params_id_value: str | None = None
    tools_id_value: str | None = None
    api_key_id_value: str | None = None


class Incomplete(BadRecord):
    """A record that was read but lacks its account or its time; `--map` may still supply them.

    `request` has `account_id` "" or `ts` 0 for what is missing.
    """

    def __init__(self, reason: str, request: Request) -> None:
        super().__init__(reason)
        self.request = request


class LogFormat(Protocol):
    """A log format. The class is registered as a plug-in; capture makes one instance a run, `cls()`.

    `mapping` (from `--map field=column`) is applied by `overrides.Overridden` around the JSON formats;
    `table` takes it in its constructor.
    """

    name: str
    documentation: str
    """Where the field names come from: title, address, version or date read."""
    impossible: frozenset[str]
    """Columns of EVENT_SCHEMA that this format can never fill."""

    def recognises(self, record: bytes | Mapping[str, Any]) -> float:
        """How sure (0 to 1) that this record, the first of a file, is of this format; never raises."""
        ...

    def parse(self, record: bytes | Mapping[str, Any]) -> Iterable[Request]:
        """The requests in one record: a JSON line as bytes, or a table's row as a mapping.

        A record with nothing to capture gives nothing; one that cannot be read raises `BadRecord`.
        """
        ...
