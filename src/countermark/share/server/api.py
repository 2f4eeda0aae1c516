"""What the endpoints beside TAXII have in common: who calls, bodies, threads, a description in OpenAPI."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.records.exchange import Caller
from countermark.share.server.access import still, unknown
from countermark.share.server.audit import Auditor
from countermark.share.server.bodies import Bodies
from countermark.share.server.parts import Parts
from countermark.share.server.work import Work
from countermark.store.exchange import ExchangeStore

BASE = "/exchange-api/v1"
JSON = "application/json"
BYTES = "application/octet-stream"
_ERRORS = {
    400: "malformed",
    401: "no credentials, or none that are valid",
    403: "not allowed to this caller",
    404: "not there, or not for this caller",
    408: "the body took too long to arrive",
    409: "not as things stand",
    413: "the body is too large",
    422: "the body is not as it has to be",
    429: "asked too often",
    500: "an error of the server",
    503: "not now",
}


class Api:
    """Store, audit and callers, for the endpoints of `/exchange-api/v1/`."""

    def __init__(self, store: ExchangeStore, parts: Parts, auditor: Auditor) -> None:
        self.store, self.parts, self.auditor = store, parts, auditor
        self.work, self.bodies = Work(parts.settings), Bodies(parts.settings)

    async def caller(self, request: Request) -> Caller:
        """Who calls; `TaxiiError` 401 or 429."""
        caller = await self.parts.authenticate(request)
        self.parts.limits.admit(request, caller)
        if caller is None:
            raise unknown(self.parts)
        return caller

    async def caller_still(self, request: Request) -> Caller:
        """The caller as it is now, when its body has come; `TaxiiError` 401."""
        return await still(self.parts, request)


def about(caller: Caller, member_id: str) -> bool:
    """Whether the caller may see what concerns a member: it is that member, its reviewer, or an operator.

    A reviewer of nobody (`of` is None) is no member's reviewer.
    """
    member = caller.member
    return (
        member.role == "operator"
        or member_id == member.member_id
        or (member.of is not None and member_id == member.of)
    )


def reply(value: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(value), status, media_type=JSON)


def add(
    router: APIRouter,
    method: str,
    path: str,
    endpoint: Callable[[Request], Awaitable[Response]],
    *,
    success: dict[int, str],
    media_type: str = JSON,
    parameters: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    body: str | None = None,
    gives: str | None = None,
    public: bool = False,
    anonymous: bool = False,
) -> None:
    """Add an endpoint and say what it takes and gives; `parameters` of the path and the `query` with their
    patterns, `body` and what a success `gives` by the names of their schemas, or `BYTES`.

    `public` answers anybody, and never asks for credentials; `anonymous` answers some without.
    """
    schema = {"type": "object"} if media_type == JSON else {"type": "string"}
    if gives is not None:
        media_type, schema = _content(gives)
    answers: dict[str, Any] = {
        str(code): {"description": text, "content": {media_type: {"schema": schema}}}
        for code, text in success.items()
    }
    content = {"application/taxii+json;version=2.1": {"schema": {"$ref": "#/components/schemas/error"}}}
    answers |= {
        str(code): {"description": text, "content": content}
        for code, text in _ERRORS.items()
        if str(code) not in answers
    }
    extra: dict[str, Any] = {
        "responses": answers,
        "security": [] if public else [{}, {"bearer": []}] if anonymous else [{"bearer": []}],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern}}
            for name, pattern in (parameters or {}).items()
        ]
        + [
            {"name": name, "in": "query", "schema": {"type": "string", "pattern": pattern}}
            for name, pattern in (query or {}).items()
        ],
    }
    if body is not None:
        kind, wanted = _content(body)
        extra["requestBody"] = {"required": True, "content": {kind: {"schema": wanted}}}
    router.add_api_route(
        path,
        endpoint,
        methods=[method],
        response_class=Response,
        response_model=None,
        status_code=min(success),
        openapi_extra=extra,
        operation_id=f"{method.lower()}{path.replace('{', '').replace('}', '').replace('/', '_')}",
        tags=["health" if public else "exchange"],
    )


def _content(name: str) -> tuple[str, dict[str, Any]]:
    """Media type and schema of a body."""
    if name == BYTES:
        return BYTES, {"type": "string", "format": "binary"}
    return JSON, {"$ref": name}
