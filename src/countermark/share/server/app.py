"""The application: the TAXII 2.1 endpoints over a store, and what else the exchange serves beside them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

import countermark
from countermark.share.server.access import Access
from countermark.share.server.answers import add_error_handlers
from countermark.share.server.changes import Changes
from countermark.share.server.collections import Collections
from countermark.share.server.discovery import Discovery
from countermark.share.server.filters import LISTING, OF_DELETE, OF_OBJECT, OF_VERSIONS
from countermark.share.server.objects import Objects
from countermark.share.server.openapi import SCHEMAS, SECURITY, operation
from countermark.share.server.parts import Parts
from countermark.store.exchange import ExchangeStore

OPENAPI = "/exchange-api/openapi.json"
Endpoint = Callable[[Request], Awaitable[Response]]


def build_app(store: ExchangeStore, parts: Parts) -> FastAPI:
    """The application. It does not close the store."""
    access = Access(store, parts)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        access.work.close()

    app = FastAPI(
        title=parts.settings.title,
        version=countermark.__version__,
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    add_error_handlers(app)
    for router in parts.routers:
        app.include_router(router)
    _add_endpoints(app, access)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _add_endpoints(app: FastAPI, access: Access) -> None:
    """Tables of sections 4 and 5: path, endpoint, and what is said of it."""
    discovery, collections = Discovery(access), Collections(access)
    objects, changes = Objects(access), Changes(access)
    one = "/{root}/collections/{collection}/"
    some, single = f"{one}objects/", f"{one}objects/{{object_id}}/"

    def get(
        path: str, endpoint: Endpoint, resource: str, query: tuple[str, ...] = (), dated: bool = False
    ) -> None:
        _add(app, "GET", path, endpoint, operation(path, resource, query=query, dated=dated))

    get("/taxii2/", discovery.discovery, "discovery")
    get("/{root}/", discovery.root, "api-root")
    get("/{root}/status/{status_id}/", discovery.status, "status")
    get("/{root}/collections/", collections.all, "collections")
    get(one, collections.one, "collection")
    get(f"{one}manifest/", objects.manifest, "manifest", LISTING, dated=True)
    get(some, objects.objects, "envelope", LISTING, dated=True)
    _add(app, "POST", some, changes.add, operation(some, "status", success=202, body=True))
    get(single, objects.object, "envelope", OF_OBJECT, dated=True)
    _add(app, "DELETE", single, changes.delete, operation(single, None, query=OF_DELETE))
    get(f"{single}versions/", objects.versions, "versions", OF_VERSIONS, dated=True)


def _add(app: FastAPI, method: str, path: str, endpoint: Endpoint, description: dict[str, Any]) -> None:
    app.add_api_route(
        path,
        endpoint,
        methods=[method],
        response_class=Response,
        response_model=None,
        status_code=int(next(iter(description["responses"]))),
        openapi_extra=description,
        operation_id=f"{method.lower()}{path.replace('{', '').replace('}', '').replace('/', '_')}",
        tags=["TAXII 2.1"],
    )
    if method == "GET":
        app.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False, response_model=None)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's description with the resources that ours refer to."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, routes=app.routes)
        components = found.setdefault("components", {})
        components["schemas"] = components.get("schemas", {}) | SCHEMAS
        components["securitySchemes"] = components.get("securitySchemes", {}) | SECURITY
        app.openapi_schema = found
    return app.openapi_schema
