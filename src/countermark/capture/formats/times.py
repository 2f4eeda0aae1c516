"""Timestamps of every kind that logs use, as microseconds since 1970 in UTC."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

from countermark.capture.formats.base import BadRecord

LOW_S = 946_684_800
"""2000-01-01, in seconds since 1970."""
HIGH_S = 4_102_444_800
"""2100-01-01."""

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Ticks in a second. The plausible centuries of the four units do not overlap, so a unit can be guessed."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 64


def to_micros(value: Any, unit: str | None = None) -> int:
    """Microseconds since 1970 of a number, a numeric text, an ISO 8601 text, a datetime or a date.

    `unit` ("s", "ms", "us", "ns") is what numbers are in; without it each number's magnitude tells. Text and
    datetimes without a zone are UTC. Raises `BadRecord` for anything else and outside 2000 to 2100.
    """
    if type(value) is float and unit is None and LOW_S <= value < HIGH_S:  # LiteLLM's case, a million times
        return round(value * 1e6)
    if isinstance(value, str):
        value = _from_text(value)
    if isinstance(value, datetime):
        return _from_datetime(value)
    if isinstance(value, date):
        return _from_datetime(datetime.combine(value, time.min))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRecord("no timestamp" if value is None else "timestamp of the wrong type")
    return _from_number(value, unit)


def _from_text(value: str) -> int | float | datetime | None:
    text = value.strip()
    if not text:
        return None
    if len(text) > _LONGEST:
        raise BadRecord("timestamp is not a date or a number")
    readers: tuple[Callable[[str], int | float | datetime], ...] = (int, float, _from_iso)
    for read in readers:
        try:
            return read(text)
        except ValueError:
            continue
    raise BadRecord("timestamp is not a date or a number")


def _from_iso(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix(" UTC"))


def _from_datetime(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    past = moment - _EPOCH  # exact, and without the overflow that a conversion at year 1 or 9999 runs into
    return _checked((past.days * 86_400 + past.seconds) * 10**6 + past.microseconds)


def _from_number(value: int | float, unit: str | None) -> int:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadRecord("timestamp is not a finite number")
    for name in [unit] if unit else UNITS:
        ticks = UNITS[name]
        if LOW_S * ticks <= value < HIGH_S * ticks:
            return value * 10**6 // ticks if isinstance(value, int) else round(value / ticks * 1e6)
    raise BadRecord("timestamp outside the years 2000 to 2100")


def _checked(micros: int) -> int:
    if not LOW_S * 10**6 <= micros < HIGH_S * 10**6:
        raise BadRecord("timestamp outside the years 2000 to 2100")
    return micros
