"""Timestamps of STIX as microseconds, and back."""

import re
import time
from datetime import UTC, datetime, timedelta

from countermark.errors import Error

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,40}))?Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(text: str) -> int:
    """Microseconds since 1970 of an RFC 3339 timestamp in UTC (STIX 2.1, section 2.14).

    Raises `Error` for anything else, for a leap second, and for parts of a microsecond.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise Error("not a timestamp of the form 2026-01-31T12:00:00.000Z")
    if match[1] is not None and match[1][6:].strip("0"):
        raise Error("a timestamp finer than a microsecond")
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Error("a timestamp with a day or hour that does not exist") from None
    return (when - _EPOCH) // _MICROSECOND


def rfc3339(when: int) -> str:
    """Microseconds since 1970 as TAXII writes `date_added`: six decimals, UTC."""
    text = (_EPOCH + timedelta(microseconds=when)).isoformat(timespec="microseconds")
    return text.removesuffix("+00:00") + "Z"


def now() -> int:
    """Microseconds since 1970, by the system's clock."""
    return time.time_ns() // 1000
