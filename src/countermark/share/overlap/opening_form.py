"""An opening's payload: its one spelling, and whether it is in force. Who signed it, `openings` checks."""

from datetime import UTC, datetime, timedelta

import msgspec

from countermark.records.canonical import canonical_json
from countermark.share.overlap.commitments import AHEAD, failed
from countermark.share.overlap.messages import Opening

MAX_OPENING_DAYS = 30
MAX_TEXT = 200


def parse_opening(payload: bytes) -> Opening:
    """The opening; raises `Error(VERIFICATION_FAILED)` for any other bytes."""
    try:
        found = msgspec.json.decode(payload, type=Opening)
        canonical = canonical_json(found) == payload
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError):
        raise failed("the payload is no opening") from None
    if not canonical:
        raise failed("the opening is not in canonical form (RFC 8785)")
    if found.created.tzinfo != UTC or found.expires.tzinfo != UTC:
        raise failed("the opening names a time that is not in UTC")
    if not 0 < len(found.ground) <= MAX_TEXT or not 0 < len(found.legal_basis) <= MAX_TEXT:
        raise failed("the opening names no ground or no legal basis")
    return found


def check_in_force(opening: Opening, now: datetime) -> None:
    """Raise `Error(VERIFICATION_FAILED)` where it is not yet, no more, or for too long."""
    if opening.created > now + AHEAD:
        raise failed("the opening was made in the future")
    if opening.expires - opening.created > timedelta(days=MAX_OPENING_DAYS):
        raise failed(f"the opening holds for over {MAX_OPENING_DAYS} days")
    if now >= opening.expires:
        raise failed("the opening has expired")
