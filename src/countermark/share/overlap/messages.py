"""What two members and the operator say to each other in a private overlap (spec/private-overlap.md).

Points are 32 bytes (RFC 9496, section 4.3.2): in lists one after the other, in JSON as lower-case hex.
Scalars are never in any message.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

COMMITMENT_SCHEMA: Final = "countermark/overlap-commitment/v1"
OPENING_SCHEMA: Final = "countermark/overlap-opening/v1"
COMMITMENT_TYPE = "application/vnd.countermark.overlap-commitment+json"
OPENING_TYPE = "application/vnd.countermark.overlap-opening+json"
SUITE: Final = "VOPRF/ristretto255-SHA512"
PLANTED = 100
"""Test identifiers in every set."""
FLOOR = 25
"""A smaller overlap is announced as `under 25`."""
POINT_BYTES = 32
PART_POINTS = 1 << 17
"""Points in one part of a list, the last may have fewer: 4 MiB."""
MOST_POINTS = 1 << 21

Hex32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Hex64 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{128}$")]
RunName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
MemberName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Size = Annotated[int, msgspec.Meta(ge=1, le=MOST_POINTS)]
Position = Annotated[int, msgspec.Meta(ge=0, lt=MOST_POINTS)]
"""Of a point in a list, from 0."""


class Commitment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a member fixes before it sees anything of the other's: payload of a DSSE envelope, signed by the
    member's own key."""

    schema: Literal["countermark/overlap-commitment/v1"] = COMMITMENT_SCHEMA
    suite: Literal["VOPRF/ristretto255-SHA512"] = SUITE
    run: RunName
    """Agreed between the two; with their names it names the run."""
    member: MemberName
    peer: MemberName
    size: Size
    """Points in the list: items, planted and padding."""
    list_sha256: Hex32
    """Of the whole list, `size` times 32 bytes."""
    key_sha256: Hex32
    """SHA-256 of the public key, the scalar times the generator. It is shown with the planted: who had it
    before all tags are there could make tags that match, from multiples of the generator in its own list."""
    kinds: dict[str, int]
    """Items by kind, planted and padding left out, each rounded up to two significant digits."""
    rules: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "countermark/identifiers/v1"
    """By which items were spelled, with the versions of the libraries (`identifiers.rules`): the two
    members' are equal, or the run is refused before anything is uploaded (spec/identifiers.md)."""
    suspended: Literal[True] = True
    """The member states that every item is of an account that it has suspended."""
    created: datetime


class Planted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the planted test identifiers are in the list that the sender committed to, and a proof of it.

    Without the proof a member that is in league with the operator would name a hundred items of its own, and
    see from the other's answer which of them the other has.
    """

    positions: Annotated[list[Position], msgspec.Meta(min_length=PLANTED, max_length=PLANTED)]
    """In order of the planted's numbers."""
    public_key: Hex32
    """The scalar times the generator, which the sender committed to."""
    proof: Hex64
    """That these points are the points of the planted times the sender's scalar (`voprf.prove`)."""


class Proven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points of the other's committed list times the sender's scalar, with one batched proof of
    RFC 9497 (2.2.1) for every batch of at most `MOST_IN_PROOF`, in order."""

    positions: Annotated[list[Position], msgspec.Meta(max_length=MOST_POINTS)]
    evaluated: Annotated[list[Hex32], msgspec.Meta(max_length=MOST_POINTS)]
    proofs: Annotated[list[Hex64], msgspec.Meta(max_length=MOST_POINTS)]


MOST_IN_PROOF = 4096
"""Points that one proof is about."""


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That a member lets the other learn which of the other's items match (tier 2): payload of a DSSE
    envelope, signed by the member's reviewers of both roles."""

    schema: Literal["countermark/overlap-opening/v1"] = OPENING_SCHEMA
    run: RunName
    member: MemberName
    peer: MemberName
    commitment_sha256: Hex32
    """Of the member's commitment's payload."""
    peer_commitment_sha256: Hex32
    size: Annotated[int, msgspec.Meta(ge=FLOOR, le=MOST_POINTS)]
    """As announced in tier 1."""
    purpose: Literal["security"] = "security"
    ground: str
    legal_basis: str
    """Id of a dated legal basis of the sharing policy that is in force; several with a comma between."""
    policy_sha256: Hex32
    created: datetime
    expires: datetime


State = Literal["committed", "ready", "listed", "tagged", "counted", "void", "opening", "opened", "expired"]
"""committed: by one of the two; ready: by both; listed: both lists are there; tagged: both lists of tags;
counted: the planted were found, the size is announced; opening: one opening is there; opened: both."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one member has done in a run."""

    member: str
    commitment: str
    """The envelope as it came."""
    entry: int
    """Index of the commitment in the log."""
    listed: bool = False
    tagged: bool = False
    planted: bool = False
    """Whether it has named its planted."""
    proven: bool = False
    """Whether it has given the other's planted times its scalar."""
    opening: bool = False
    unshuffled: bool = False
    """Whether it has given, for the other, the positions of the matches."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run as the operator tells it to its two members, their reviewers and operators."""

    run: str
    state: State
    sides: list[Side]
    """Of one or two members."""
    size: int | None = None
    """From `FLOOR` on, once counted."""
    under_floor: bool = False
    reason: str = ""
    """Why it is void."""
    entries: list[int] = []
    """Indices in the log of everything about this run."""
    expires: datetime | None = None
    """When lists and tags are deleted."""
