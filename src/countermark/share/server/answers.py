"""What all answers have in common: the media type, no caching, an error resource for every failure."""

import logging
import secrets
import traceback
from collections.abc import Iterable, MutableMapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from countermark.errors import Error
from countermark.share.server.errors import NO_METHOD, NOT_FOUND, TaxiiError, error_body
from countermark.share.server.media import TAXII

_LOG = logging.getLogger("countermark.exchange")
COMMON = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
"""Headers of every answer."""
_TYPE = (b"content-type", TAXII.encode())
_TITLES = {404: NOT_FOUND, 405: NO_METHOD}


class Answer(Response):
    """Starlette's, in the media type of TAXII, without a search for what the headers lack."""

    def __init__(
        self, *parts: bytes | memoryview, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        """The body is `parts`, joined: to copy them takes less than to send each by itself."""
        self.status_code, self._body, self.background = status, b"".join(parts), None
        self.raw_headers = [_TYPE, (b"content-length", b"%d" % len(self._body)), *headers]

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Send it; to HEAD without its body."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self._body})


def failure(error: TaxiiError, error_id: str = "") -> Response:
    """The answer that an error is."""
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in error.headers.items()]
    return Answer(error_body(error, error_id), status=error.status, headers=headers)


def failed(error: Exception) -> Response:
    """The answer for whatever an endpoint raised; what was not foreseen is logged."""
    if isinstance(error, TaxiiError):
        return failure(error)
    return failure(_unexpected(503 if isinstance(error, Error) else 500), _logged(error))


def add_error_handlers(app: FastAPI) -> None:
    """Make every failure of `app`, its own endpoints' or the framework's, a TAXII error resource."""

    async def known(request: Request, error: Exception) -> Response:
        if isinstance(error, TaxiiError):  # for whoever counts refusals
            request.scope.setdefault("state", {})["refusal"] = error
        return failed(error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers, description = dict(error.headers or {}), ""
        if error.status_code == 404 and not request.url.path.endswith("/"):
            description = "a path of TAXII ends in a slash"
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_allowed(app.routes, request.scope))
        title = _TITLES.get(error.status_code, "the request cannot be answered")
        return failure(TaxiiError(error.status_code, title, description, headers))

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        places = {".".join(map(str, one["loc"])) for one in error.errors()}
        return failure(TaxiiError(422, "the request is malformed", ", ".join(sorted(places))[:500]))

    app.add_exception_handler(TaxiiError, known)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Error, known)
    app.add_middleware(Answers)


def _allowed(routes: list[BaseRoute], scope: Scope) -> list[str]:
    """Methods of all routes of a path."""
    found: set[str] = set()
    for route in routes:
        if route.matches(scope)[0] is not Match.NONE:
            found |= set(getattr(route, "methods", None) or ())
    return sorted(found)


def _unexpected(status: int) -> TaxiiError:
    headers = {"Retry-After": "5"} if status == 503 else {}
    return TaxiiError(status, "the request could not be answered", headers=headers)


def _logged(error: Exception) -> str:
    """Log what went wrong by its kind and place, without its words, which may hold what was sent; its id."""
    error_id = secrets.token_hex(8)
    places = [f"{one.filename}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)[-3:]]
    _LOG.error("error %s: %s at %s", error_id, type(error).__name__, " ".join(reversed(places)))
    return error_id


class Answers:
    """Around the application: common headers, no body for HEAD, an error for what nothing else caught."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), *COMMON]
            elif scope["method"] == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        try:
            if b"%2f" in scope.get("raw_path", b"").lower():  # would be read as a separator
                await failure(TaxiiError(404, NOT_FOUND))(scope, receive, sending)
            else:
                await self._app(scope, receive, sending)
        except ClientDisconnect:
            return
        # the last resort: whatever was not foreseen is logged, and answered as 500 in TAXII's form
        except Exception as error:
            response = failed(error)
            if not started:
                await response(scope, receive, sending)
