"""The application: the TAXII 2.1 endpoints over a store, and what else the exchange serves beside them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import countermark
from countermark.share.server.access import Access
from countermark.share.server.answers import add_error_handlers
from countermark.share.server.changes import Changes
from countermark.share.server.collections import Collections
from countermark.share.server.discovery import Discovery
from countermark.share.server.filters import LISTING, OF_DELETE, OF_OBJECT, OF_VERSIONS
from countermark.share.server.objects import Objects
from countermark.share.server.openapi import SCHEMAS, operation, secure
from countermark.share.server.parts import Parts
from countermark.share.server.taxii import Endpoint, Taxii
from countermark.store.exchange import ExchangeStore

OPENAPI = "/exchange-api/openapi.json"


def build_app(store: ExchangeStore, parts: Parts) -> Taxii:
    """The application, with FastAPI's for what is beside TAXII. It does not close the store."""
    access = Access(store, parts)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        access.work.close()
        store.segments.close()

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
    paths: dict[str, dict[str, Any]] = {}
    endpoints = _endpoints(access)
    for method, path, _, description in endpoints:
        paths.setdefault(path, {})[method.lower()] = description
    for router in parts.routers:
        app.include_router(router)
    # FastAPI's documented way to give a document of one's own
    app.openapi = lambda: _openapi(app, paths, parts.settings.basic)  # type: ignore[method-assign]
    return Taxii(app, (one[:3] for one in endpoints))


def _endpoints(access: Access) -> list[tuple[str, str, Endpoint, dict[str, Any]]]:
    """Tables of sections 4 and 5: method, path, endpoint, description; the busiest first."""
    discovery, collections = Discovery(access), Collections(access)
    objects, changes = Objects(access), Changes(access)
    one = "/{root}/collections/{collection}/"
    some, single = f"{one}objects/", f"{one}objects/{{object_id}}/"

    def get(
        path: str, endpoint: Endpoint, resource: str, query: tuple[str, ...] = (), dated: bool = False
    ) -> tuple[str, str, Endpoint, dict[str, Any]]:
        return "GET", path, endpoint, operation(path, resource, query=query, dated=dated)

    return [
        get(some, objects.objects, "envelope", LISTING, dated=True),
        get(f"{one}manifest/", objects.manifest, "manifest", LISTING, dated=True),
        ("POST", some, changes.add, operation(some, "status", success=202, body=True)),
        get(single, objects.object, "envelope", OF_OBJECT, dated=True),
        get(f"{single}versions/", objects.versions, "versions", OF_VERSIONS, dated=True),
        ("DELETE", single, changes.delete, operation(single, None, query=OF_DELETE)),
        get(one, collections.one, "collection"),
        get("/taxii2/", discovery.discovery, "discovery"),
        get("/{root}/collections/", collections.all, "collections"),
        get("/{root}/status/{status_id}/", discovery.status, "status"),
        get("/{root}/", discovery.root, "api-root"),
    ]


def _openapi(app: FastAPI, paths: dict[str, dict[str, Any]], basic: bool) -> dict[str, Any]:
    """FastAPI's description of its routes, with ours."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, routes=app.routes)
        found["paths"] = paths | found["paths"]
        components = found.setdefault("components", {})
        components["schemas"] = components.get("schemas", {}) | SCHEMAS
        secure(found, basic)
        app.openapi_schema = found
    return app.openapi_schema
