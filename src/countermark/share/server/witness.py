"""`POST add-checkpoint` (https://c2sp.org/tlog-witness): in an exchange for its members' logs, or alone.

Nobody has to prove who they are: what counts is the log's signature on the checkpoint. Whoever shows a
member's token has that member's share of requests; others have that of strangers.
"""

import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from countermark.share.server.answers import add_error_handlers, failure
from countermark.share.server.api import BYTES, add
from countermark.share.server.bodies import Bodies
from countermark.share.server.errors import TaxiiError
from countermark.share.server.limits import Limits
from countermark.share.server.parts import Settings
from countermark.share.server.peers import Peers
from countermark.share.server.settings import ExchangeSettings, WitnessSettings
from countermark.share.server.work import Work
from countermark.trust.notes import VerifierKey
from countermark.trust.witness import MAX_REQUEST, Conflict, Refused, Witness

FOLDER = "witness"
TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"
"""Media type of an answer 409, as the specification has it."""
_STRANGER = ""


def open_witness(folder: Path, settings: WitnessSettings) -> Witness:
    """The witness of an exchange, made with its key at first; it cosigns the logs that the settings name."""
    witness = Witness.open_or_create(folder / FOLDER, settings.name)
    witness.set_logs([VerifierKey.parse(one) for one in settings.logs])
    return witness


class AddCheckpoint:
    """The endpoint."""

    def __init__(
        self, witness: Witness, work: Work, bodies: Bodies, admit: Callable[[Request], Awaitable[None]]
    ) -> None:
        self._witness, self._work, self._bodies, self._admit = witness, work, bodies, admit

    def router(self, prefix: str = "") -> APIRouter:
        """The route below a submission prefix."""
        router = APIRouter()
        success = {200: "cosignatures of the checkpoint, as lines of a C2SP signed note"}
        path = f"{prefix}/add-checkpoint"
        add(router, "POST", path, self.post, success=success, media_type=TEXT, body=BYTES, anonymous=True)
        return router

    async def post(self, request: Request) -> Response:
        """Cosign, or say why not with the status that the specification names."""
        await self._admit(request)
        async with self._bodies.received(request, _STRANGER, MAX_REQUEST) as body:
            try:
                line = await self._work.slow(lambda: self._witness.answer(body))
            except Conflict as conflict:
                return Response(f"{conflict.size}\n", 409, headers={"Content-Type": SIZE})
            except Refused as refused:
                raise TaxiiError(refused.status, refused.message) from None
        return Response(line, media_type=TEXT)


class Alone:
    """A witness as an application of its own, with the limits of an exchange."""

    def __init__(self, witness: Witness) -> None:
        settings = ExchangeSettings()
        self._limits = Limits(settings.limits, Peers(settings))
        self._work = Work(Settings())
        self._app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
        add_error_handlers(self._app)
        endpoint = AddCheckpoint(witness, self._work, Bodies(Settings()), self._admit)
        self._app.include_router(endpoint.router())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            address = self._limits.enter(scope)
        except TaxiiError as error:
            error.headers["Connection"] = "close"
            await failure(error)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._limits.leave(address)

    def close(self) -> None:
        """When no request is being answered any more."""
        self._work.close()

    async def _admit(self, _: Request) -> None:
        """Every address has its share already."""


def serve_alone(
    witness: Witness,
    host: str,
    listener: socket.socket,
    context: ssl.SSLContext | None,
    ready: Callable[[], None],
) -> int:
    """Serve a witness until SIGTERM or SIGINT; the signal. Raises `Error` without TLS on a network."""
    from countermark.share.server.serve import check_transport, run_server

    check_transport(ExchangeSettings(), host, context is not None, "the witness")
    alone = Alone(witness)
    try:
        return run_server(alone, ExchangeSettings(), listener, context, ready)
    finally:
        alone.close()
