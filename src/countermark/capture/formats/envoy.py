"""Envoy AI Gateway: its JSON access log.

Source: envoyproxy/ai-gateway v1.1.0 (c217da8a5395), "Access Logs With AI/LLM/MCP Metadata"
(`site/versioned_docs/version-1.1/capabilities/observability/accesslogs.md`) and
`examples/access-log/basic.yaml`; the header attributes in `site/docs/cli/run.md`.

Fields: `start_time`, `x-request-id`, `gen_ai.request.model`, `gen_ai.response.model`,
`gen_ai.usage.input_tokens`, `gen_ai.usage.output_tokens`, `session.id`, `x-envoy-origin-path`,
`request.path`, `response_code`, `user-agent`, `x-forwarded-for`, `downstream_remote_address`. Absent values
are null or `-`.

An access log names no account by itself. `user.id`, else `tenant.id` (the documentation's example of a header
attribute, also the organisation here) is taken when the operator logs it; otherwise `--map account_id=FIELD`.
The address is `downstream_remote_address`, which Envoy itself trusts, unless that is a private one (a load
balancer); then the last of `x-forwarded-for`, since a client writes the others as it likes. The log knows
nothing of prompts. Lines without a model (MCP) are no exchanges and give nothing.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from countermark.capture.formats.base import Request
from countermark.capture.formats.fields import as_object, complete, count, first, identifier, keys_of, text
from countermark.capture.formats.times import to_micros

_MODELS = ("gen_ai.request.model", "gen_ai.response.model")


class Envoy:
    """Envoy AI Gateway's JSON access log."""

    name = "envoy"
    documentation = "Envoy AI Gateway access logs (envoyproxy/ai-gateway v1.1.0, accesslogs.md)"
    impossible = frozenset(
        {
            "asn",
            "country",
            "ja4",
            "api_key_hash",
            "end_user",
            "system_hash",
            "prompt_hash",
            "template_hash",
            "opening_hash",
            "closing_hash",
            "object_hash",
            "params_hash",
            "tools_hash",
            "prompt_lang",
            "prompt_traits",
        }
    )

    def recognises(self, record: bytes | Mapping[str, Any]) -> float:
        """Sure of Envoy's times and codes beside `gen_ai.` fields."""
        keys = keys_of(record)
        if not {"start_time", "response_code"} <= keys:
            return 0.0
        return 0.95 if any(key.startswith(("gen_ai.", "mcp.")) for key in keys) else 0.3

    def parse(self, record: bytes | Mapping[str, Any]) -> Iterable[Request]:
        """One request a line, none for a line without a model; raises `BadRecord`."""
        line = {key: value for key, value in as_object(record).items() if value != "-"}
        if first(line, *_MODELS) is None:
            return ()
        return (complete(_request(line)),)


def _request(line: Mapping[str, Any]) -> Request:
    started = line.get("start_time")
    return Request(
        ts=to_micros(started) if started is not None else 0,
        account_id=identifier(first(line, "user.id", "tenant.id"), "user.id"),
        request_id=identifier(line.get("x-request-id"), "x-request-id"),
        model=text(first(line, *_MODELS), "model"),
        input_tokens=count(line.get("gen_ai.usage.input_tokens"), "input tokens"),
        output_tokens=count(line.get("gen_ai.usage.output_tokens"), "output tokens"),
        ip=_client(line),
        user_agent=text(line.get("user-agent"), "user-agent"),
        org_id=text(line.get("tenant.id"), "tenant.id"),
        session_id=text(line.get("session.id"), "session.id"),
        status=text(line.get("response_code"), "response_code"),
        access_path=text(first(line, "x-envoy-origin-path", "request.path"), "path"),
    )


def _client(line: Mapping[str, Any]) -> str | None:
    remote = text(line.get("downstream_remote_address"), "downstream_remote_address")
    forwarded = text(line.get("x-forwarded-for"), "x-forwarded-for")
    remote = _host(remote) if remote else None
    if forwarded and (remote is None or not _is_global(remote)):
        return _host(forwarded.rpartition(",")[2].strip())
    return remote


def _host(address: str) -> str:
    """`address` without its port: `192.0.2.1:443`, `[2001:db8::1]:443`."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.rpartition(":")
    return host if port.isdecimal() and host and ":" not in host else address


def _is_global(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return False
