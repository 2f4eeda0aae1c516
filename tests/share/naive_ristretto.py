"""ristretto255, hashing to it and the proofs of an overlap, from RFC 9496, 9380, 9497 and ADR 0019 alone."""

import hashlib
from collections.abc import Sequence

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
ONE_MINUS_D_SQ = 1159843021668779879193775521855586647937357759715417654439879720876111806838
D_MINUS_ONE_SQ = 40440834346308536858101042469323190826248399146238708352240133220865137265952
CONTEXT = b"OPRFV1-\x01-ristretto255-SHA512"

Point = tuple[int, int, int, int]
ZERO: Point = (0, 1, 1, 0)


def absolute(x: int) -> int:
    return P - x if x % 2 else x


def sqrt_ratio(u: int, v: int) -> tuple[bool, int]:
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    flipped = check in (-u % P, -u * SQRT_M1 % P)
    return check in (u % P, -u % P), absolute(r * SQRT_M1 % P if flipped else r)


def decode(data: bytes) -> Point | None:
    s = int.from_bytes(data, "little")
    if len(data) != 32 or s >= P or s % 2:
        return None
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    was_square, inverse = sqrt_ratio(1, v * u2 * u2 % P)
    x = absolute(2 * s * inverse * u2 % P)
    y = u1 * inverse * inverse * u2 * v % P
    if not was_square or x * y % P % 2 or y == 0:
        return None
    return x, y, 1, x * y % P


def encode(point: Point) -> bytes:
    x, y, z, t = point
    u1, u2 = (z + y) * (z - y) % P, x * y % P
    inverse = sqrt_ratio(1, u1 * u2 * u2 % P)[1]
    den1, den2 = inverse * u1 % P, inverse * u2 % P
    z_inverse = den1 * den2 * t % P
    if t * z_inverse % P % 2:
        x, y, den2 = y * SQRT_M1 % P, x * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    if x * z_inverse % P % 2:
        y = -y
    return absolute(den2 * (z - y) % P).to_bytes(32, "little")


def plus(p: Point, q: Point) -> Point:
    """Addition on the curve -x² + y² = 1 + d x² y² in extended coordinates (RFC 8032, section 5.1.4)."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar: int, point: Point) -> Point:
    result = ZERO
    for bit in bin(scalar % ORDER)[2:]:
        result = plus(result, result)
        if bit == "1":
            result = plus(result, point)
    return result


def derive(uniform: bytes) -> Point:
    return plus(_map(uniform[:32]), _map(uniform[32:]))


def _map(data: bytes) -> Point:
    t = int.from_bytes(data, "little") % 2**255 % P
    r = SQRT_M1 * t * t % P
    u, v = (r + 1) * ONE_MINUS_D_SQ % P, (-1 - r * D) * (r + D) % P
    was_square, s = sqrt_ratio(u, v)
    s, c = (s, -1) if was_square else (-absolute(s * t % P), r)
    n = c * (r - 1) * D_MINUS_ONE_SQ - v
    w0, w1, w2, w3 = 2 * s * v, n * SQRT_AD_MINUS_ONE, 1 - s * s, 1 + s * s
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


GENERATOR = decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")) or ZERO


def expand64(message: bytes, dst: bytes) -> bytes:
    end = dst + bytes([len(dst)])
    first = hashlib.sha512(bytes(128) + message + b"\x00\x40\x00" + end).digest()
    return hashlib.sha512(first + b"\x01" + end).digest()


def hash_to_point(item: bytes) -> Point:
    return derive(expand64(item, b"HashToGroup-" + CONTEXT))


def framed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def holds(key: bytes, inputs: Sequence[bytes], outputs: Sequence[bytes], proof: bytes) -> bool:
    """A proof of the overlap, by who knows no scalar."""
    batch = hashlib.sha512(key + len(inputs).to_bytes(4, "big") + b"".join((*inputs, *outputs))).digest()
    context = CONTEXT + b"-batch-" + batch

    def to_scalar(data: bytes) -> int:
        return int.from_bytes(expand64(data, b"HashToScalar-" + context), "little") % ORDER

    seed = hashlib.sha512(framed(key, b"Seed-" + context)).digest()
    m = z = ZERO
    for index, (c, d) in enumerate(zip(inputs, outputs, strict=True)):
        points = decode(c), decode(d)
        if None in points or bytes(32) in (c, d):
            return False
        weight = to_scalar(framed(seed) + index.to_bytes(2, "big") + framed(c, d) + b"Composite")
        m, z = plus(m, times(weight, points[0])), plus(z, times(weight, points[1]))
    challenge, response = (int.from_bytes(half, "little") for half in (proof[:32], proof[32:]))
    public = decode(key)
    if public is None or max(challenge, response) >= ORDER:
        return False
    t2 = plus(times(response, GENERATOR), times(challenge, public))
    t3 = plus(times(response, m), times(challenge, z))
    transcript = framed(key, *(encode(point) for point in (m, z, t2, t3))) + b"Challenge"
    return to_scalar(transcript) == challenge
