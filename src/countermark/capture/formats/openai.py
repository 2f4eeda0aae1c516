"""OpenAI: recorded requests and responses as JSON lines, and the Batch API's input and output files.

Sources: openai/openai-python 3.3.1 (e43b422412a9), `types/chat/completion_create_params.py`,
`types/chat/chat_completion.py`, `types/responses/response_create_params.py`, `types/responses/response.py`,
`types/completion_create_params.py`, `types/completion_usage.py`, `types/responses/response_usage.py`; the
Batch API's line objects BatchRequestInput and BatchRequestOutput (OpenAPI specification 2.3.0,
https://platform.openai.com/docs/api-reference/batch/request-input and request-output).

Shapes of a line: `{"request": …, "response": …}` (a recorder's pair), batch input
`{"custom_id", "method", "url", "body"}`, batch output `{"id", "custom_id", "response": {"status_code",
"request_id", "body"}, "error"}`, or a bare request or response. Request: `model`, `messages` | `input` +
`instructions` | `prompt`, `tools`, `functions`, `response_format` | `text.format`, `reasoning_effort` |
`reasoning`, sampling parameters, `safety_identifier`, `user`, `conversation`, `prompt_cache_key`. Response:
`id`, `created` | `created_at` (seconds), `model`, `usage.prompt_tokens` | `input_tokens`,
`usage.completion_tokens` | `output_tokens`, `status`, `object`.

The time is the response's `created` or `created_at`, else the line's own; the account is `safety_identifier`,
else `user` (which it replaces). OpenAI's objects hold no more: where a line lacks one of them, as a batch
input does its time, `--map ts=FIELD` or `--map account_id=FIELD` names the recorder's own field.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from countermark.capture.formats.base import BadRecord, Request
from countermark.capture.formats.chat import (
    asks_for_reasoning,
    read_params,
    read_response_format,
    read_tools,
    read_turns,
)
from countermark.capture.formats.fields import (
    as_object,
    complete,
    count,
    first,
    identifier,
    keys_of,
    mapping,
    text,
)
from countermark.capture.formats.times import to_micros

_ASKING = frozenset({"messages", "input", "prompt"})
_OBJECTS = frozenset({"chat.completion", "text_completion", "response"})


class OpenAI:
    """OpenAI requests and responses, and batch files."""

    name = "openai"
    documentation = "OpenAI API objects (openai-python 3.3.1) and Batch API file lines (OpenAPI 2.3.0)"
    impossible = frozenset(
        {
            "ip_hash",
            "ip_prefix_hash",
            "asn",
            "country",
            "user_agent",
            "ja4",
            "api_key_hash",
            "org_id",
            "object_hash",
        }
    )

    def recognises(self, record: bytes | Mapping[str, Any]) -> float:
        """Sure of batch lines; fairly sure of a request and response together or of one alone."""
        keys = keys_of(record)
        if "custom_id" in keys:
            return 0.95 if keys & {"body", "response"} else 0.0
        if {"request", "response"} <= keys:
            return 0.7
        asks, answers = "model" in keys and keys & _ASKING, {"object", "model", "id"} <= keys
        return 0.4 if asks or answers else 0.0

    def parse(self, record: bytes | Mapping[str, Any]) -> Iterable[Request]:
        """One request a line; raises `BadRecord`."""
        line = as_object(record)
        asked, answered = _split(line)
        if not asked and not answered:
            raise BadRecord("no request, response or body")
        return (complete(_request(line, asked, answered)),)


def _split(line: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The request's and the response's body of any of the shapes."""
    if "request" in line or "response" in line or "body" in line:
        asked = mapping(first(line, "request", "body"))
        answered = mapping(line.get("response"))
        return mapping(asked.get("body")) or asked, mapping(answered.get("body")) or answered
    bare = dict(line)
    kind = bare.get("object")
    if isinstance(kind, str) and kind in _OBJECTS:
        return {}, bare
    return (bare, {}) if _ASKING & bare.keys() else ({}, {})


def _request(line: Mapping[str, Any], asked: dict[str, Any], answered: dict[str, Any]) -> Request:
    told = {**answered, **asked}  # a Responses object repeats the request's parameters
    usage = mapping(answered.get("usage"))
    created = first(answered, "created", "created_at")
    created = first(line, "created", "created_at") if created is None else created
    prompt, system = read_turns(told)
    user = identifier(told.get("user"), "user")
    return Request(
        ts=to_micros(created) if created is not None else 0,
        account_id=identifier(told.get("safety_identifier"), "safety_identifier") or user,
        request_id=identifier(first(answered, "id") or first(line, "id", "custom_id"), "id"),
        model=text(first(asked, "model") or first(answered, "model"), "model"),
        input_tokens=count(first(usage, "prompt_tokens", "input_tokens"), "input tokens"),
        output_tokens=count(first(usage, "completion_tokens", "output_tokens"), "output tokens"),
        end_user=user or None,
        session_id=_session(told),
        status=_status(line, answered),
        access_path=text(first(line, "url") or first(answered, "object"), "url"),
        prompt=prompt,
        system=system,
        tools=read_tools(told),
        params=read_params(told),
        response_format=read_response_format(told),
        reasoning_requested=asks_for_reasoning(told),
    )


def _session(told: Mapping[str, Any]) -> str | None:
    conversation = told.get("conversation")
    if isinstance(conversation, dict):
        conversation = conversation.get("id")
    return text(conversation or told.get("prompt_cache_key"), "conversation")


def _status(line: Mapping[str, Any], answered: Mapping[str, Any]) -> str | None:
    outer = mapping(line.get("response"))
    if line.get("error") or answered.get("error"):
        return text(outer.get("status_code"), "status_code") or "error"
    return text(first(outer, "status_code") or first(answered, "status"), "status")
