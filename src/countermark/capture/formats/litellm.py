"""LiteLLM: the StandardLoggingPayload as JSON lines, and the LiteLLM_SpendLogs table as CSV, Parquet or JSON.

Sources, in the repository BerriAI/litellm: `litellm/types/utils.py` at 001c64f24845 (StandardLoggingPayload,
StandardLoggingMetadata), `schema.prisma` at 029f645f1c81 (model LiteLLM_SpendLogs),
`litellm/proxy/spend_tracking/spend_tracking_utils.py` at 00907c60692d (how the table is filled),
`litellm/constants.py` (LITELLM_PROXY_ADMIN_NAME), and https://docs.litellm.ai/docs/proxy/logging_spec.

StandardLoggingPayload: `id`, `trace_id`, `litellm_call_id` (`call_id` in some versions), `call_type`,
`status`, `prompt_tokens`, `completion_tokens`, `startTime` (float seconds), `model`, `metadata`, `end_user`,
`requester_ip_address`, `user_agent`, `messages`, `model_parameters` (with `tools`, `response_format`,
`reasoning_effort`, `thinking`). Its metadata: `user_api_key_user_id`, `user_api_key_hash`,
`user_api_key_org_id`, `user_api_key_team_id`, `user_api_key_end_user_id`, `user_api_key_request_route`,
`requester_ip_address`, `user_agent`.

LiteLLM_SpendLogs: `request_id`, `call_type`, `api_key` (hashed by LiteLLM), `prompt_tokens`,
`completion_tokens`, `startTime`, `model`, `user`, `metadata`, `team_id`, `organization_id`, `end_user`,
`requester_ip_address`, `session_id` (the trace_id), `status`, `messages` (always `{}`) and
`proxy_server_request` (the request's body, only with `store_prompts_in_spend_logs`; LiteLLM cuts long texts
in the middle).

The account is `user_api_key_user_id` (`user`), else the key's hash, else the end
user. LiteLLM's placeholders are absent: empty text, `default_user_id` (the proxy's admin),
`litellm_proxy_master_key`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from countermark.capture.formats.base import Request
from countermark.capture.formats.chat import (
    asks_for_reasoning,
    read_params,
    read_response_format,
    read_tools,
    read_turns,
)
from countermark.capture.formats.fields import complete, count, decode, identifier, keys_of, mapping, text
from countermark.capture.formats.times import to_micros

_PLACEHOLDERS = frozenset({"", "default_user_id", "litellm_proxy_master_key"})


class _Metadata(msgspec.Struct, gc=False):
    user_api_key_user_id: Any = None
    user_api_key_hash: Any = None
    user_api_key: Any = None
    user_api_key_org_id: Any = None
    user_api_key_team_id: Any = None
    user_api_key_end_user_id: Any = None
    user_api_key_request_route: Any = None
    requester_ip_address: Any = None
    user_agent: Any = None


class _Record(msgspec.Struct, gc=False):
    """Fields of both shapes that are used; msgspec skips the others, the response above all."""

    id: Any = None
    request_id: Any = None
    litellm_call_id: Any = None
    call_id: Any = None
    trace_id: Any = None
    session_id: Any = None
    call_type: Any = None
    status: Any = None
    prompt_tokens: Any = None
    completion_tokens: Any = None
    startTime: Any = None
    model: Any = None
    metadata: _Metadata | str | None = None
    end_user: Any = None
    requester_ip_address: Any = None
    user_agent: Any = None
    messages: Any = None
    model_parameters: Any = None
    user: Any = None
    api_key: Any = None
    team_id: Any = None
    organization_id: Any = None
    proxy_server_request: Any = None


_decoder = msgspec.json.Decoder(_Record)
_NO_METADATA = _Metadata()
_COLUMNS = tuple(name for name in _Record.__struct_fields__ if name != "metadata")
_PAYLOAD_KEYS = frozenset({"id", "call_type", "startTime", "model", "metadata"})
_SPEND_KEYS = frozenset({"request_id", "call_type", "api_key", "startTime", "spend"})


class LiteLLM:
    """LiteLLM's logging payload and its SpendLogs table."""

    name = "litellm"
    documentation = "LiteLLM StandardLoggingPayload, LiteLLM_SpendLogs (BerriAI/litellm 001c64f2, 029f645f)"
    impossible = frozenset({"asn", "country", "ja4", "object_hash"})

    def recognises(self, record: bytes | Mapping[str, Any]) -> float:
        """Sure when the keys of a payload, or the columns of the table, are all there."""
        keys = keys_of(record)
        return 0.95 if keys >= _PAYLOAD_KEYS or keys >= _SPEND_KEYS else 0.0

    def parse(self, record: bytes | Mapping[str, Any]) -> Iterable[Request]:
        """One request a record; raises `BadRecord`."""
        return (complete(_request(_read(record))),)


def _read(record: bytes | Mapping[str, Any]) -> _Record:
    if isinstance(record, bytes):
        read = decode(_decoder, record)
    else:
        read = _Record(**{name: record.get(name) for name in _COLUMNS})
        read.metadata = _metadata(mapping(record.get("metadata")))
    if type(read.metadata) is str:
        read.metadata = _metadata(mapping(read.metadata))
    return read


def _metadata(values: Mapping[str, Any]) -> _Metadata:
    return _Metadata(**{name: values.get(name) for name in _Metadata.__struct_fields__})


def _request(read: _Record) -> Request:
    metadata = read.metadata if isinstance(read.metadata, _Metadata) else _NO_METADATA
    body = mapping(read.model_parameters)
    sent = mapping(read.proxy_server_request) if read.proxy_server_request is not None else body
    prompt, system = read_turns(read.messages)
    if sent is not body:
        body = {**sent, **body}
        if prompt is None and system is None:
            prompt, system = read_turns(sent)
    user = _given(metadata.user_api_key_user_id or read.user, "user id")
    key = _given(metadata.user_api_key_hash or metadata.user_api_key or read.api_key, "key hash")
    end_user = _given(read.end_user or metadata.user_api_key_end_user_id, "end_user")
    account = user or key or end_user
    return Request(
        ts=to_micros(read.startTime) if read.startTime is not None else 0,
        account_id=account,
        request_id=identifier(
            read.id or read.request_id or read.litellm_call_id or read.call_id, "request id"
        ),
        model=text(read.model, "model"),
        input_tokens=count(read.prompt_tokens, "prompt_tokens"),
        output_tokens=count(read.completion_tokens, "completion_tokens"),
        ip=text(read.requester_ip_address or metadata.requester_ip_address, "requester_ip_address"),
        user_agent=text(read.user_agent or metadata.user_agent, "user_agent"),
        api_key=key or None,
        org_id=text(
            metadata.user_api_key_org_id
            or read.organization_id
            or metadata.user_api_key_team_id
            or read.team_id,
            "organization",
        ),
        end_user=end_user or None,
        session_id=text(read.trace_id or read.session_id, "trace_id"),
        status=text(read.status, "status"),
        access_path=text(metadata.user_api_key_request_route or read.call_type, "call_type"),
        prompt=prompt,
        system=system,
        tools=read_tools(body),
        params=read_params(body),
        response_format=read_response_format(body),
        reasoning_requested=asks_for_reasoning(body),
    )


def _given(value: Any, field: str) -> str:
    found = identifier(value, field)
    return "" if found in _PLACEHOLDERS else found
