"""The register of keys: whose a pool of keys is, fixed before any text is asked about.

First come: a commitment, or a profile's epoch, that one member has registered is nobody else's. A pool never
changes: its keys are all of them, from the day of its entry in the log. So nobody picks keys after seeing a
text, answers for another's, or leaves one out without its being seen. Pure logic; the server stores it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.share.check.messages import KEYS_TYPE, RETIRED_TYPE, Keys, RegisteredPool, Retired
from countermark.share.check.signed import payload_of
from countermark.trust.dsse import seal_envelope
from countermark.trust.signing import PublicKey, SigningKey

MOST_MEMBER_KEYS = 10_000
"""Keys of one member: every registered key makes everybody's correction larger."""
MOST_BYTES = 32 << 20
OLDEST = timedelta(minutes=10)
"""Of a retirement: it is not to work again after the pool was registered anew."""
AHEAD = timedelta(minutes=5)
"""How far a clock may be ahead."""


T = TypeVar("T", Keys, Retired)


@dataclass(frozen=True)
class Registered:
    """A pool and whose it is."""

    member: str
    pool: RegisteredPool


@dataclass(frozen=True)
class Family:
    """What one check asks: every key of these pools is a hypothesis, answered or not."""

    pools: Mapping[str, Registered]
    """By commitment."""

    @property
    def hypotheses(self) -> int:
        """Keys over all pools."""
        return sum(len(one.pool.keys) for one in self.pools.values())

    @property
    def members(self) -> list[str]:
        """Owners, sorted."""
        return sorted({one.member for one in self.pools.values()})


class Register:
    """What has been registered so far, in any order; pools that clash with earlier ones are the caller's to
    refuse (`check_registration`)."""

    def __init__(self, entries: Iterable[Registered] = ()) -> None:
        self._by_commitment: dict[str, Registered] = {}
        self._by_epoch: dict[tuple[str, str], Registered] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: Registered) -> None:
        """Take one pool."""
        self._by_commitment[entry.pool.commitment] = entry
        self._by_epoch[(entry.pool.profile_id, entry.pool.epoch)] = entry

    def of_commitment(self, commitment: str) -> Registered | None:
        """Whose a commitment is."""
        return self._by_commitment.get(commitment)

    def of_epoch(self, profile_id: str, epoch: str) -> Registered | None:
        """Whose a profile's epoch is."""
        return self._by_epoch.get((profile_id, epoch))

    def pools_of(self, member: str) -> dict[str, RegisteredPool]:
        """A member's pools, by commitment."""
        found = self._by_commitment.items()
        return {commitment: one.pool for commitment, one in found if one.member == member}

    def __contains__(self, entry: Registered) -> bool:
        """Whether exactly this pool is registered to this member."""
        return self._by_commitment.get(entry.pool.commitment) == entry

    def __iter__(self) -> Iterator[Registered]:
        return iter(self._by_commitment.values())


def check_registration(keys: Keys, known: Register, *, most: int = MOST_MEMBER_KEYS) -> str | None:
    """Why these keys cannot be registered to `keys.member`, in one sentence; None where they can.

    A pool that stands in the register as it is counts as registered already, so a request may be sent again.
    """
    commitments = [pool.commitment for pool in keys.pools]
    epochs = [(pool.profile_id, pool.epoch) for pool in keys.pools]
    if len(set(commitments)) < len(commitments) or len(set(epochs)) < len(epochs):
        return "a commitment, or a profile's epoch, stands in it twice"
    for pool in keys.pools:
        reason = _pool_problem(pool) or _clash(keys.member, pool, known)
        if reason:
            return reason
    pools = known.pools_of(keys.member) | {pool.commitment: pool for pool in keys.pools}
    if sum(len(pool.keys) for pool in pools.values()) > most:
        return f"the member would have over {most:,} keys"
    return None


def registered_family(
    register: Register, members: Collection[str], commitments: Collection[str] = ()
) -> Family:
    """All pools of the members that are asked, and pools that are asked by themselves (opened or escrowed
    ones of members that are not)."""
    return Family(
        {
            one.pool.commitment: one
            for one in register
            if one.member in members or one.pool.commitment in commitments
        }
    )


def sign_registration(key: SigningKey, keys: Keys) -> bytes:
    """The DSSE envelope of `POST /watermark/keys`."""
    return seal_envelope(KEYS_TYPE, canonical_json(keys), [key])


def open_registration(
    envelope: bytes, *, member: str, signers: Mapping[str, PublicKey], now: datetime
) -> Keys:
    """The keys in an envelope that one of the member's signing keys (by key id) signed; raises `Error`."""
    return _opened(payload_of(envelope, KEYS_TYPE, signers, MOST_BYTES), Keys, member, now)


def sign_retirement(key: SigningKey, retired: Retired) -> bytes:
    """The DSSE envelope of `POST /watermark/keys/retired`."""
    return seal_envelope(RETIRED_TYPE, canonical_json(retired), [key])


def open_retirement(
    envelope: bytes, *, member: str, signers: Mapping[str, PublicKey], now: datetime
) -> Retired:
    """The same of a pool that is to be registered no more."""
    retired = _opened(payload_of(envelope, RETIRED_TYPE, signers, MOST_BYTES), Retired, member, now)
    if retired.created < now - OLDEST:
        raise _refused("the document is old")
    return retired


def _opened(body: bytes, kind: type[T], member: str, now: datetime) -> T:
    try:
        found = msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(f"the document is not as expected: {str(error)[:200]}") from None
    if canonical_json(found) != body:
        raise _refused("the document is not in canonical form (RFC 8785)")
    if found.member != member:
        raise _refused("the document is in another member's name")
    if found.created.tzinfo is None or found.created > now + AHEAD:
        raise _refused("the document is of a time to come, or of none")
    return found


def _pool_problem(pool: RegisteredPool) -> str | None:
    if len(set(pool.keys)) < len(pool.keys):
        return "a pool names a key twice"
    if not all(text.isprintable() for text in (pool.profile_id, pool.epoch, *pool.keys)):
        return "a name in a pool is not printable"
    return None


def _clash(member: str, pool: RegisteredPool, known: Register) -> str | None:
    for held, what in (
        (known.of_commitment(pool.commitment), "commitment"),
        (known.of_epoch(pool.profile_id, pool.epoch), "profile's epoch"),
    ):
        if held is None or (held.member == member and held.pool == pool):
            continue
        if held.member != member:
            return f"the {what} is registered to another member"
        return f"the {what} is registered with another content, and a pool never changes"
    return None


def _refused(message: str) -> Error:
    return Error(message, exit_code=ExitCode.VERIFICATION_FAILED)
