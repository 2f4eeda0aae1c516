"""Timestamps of TAXII (section 2: microseconds, UTC, `Z`) and of STIX in queries, as microseconds since 1970."""

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)


def taxii_time(microseconds: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.ssssssZ`."""
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> int | None:
    """Microseconds of an RFC 3339 time in UTC with `Z`; None for anything else. Finer digits are cut off."""
    if not _RFC3339.fullmatch(text):
        return None
    whole, _, fraction = text[:-1].partition(".")
    try:
        moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1) + int((fraction + "000000")[:6])
    return microseconds if microseconds >= 0 else None
