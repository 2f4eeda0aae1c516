"""The exchange as a process: parts joined, uvicorn run, and an end in which the log takes everything."""

import gc
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp

from countermark.errors import Error, ExitCode
from countermark.share.server import disputes, overlap_runs, releases, samples
from countermark.share.server.api import BASE, Api
from countermark.share.server.app import build_app
from countermark.share.server.around import Around
from countermark.share.server.audit import Auditor
from countermark.share.server.auth import Authenticator, check_members
from countermark.share.server.check import CHECK_SCHEMAS, JointCheck
from countermark.share.server.connections import protocol_class
from countermark.share.server.filed import Filed
from countermark.share.server.folder import LOG, DataFolder
from countermark.share.server.health import Health
from countermark.share.server.limits import Limits
from countermark.share.server.metrics import Metrics
from countermark.share.server.oidc import Oidc
from countermark.share.server.parts import Checked, Parts
from countermark.share.server.peers import Peers
from countermark.share.server.press import Press
from countermark.share.server.proofs import Proofs
from countermark.share.server.refusals import FLUSH_SECONDS, Refusals
from countermark.share.server.settings import ExchangeSettings
from countermark.share.server.tls import is_loopback
from countermark.share.server.upkeep import Upkeep, expire_overlaps, forget_quotas, forget_statuses
from countermark.share.server.watch import Watch
from countermark.share.server.witness import AddCheckpoint, open_witness
from countermark.trust.signing import SigningKey

SWITCH_SECONDS = 0.0005
"""The audit's thread lets go of the interpreter some twenty times for each group of entries, the event loop
once for every request; with Python's 5 ms each would wait as often for a busy thread. Longer, pages would
cost a tenth less for fewer handings over, and reads would wait longer for what checks objects."""
SEGMENTS_SECONDS = 5.0
"""Between two passes that join objects ahead of time, each of which takes a second at most."""
Check = Callable[[Sequence[bytes]], Sequence[Checked]]


@dataclass(frozen=True)
class Exchange:
    """All that answers requests; `auditor` is to be started before, and closed after."""

    app: ASGIApp
    auditor: Auditor
    watch: Watch
    """`look` is to be called from time to time."""
    refusals: Refusals
    """`flush` is to be called every few seconds."""
    close: Callable[[], None]
    """Ends the audit, when no request is being answered any more."""


def build_exchange(folder: DataFolder, check: Check, *, plain: bool = True) -> Exchange:
    """Join store, audit, callers, limits and endpoints; `plain` where it is served without TLS."""
    settings = folder.settings
    check_members(folder.store, settings)
    peers, metrics = Peers(settings), Metrics()
    auditor = Auditor(folder.store, folder.open_log, metrics)
    oidc = Oidc(settings.oidc, folder.path) if settings.oidc else None
    taxii = settings.taxii_settings(folder.sqlite)
    limits = Limits(settings.limits, peers)
    press, filed = Press(folder.store, metrics), Filed()
    press.load()  # whoever was late when the last server ended
    watch = Watch(folder.store, filed, press, lambda: auditor.log, auditor.soon)
    parts = Parts(
        authenticate=Authenticator(folder.store, settings, peers, oidc, taxii.reads_inline),
        audit=auditor,
        check=check,
        limits=limits,
        settings=taxii,
        press=press,
    )
    api = Api(folder.store, parts, auditor)
    joint = JointCheck(folder, api, peers)
    routers = [
        Health(api, settings, metrics, folder.path, peers).router(),
        releases.Releases(api, settings.policies, SigningKey.load(folder.path / f"{LOG}.key")).router(),
        samples.Samples(api).router(),
        disputes.Disputes(api, filed).router(),
        Proofs(api).router(),
        *joint.routers,
        *_witness(folder, api, limits),
        overlap_runs.Overlaps(api, settings.overlap, settings.policies).router(),
    ]
    app = build_app(folder.store, replace(parts, routers=routers))
    _describe(app.beside)

    routes = [*app.beside.routes, *(route for one in routers for route in one.routes)]
    refusals = Refusals(folder.store, auditor.soon, routes)

    def close() -> None:
        joint.close()
        api.work.close()
        refusals.close()
        auditor.close()

    around = Around(app, routes, limits, peers, metrics, refusals, plain)
    return Exchange(around, auditor, watch, refusals, close)


