"""The verifiable oblivious pseudorandom function of RFC 9497 with ristretto255 and SHA-512, and the proofs of
a private overlap.

The errors of the RFC (VerifyError, DeserializeError, InputValidationError, InvalidInputError,
DeriveKeyPairError) are all `Error`. Where a `context` can be given, it is one of `context_string`: mode VOPRF
unless told otherwise.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from countermark.errors import Error
from countermark.share.overlap import dleq, group
from countermark.share.overlap.hash_to_group import check_input, hash_to_group, hash_to_scalar
from countermark.share.overlap.messages import MOST_IN_PROOF
from countermark.share.overlap.sodium import functions
from countermark.trust.keyfiles import Secret

OPRF: Final = 0x00
VOPRF: Final = 0x01
IDENTIFIER: Final = b"ristretto255-SHA512"
SEED_BYTES: Final = 32


def context_string(mode: int) -> bytes:
    """CreateContextString (section 3.1)."""
    return b"OPRFV1-" + bytes([mode]) + b"-" + IDENTIFIER


CONTEXT: Final = context_string(VOPRF)


def derive_key_pair(seed: Secret, info: bytes, *, context: bytes = CONTEXT) -> tuple[Secret, bytes]:
    """Scalar and public key of a seed of 32 random bytes (section 3.2.1)."""
    if len(seed.reveal()) != SEED_BYTES:
        raise Error(f"a seed has {SEED_BYTES} bytes")
    begin = seed.reveal() + dleq.framed(check_input(info))
    for counter in range(256):
        scalar = hash_to_scalar(begin + bytes([counter]), context, prefix=b"DeriveKeyPair")
        if not hmac.compare_digest(scalar.reveal(), bytes(group.SCALAR_BYTES)):
            return scalar, group.base(scalar)
    raise Error("a seed gives no key")


def blind(data: bytes, *, scalar: Secret | None = None, context: bytes = CONTEXT) -> tuple[Secret, bytes]:
    """A random scalar, unless one is given, and the point of the input times it (section 3.3.1)."""
    scalar = scalar or group.random_scalar()
    return scalar, group.multiply(scalar, hash_to_group(data, context))


def blind_evaluate(scalar: Secret, public_key: bytes, blinded: Sequence[bytes]) -> tuple[list[bytes], bytes]:
    """Each of the other side's points times the scalar, and one proof about all (section 3.3.2)."""
    evaluated = [group.multiply(scalar, point) for point in blinded]
    return evaluated, dleq.generate_proof(scalar, public_key, blinded, evaluated, CONTEXT)


def finalize(
    inputs: Sequence[bytes],
    blinds: Sequence[Secret],
    evaluated: Sequence[bytes],
    blinded: Sequence[bytes],
    public_key: bytes,
    proof: bytes,
) -> list[bytes]:
    """Output of each input, 64 bytes (section 3.3.2); `Error` unless the proof holds."""
    if not len(inputs) == len(blinds) == len(blinded):
        raise Error("there are not as many inputs as blinds and points")
    if not dleq.verify_proof(public_key, blinded, evaluated, proof, CONTEXT):
        raise Error("a proof does not hold: the points were not multiplied by the key that was announced")
    return [
        _output(data, group.multiply(group.invert(scalar), point))
        for data, scalar, point in zip(inputs, blinds, evaluated, strict=True)
    ]


def evaluate(scalar: Secret, data: bytes, *, context: bytes = CONTEXT) -> bytes:
    """Output of an input by who has the scalar (section 3.3.1)."""
    return _output(data, group.multiply(scalar, hash_to_group(data, context)))


def _output(data: bytes, point: bytes) -> bytes:
    return hashlib.sha512(dleq.framed(check_input(data), point) + b"Finalize").digest()


def overlap_context(public_key: bytes, inputs: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
    """CONTEXT, "-batch-", digest of all that a proof is about (ADR 0019)."""
    return CONTEXT + b"-batch-" + dleq.batch_digest(public_key, inputs, outputs)


def prove(scalar: Secret, public_key: bytes, inputs: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
    """Proof, 64 bytes, that each output is its input times the scalar of the public key.

    `Error` for other than 1 to `MOST_IN_PROOF` pairs, a key that is not the scalar's, an input that is no
    point. That the outputs are the products is not looked at.
    """
    if not 0 < len(inputs) == len(outputs) <= MOST_IN_PROOF:
        raise Error(f"one proof is about 1 to {MOST_IN_PROOF} points, as many as products")
    if not hmac.compare_digest(group.base(scalar), public_key):
        raise Error("a public key is not that of the scalar")
    context = overlap_context(public_key, inputs, outputs)
    return dleq.generate_proof(scalar, public_key, inputs, outputs, context)


def verify(public_key: bytes, inputs: Sequence[bytes], outputs: Sequence[bytes], proof: bytes) -> bool:
    """Whether `prove` made the proof for these points in this order; False too for what cannot be decoded."""
    functions()  # where it is missing, that is an error and no answer
    if not 0 < len(inputs) == len(outputs) <= MOST_IN_PROOF:
        return False
    try:
        context = overlap_context(public_key, inputs, outputs)
        return dleq.verify_proof(public_key, inputs, outputs, proof, context)
    except Error:
        return False


def prove_all(
    scalar: Secret, public_key: bytes, inputs: Sequence[bytes], outputs: Sequence[bytes]
) -> list[bytes]:
    """A proof for every `MOST_IN_PROOF` pairs, in order, as in `messages.Proven`; none for none."""
    return [prove(scalar, public_key, inputs[part], outputs[part]) for part in _parts(inputs)]


def verify_all(
    public_key: bytes, inputs: Sequence[bytes], outputs: Sequence[bytes], proofs: Sequence[bytes]
) -> bool:
    """Whether `prove_all` made the proofs for these points."""
    parts = _parts(inputs)
    if len(inputs) != len(outputs) or len(parts) != len(proofs):
        return False
    return all(
        verify(public_key, inputs[part], outputs[part], proof)
        for part, proof in zip(parts, proofs, strict=True)
    )


def _parts(points: Sequence[bytes]) -> list[slice]:
    return [slice(begin, begin + MOST_IN_PROOF) for begin in range(0, len(points), MOST_IN_PROOF)]
