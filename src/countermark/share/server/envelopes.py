"""Envelopes that are posted (3.7): the objects in them, cut out as the bytes that came.

A fault of the envelope (no JSON, bad UTF-8, a member twice, too deep, no objects, an element that has no id
and type) is a 422, and nothing of it is taken. Objects are looked at one by one, so that memory is bounded by
the longest one, and other threads come in between.
"""

import json
import re
import threading
from typing import Any

import msgspec
import numpy as np

from countermark.share.server.errors import TaxiiError
from countermark.share.server.parts import Settings

MAX_BESIDE = 64 << 10
"""Bytes of an envelope beside its objects."""
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


_READING = threading.local()
"""`left`: how many more objects this thread's envelope may have."""


class _Head(msgspec.Struct):
    id: str
    type: str

    def __post_init__(self) -> None:
        _READING.left -= 1
        if _READING.left < 0:
            raise ValueError("too many")


class _Heads(msgspec.Struct):
    objects: list[_Head]
    type: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def envelope_objects(body: bytes, settings: Settings) -> list[bytes]:
    """The objects of a posted envelope, each as the bytes that came; `TaxiiError` 422 for its faults."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused("the body is not UTF-8") from None
    _READING.left = settings.max_objects
    try:
        # heads first: an element that is no object, or one too many, ends the reading before memory is spent
        heads = msgspec.json.decode(body, type=_Heads)
    except msgspec.ValidationError:
        if _READING.left < 0:
            raise _refused(f"the envelope has more than {settings.max_objects} objects") from None
        raise _refused("the body is no envelope of objects that have an id and a type") from None
    except (msgspec.DecodeError, RecursionError):
        raise _refused("the body is not JSON, or is nested too deep") from None
    if heads.type is not msgspec.UNSET:
        raise _refused('the body is no envelope: send {"objects": […]}, not a StixBundle or an object')
    if not heads.objects:
        raise _refused("the envelope has no objects")
    listed = bytes(msgspec.json.decode(body, type=dict[str, msgspec.Raw])["objects"])
    body = body.strip()
    if len(body) - len(listed) > MAX_BESIDE:
        raise _refused("the envelope has too much beside its objects")
    _check(body.replace(listed, b"[]", 1), settings.max_depth)
    objects = [bytes(raw) for raw in msgspec.json.decode(listed, type=list[msgspec.Raw])]
    for one in objects:
        if len(one) > settings.max_object_length:
            raise _refused(f"an object has more than {settings.max_object_length} bytes")
        _check(one, settings.max_depth - 2)
    return objects


def _check(text: bytes, max_depth: int) -> None:
    """Raise for well-formed JSON that is nested too deep, or in which an object has a member twice.

    Readers differ in which of two members they take.
    """
    if text.count(b"{") + text.count(b"[") > max_depth and _depth(text) > max_depth:
        raise _refused("the body is nested too deep")
    try:
        json.loads(text, object_pairs_hook=_members)
    except ValueError:
        raise _refused("the body has a number that is too long") from None


def _depth(text: bytes) -> int:
    """Levels of nesting of well-formed JSON."""
    brackets = _STRING.sub(b"", text).translate(None, _NO_BRACKETS)
    opens = np.isin(np.frombuffer(brackets, dtype=np.uint8), (ord("["), ord("{")))
    return int(np.cumsum(np.where(opens, 1, -1), dtype=np.int32).max(initial=0))


def _members(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _refused("an object in the body has a member twice")


def _refused(title: str) -> TaxiiError:
    return TaxiiError(422, title)
