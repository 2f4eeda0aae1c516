"""From bytes to points and scalars: expand_message_xmd and hash_to_ristretto255 (RFC 9380, section 5.3.1 and
appendix B) with the domains of RFC 9497, section 4.1.

A context is the context string of RFC 9497, section 3.1 (`voprf.context_string`).
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from countermark.errors import Error
from countermark.share.overlap import group
from countermark.trust.keyfiles import Secret

MOST_INPUT: Final = (1 << 16) - 2
"""Bytes of an input: MUST be smaller than 2^16 - 1 (RFC 9497, section 5.1)."""
_MOST_DST = 255
_OVERSIZE = b"H2C-OVERSIZE-DST-"


def expand_message_xmd(message: bytes, dst: bytes, length: int, *, algorithm: str = "sha512") -> bytes:
    """`length` uniform bytes of a message (RFC 9380, section 5.3.1).

    `dst`: domain separation tag, not empty; one over 255 bytes is hashed first (section 5.3.3).
    """
    block, digest = hashlib.new(algorithm).block_size, hashlib.new(algorithm).digest_size
    rounds = -(-length // digest)
    if not 0 < length <= 65535 or rounds > 255:
        raise Error(f"a message cannot be expanded to {length} bytes")
    suffix = _suffix(dst, algorithm)

    def hashed(*parts: bytes) -> bytes:
        return hashlib.new(algorithm, b"".join(parts) + suffix).digest()

    first = hashed(bytes(block), message, length.to_bytes(2, "big"), b"\x00")
    last = hashed(first, b"\x01")
    result = [last]
    for number in range(2, rounds + 1):
        mixed = bytes(a ^ b for a, b in zip(first, last, strict=True))
        last = hashed(mixed, bytes([number]))
        result.append(last)
    return b"".join(result)[:length]


@lru_cache(maxsize=32)
def expander(dst: bytes) -> Callable[[bytes], bytes]:
    """`expand_message_xmd` to 64 bytes with SHA-512 under one tag, faster from the second message on."""
    suffix = _suffix(dst, "sha512")
    sha512 = hashlib.sha512
    padded = sha512(bytes(128))
    first_end, last_end = b"\x00\x40\x00" + suffix, b"\x01" + suffix

    def expand(message: bytes) -> bytes:
        first = padded.copy()
        first.update(message + first_end)
        return sha512(first.digest() + last_end).digest()

    return expand


def _suffix(dst: bytes, algorithm: str) -> bytes:
    """DST_prime."""
    if not dst:
        raise Error("a domain separation tag is empty")
    if len(dst) > _MOST_DST:
        dst = hashlib.new(algorithm, _OVERSIZE + dst).digest()
    return dst + bytes([len(dst)])


def group_expander(context: bytes) -> Callable[[bytes], bytes]:
    """The 64 bytes that `group.from_uniform` makes the point of an input from."""
    return expander(b"HashToGroup-" + context)


def check_input(data: bytes) -> bytes:
    """`data`; `Error` where it is too long to be an input."""
    if len(data) > MOST_INPUT:
        raise Error(f"an input has {len(data)} bytes, over {MOST_INPUT}", hint="hash it first")
    return data


def hash_to_group(data: bytes, context: bytes) -> bytes:
    """Point of an input: HashToGroup. `Error` where it is the identity (InvalidInputError)."""
    point = group.from_uniform(group_expander(context)(check_input(data)))
    if point == group.IDENTITY:
        raise Error("an input has no point")
    return point


def hash_to_scalar(data: bytes, context: bytes, *, prefix: bytes = b"HashToScalar-") -> Secret:
    """Scalar of bytes: HashToScalar; DeriveKeyPair has another `prefix`."""
    return group.scalar_of(expander(prefix + context)(data))
