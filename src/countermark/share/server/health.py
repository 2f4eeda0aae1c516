"""`/healthz`: the process answers. `/readyz`: database, log and disk do. `/metrics`: for Prometheus."""

import shutil
import time
from asyncio import Lock
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.errors import Error
from countermark.share.server.api import Api, add, reply
from countermark.share.server.errors import not_found
from countermark.share.server.metrics import CONTENT_TYPE, Metrics
from countermark.share.server.peers import Peers, peer
from countermark.share.server.settings import ExchangeSettings, networks

_FRESH_SECONDS = 1.0


class Health:
    """The three endpoints; the first two answer anybody, and say no more than yes or no of each part."""

    def __init__(
        self, api: Api, settings: ExchangeSettings, metrics: Metrics, folder: Path, peers: Peers
    ) -> None:
        self._api, self._metrics, self._folder = api, metrics, folder
        self._least_free = settings.least_free_bytes
        self._scrapers = networks(settings.metrics_addresses)
        self._peers, self._lock = peers, Lock()
        self._kept: tuple[float, dict[str, bool]] | None = None

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        add(router, "GET", "/healthz", self.healthz, success={200: "it answers"}, public=True)
        ready = {200: "it can serve", 503: "it cannot"}
        add(router, "GET", "/readyz", self.readyz, success=ready, public=True)
        figures = {200: "figures for Prometheus"}
        path, kind = "/metrics", CONTENT_TYPE
        add(router, "GET", path, self.metrics, success=figures, media_type=kind, anonymous=True)
        return router

    async def healthz(self, _: Request) -> Response:
        """Whether the process answers."""
        return reply({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        """Whether it can serve; looked up at most once a second, so that asking costs nothing."""
        async with self._lock:  # one look for all who ask, however long it takes
            now = time.monotonic()
            if self._kept is None or now - self._kept[0] >= _FRESH_SECONDS:
                self._kept = (now, await self._api.work.slow(self._check))
            checks = self._kept[1]
        ready = all(checks.values())
        body = {"status": "ok" if ready else "not ready", "time": datetime.now(UTC), "checks": checks}
        return reply(body, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        """The figures, to the configured addresses, and to an operator from anywhere."""
        if not self._is_scraper(request):
            caller = await self._api.caller(request)
            if caller.member.role != "operator":
                raise not_found()
        with suppress(Error):  # without its database a server still has the other figures
            self._metrics.overlap_runs(await self._api.work.slow(self._api.store.overlap.counts))
        return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    def _is_scraper(self, request: Request) -> bool:
        """By the peer alone, and not for what a proxy hands on."""
        if self._peers.is_proxy(request.scope) or any(
            name in request.headers for name in ("x-forwarded-for", "forwarded")
        ):
            return False
        address = peer(request.scope)
        return address is not None and any(
            address in one for one in self._scrapers if one.version == address.version
        )

    def _check(self) -> dict[str, bool]:
        try:
            self._api.store.ping()
            database = True
        except Error:
            database = False
        try:
            self._api.auditor.log.checkpoint()
            log = self._api.auditor.trouble is None
        except Error:
            log = False
        try:
            disk = shutil.disk_usage(self._folder).free >= self._least_free
        except OSError:
            disk = False
        return {"database": database, "log": log, "disk": disk}
