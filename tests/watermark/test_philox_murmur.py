"""The engines' keyed functions against published known answers and against plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.watermark.prf import murmur, philox

MASK = 0xFFFFFFFF
IDS = st.lists(st.integers(0, MASK), max_size=24)
KEY = st.integers(0, 2**64 - 1)


def plain_philox(counter, key, rounds=10):
    """Salmon et al. 2011, section 3.3, on Python integers."""
    c, (k0, k1) = list(counter), key
    for _ in range(rounds):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & MASK, (p0 >> 32) ^ c[3] ^ k1, p0 & MASK]
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c


def plain_vllm(key, context, token):
    """vLLM's chain: the four words of the token's block, and the index of its word."""
    k0, k1 = key & MASK, key >> 32
    state = [0x574D4358, len(context), 0, 0]
    for offset in range(0, len(context), 4):
        block = context[offset : offset + 4]
        block += [MASK - j for j in range(len(block), 4)]
        state = plain_philox([s ^ b for s, b in zip(state, block, strict=True)], (k0 ^ offset, k1))
    return plain_philox([token >> 2, *state[:3]], (k0 ^ state[3], k1 ^ 0x574D544B)), token & 3


def plain_murmur3(data, seed=0):
    """MurmurHash3_x86_32 of bytes, tail included."""
    h = seed
    for at in range(0, len(data) - len(data) % 4, 4):
        k = int.from_bytes(data[at : at + 4], "little") * 0xCC9E2D51 & MASK
        k = ((k << 15 | k >> 17) & MASK) * 0x1B873593 & MASK
        h ^= k
        h = ((h << 13 | h >> 19) & MASK) * 5 + 0xE6546B64 & MASK
    if tail := data[len(data) - len(data) % 4 :]:
        k = int.from_bytes(tail, "little") * 0xCC9E2D51 & MASK
        h ^= ((k << 15 | k >> 17) & MASK) * 0x1B873593 & MASK
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & MASK
    h = (h ^ h >> 13) * 0xC2B2AE35 & MASK
    return h ^ h >> 16


def words(values):
    return np.array(values, dtype=np.uint64)


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [  # Random123, tests/kat_vectors, philox4x32 10
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([MASK] * 4, [MASK] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_known_answers(counter, key, answer):
    assert plain_philox(counter, key) == answer
    assert philox.philox4x32(words(counter), words(key)).tolist() == answer


@pytest.mark.parametrize(
    ("data", "seed", "answer"),
    [  # published test values of MurmurHash3_x86_32
        (b"", 0, 0),
        (b"", 1, 0x514E28B7),
        (b"", MASK, 0x81F16F39),
        (b"\x00\x00\x00\x00", 0, 0x2362F9DE),
        (b"\xff\xff\xff\xff", 0, 0x76293B50),
        (b"\x21\x43\x65\x87", 0, 0xF55B516B),
        (b"\x21\x43\x65\x87", 0x5082EDEE, 0x2362F9DE),
        (b"aaaa", 0x9747B28C, 0x5A97808A),
        (b"abcd", 0x9747B28C, 0xF0478627),
        (b"Hello, world!", 0x9747B28C, 0x24884CBA),
        (b"The quick brown fox jumps over the lazy dog", 0x9747B28C, 0x2FA826CD),
    ],
)
def test_murmur3_known_answers(data, seed, answer):
    assert plain_murmur3(data, seed) == answer
    if len(data) % 4 == 0:
        message = words(np.frombuffer(data, "<u4"))
        assert murmur.murmur3_words(message, seed) == answer


@given(IDS, st.integers(1, 9), KEY)
def test_philox_windows_are_those_of_plain_python(ids, width, key):
    hashes = philox.hash_windows(words(ids), width, *philox.key_words(key))
    expected = []
    for at in range(width, len(ids)):
        block, word = plain_vllm(key, ids[at - width : at], ids[at])
        expected.append(block[word] << 32 | block[(word + 1) % 4])
    assert hashes.tolist() == expected


@given(IDS, st.integers(1, 9), KEY, KEY)
def test_murmur_windows_are_those_of_plain_python(ids, width, key_a, key_b):
    def hashed(*message):
        return plain_murmur3(b"".join(word.to_bytes(4, "little") for word in message))

    a, b = (key_a & MASK, key_a >> 32), (key_b & MASK, key_b >> 32)
    contexts = murmur.hash_contexts(words(ids), width, 0)
    assert contexts.tolist() == [hashed(*ids[at - width : at]) for at in range(width, len(ids))]
    tokens = words(ids[width:])
    expected = [hashed(*a, int(c), int(t)) for c, t in zip(contexts, tokens, strict=True)]
    assert murmur.hash_tokens(contexts, tokens, *words(a)).tolist() == expected
    assert murmur.coins(contexts, words(a), words(b)).tolist() == [hashed(*a, *b, int(c)) for c in contexts]


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 5))
def test_philox_contexts_tell_contexts_apart(ids, width):
    hashes = philox.hash_contexts(words(ids), width, *philox.key_words(77))
    contexts = [tuple(ids[at - width : at]) for at in range(width, len(ids))]
    assert len(hashes) == len(contexts)
    assert len(set(hashes.tolist())) == len(set(contexts))
    assert len(set(zip(hashes.tolist(), contexts, strict=True))) == len(set(contexts))
