"""Bodies of requests, received within bounds of size and time (4.2.1, Appendix B)."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from countermark.share.server.errors import TaxiiError
from countermark.share.server.parts import Settings

_CLOSE = {"Connection": "close"}
"""What is left of a body that was given up is not waited for."""
_LATER = _CLOSE | {"Retry-After": "5"}


class Bodies:
    """Receives bodies; counts the bytes of all that are in flight, of which one member has a share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._in_flight: Counter[str] = Counter()
        """By member; who has none is not in it."""
        self._share = max(settings.max_content_length, settings.bytes_in_flight // 4)

    @asynccontextmanager
    async def received(
        self, request: Request, member_id: str, most: int | None = None
    ) -> AsyncIterator[bytes]:
        """The body that a member sends, for as long as it is worked on.

        Raises `TaxiiError`: 400 for a length that is none, 413 over `most` bytes (`max_content_length`), 408
        when it takes too long, 429 when the bodies of the member together are too much, 503 when those of all
        are.
        """
        most = self._settings.max_content_length if most is None else most
        self._check_length(request.headers.getlist("content-length"), most)
        body, size = bytearray(), 0
        try:
            try:
                async with asyncio.timeout(self._settings.body_seconds):
                    await self._receive(request, body, member_id, most)
            except TimeoutError:
                raise TaxiiError(408, "the body took too long to arrive", headers=_CLOSE) from None
            received, size = bytes(body), len(body)
            body.clear()  # two of it would be held until it is worked on
            yield received
        finally:
            self._in_flight[member_id] -= size + len(body)
            self._in_flight += Counter()  # leaves out who has none

    def _check_length(self, headers: list[str], most: int) -> None:
        for text in headers:
            if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
                raise TaxiiError(400, "the header Content-Length is malformed", headers=_CLOSE)
            if int(text) > most:
                raise _too_large(most)

    async def _receive(self, request: Request, body: bytearray, member_id: str, most: int) -> None:
        async for chunk in request.stream():
            body += chunk
            self._in_flight[member_id] += len(chunk)
            if len(body) > most:
                raise _too_large(most)
            if self._in_flight[member_id] > max(self._share, most):
                raise TaxiiError(429, "you are sending too much at once", headers=_LATER)
            if self._in_flight.total() > self._settings.bytes_in_flight:
                raise TaxiiError(503, "too much is being sent at once", headers=_LATER)


def _too_large(most: int) -> TaxiiError:
    return TaxiiError(413, "the body is too large", f"at most {most} bytes", headers=_CLOSE)
