"""A commitment in its envelope, checked: by the operator with the registered keys, by the peer with the key
that it pinned itself."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.share.overlap.messages import COMMITMENT_TYPE, Commitment
from countermark.share.overlap.padding import LEAST_POINTS
from countermark.trust.dsse import check_signatures, open_envelope
from countermark.trust.signing import PublicKey

MAX_ENVELOPE = 16 << 10
OLDEST, AHEAD = timedelta(hours=24), timedelta(minutes=5)
_MOST_KINDS = 32
_MOST_COUNT = 1 << 31
_KIND = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)


def read_commitment(envelope: bytes, keys: Sequence[PublicKey]) -> tuple[Commitment, str]:
    """The commitment that one of these keys signed, and the SHA-256 of its payload.

    Raises `Error(VERIFICATION_FAILED)` for another spelling, another signer, or what no set can be like.
    """
    if len(envelope) > MAX_ENVELOPE:
        raise failed("the envelope is too large")
    opened = open_envelope(envelope, COMMITMENT_TYPE)
    known = {one.keyid: one for one in keys}
    signers = {keyid for keyid, _ in opened.signatures}
    if len(signers) != 1 or not signers <= known.keys():
        raise failed("the commitment is not signed by one registered key of the member, and by no other")
    check_signatures(opened, {keyid: known[keyid] for keyid in signers})
    try:
        found = msgspec.json.decode(opened.body, type=Commitment)
        canonical = canonical_json(found) == opened.body
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError):
        raise failed("the payload is no commitment") from None
    if not canonical:
        raise failed("the commitment is not in canonical form (RFC 8785)")
    _check(found)
    return found, sha256_hex(opened.body)


def stated(envelope: bytes) -> Commitment:
    """The commitment in an envelope that was read before."""
    return msgspec.json.decode(open_envelope(envelope, COMMITMENT_TYPE).body, type=Commitment)


def check_made(commitment: Commitment, now: datetime) -> None:
    """Raise `Error` for a commitment that was made too long ago, or later than now."""
    if commitment.created > now + AHEAD:
        raise failed("the commitment was made in the future")
    if commitment.created < now - OLDEST:
        raise failed("the commitment is over 24 hours old")


def rounded_up(count: int) -> int:
    """A count to two significant digits, as commitments tell it."""
    step: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // step) * step


def failed(message: str) -> Error:
    """The error of what does not hold."""
    return Error(message, exit_code=ExitCode.VERIFICATION_FAILED)


def _check(found: Commitment) -> None:
    if found.created.tzinfo != UTC:
        raise failed("the commitment names a time that is not in UTC")
    if found.member == found.peer:
        raise failed("the commitment is with the member itself")
    if found.size < LEAST_POINTS or found.size % (1 << (found.size.bit_length() - 4)):  # m·2^e, m in 8..15
        raise failed("the size is not one that a padded list has")
    if len(found.kinds) > _MOST_KINDS or not all(_KIND.fullmatch(kind) for kind in found.kinds):
        raise failed("the commitment counts kinds that are none")
    if not all(0 <= one <= _MOST_COUNT and rounded_up(one) == one for one in found.kinds.values()):
        raise failed("the commitment counts more than two digits of a kind")
