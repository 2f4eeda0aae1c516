"""SipHash-2-4 and the Gumbel-max choice in torch, on any device that has 64-bit integers.

torch knows hardly an operation on uint64, so words are int64 of the same bits: addition wraps, and a logical
shift is an arithmetic one with the copied sign bits masked off. The integers are those of prf/siphash.py.
"""

import torch
from torch import Tensor

_INITIAL = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_DOMAIN = b"CMgumb1"
_CELLS = 1 << 53

State = tuple[Tensor, Tensor, Tensor, Tensor]


def signed(word: int) -> int:
    """The int64 with the bits of a 64-bit word."""
    return word - (1 << 64) if word >> 63 else word


def key_words(key: bytes) -> tuple[int, int]:
    """The two little-endian words of a 16-byte key, as int64."""
    return signed(int.from_bytes(key[:8], "little")), signed(int.from_bytes(key[8:], "little"))


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical shift."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _rotl(x: Tensor, bits: int) -> Tensor:
    return (x << bits) | _shift_right(x, 64 - bits)


def _round(v0: Tensor, v1: Tensor, v2: Tensor, v3: Tensor) -> State:
    v0 = v0 + v1
    v1 = _rotl(v1, 13) ^ v0
    v0 = _rotl(v0, 32)
    v2 = v2 + v3
    v3 = _rotl(v3, 16) ^ v2
    v0 = v0 + v3
    v3 = _rotl(v3, 21) ^ v0
    v2 = v2 + v1
    v1 = _rotl(v1, 17) ^ v2
    v2 = _rotl(v2, 32)
    return v0, v1, v2, v3


def _absorb(state: State, word: Tensor) -> State:
    v0, v1, v2, v3 = _round(*_round(*state[:3], state[3] ^ word))
    return v0 ^ word, v1, v2, v3


def token_hashes(contexts: Tensor, tokens: Tensor, k0: int, k1: int) -> Tensor:
    """64-bit hashes as int64, shape (batch, candidates) (spec/gumbel-siphash.md, section 1).

    `contexts` has shape (batch, k); `tokens` broadcasts to (batch, candidates); ids are from 0 to 2^32 - 1.
    `k0`, `k1` are `key_words` of the key.
    """
    width = contexts.shape[-1]
    contexts = contexts.to(torch.int64)
    zero = torch.zeros(contexts.shape[0], dtype=torch.int64, device=contexts.device)
    key = (k0, k1, k0, k1)
    v0, v1, v2, v3 = (zero + (signed(one) ^ word) for one, word in zip(_INITIAL, key, strict=True))
    domain = signed(int.from_bytes(_DOMAIN + bytes([width]), "little"))
    state = _absorb((v0, v1, v2, v3), zero + domain)
    for at in range(0, width, 2):
        word = contexts[:, at]
        if at + 1 < width:
            word = word | (contexts[:, at + 1] << 32)
        state = _absorb(state, word)
    length = signed((8 + 8 * ((width + 1) // 2) + 4) << 56 & ((1 << 64) - 1))
    v0, v1, v2, v3 = (word[:, None] for word in state)
    v0, v1, v2, v3 = _absorb((v0, v1, v2, v3), tokens.to(torch.int64) | length)
    v0, v1, v2, v3 = _round(*_round(*_round(*_round(v0, v1, v2 ^ 0xFF, v3))))
    return v0 ^ v1 ^ v2 ^ v3


def exponentials(hashes: Tensor) -> Tensor:
    """-ln u in float64, above 0 and finite (section 2); the upper half of the cells goes through 1 - u."""
    m = _shift_right(hashes, 11)
    low = -torch.log((m.to(torch.float64) + 0.5) * 2.0**-53)
    high = -torch.log1p(-((_CELLS - 1 - m).to(torch.float64) + 0.5) * 2.0**-53)
    return torch.where(m < _CELLS // 2, low, high)


def choose_tokens(weights: Tensor, contexts: Tensor, k0: int, k1: int) -> Tensor:
    """Gumbel-max choice a row, argmin E/w over tokens of positive weight, lowest id first; shape (batch,).

    `weights` has shape (batch, vocabulary), any positive multiple of the probabilities a row.
    """
    tokens = torch.arange(weights.shape[-1], device=weights.device)
    values = exponentials(token_hashes(contexts, tokens, k0, k1)) / weights.to(torch.float64)
    values = torch.where(weights > 0, values, torch.inf)
    least = values.amin(-1, keepdim=True)
    return torch.where(values == least, tokens, weights.shape[-1]).amin(-1)
