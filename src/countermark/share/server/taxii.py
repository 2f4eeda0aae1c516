"""The endpoints of TAXII by their paths, ahead of the application that serves all else.

They read their requests themselves, so that a framework's route has nothing to do for them, and takes longer
than they do. How an error is answered is that of `answers`.
"""

import re
from collections.abc import Awaitable, Callable, Iterable

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from countermark.share.server.answers import COMMON, failed, failure
from countermark.share.server.errors import NO_METHOD, TaxiiError, not_found

Endpoint = Callable[[Request], Awaitable[Response]]
_NAME = re.compile(r"\{([a-z_]+)\}")


class _Path:
    """A path with names in braces, and the endpoints of its methods."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pattern = re.compile(_NAME.sub(r"(?P<\1>[^/]+)", text))
        self.endpoints: dict[str, Endpoint] = {}

    def add(self, method: str, endpoint: Endpoint) -> None:
        """What answers GET answers HEAD too."""
        self.endpoints[method] = endpoint
        if method == "GET":
            self.endpoints["HEAD"] = endpoint


class Taxii:
    """An ASGI application; `beside` has all that is not TAXII, the OpenAPI document and lifespan too."""

    def __init__(self, beside: FastAPI, endpoints: Iterable[tuple[str, str, Endpoint]]) -> None:
        self.beside = beside
        paths: dict[str, _Path] = {}
        for method, path, endpoint in endpoints:
            paths.setdefault(path, _Path(path)).add(method, endpoint)
        self._paths = list(paths.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, if it is one. Its path as it stands in the table is left in `state` for the log."""
        path = self._find(scope) if scope["type"] == "http" else None
        if path is None:
            await self.beside(scope, receive, send)
            return
        try:
            response = await self._answer(path, Request(scope, receive))
        except ClientDisconnect:
            return
        # the last resort: whatever was not foreseen is logged, and answered in TAXII's form
        except Exception as error:
            response = failed(error)
        response.raw_headers += COMMON
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> _Path | None:
        """The first path that fits; the names' values are left in the scope, as Starlette does."""
        for path in self._paths:
            match = path.pattern.fullmatch(scope["path"])
            if match is not None:
                scope["path_params"] = match.groupdict()
                scope.setdefault("state", {})["route"] = path.text
                return path
        return None

    async def _answer(self, path: _Path, request: Request) -> Response:
        endpoint = path.endpoints.get(request.method)
        if endpoint is None:
            allowed = ", ".join(sorted(path.endpoints))
            return failure(TaxiiError(405, NO_METHOD, headers={"Allow": allowed}))
        if b"%2f" in request.scope.get("raw_path", b"").lower():  # would be read as a separator
            return failure(not_found())
        return await endpoint(request)