def _witness(folder: DataFolder, api: Api, limits: Limits) -> list[APIRouter]:
    """Where the exchange cosigns the logs of its members."""
    settings = folder.settings.witness
    if settings is None:
        return []
    witness = open_witness(folder.path, settings)

    async def admit(request: Request) -> None:
        limits.admit(request, await api.parts.authenticate(request))

    return [AddCheckpoint(witness, api.work, api.bodies, admit).router(f"{BASE}/witness")]


def _describe(app: FastAPI) -> None:
    """Add the schemas of our bodies to the OpenAPI document."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        found = described()
        found["components"]["schemas"] |= releases.SCHEMAS | disputes.SCHEMAS | overlap_runs.SCHEMAS
        found["components"]["schemas"] |= CHECK_SCHEMAS
        return found

    # FastAPI's documented way to give a document of one's own
    app.openapi = openapi  # type: ignore[method-assign]


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises `Error` where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(2048)
    except (OSError, OverflowError) as error:
        found.close()
        reason = getattr(error, "strerror", None) or error
        raise Error(f"cannot listen on {host}, port {port}: {reason}", exit_code=ExitCode.USAGE) from None
    found.set_inheritable(False)
    return found


def serve(
    folder: DataFolder,
    check: Check,
    listener: socket.socket,
    context: ssl.SSLContext | None,
    ready: Callable[[], None],
) -> int:
    """Serve until SIGTERM or SIGINT; the signal. `ready` is called when requests are answered."""
    exchange = build_exchange(folder, check, plain=context is None)
    exchange.auditor.start()
    threads = [
        Upkeep("statuses", lambda: forget_statuses(folder.store)),
        Upkeep("quotas", lambda: forget_quotas(folder.store)),
        Upkeep("overlaps", lambda: expire_overlaps(folder.store)),
        Upkeep("segments", folder.store.segments.make, SEGMENTS_SECONDS),
        Upkeep("watch", exchange.watch.look, folder.settings.watch_seconds),
        Upkeep("refusals", exchange.refusals.flush, FLUSH_SECONDS),
    ]
    for one in threads:
        one.start()
    try:
        return run_server(exchange.app, folder.settings, listener, context, ready)
    finally:
        for one in threads:
            one.close()
        exchange.close()


def run_server(
    app: ASGIApp,
    settings: ExchangeSettings,
    listener: socket.socket,
    context: ssl.SSLContext | None,
    ready: Callable[[], None],
) -> int:
    """Answer requests until SIGTERM or SIGINT; the signal."""
    sys.setswitchinterval(SWITCH_SECONDS)
    connection = settings.connection
    config = uvicorn.Config(
        app,
        http=protocol_class(connection, proxies=settings.proxy is not None),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=connection.keep_alive_seconds,
        timeout_graceful_shutdown=connection.stop_seconds,
        ssl_context_factory=None if context is None else lambda *_: context,
    )
    server = _Server(config, ready)
    gc.freeze()  # what was loaded stays: it need not be looked at over and over
    gc.set_threshold(10_000)  # requests leave few cycles behind, and hold hundreds of objects while they last
    server.run(sockets=[listener])
    return server.stopped_by


def check_transport(settings: ExchangeSettings, host: str, tls: bool, what: str = "the exchange") -> None:
    """Raise `Error(USAGE)` where requests would cross a network unencrypted."""
    if not tls and not is_loopback(host) and settings.proxy is None:
        raise Error(
            f"without TLS {what} listens on this machine alone",
            hint="--tls-cert and --tls-key, or name the reverse proxy in exchange.toml",
            exit_code=ExitCode.USAGE,
        )


class _Server(uvicorn.Server):
    """Says when it is ready, and comes back after a signal instead of dying of it."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self.stopped_by = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, which raises the signal again at the end: the log would not be finished then."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Told to stop."""
        self.stopped_by = sig
        super().handle_exit(sig, frame)
