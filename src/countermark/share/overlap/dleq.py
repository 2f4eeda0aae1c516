"""Proofs that points were multiplied by the scalar of a public key (RFC 9497, section 2.2).

The weight of a pair depends there on the public key and on the pair's own two points, not on the other pairs,
so a prover may vary one pair without changing the weights of the rest. `voprf.prove` closes that by its
context (ADR 0019).
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Final

from countermark.errors import Error
from countermark.share.overlap import group
from countermark.share.overlap.hash_to_group import expander, hash_to_scalar
from countermark.share.overlap.messages import POINT_BYTES
from countermark.trust.keyfiles import Secret

PROOF_BYTES: Final = 64
MOST_PAIRS: Final = 1 << 16
"""An index in a proof has two bytes."""


def framed(*parts: bytes) -> bytes:
    """I2OSP(len(part), 2) || part, of each."""
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def weights_of(
    public_key: bytes, inputs: Sequence[bytes], outputs: Sequence[bytes], context: bytes
) -> list[Secret]:
    """The scalars d_i of ComputeComposites. `Error` where there are no pairs, or too many."""
    if not 0 < len(inputs) == len(outputs) <= MOST_PAIRS:
        raise Error(f"no proof is about {len(inputs)} points and {len(outputs)} products")
    seed = hashlib.sha512(framed(public_key, b"Seed-" + context)).digest()
    begin = framed(seed)
    expand: Callable[[bytes], bytes] = expander(b"HashToScalar-" + context)
    return [
        group.scalar_of(expand(b"".join((begin, number.to_bytes(2, "big"), framed(*pair), b"Composite"))))
        for number, pair in enumerate(zip(inputs, outputs, strict=True))
    ]


def composites(
    public_key: bytes, inputs: Sequence[bytes], outputs: Sequence[bytes], context: bytes
) -> tuple[bytes, bytes]:
    """ComputeComposites: M and Z, without the scalar. `Error` naming a point that is none."""
    weights = weights_of(public_key, inputs, outputs, context)
    return group.weighted_sum(weights, inputs), group.weighted_sum(weights, outputs)


def composites_fast(
    scalar: Secret, public_key: bytes, inputs: Sequence[bytes], outputs: Sequence[bytes], context: bytes
) -> tuple[bytes, bytes]:
    """ComputeCompositesFast: the same, by who has the scalar."""
    combined = group.weighted_sum(weights_of(public_key, inputs, outputs, context), inputs)
    return combined, group.multiply(scalar, combined)


def generate_proof(
    scalar: Secret, public_key: bytes, inputs: Sequence[bytes], outputs: Sequence[bytes], context: bytes
) -> bytes:
    """GenerateProof for the generator as A: 64 bytes, two scalars.

    That the outputs are the products is not looked at: a proof about others does not hold.
    """
    return unsafe_proof_with(group.random_scalar(), scalar, public_key, inputs, outputs, context)


def unsafe_proof_with(
    nonce: Secret,
    scalar: Secret,
    public_key: bytes,
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    context: bytes,
) -> bytes:
    """`generate_proof` with a given nonce, for vectors: two proofs with one nonce give the scalar away."""
    combined, product = composites_fast(scalar, public_key, inputs, outputs, context)
    committed = (group.base(nonce), group.multiply(nonce, combined))
    challenge = _challenge(public_key, combined, product, committed, context)
    return challenge.reveal() + group.less_product(nonce, challenge, scalar).reveal()


def verify_proof(
    public_key: bytes, inputs: Sequence[bytes], outputs: Sequence[bytes], proof: bytes, context: bytes
) -> bool:
    """VerifyProof for the generator as A. `Error` for what cannot be decoded: the key, a point, the proof."""
    group.decode_point(public_key, "the public key")
    halves = proof[: PROOF_BYTES // 2], proof[PROOF_BYTES // 2 :]
    if len(proof) != PROOF_BYTES or not all(map(group.is_reduced, halves)):
        raise Error("a proof is not two scalars")
    challenge, response = (Secret(half) for half in halves)
    combined, product = composites(public_key, inputs, outputs, context)
    committed = (
        group.combine(response, group.GENERATOR, challenge, public_key),
        group.combine(response, combined, challenge, product),
    )
    expected = _challenge(public_key, combined, product, committed, context)
    return hmac.compare_digest(expected.reveal(), challenge.reveal())


def _challenge(
    public_key: bytes, combined: bytes, product: bytes, committed: tuple[bytes, bytes], context: bytes
) -> Secret:
    transcript = framed(public_key, combined, product, *committed) + b"Challenge"
    return hash_to_scalar(transcript, context)


def batch_digest(public_key: bytes, inputs: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
    """SHA-512 over the public key, the number of pairs (4 bytes, big-endian), all inputs, all outputs."""
    for point in (*inputs, *outputs, public_key):
        if len(point) != POINT_BYTES:
            raise Error(f"a point has {len(point)} bytes, not {POINT_BYTES}")
    count = len(inputs).to_bytes(4, "big")
    return hashlib.sha512(b"".join((public_key, count, *inputs, *outputs))).digest()
