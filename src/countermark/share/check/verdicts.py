"""A detector's signed verdict: made by a member, and opened by the aggregator, which refuses it whole where
anything in it is not as it has to be (spec/joint-check.md, "Verdict")."""

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.share.check.figures import LEAST
from countermark.share.check.messages import (
    MOST_TEXT,
    VERDICT_TYPE,
    KeyAnswer,
    PoolAnswer,
    RegisteredPool,
    Verdict,
)
from countermark.share.check.register import Register
from countermark.share.check.signed import payload_of
from countermark.trust.dsse import seal_envelope
from countermark.trust.signing import PublicKey, SigningKey

MOST_BYTES: Final = 32 << 20
OLDEST: Final = timedelta(minutes=10)
"""A verdict is of the time of its request."""
AHEAD: Final = timedelta(minutes=5)
"""How far a clock may be ahead."""
SALT_BYTES: Final = 32
MOST_TOKENS: Final = 4 * MOST_TEXT
"""A character has at most four bytes, and a token at least one."""

Reason = Literal[
    "signature",
    "form",
    "member",
    "request",
    "digest",
    "time",
    "count",
    "doubled pool",
    "another's pool",
    "unregistered pool",
    "missing pool",
    "doubled key",
    "unregistered key",
    "missing key",
    "no one figure",
    "figure",
]


class VerdictRefused(Error):
    """Why a verdict does not count; `reason` is one of a few words, for logs and counters."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message, exit_code=ExitCode.VERIFICATION_FAILED)
        self.reason = reason


def text_digest(salt: str, text: str) -> str:
    """SHA-256 of the salt (64 hex digits, 32 bytes) and the text (UTF-8), lower-case hex.

    Raises `Error`, which quotes neither, for a salt that is none and for a text that is not Unicode.
    """
    try:
        raw, data = bytes.fromhex(salt), text.encode()
    except ValueError:  # raised below, out of reach of this one, which would quote the text
        raw, data = b"", b""
    if len(raw) != SALT_BYTES:
        raise Error(
            "the salt is not 32 bytes in hex, or the text is not Unicode", exit_code=ExitCode.NO_INPUT
        )
    return hashlib.sha256(raw + data).hexdigest()


def sign_verdict(
    key: SigningKey,
    *,
    member: str,
    request_id: str,
    text_digest: str,
    pools: Sequence[PoolAnswer],
    now: datetime,
) -> bytes:
    """The DSSE envelope of a verdict, in the only spelling of its content."""
    verdict = Verdict(
        request_id=request_id,
        text_digest=text_digest,
        member=member,
        pools=list(pools),
        keys=sum(len(pool.keys) for pool in pools),
        made=now.astimezone(UTC).replace(microsecond=0),
    )
    return seal_envelope(VERDICT_TYPE, canonical_json(verdict), [key])


def open_verdict(
    envelope: bytes,
    *,
    member: str,
    signers: Mapping[str, PublicKey],
    request_id: str,
    digest: str,
    register: Register,
    now: datetime,
) -> Verdict:
    """The verdict of a member about this request, whole; raises `VerdictRefused`.

    `signers` are the member's own signing keys by key id; `register` is what had been registered when the
    question was asked: the verdict answers for every key of it that is the member's, and for no other.
    """
    try:
        body = payload_of(envelope, VERDICT_TYPE, signers, MOST_BYTES)
    except Error as error:
        raise VerdictRefused("signature", error.message) from None
    verdict = _decoded(body)
    if verdict.member != member:
        raise VerdictRefused("member", "the verdict is in another member's name")
    if not hmac.compare_digest(verdict.request_id, request_id):
        raise VerdictRefused("request", "the verdict answers another request")
    if not hmac.compare_digest(verdict.text_digest, digest):
        raise VerdictRefused("digest", "the verdict is about another text")
    if verdict.made.tzinfo is None or not now - OLDEST <= verdict.made <= now + AHEAD:
        raise VerdictRefused("time", "the verdict is old, of a time to come, or without a time zone")
    if verdict.keys != sum(len(pool.keys) for pool in verdict.pools):
        raise VerdictRefused("count", "the verdict's number of keys is not that of its rows")
    _check_owners(verdict, register)
    check_pools(verdict.pools, register.pools_of(member))
    return verdict


def check_pools(pools: Sequence[PoolAnswer], wanted: Mapping[str, RegisteredPool]) -> None:
    """Raise `VerdictRefused` unless these answers are for exactly these pools (by commitment), each whole."""
    commitments = [pool.commitment for pool in pools]
    if len(set(commitments)) < len(commitments):
        raise VerdictRefused("doubled pool", "the verdict has a pool twice")
    for pool in pools:
        known = wanted.get(pool.commitment)
        if known is None or (known.profile_id, known.epoch) != (pool.profile_id, pool.epoch):
            raise VerdictRefused("unregistered pool", "the verdict has a pool that is not registered")
        _check_keys(pool, known)
    if set(wanted) - set(commitments):
        raise VerdictRefused("missing pool", "the verdict leaves out a pool that is registered")


def _decoded(body: bytes) -> Verdict:
    try:
        verdict = msgspec.json.decode(body, type=Verdict)
        same = canonical_json(verdict) == body
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as error:
        raise VerdictRefused("form", f"the verdict is not as expected: {str(error)[:200]}") from None
    if not same:
        raise VerdictRefused("form", "the verdict is not in canonical form (RFC 8785)")
    return verdict


def _check_owners(verdict: Verdict, register: Register) -> None:
    for pool in verdict.pools:
        for held in (
            register.of_commitment(pool.commitment),
            register.of_epoch(pool.profile_id, pool.epoch),
        ):
            if held is not None and held.member != verdict.member:
                raise VerdictRefused("another's pool", "the verdict answers for another member's keys")


def _check_keys(pool: PoolAnswer, known: RegisteredPool) -> None:
    names = [row.key for row in pool.keys]
    if len(set(names)) < len(names):
        raise VerdictRefused("doubled key", "the verdict has a key twice")
    if set(names) - set(known.keys):
        raise VerdictRefused("unregistered key", "the verdict has a key that is not registered")
    if set(known.keys) - set(names):
        raise VerdictRefused("missing key", "the verdict leaves out a key that is registered")
    for row in pool.keys:
        _check_figure(row)


def _check_figure(row: KeyAnswer) -> None:
    if (row.log10_p is None) == (row.log10_e is None):
        raise VerdictRefused("no one figure", "a key has both a p-value and an e-value, or neither")
    value = row.log10_p if row.log10_p is not None else -(row.log10_e or 0.0)
    most = 0.0 if row.log10_p is not None else -LEAST
    if not (math.isfinite(value) and LEAST <= value <= most) or row.scored_tokens > MOST_TOKENS:
        raise VerdictRefused("figure", "a key has a figure that no text can give")
    if row.scored_tokens == 0 and value < 0:
        raise VerdictRefused("figure", "a key has evidence from no token")
