"""Timestamps of TAXII (section 2: microseconds, UTC, `Z`), and of STIX in queries, since 1970."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE = _EPOCH.replace(tzinfo=None)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
_MOST = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


def now() -> int:
    """By the system's clock."""
    return time.time_ns() // 1000


def taxii_time(microseconds: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.ssssssZ`."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_written(seconds)}.{rest:06}Z"


@lru_cache(maxsize=4096)  # what came together came within few seconds
def _written(seconds: int) -> str:
    return (_NAIVE + timedelta(seconds=seconds)).isoformat()


@lru_cache(maxsize=4096)
def _read(text: str) -> int | None:
    """Seconds of `YYYY-MM-DDTHH:MM:SS`; None where there is no such time."""
    try:
        since = datetime.fromisoformat(text) - _NAIVE
    except ValueError:
        return None
    return since.days * 86_400 + since.seconds


def parse_time(text: str) -> int | None:
    """Microseconds of an RFC 3339 time in UTC with `Z` and at most nine decimals; None for anything else.

    Finer digits are cut off, which keeps "later than" exact. A time before 1970 is negative.
    """
    if not _RFC3339.fullmatch(text):
        return None
    whole, _, fraction = text[:-1].partition(".")
    seconds = _read(whole)
    return None if seconds is None else seconds * 1_000_000 + int((fraction + "000000")[:6])


def position_in_range(position: int) -> bool:
    """Whether a position can be written as a time."""
    return 0 <= position <= _MOST


def finer_than_microseconds(text: str) -> bool:
    """Whether a time that `parse_time` takes has digits below a microsecond."""
    return bool(text[:-1].partition(".")[2][6:].strip("0"))
