"""Redraws of the engines' schemes: their keyed functions over a fixed text, compiled for many keys.

Gumbel schemes are summed key by key. Lefthash needs a list a seed, so its texts have few last ids; of
selfhash's permutation the first entries are enough for small ids. SynthID's table reads 16 bits of
a layer's key, so all classes of a text are counted once and keys look them up.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

from calibration_redraws import Redraw, same, text_ids
from countermark.stats import binomial, chernoff, gamma
from countermark.watermark.decoys import draw_words
from countermark.watermark.prf import lcg, murmur, philox, torch_random
from countermark.watermark.profile import Engine, Profile, Tokenizer
from countermark.watermark.schemes import green_law
from countermark.watermark.schemes.synthid_law import LayerLaw, TableHash, log_weighted_sf
from countermark.watermark.schemes.vllm_gumbel import derive_key
from green_redraws import GREEN, SMALL, green_count, selfhash_green

WIDTH = 4
LAST_IDS = 23
SELF_PAIRS = 64
"""Of selfhash, whose keys each draw as many entries of a permutation."""
DEPTH, TABLE = 30, 1 << 16
ALPHA = 0.1
U64 = np.uint64


def engine_profile(
    engine: Engine, scheme: str, prf: str, repeats: str, width: int, **parameters: Any
) -> Profile:
    """A profile with these parameters."""
    return Profile(
        engine=engine,
        scheme=scheme,
        prf=prf,
        context_width=width,
        deduplication=repeats,
        parameters=parameters,
        tokenizer=Tokenizer("ids of a benchmark"),
        key_id="benchmark",
        epoch="benchmark",
    )


@numba.njit
def _log_sum(cells: Any, kept: Any, bits: Any) -> Any:
    """-Σ ln(1 - m 2^-bits) over kept cells; products of 16 factors do not underflow."""
    total, product, top = 0.0, 1.0, np.int64(1) << bits
    for at in range(len(kept)):
        product *= np.float64(top - np.int64(cells[kept[at]])) / np.float64(top)
        if at & 15 == 15:
            total -= np.log(product)
            product = 1.0
    return total - np.log(product)


@numba.njit
def _philox_sums(ids: Any, kept: Any, keys: Any) -> Any:
    out = np.empty(len(keys))
    for at in range(len(keys)):
        hashes = philox.hash_windows(ids, WIDTH, keys[at] & U64(0xFFFFFFFF), keys[at] >> U64(32))
        out[at] = _log_sum(hashes >> U64(40), kept, 24)
    return out


@numba.njit
def _murmur_sums(contexts: Any, tokens: Any, kept: Any, keys: Any) -> Any:
    out = np.empty(len(keys))
    for at in range(len(keys)):
        key = keys[at]
        cells = murmur.hash_tokens(contexts, tokens, key & U64(0xFFFFFFFF), key >> U64(32))
        out[at] = _log_sum(cells, kept, 32)
    return out


@cache
def _padded(text: int) -> tuple[np.ndarray, np.ndarray]:
    """A text after vLLM's four -1, and the first of each distinct window."""
    ids = np.concatenate([np.full(WIDTH, 0xFFFFFFFF), text_ids(text, WIDTH)]).astype(np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(ids, WIDTH + 1)
    return ids, np.sort(np.unique(windows, axis=0, return_index=True)[1])


def _random_keys(generator: np.random.Generator, count: int) -> np.ndarray:
    """Of vLLM."""
    return draw_words(_vllm("vllm-gumbel"), generator, count)[:, 0]


def _vllm(scheme: str, **parameters: Any) -> Profile:
    return engine_profile(
        Engine("vllm", "0.33.0"),
        scheme,
        "philox4x32-10",
        "single_turn",
        WIDTH,
        deduplicate_contexts_max_history=8192,
        allow_target_only_watermarking=False,
        **parameters,
    )


def vllm() -> Redraw:
    """vLLM's one key; a Gamma law over 24-bit cells, below nominal by less than can be seen."""

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        return np.asarray(_philox_sums(*_padded(text), _random_keys(generator, count)))

    def log_p(text: int, statistic: float) -> float:
        return float(gamma.log_sf(statistic, len(_padded(text)[1])))

    def check() -> None:
        keys, sums = _random_keys(np.random.default_rng(1), 3), statistics(0, np.random.default_rng(1), 3)
        for key, one in zip(keys.tolist(), sums.tolist(), strict=True):
            same(_vllm("vllm-gumbel"), str(key), text_ids(0, WIDTH), one, log_p(0, one))

    return Redraw("vllm-gumbel k=4", 10_000_000, "continuous", 4, statistics, log_p, check)


def vllm_dual() -> Redraw:
    """vLLM's two keys; Chernoff's bound."""

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        keys = _random_keys(generator, count).tolist()
        a, b = (np.array([derive_key(key, name) for key in keys], U64) for name in (b"key_a", b"key_b"))
        sums = (_philox_sums(*_padded(text), one) for one in (a, b))
        return sum(weight * one for weight, one in zip((1 - ALPHA, ALPHA), sums, strict=True))

    def log_p(text: int, statistic: float) -> float:
        n = len(_padded(text)[1])
        return chernoff.weighted_exponentials(statistic, [1 - ALPHA, ALPHA], [n, n]).log_bound

    def check() -> None:
        keys, sums = _random_keys(np.random.default_rng(1), 3), statistics(0, np.random.default_rng(1), 3)
        for key, one in zip(keys.tolist(), sums.tolist(), strict=True):
            profile = _vllm("vllm-dual-key-gumbel", alpha=ALPHA)
            same(profile, str(key), text_ids(0, WIDTH), one, log_p(0, one))

    return Redraw("vllm-dual-key-gumbel k=4", 10_000_000, "bound", 4, statistics, log_p, check)


@numba.njit
def _murmur_sums_by_coin(contexts: Any, tokens: Any, kept: Any, keys: Any) -> Any:
    out, words = np.empty(len(keys)), np.empty((2, 2), np.uint64)
    for at in range(len(keys)):
        for which in range(2):
            words[which, 0], words[which, 1] = keys[at, which] & U64(0xFFFFFFFF), keys[at, which] >> U64(32)
        cells = murmur.hash_tokens(contexts, tokens, words[0, 0], words[0, 1])
        other = murmur.hash_tokens(contexts, tokens, words[1, 0], words[1, 1])
        coins = murmur.coins(contexts, words[0], words[1])
        for i in range(len(cells)):
            if coins[i] >= U64(1 << 31):
                cells[i] = other[i]
        out[at] = _log_sum(cells, kept, 32)
    return out


def sglang(*, dual: bool = False) -> Redraw:
    """SGLang's one key, or two of which an even coin takes one; a Gamma law over 32-bit cells."""
    parameters: dict[str, Any] = {"dual_key": dual, "max_probability": 1.0}
    if dual:
        parameters["mixing_probability"] = 0.5
    engine = Engine("sglang", "0.5.23")
    profile = engine_profile(engine, "sglang-gumbel", "murmur3-x86-32", "request", WIDTH, **parameters)

    @cache
    def pairs(text: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ids = text_ids(text, WIDTH).astype(np.uint64)
        contexts, tokens = murmur.hash_contexts(ids, WIDTH, 0), ids[WIDTH:]
        return contexts, tokens, np.sort(np.unique(contexts << U64(32) | tokens, return_index=True)[1])

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        keys = draw_words(profile, generator, count)
        if dual:
            return np.asarray(_murmur_sums_by_coin(*pairs(text), keys))
        return np.asarray(_murmur_sums(*pairs(text), keys[:, 0]))

    def log_p(text: int, statistic: float) -> float:
        return float(gamma.log_sf(statistic, len(pairs(text)[2])))

    def check() -> None:
        words, sums = (
            draw_words(profile, np.random.default_rng(1), 3),
            statistics(0, np.random.default_rng(1), 3),
        )
        for row, one in zip(words.tolist(), sums.tolist(), strict=True):
            same(profile, "\n".join(map(str, row)), text_ids(0, WIDTH), one, log_p(0, one))

    name = f"sglang-gumbel{', two keys' * dual} k=4"
    return Redraw(name, 10_000_000, "continuous", 4, statistics, log_p, check)


def _green(seeding: str, width: int) -> Profile:
    return engine_profile(
        Engine("transformers", "5.23.0"),
        "transformers-green-list",
        "torch-cpu-randperm",
        "none",
        width,
        gamma=GREEN / SMALL,
        delta=2.0,
        seeding=seeding,
        vocab_size=SMALL,
    )


@cache
def _every_pair(text: int) -> np.ndarray:
    """Ids in which every ordered pair of `LAST_IDS` ids stands once (an Euler circuit), 529 pairs."""
    names = np.random.default_rng([3, text]).permutation(np.arange(1, SMALL))[:LAST_IDS]
    left = {one: list(range(LAST_IDS)) for one in range(LAST_IDS)}
    path, circuit = [0], []
    while path:
        if left[path[-1]]:
            path.append(left[path[-1]].pop())
        else:
            circuit.append(path.pop())
    return names[circuit[::-1]]


@numba.njit
def _lefthash_counts(seeds: Any, which: Any, tokens: Any) -> Any:
    out = np.empty(len(seeds), np.int64)
    sets, slots = np.zeros((seeds.shape[1], SMALL // 8), np.uint8), np.arange(seeds.shape[1])
    green = np.zeros(len(which), np.bool_)
    for at in range(len(seeds)):
        torch_random.first_of_permutation(seeds[at], SMALL, GREEN, sets, slots)
        torch_random.look_up(sets, slots, which, tokens, green)
        out[at] = green.sum()
    return out


def _left_seeds(keys: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Low 32 bits of (key · id) mod (2^64 - 1), shape (keys, ids), for ids below 2^32."""
    high, low = (keys[:, None] >> U64(32)) * ids, (keys[:, None] & U64(0xFFFFFFFF)) * ids
    bottom = ((high & U64(0xFFFFFFFF)) << U64(32)) + low
    top = (high >> U64(32)) + (bottom < low)
    total = bottom + top
    total += total < top
    total[total == U64(0xFFFFFFFFFFFFFFFF)] = 0
    return (total & U64(0xFFFFFFFF)).astype(np.uint32)


def lefthash() -> Redraw:
    """transformers' lefthash over 23 last ids; hypergeometric counts."""

    def keys(generator: np.random.Generator, count: int) -> np.ndarray:
        return draw_words(_green("lefthash", 1), generator, count)[:, 0]

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        ids = _every_pair(text)
        last, which = np.unique(ids[:-1], return_inverse=True)
        seeds = _left_seeds(keys(generator, count), last.astype(np.uint64))
        return np.asarray(_lefthash_counts(seeds, which.astype(np.int64), ids[1:].astype(np.uint32)))

    def log_p(text: int, statistic: float) -> float:  # noqa: ARG001
        sizes = np.array([LAST_IDS])
        return green_law.log_sf(int(statistic), SMALL, GREEN, sizes, sizes)

    def check() -> None:
        sums = statistics(1, np.random.default_rng(1), 5)
        for key, one in zip(keys(np.random.default_rng(1), 5).tolist(), sums.tolist(), strict=True):
            same(_green("lefthash", 1), str(key), _every_pair(1), one, log_p(1, one))

    return Redraw("green list, lefthash", 10_000_000, "discrete", 2, statistics, log_p, check)


def selfhash() -> Redraw:
    """transformers' selfhash; no id stands twice in the text, so all seeds differ and the law is binomial."""
    ids = np.random.default_rng(12).permutation(SELF_PAIRS + WIDTH - 1)
    windows = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(ids, WIDTH))

    def keys(generator: np.random.Generator, count: int) -> np.ndarray:
        return draw_words(_green("selfhash", WIDTH), generator, count)[:, 0].astype(np.int64)

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:  # noqa: ARG001
        drawn = keys(generator, count)
        return np.asarray(selfhash_green(windows, drawn, len(ids), green_count, 0)).astype(np.int64)

    def log_p(text: int, statistic: float) -> float:  # noqa: ARG001
        return binomial.log_sf(int(statistic), SELF_PAIRS, GREEN / SMALL)

    def check() -> None:
        sums = statistics(0, np.random.default_rng(1), 3)
        for key, one in zip(keys(np.random.default_rng(1), 3).tolist(), sums.tolist(), strict=True):
            same(_green("selfhash", WIDTH), str(key), ids, one, log_p(0, one))

    return Redraw("green list, selfhash k=4", 10_000_000, "discrete", 1, statistics, log_p, check)


def _synthid(engine: Engine, scheme: str, prf: str, **parameters: Any) -> Profile:
    return engine_profile(
        engine,
        scheme,
        prf,
        "context_repetition_mask",
        WIDTH,
        depth=DEPTH,
        ngram_len=WIDTH + 1,
        weights="uniform",
        context_history_size=1024,
        **parameters,
    )


@cache
def _states(text: int) -> np.ndarray:
    """States of the distinct n-grams that the engine's mask leaves."""
    contexts, ngrams = lcg.states(text_ids(text, WIDTH).astype(np.int64), WIDTH + 1, 0)
    return np.unique(ngrams[~lcg.repeated(contexts, 1024, False)])


def _layer_keys(generator: np.random.Generator, count: int) -> np.ndarray:
    profile = _synthid(Engine("transformers", "5.23.0"), "transformers-synthid", "synthid-table")
    return draw_words(profile, generator, count).astype(np.int64)


def synthid(
    name: str = "transformers-synthid", engine: str = "transformers", version: str = "5.23.0"
) -> Redraw:
    """SynthID's table: keys uniform over 64 bits, of which 16 are read."""
    carried = pow(int(lcg.MULTIPLIER), WIDTH + 1, TABLE)

    @cache
    def counts(text: int) -> np.ndarray:
        table = TableHash(lcg.offsets(1, [0], WIDTH + 1), torch_random.random_bits(TABLE, 0))
        return table.layers(_states(text), None).counts

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        classes = (_layer_keys(generator, count) + carried) & (TABLE - 1)
        return counts(text)[classes].sum(axis=1).astype(np.int64)

    def log_p(text: int, statistic: float) -> float:
        law = LayerLaw.of(counts(text), rounded=False)
        return float(log_weighted_sf(law, int(statistic), np.ones(DEPTH, np.int64)) or 0.0)

    def check() -> None:
        sizes = {"sampling_table_size": TABLE, "sampling_table_seed": 0}
        profile = _synthid(Engine(engine, version), name, "synthid-table", **sizes)
        _check_layers(profile, statistics, log_p)

    title = "transformers-synthid" if engine == "transformers" else f"{name} {version}"
    return Redraw(f"{title} k=4", 10_000_000, "discrete", 4, statistics, log_p, check)


@numba.njit
def _iterated_counts(states: Any, offsets: Any) -> Any:
    out = np.zeros(len(offsets), np.int64)
    for at in range(len(offsets)):
        for layer in range(offsets.shape[1]):
            out[at] += lcg.iterated_bits(states, offsets[at, layer]).sum()
    return out


def synthid_text() -> Redraw:
    """synthid-text's later hash: Chernoff's bound, since its bits are correlated."""
    power = pow(int(lcg.MULTIPLIER), WIDTH + 1, 1 << 64)

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        keys = _layer_keys(generator, count)
        digests = (hashlib.sha256(one.astype("<i8").tobytes()).digest() for one in keys)
        starts = [int.from_bytes(digest, "big") % ((1 << 63) - 1) for digest in digests]
        carried = np.array([start * power % (1 << 64) for start in starts], U64)
        return np.asarray(_iterated_counts(_states(text), keys.astype(U64) + carried[:, None]))

    def log_p(text: int, statistic: float) -> float:
        return chernoff.weighted_bernoullis(statistic, [1.0], [DEPTH * len(_states(text))], 0.5).log_bound

    def check() -> None:
        profile = _synthid(Engine("synthid-text", "addb4a1"), "synthid-text", "synthid-iterated")
        _check_layers(profile, statistics, log_p)

    return Redraw("synthid-text addb4a1 k=4", 10_000_000, "bound", 4, statistics, log_p, check)


def _check_layers(profile: Profile, statistics: Any, log_p: Any) -> None:
    for text in range(4):
        keys, sums = _layer_keys(np.random.default_rng(1), 2), statistics(text, np.random.default_rng(1), 2)
        for key, one in zip(keys.tolist(), sums.tolist(), strict=True):
            mean = one / DEPTH / len(_states(text))
            same(profile, "\n".join(map(str, key)), text_ids(text, WIDTH), mean, log_p(text, one))


ENGINES: dict[str, Callable[[], Redraw]] = {
    "vllm": vllm,
    "vllm-dual": vllm_dual,
    "sglang": sglang,
    "sglang-dual": lambda: sglang(dual=True),
    "lefthash": lefthash,
    "selfhash": selfhash,
    "synthid": synthid,
    "synthid-text-table": lambda: synthid("synthid-text", "synthid-text", "0.2.1"),
    "synthid-text": synthid_text,
}
