"""The group ristretto255 (RFC 9496): a point is the 32 bytes that encode it, a scalar is a `Secret`.

What comes from outside goes through `decode_point` or `decode_scalar` once. The functions here check lengths
and what libsodium finds wrong, and raise `Error`; many points at once are `batches`' business.
"""

import ctypes
import hmac
from collections.abc import Callable, Iterable
from typing import Final

from countermark.errors import Error
from countermark.share.overlap.messages import POINT_BYTES
from countermark.share.overlap.sodium import Memory, functions
from countermark.trust.keyfiles import Secret

SCALAR_BYTES: Final = 32
UNIFORM_BYTES: Final = 64
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""Of the group (RFC 9496, section 4)."""
IDENTITY: Final = bytes(POINT_BYTES)
GENERATOR: Final = bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")


def decode_point(data: bytes, what: str = "the point") -> bytes:
    """`data`, which is the canonical encoding of a point other than the identity (RFC 9497, section 4.1)."""
    if len(data) != POINT_BYTES:
        raise Error(f"{what} has {len(data)} bytes, a point has {POINT_BYTES}")
    # libsodium up to 1.0.18 ignores the top bit, so that a point would have two encodings
    if data[-1] & 0x80 or functions().is_valid(data) != 1:
        raise Error(f"{what} is not the encoding of a point of ristretto255")
    if data == IDENTITY:
        raise Error(f"{what} is the identity, which nobody may send")
    return data


def decode_scalar(data: bytes, what: str = "the scalar") -> Secret:
    """The scalar of 32 bytes, little-endian, less than the order and not zero; compared in constant time."""
    if len(data) != SCALAR_BYTES:
        raise Error(f"{what} has {len(data)} bytes, a scalar has {SCALAR_BYTES}")
    if not is_reduced(data) or hmac.compare_digest(data, bytes(SCALAR_BYTES)):
        raise Error(f"{what} is not between 0 and the order of the group")
    return Secret(data)


def is_reduced(data: bytes) -> bool:
    """Whether 32 bytes are less than the order of the group; zero is."""
    _expect(data, SCALAR_BYTES, "a scalar")
    return hmac.compare_digest(_reduce(data + bytes(UNIFORM_BYTES - SCALAR_BYTES)), data)


def random_scalar() -> Secret:
    """Uniform among the scalars that are not zero."""
    result = _room()
    functions().scalar_random(result)
    return Secret(result.raw)


def scalar_of(uniform: bytes) -> Secret:
    """64 bytes, little-endian, modulo the order: as good as uniform where the bytes are. Zero is possible."""
    _expect(uniform, UNIFORM_BYTES, "what a scalar is made from")
    return Secret(_reduce(uniform))


def from_uniform(uniform: bytes) -> bytes:
    """Point of 64 bytes (RFC 9496, section 4.3.4); the identity only by a chance of 2^-250."""
    _expect(uniform, UNIFORM_BYTES, "what a point is made from")
    result = _room()
    functions().from_hash(result, uniform)
    return result.raw


def multiply(scalar: Secret, point: bytes) -> bytes:
    """The scalar times the point; `Error` where the point is none or the result is the identity."""
    _expect(point, POINT_BYTES, "the point")
    result = _room()
    if point[-1] & 0x80 or functions().multiply(result, _bytes(scalar), point) != 0:
        raise Error("a scalar and a point do not multiply to a point other than the identity")
    return result.raw


def base(scalar: Secret) -> bytes:
    """The scalar times the generator: the public key of a private one."""
    result = _room()
    if functions().base(result, _bytes(scalar)) != 0:
        raise Error("a scalar is zero")
    return result.raw


def add(left: bytes, right: bytes) -> bytes:
    """Sum of two points, of which any may be the identity."""
    return _of_two(functions().add, left, right)


def sub(left: bytes, right: bytes) -> bytes:
    """Difference of two points, of which any may be the identity."""
    return _of_two(functions().sub, left, right)


def combine(first: Secret, left: bytes, second: Secret, right: bytes) -> bytes:
    """first·left + second·right, for the equations of a proof: scalars and points may be zero."""
    terms = []
    for scalar, point in ((first, left), (second, right)):
        if point != IDENTITY:
            decode_point(point)
        term = _room()
        # not 0 now means no more than that the term is the identity, and that is what is written then
        functions().multiply(term, _bytes(scalar), point)
        terms.append(term.raw)
    return add(*terms)


def weighted_sum(weights: Iterable[Secret], points: Iterable[bytes]) -> bytes:
    """Sum of weight times point; `Error` where a point is none or the identity, or a weight is zero."""
    multiplied, added = functions().multiply, functions().add
    term, total = _room(), _room()
    for number, (weight, point) in enumerate(zip(weights, points, strict=True)):
        _expect(point, POINT_BYTES, f"point {number}")
        if point[-1] & 0x80 or multiplied(term, _bytes(weight), point) != 0:
            raise Error(f"point {number} is not a point of ristretto255 other than the identity")
        added(total, total, term)
    return total.raw


def invert(scalar: Secret) -> Secret:
    """1 / scalar; `Error` for zero."""
    result = _room()
    if functions().scalar_invert(result, _bytes(scalar)) != 0:
        raise Error("zero has no inverse")
    return Secret(result.raw)


def less_product(scalar: Secret, left: Secret, right: Secret) -> Secret:
    """scalar - left·right, in constant time."""
    product, result = _room(), _room()
    functions().scalar_multiply(product, _bytes(left), _bytes(right))
    functions().scalar_sub(result, _bytes(scalar), product)
    return Secret(result.raw)


def _of_two(operation: Callable[[Memory, Memory, Memory], int], left: bytes, right: bytes) -> bytes:
    for point in (left, right):
        _expect(point, POINT_BYTES, "the point")
    result = _room()
    if (left[-1] | right[-1]) & 0x80 or operation(result, left, right) != 0:
        raise Error("one of two points is not a point of ristretto255")
    return result.raw


def _reduce(wide: bytes) -> bytes:
    result = _room()
    functions().scalar_reduce(result, wide)
    return result.raw


def _room() -> "ctypes.Array[ctypes.c_char]":
    """32 zero bytes to write a point or a scalar to."""
    return ctypes.create_string_buffer(POINT_BYTES)


def _bytes(scalar: Secret) -> bytes:
    value = scalar.reveal()
    _expect(value, SCALAR_BYTES, "a scalar")
    return value


def _expect(data: bytes, length: int, what: str) -> None:
    """libsodium reads that many bytes, whether they are there or not."""
    if len(data) != length:
        raise Error(f"{what} has {len(data)} bytes, not {length}")
