"""Around the whole application: limits before anything is done, one log line and the figures after it.

Every refusal passes here, also those from before an endpoint is found."""

import time
from collections.abc import MutableMapping, Sequence
from typing import Any

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from countermark.records.exchange import Caller
from countermark.share.server.answers import failure
from countermark.share.server.errors import TaxiiError
from countermark.share.server.limits import Limits
from countermark.share.server.logs import RequestLine, log_request
from countermark.share.server.metrics import METHODS, Metrics
from countermark.share.server.peers import Peers
from countermark.share.server.refusals import Refusals
from countermark.share.server.taxii import Taxii

_UNLOGGED = ("/healthz", "/readyz", "/metrics")
"""Asked every few seconds: no line in the log."""


class Around:
    """Wraps the application; `plain` says that it is served without TLS."""

    def __init__(
        self,
        app: Taxii,
        routes: Sequence[BaseRoute],
        limits: Limits,
        peers: Peers,
        metrics: Metrics,
        refusals: Refusals,
        plain: bool,
    ) -> None:
        """`routes` of what is beside TAXII; FastAPI's own list has routers that were added as one each."""
        self._app, self._limits, self._peers, self._metrics = app, limits, peers, metrics
        self._refusals, self._plain = refusals, plain
        self._paths: dict[Any, str] = {one.endpoint: one.path for one in routes if isinstance(one, Route)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                counted = self._refusals.answered(scope, status)
                if counted is not None:
                    message["headers"] = [*message.get("headers", ()), counted]
            await send(message)

        try:
            await self._serve(scope, receive, sending)
        finally:
            self._answered(scope, status, time.perf_counter() - began)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if self._plain and not self._peers.is_near(scope):  # it would cross a network unencrypted
                raise TaxiiError(403, "this server is reached through its proxy")
            address = self._limits.enter(scope)
        except TaxiiError as error:
            error.headers["Connection"] = "close"
            await failure(error)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._limits.leave(address)

    def _answered(self, scope: Scope, status: int, seconds: float) -> None:
        state = scope.get("state", {})
        route = state.get("route") or self._paths.get(scope.get("endpoint"), "none")
        self._metrics.answered(route, scope["method"], status, seconds)
        if route in _UNLOGGED and status < 400:
            return
        caller: Caller | None = state.get("caller")
        line = RequestLine(
            method=scope["method"] if scope["method"] in METHODS else "other",
            route=route,
            parameters=_names(scope["query_string"]),
            status=status,
            ms=round(seconds * 1000, 2),
            address=self._peers.client(scope),
            member=caller.member.member_id if caller else None,
            token=caller.token_id if caller else None,
        )
        log_request(line)


_PARAMETERS = (
    "added_after",
    "limit",
    "next",
    "match[id]",
    "match[type]",
    "match[version]",
    "match[spec_version]",
)
_SPELLINGS = {
    one.replace("[", left).replace("]", right).encode(): one
    for one in _PARAMETERS
    for left in ("[", "%5B", "%5b")
    for right in ("]", "%5D", "%5d")
}


def _names(query: bytes) -> list[str]:
    """Which of the parameters that there are a query has; what else it holds may be anything."""
    given = [_SPELLINGS.get(part.partition(b"=")[0]) for part in query[:4096].split(b"&")]
    return [one for one in _PARAMETERS if one in given]
