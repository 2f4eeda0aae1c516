"""OpenTelemetry: spans of the GenAI semantic conventions in OTLP JSON, one TracesData object a line.

Sources: open-telemetry/semantic-conventions v1.41.1 (ead83b9b0fa3; later releases moved the GenAI
pages to semantic-conventions-genai), `docs/gen-ai/gen-ai-spans.md`, `gen-ai-events.md`,
`docs/registry/attributes/{gen-ai,user,enduser,session,client,user-agent,geo}.md`, and the older v1.27.0 and
v1.28.0 of the same; open-telemetry/opentelemetry-proto v1.11.0-16-gac2c4b5d, `docs/specification.md`
("JSON Protobuf Encoding": 64-bit integers are text, ids are hex in either case) and `examples/trace.json`.

Envelope: `resourceSpans` / `scopeSpans` / `spans`; span: `traceId`, `spanId`, `startTimeUnixNano`,
`attributes`, `events`, `status.code` (2 is an error). Attributes: `gen_ai.operation.name`,
`gen_ai.request.*`, `gen_ai.response.model`, `gen_ai.usage.input_tokens` and `output_tokens` (older:
`prompt_tokens`, `completion_tokens`), `gen_ai.input.messages`, `gen_ai.system_instructions`,
`gen_ai.tool.definitions`, `gen_ai.output.type`, `gen_ai.openai.request.response_format` (older),
`gen_ai.prompt` (older), `gen_ai.conversation.id`, `session.id`, `user.id`, `enduser.id`, `enduser.pseudo.id`,
`client.address`, `user_agent.original`, `geo.country.iso_code`, `error.type`, `url.path`, `http.route`;
`service.name` of the resource. Events: `gen_ai.client.inference.operation.details` (the same attributes),
`gen_ai.content.prompt` with `gen_ai.prompt` (v1.27), `gen_ai.system.message` and `gen_ai.user.message` with
`content` (v1.28, as span events).

The account is `user.id`, else `enduser.id`, else `enduser.pseudo.id`, else `service:` and `service.name`.
Spans that are no text generation (tools, agents, embeddings, HTTP) give nothing. A record with a span that
cannot be read is refused whole, so that its line in the quarantine stands for all of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from countermark.capture.formats.base import BadRecord, Request
from countermark.capture.formats.chat import (
    read_params,
    read_response_format,
    read_tools,
    read_turns,
)
from countermark.capture.formats.fields import as_object, complete, count, first, identifier, keys_of, text
from countermark.capture.formats.times import to_micros

_GENERATING = frozenset({"chat", "text_completion", "generate_content"})
_MAX_DEPTH = 32
_ERROR = 2

Attributes = dict[str, Any]


class OpenTelemetry:
    """GenAI spans in OTLP JSON."""

    name = "otel"
    documentation = "OpenTelemetry GenAI semantic conventions v1.41.1 (and v1.27, v1.28), OTLP JSON 1.11"
    impossible = frozenset({"asn", "ja4", "api_key_hash", "org_id", "object_hash"})

    def recognises(self, record: bytes | Mapping[str, Any]) -> float:
        """Sure of the envelope's name."""
        return 0.95 if "resourceSpans" in keys_of(record) else 0.0

    def parse(self, record: bytes | Mapping[str, Any]) -> Iterable[Request]:
        """The requests of all spans in a line; raises `BadRecord`."""
        envelope = as_object(record)
        if "resourceSpans" not in envelope:
            raise BadRecord("no resourceSpans: not OTLP spans in JSON")
        return [
            complete(_request(span, attributes))
            for span, attributes in _spans(envelope)
            if _is_generation(attributes)
        ]


def _spans(envelope: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Attributes]]:
    for resource in _items(envelope, "resourceSpans"):
        about = resource.get("resource")
        shared = _attributes(about) if isinstance(about, dict) else {}
        for scope in _items(resource, "scopeSpans"):
            for span in _items(scope, "spans"):
                yield span, {**shared, **_attributes(span)}


