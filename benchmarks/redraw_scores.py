"""Keyed functions of the Gumbel marks over windows of a body, compiled for many keys.

A function fills `out` with v = 1 - u for one key, u the lower end of each window's cell: a score is -ln v.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from attribution_marked import profile_of
from calibration_engines import engine_profile
from countermark.attribute.keyed import Key
from countermark.trust.keyfiles import Secret
from countermark.watermark.decoys import draw_words, key_of
from countermark.watermark.prf import murmur, philox, siphash
from countermark.watermark.profile import Engine, Profile
from countermark.watermark.schemes.vllm_gumbel import derive_key

U64 = np.uint64
LOW, HALF = U64(0xFFFFFFFF), U64(32)
ALPHA, MIXING = 0.1, 0.5


@dataclass(frozen=True)
class Marks:
    """A Gumbel mark whose keys are redrawn."""

    name: str
    profile: Profile
    bits: int
    fill: Any
    """Compiled: data, words of a key, out."""
    data: Callable[[np.ndarray], Any]
    """Of windows, shape (n, k + 1)."""
    dual: bool = False
    """vLLM's two keys, whose scores are added up: two columns a pair."""
    pairs: int = 250
    """Of a body; fewer where the function takes long."""

    @property
    def width(self) -> int:
        """Ids of a context."""
        return self.profile.context_width

    def draw(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """Words of `count` keys, as key files hold them, shape (count, words)."""
        return draw_words(self.profile, generator, count)

    def used(self, words: np.ndarray) -> np.ndarray:
        """Words as `fill` takes them."""
        if not self.dual:
            return words
        keys = words[:, 0].tolist()
        return np.array([[derive_key(key, b"key_a"), derive_key(key, b"key_b")] for key in keys], U64)

    def key(self, words: np.ndarray) -> Key:
        """The key of one row of words."""
        return Key(self.profile, Secret(key_of(self.profile, words).reveal()))


@numba.njit
def fill_siphash(data: Any, key: Any, out: Any) -> None:
    """SipHash-2-4, cells of 2^-53."""
    words, domain = data
    hashes = siphash.hash_windows(words, key[0], key[1], domain)
    for at in range(len(hashes)):
        out[at] = np.float64(np.int64((U64(1) << U64(53)) - (hashes[at] >> U64(11)))) * 2.0**-53


@numba.njit
def fill_philox(data: Any, key: Any, out: Any) -> None:
    """vLLM's Philox, cells of 2^-24."""
    windows, width = data
    k0, k1 = key[0] & LOW, key[0] >> HALF
    for at in range(len(out)):
        s0, s1, s2, s3 = philox._context(windows[at], 0, width, k0, k1)
        token = windows[at, width]
        words = philox._rounds(token >> U64(2), s0, s1, s2, k0 ^ s3, k1 ^ philox._TOKEN_DOMAIN)
        place = token & U64(3)
        word = words[0]
        if place == 1:
            word = words[1]
        elif place == 2:
            word = words[2]
        elif place == 3:
            word = words[3]
        out[at] = np.float64((1 << 24) - np.int64(word >> U64(8))) * 2.0**-24


@numba.njit
def fill_philox_twice(data: Any, key: Any, out: Any) -> None:
    """Key A's and key B's, one after the other."""
    n = len(data[0])
    fill_philox(data, key[:1], out[:n])
    fill_philox(data, key[1:], out[n:])


@numba.njit
def fill_murmur(data: Any, key: Any, out: Any) -> None:
    """SGLang's MurmurHash3, cells of 2^-32."""
    contexts, tokens, _ = data
    cells = murmur.hash_tokens(contexts, tokens, key[0] & LOW, key[0] >> HALF)
    for at in range(len(out)):
        out[at] = np.float64((1 << 32) - np.int64(cells[at])) * 2.0**-32


@numba.njit
def fill_murmur_by_coin(data: Any, key: Any, out: Any) -> None:
    """Of SGLang's two keys the one that a coin takes."""
    contexts, _, threshold = data
    other = np.empty(len(out))
    fill_murmur(data, key[:1], out)
    fill_murmur(data, key[1:], other)
    words = np.array([[key[0] & LOW, key[0] >> HALF], [key[1] & LOW, key[1] >> HALF]])
    coins = murmur.coins(contexts, words[0], words[1])
    for at in range(len(out)):
        if coins[at] >= threshold:
            out[at] = other[at]


def siphash_marks(width: int) -> Marks:
    """Our own."""

    def data(windows: np.ndarray) -> Any:
        packed = siphash.pack_windows(windows.astype(U64).ravel(), width)[:, :: width + 1]
        return np.ascontiguousarray(packed), siphash.domain_word(width)

    return Marks(f"gumbel-siphash k={width}", profile_of("t0", width), 53, fill_siphash, data)


def vllm_marks(width: int, *, dual: bool = False) -> Marks:
    """vLLM's, with one key or two."""
    name = "vllm-dual-key-gumbel" if dual else "vllm-gumbel"
    parameters = {"deduplicate_contexts_max_history": 8192, "allow_target_only_watermarking": False}
    more = {"alpha": ALPHA} if dual else {}
    engine = Engine("vllm", "0.33.0")
    profile = engine_profile(engine, name, "philox4x32-10", "all", width, **parameters, **more)

    def data(windows: np.ndarray) -> Any:
        return np.ascontiguousarray(windows.astype(U64)), width

    fill = fill_philox_twice if dual else fill_philox
    return Marks(f"{name} k={width}", profile, 24, fill, data, dual, pairs=50 if dual else 100)


def sglang_marks(width: int, *, dual: bool = False) -> Marks:
    """SGLang's, with one key or two."""
    parameters: dict[str, Any] = {"dual_key": dual, "max_probability": 1.0}
    if dual:
        parameters["mixing_probability"] = MIXING
    engine = Engine("sglang", "0.5.23")
    profile = engine_profile(engine, "sglang-gumbel", "murmur3-x86-32", "request", width, **parameters)

    def data(windows: np.ndarray) -> Any:
        words = windows.astype(U64)
        contexts = murmur.hash_contexts(words.ravel(), width, 0)[:: width + 1]
        return np.ascontiguousarray(contexts), words[:, -1].copy(), U64(int(MIXING * 2**32))

    fill = fill_murmur_by_coin if dual else fill_murmur
    return Marks(f"sglang-gumbel{', two keys' * dual} k={width}", profile, 32, fill, data)


@numba.njit
def weighted_sums(fill: Any, data: Any, keys: Any, weights: Any) -> Any:
    """Σ w (-ln v) under each key."""
    out, left = np.zeros(len(keys)), np.empty(len(weights))
    for key in range(len(keys)):
        fill(data, keys[key], left)
        for at in range(len(weights)):
            out[key] -= weights[at] * np.log(left[at])
    return out
