"""Bodies of requests: received within bounds of size and time, and read as an envelope (3.7).

An envelope's fault (no JSON, bad UTF-8, a member twice, too deep, no objects, an element that has no id and
type) is a 422, and nothing of it is taken. The objects are cut out as the bytes that came.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import numpy as np
from starlette.requests import Request

from countermark.share.server.errors import TaxiiError
from countermark.share.server.parts import Settings

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_CLOSE = {"Connection": "close"}


class _Head(msgspec.Struct):
    id: str
    type: str


class _Heads(msgspec.Struct):
    objects: list[_Head]
    type: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Objects(msgspec.Struct):
    objects: list[msgspec.Raw]


class Bodies:
    """Receives bodies; counts the bytes of all that are in flight."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._in_flight = 0

    @asynccontextmanager
    async def received(self, request: Request) -> AsyncIterator[bytes]:
        """The body, for as long as it is worked on.

        Raises `TaxiiError`: 400 for a length that is none, 413 over `max_content_length` bytes, 408 when it
        takes too long, 503 when the bodies of all requests together are too much.
        """
        self._check_length(request.headers.getlist("content-length"))
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(self._settings.body_seconds):
                    await self._receive(request, body)
            except TimeoutError:
                raise TaxiiError(408, "the body took too long to arrive", headers=_CLOSE) from None
            yield bytes(body)
        finally:
            self._in_flight -= len(body)

    def _check_length(self, headers: list[str]) -> None:
        for text in headers:
            if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
                raise TaxiiError(400, "the header Content-Length is malformed", headers=_CLOSE)
            if int(text) > self._settings.max_content_length:
                raise self._too_large()

    async def _receive(self, request: Request, body: bytearray) -> None:
        async for chunk in request.stream():
            body += chunk
            self._in_flight += len(chunk)
            if len(body) > self._settings.max_content_length:
                raise self._too_large()
            if self._in_flight > self._settings.bytes_in_flight:
                raise TaxiiError(503, "too much is being sent at once", headers=_CLOSE | {"Retry-After": "5"})

    def _too_large(self) -> TaxiiError:
        most = self._settings.max_content_length
        return TaxiiError(413, "the body is too large", f"at most {most} bytes", headers=_CLOSE)


def envelope_objects(body: bytes, settings: Settings) -> list[bytes]:
    """The objects of a posted envelope, each as the bytes that came; `TaxiiError` 422 for its faults."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused("the body is not UTF-8") from None
    try:
        # heads first: an element that is no object ends the reading before memory is spent on the next
        heads = msgspec.json.decode(body, type=_Heads)
    except msgspec.ValidationError:
        raise _refused("the body is no envelope of objects that have an id and a type") from None
    except (msgspec.DecodeError, RecursionError):
        raise _refused("the body is not JSON, or is nested too deep") from None
    if heads.type is not msgspec.UNSET:
        raise _refused('the body is no envelope: send {"objects": […]}, not a StixBundle or an object')
    if not heads.objects:
        raise _refused("the envelope has no objects")
    if len(heads.objects) > settings.max_objects:
        raise _refused(f"the envelope has more than {settings.max_objects} objects")
    if _depth(body) > settings.max_depth:
        raise _refused(f"the body is nested deeper than {settings.max_depth} levels")
    _refuse_doubles(body)
    return [bytes(raw) for raw in msgspec.json.decode(body, type=_Objects).objects]


def _depth(body: bytes) -> int:
    """Levels of nesting of well-formed JSON."""
    brackets = _STRING.sub(b"", body).translate(None, _NO_BRACKETS)
    opens = np.isin(np.frombuffer(brackets, dtype=np.uint8), (ord("["), ord("{")))
    return int(np.cumsum(np.where(opens, 1, -1), dtype=np.int32).max(initial=0))


def _refuse_doubles(body: bytes) -> None:
    """Raise where an object has a member twice: readers differ in which of the two they take."""

    def members(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) != len(pairs):
            raise _refused("an object in the body has a member twice")

    try:
        json.loads(body, object_pairs_hook=members)
    except ValueError:
        raise _refused("the body has a number that is too long") from None


def _refused(title: str) -> TaxiiError:
    return TaxiiError(422, title)
