"""What comes from the peer by way of the operator, checked as if neither were honest (spec, checks P1 to P6).

The operator's word is taken for how far a run is and, in tier 1, for the size; for nothing else.
"""

from collections.abc import Collection, Sequence

from countermark.records.canonical import sha256_hex
from countermark.share.overlap import voprf
from countermark.share.overlap.batches import repeated
from countermark.share.overlap.commitments import AHEAD, OLDEST, failed, read_commitment
from countermark.share.overlap.counting import taken
from countermark.share.overlap.messages import PLANTED, POINT_BYTES, Commitment, Planted, Proven
from countermark.share.overlap.planted import planted_points
from countermark.trust.signing import PublicKey

APART = OLDEST + AHEAD
"""Between the times of two commitments of one run, at most."""


def peers_commitment(envelope: bytes, keys: Sequence[PublicKey], mine: Commitment) -> Commitment:
    """P1: signed by a key that was pinned, for this run of these two, about as old as the own one, spelled by
    the same rules, and not the own one."""
    theirs, _ = read_commitment(envelope, keys)
    if (theirs.run, theirs.member, theirs.peer) != (mine.run, mine.peer, mine.member):
        raise failed("the peer's commitment is for another run, or of others")
    if theirs.rules != mine.rules:
        raise failed(f"the peer spells identifiers by other rules: {theirs.rules[:100]}, here {mine.rules}")
    if abs(theirs.created - mine.created) > APART:
        raise failed("the peer's commitment is more than a day older or newer than this set")
    if theirs.key_sha256 == mine.key_sha256 or theirs.list_sha256 == mine.list_sha256:
        raise failed("the peer committed to what this member committed to")
    return theirs


def check_list(points: bytes, theirs: Commitment, mine: bytes) -> None:
    """P2: the list that the peer committed to, each point once, and none of the own list.

    Whether all are points, `batches.multiply_all` finds, before anything that was made from them is sent.
    """
    if len(points) != theirs.size * POINT_BYTES or sha256_hex(points) != theirs.list_sha256:
        raise failed("the list from the exchange is not the one that the peer committed to")
    if (twin := repeated(points + mine)) is not None:
        if twin < theirs.size:
            raise failed(f"point {twin} of the peer's list stands in it twice")
        raise failed("the peer's list has points of this member's")


def check_planted(planted: Planted, points: bytes, theirs: Commitment) -> None:
    """P3: the key is the committed one, and what the peer names as its planted are the points of the planted
    times its scalar."""
    at = planted.positions
    if len(set(at)) != PLANTED or max(at) >= theirs.size:
        raise failed("the peer names a position twice, or beyond the end of its list")
    expected = planted_points(theirs.run, theirs.member, theirs.peer)
    key, proof = bytes.fromhex(planted.public_key), bytes.fromhex(planted.proof)
    if sha256_hex(key) != theirs.key_sha256:
        raise failed("the peer shows another key than it committed to")
    if not voprf.verify(key, expected, taken(points, at), proof):
        raise failed("the peer names other points of its list than its planted")


def check_matches(at: Sequence[int], size: int, count: int, planted: Collection[int]) -> None:
    """P4: as many places in the own tags as the size that was approved, each once, no planted among them."""
    if len(at) != size or len(set(at)) != size:
        raise failed(f"the exchange names {len(at)} matches, and {size} were announced")
    if any(one >= count or one in planted for one in at):
        raise failed("the exchange names a match that is none")


def check_given(
    given: Proven, key: bytes, mine: bytes, expected: Collection[bytes], planted: Collection[int]
) -> None:
    """P5: points of the own list times the scalar of the peer's key, by its proofs, which are the tags that
    this member made itself and that the exchange said match; each once, no planted among them."""
    outputs = [bytes.fromhex(one) for one in given.evaluated]
    at = given.positions
    if len(set(at)) != len(at) or len(at) != len(outputs) or any(one in planted for one in at):
        raise failed("the peer gave a position twice, or a planted one")
    if any((one + 1) * POINT_BYTES > len(mine) for one in at):
        raise failed("the peer gave a position beyond the end of the list")
    if len(set(outputs)) != len(outputs) or set(outputs) != set(expected):
        raise failed("the peer gave other tags than those that match")
    proofs = [bytes.fromhex(one) for one in given.proofs]
    if not voprf.verify_all(key, taken(mine, at), outputs, proofs):
        raise failed("a proof of the peer does not hold")
