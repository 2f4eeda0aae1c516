"""A second implementation of gumbel-siphash, slow and plain, written from spec/gumbel-siphash.md alone."""

from decimal import Decimal, getcontext

MASK = 2**64 - 1
getcontext().prec = 30


def rotl(x, b):
    return ((x << b) | (x >> (64 - b))) & MASK


def sip_round(v):
    v[0] = (v[0] + v[1]) & MASK
    v[1] = rotl(v[1], 13) ^ v[0]
    v[0] = rotl(v[0], 32)
    v[2] = (v[2] + v[3]) & MASK
    v[3] = rotl(v[3], 16) ^ v[2]
    v[0] = (v[0] + v[3]) & MASK
    v[3] = rotl(v[3], 21) ^ v[0]
    v[2] = (v[2] + v[1]) & MASK
    v[1] = rotl(v[1], 17) ^ v[2]
    v[2] = rotl(v[2], 32)


def siphash24(key: bytes, message: bytes) -> int:
    """SipHash-2-4, 64 bits."""
    k = [int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")]
    v = [
        k[0] ^ 0x736F6D6570736575,
        k[1] ^ 0x646F72616E646F6D,
        k[0] ^ 0x6C7967656E657261,
        k[1] ^ 0x7465646279746573,
    ]
    whole = len(message) // 8 * 8
    last = message[whole:] + bytes(7 - len(message) % 8) + bytes([len(message) % 256])
    blocks = [message[i : i + 8] for i in range(0, whole, 8)] + [last]
    for block in blocks:
        word = int.from_bytes(block, "little")
        v[3] ^= word
        sip_round(v)
        sip_round(v)
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(4):
        sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def message(context, token) -> bytes:
    """Section 1."""
    k = len(context)
    ids = b"".join(i.to_bytes(4, "little") for i in context) + (b"\0\0\0\0" if k % 2 else b"")
    return b"CMgumb1" + bytes([k]) + ids + token.to_bytes(4, "little")


def cell(key, context, token) -> int:
    """The 53-bit integer m."""
    return siphash24(key, message(context, token)) >> 11


def uniform(m) -> Decimal:
    """Section 2; 30 digits, so that nothing rounds to 1."""
    return Decimal(2 * m + 1) / 2**54


def choose(key, context, probabilities) -> int:
    """Section 3: argmax of ln p + g over tokens with p > 0, lowest id first."""
    best, chosen = None, None
    for token, p in enumerate(probabilities):
        if p > 0:
            value = Decimal(p).ln() - (-uniform(cell(key, context, token)).ln()).ln()
            if best is None or value > best:
                best, chosen = value, token
    return chosen


def is_marked(generated, k) -> bool:
    """Whether the next token of an answer is marked, given the ids generated so far."""
    if len(generated) < k:
        return False
    context = tuple(generated[-k:])
    return context not in {tuple(generated[i - k : i]) for i in range(k, len(generated))}


def statistic(key, k, bodies):
    """Section 4: number and sum over distinct pairs of pooled bodies; scores are exact but for 40 digits."""
    pairs = {tuple(ids[i - k : i + 1]) for ids in bodies for i in range(k, len(ids))}
    return len(pairs), sum((score(cell(key, p[:-1], p[-1])) for p in pairs), Decimal(0))


def score(m) -> Decimal:
    """Lower end of the cell, -ln(1 - m 2^-53)."""
    return -((2**53 - Decimal(m)) / 2**53).ln()


def log10_p(n, t) -> Decimal:
    """log10 of P(Gamma(n, 1) >= t), the sum of e^-t t^j / j! over j < n, terms scaled by the largest."""
    if n == 0 or t == 0:
        return Decimal(0)
    logs, term, log_t = [], Decimal(0), t.ln()
    for j in range(n):
        logs.append(term)
        term += log_t - Decimal(j + 1).ln()
    top = max(logs)
    return (top - t + sum((one - top).exp() for one in logs).ln()) / Decimal(10).ln()


def rule_ids(key, k, rule, length):
    """First ids of a document that a vector describes by rule (vectors/gumbel-siphash/README.md)."""
    ids = list(rule["start"])
    while len(ids) < length:
        n = len(ids)
        options = [(rule["a"] * n + rule["b"] * j) % rule["vocabulary"] for j in range(rule["candidates"])]
        ids.append(max(options, key=lambda token: (cell(key, ids[-k:], token), -token)))
    return ids