def _items(parent: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = parent.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadRecord(f"{name} is not a list of objects")
    return found


def _attributes(holder: Mapping[str, Any]) -> Attributes:
    return {
        pair["key"]: _value(pair.get("value"), 0)
        for pair in _items(holder, "attributes")
        if isinstance(pair.get("key"), str)
    }


def _value(wrapped: Any, depth: int) -> Any:
    """The plain value of an OTLP AnyValue."""
    if not isinstance(wrapped, dict):
        return None
    if depth > _MAX_DEPTH:
        raise BadRecord("attribute nested too deep")
    for kind, inner in wrapped.items():
        if kind == "arrayValue" and isinstance(inner, dict):
            return [_value(one, depth + 1) for one in _items(inner, "values")]
        if kind == "kvlistValue" and isinstance(inner, dict):
            pairs = _items(inner, "values")
            return {str(pair.get("key")): _value(pair.get("value"), depth + 1) for pair in pairs}
        if kind == "intValue":
            return int(inner) if isinstance(inner, str) and _is_integer(inner) else inner
        if kind in ("stringValue", "doubleValue", "boolValue", "bytesValue"):
            return inner
    return None


def _is_integer(said: str) -> bool:
    return said.removeprefix("-").isdecimal() and len(said) <= 20


def _is_generation(attributes: Attributes) -> bool:
    operation = attributes.get("gen_ai.operation.name")
    if operation is not None:
        return isinstance(operation, str) and operation in _GENERATING
    return "gen_ai.request.model" in attributes  # conventions before v1.27 had no operation


def _request(span: Mapping[str, Any], attributes: Attributes) -> Request:
    prompt, system = _turns(span, attributes)
    asked = _parameters(attributes)
    started = first(span, "startTimeUnixNano")
    return Request(
        ts=to_micros(started, "ns") if started is not None else 0,
        account_id=_account(attributes),
        request_id=_span_id(span),
        model=text(first(attributes, "gen_ai.request.model", "gen_ai.response.model"), "model"),
        input_tokens=count(_usage(attributes, "input_tokens", "prompt_tokens"), "input tokens"),
        output_tokens=count(_usage(attributes, "output_tokens", "completion_tokens"), "output tokens"),
        ip=text(attributes.get("client.address"), "client.address"),
        country=text(attributes.get("geo.country.iso_code"), "geo.country.iso_code"),
        user_agent=text(attributes.get("user_agent.original"), "user_agent.original"),
        end_user=text(first(attributes, "enduser.id", "enduser.pseudo.id"), "enduser.id"),
        session_id=text(first(attributes, "gen_ai.conversation.id", "session.id"), "session.id"),
        status=_status(span, attributes),
        access_path=text(first(attributes, "http.route", "url.path", "gen_ai.operation.name"), "path"),
        prompt=prompt,
        system=system,
        tools=read_tools(attributes, "gen_ai.tool.definitions"),
        params=read_params(asked),
        response_format=read_response_format(asked),
    )


def _account(attributes: Attributes) -> str:
    user = identifier(first(attributes, "user.id", "enduser.id", "enduser.pseudo.id"), "user.id")
    service = identifier(attributes.get("service.name"), "service.name")
    return user or (service and f"service:{service}")


def _span_id(span: Mapping[str, Any]) -> str:
    trace, own = identifier(span.get("traceId"), "traceId"), identifier(span.get("spanId"), "spanId")
    return f"{trace}:{own}".lower() if trace and own else ""


def _usage(attributes: Attributes, *names: str) -> Any:
    return first(attributes, *(f"gen_ai.usage.{name}" for name in names))


def _status(span: Mapping[str, Any], attributes: Attributes) -> str:
    status = span.get("status")
    code = status.get("code") if isinstance(status, dict) else None
    return text(attributes.get("error.type"), "error.type") or ("error" if code == _ERROR else "ok")


def _parameters(attributes: Attributes) -> dict[str, Any]:
    """`gen_ai.request.*` under the names that providers give them."""
    prefix = "gen_ai.request."
    asked = {name.removeprefix(prefix): v for name, v in attributes.items() if name.startswith(prefix)}
    kind = first(attributes, "gen_ai.openai.request.response_format", "gen_ai.output.type")
    return {**asked, "response_format": kind} if kind is not None else asked


def _turns(span: Mapping[str, Any], attributes: Attributes) -> tuple[str | None, str | None]:
    """Prompt and system text from the span's attributes, else from its events."""
    sources = [attributes]
    messages: list[Any] = []
    for event in _items(span, "events"):
        said = _attributes(event)
        if event.get("name") in ("gen_ai.system.message", "gen_ai.user.message"):
            role = "system" if event["name"] == "gen_ai.system.message" else "user"
            messages.append({"role": role, "content": said.get("content")})
        else:
            sources.append(said)
    for source in sources:
        body = {
            "messages": first(source, "gen_ai.input.messages", "gen_ai.prompt"),
            "system": source.get("gen_ai.system_instructions"),
        }
        if any(value is not None for value in body.values()):
            return read_turns(body)
    return read_turns(messages)
