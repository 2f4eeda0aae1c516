"""Langfuse: exported observations, one a record, as JSON, JSON lines, CSV or Parquet.

Sources: langfuse/langfuse-docs at 05bdc0e1000f, `content/docs/api-and-data-platform/features/
blob-storage-export-fields.mdx` (snake-case names; `observations_v2/` and the legacy `observations/`), and
langfuse/langfuse at 0010e28ff5f0, `fern/apis/server/definition/commons.yml` (Observation and
ObservationsView: the API's camel-case names).

Fields: `id`, `trace_id` | `traceId`, `type`, `start_time` | `startTime` (`YYYY-MM-DD HH:MM:SS.ffffff` in UTC,
or ISO 8601), `provided_model_name` | `model`, `model_parameters` | `modelParameters` (an object, or one as
JSON text), `input` (text, or JSON as text), `usage_details` | `usageDetails` with `input` and `output`, or
`usage` with the same, `level`, `tool_definitions`, `project_id` | `projectId`, and from the trace `user_id` |
`userId`, `session_id` | `sessionId`.

Only observations of type GENERATION are exchanges; the others give nothing. The account is the user id;
the legacy export has none in its observations (`--map account_id=metadata.…`). The organisation is the
project.
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


class Langfuse:
    """Langfuse's observations export."""

    name = "langfuse"
    documentation = "Langfuse export field reference (langfuse-docs 05bdc0e1) and API (langfuse 0010e28f)"
    impossible = frozenset(
        {
            "ip_hash",
            "ip_prefix_hash",
            "asn",
            "country",
            "user_agent",
            "ja4",
            "api_key_hash",
            "end_user",
            "object_hash",
            "access_path",
        }
    )

    def recognises(self, record: bytes | Mapping[str, Any]) -> float:
        """Sure of an observation's id, trace, type and start in either spelling."""
        keys = keys_of(record)
        snake, camel = {"id", "trace_id", "type", "start_time"}, {"id", "traceId", "type", "startTime"}
        return 0.9 if snake <= keys or camel <= keys else 0.0

    def parse(self, record: bytes | Mapping[str, Any]) -> Iterable[Request]:
        """One request for a generation, none for another observation; raises `BadRecord`."""
        row = as_object(record)
        kind = row.get("type")
        if not isinstance(kind, str):
            raise BadRecord("no observation type")
        return (complete(_request(row)),) if kind.upper() == "GENERATION" else ()


def _request(row: Mapping[str, Any]) -> Request:
    usage = mapping(first(row, "usage_details", "usageDetails")) or mapping(row.get("usage"))
    asked = mapping(row.get("input"))
    told = {**asked, **mapping(first(row, "model_parameters", "modelParameters"))}
    started = first(row, "start_time", "startTime")
    prompt, system = read_turns(row.get("input"))
    return Request(
        ts=to_micros(started) if started is not None else 0,
        account_id=identifier(first(row, "user_id", "userId"), "user_id"),
        request_id=identifier(row.get("id"), "id"),
        model=text(first(row, "provided_model_name", "model"), "model"),
        input_tokens=count(usage.get("input"), "input tokens"),
        output_tokens=count(usage.get("output"), "output tokens"),
        org_id=text(first(row, "project_id", "projectId"), "project_id"),
        session_id=text(first(row, "session_id", "sessionId"), "session_id"),
        status=text(row.get("level"), "level"),
        prompt=prompt,
        system=system,
        tools=read_tools(row, "tool_definitions") or read_tools(asked),
        params=read_params(told),
        response_format=read_response_format(told),
        reasoning_requested=asks_for_reasoning(told),
    )
