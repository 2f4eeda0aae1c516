"""Writes the vectors of gumbel-siphash from this project's implementation; README.md says what they hold.

    python vectors/gumbel-siphash/generate.py

siphash.json holds the published table and is checked, not made. A second implementation checks the rest.
"""

import hashlib
import json
import math
from pathlib import Path

import numpy as np

from countermark.stats import gamma
from countermark.watermark.prf import siphash

HERE = Path(__file__).parent
KEY = bytes(range(16))
OTHER = bytes.fromhex("8f3a61c27e04d95b10aa77b6e2c5390d")
WIDTHS = (1, 2, 3, 4, 5, 8, 63, 64)
RULE = {"start": [1, 2, 3, 4], "vocabulary": 32_000, "candidates": 16, "a": 7_919, "b": 2_003}
RULE_LENGTH = 51_504


def write(name: str, value: object) -> None:
    """One JSON file, an entry a line."""
    entries = ",\n".join("  " + json.dumps(entry) for entry in value)
    (HERE / name).write_text("[\n" + entries + "\n]\n")


def hashes(key: bytes, ids: list[int], k: int) -> np.ndarray:
    """Hashes of all windows of k + 1 ids."""
    words = siphash.pack_windows(np.array(ids, np.uint64), k)
    return siphash.hash_windows(words, *siphash.key_words(key), siphash.domain_word(k))


def message(context: list[int], token: int) -> str:
    """The message in hex."""
    k = len(context)
    padded = [*context, *([0] if k % 2 else []), token]
    return (b"CMgumb1" + bytes([k]) + np.array(padded, "<u4").tobytes()).hex()


def windows() -> list[dict]:
    """Messages, hashes, cells and scores for several widths, ids up to 2^32 - 1."""
    generator = np.random.default_rng(2024)
    out = []
    for k in WIDTHS:
        for key in (KEY, OTHER):
            drawn = generator.integers(0, 128_256, k + 1).tolist()
            for ids in (drawn, [0] * (k + 1), [2**32 - 1] * (k + 1)):
                h = int(hashes(key, ids, k)[0])
                m = h >> 11
                entry = {"key": key.hex(), "context": ids[:-1], "token": ids[-1]}
                entry |= {"message": message(ids[:-1], ids[-1]), "h": f"{h:016x}", "m": m}
                out.append(entry | {"score": -math.log((2**53 - m) * 2.0**-53)})
    return out


def judged(key: bytes, k: int, bodies: list[list[int]]) -> dict:
    """n, statistic and log10 p of pooled bodies."""
    found = {}
    for ids in bodies:
        for at, h in enumerate(hashes(key, ids, k)):
            found[tuple(ids[at : at + k + 1])] = h
    n = len(found)
    values = np.array(list(found.values()), np.uint64)
    statistic = math.fsum(-math.log((2**53 - int(h >> 11)) * 2.0**-53) for h in values.tolist())
    return {
        "n": n,
        "statistic": statistic,
        "log10_p": float(gamma.log_sf(statistic, n)) / math.log(10) or 0.0,
    }


def by_rule() -> list[int]:
    """The long document: each token is the candidate with the largest cell."""
    words, ids = siphash.key_words(KEY), list(RULE["start"])
    steps = RULE["b"] * np.arange(RULE["candidates"])
    while len(ids) < RULE_LENGTH:
        options = np.sort((RULE["a"] * len(ids) + steps) % RULE["vocabulary"]).astype(np.uint64)
        state = siphash.context_state(np.array(ids[-4:], np.uint64), *words, siphash.domain_word(4))
        m = siphash.token_hashes(state, options, 4) >> np.uint64(11)
        ids.append(int(options[int(np.argmax(m))]))
    return ids


def documents() -> list[dict]:
    """Scored bodies: ordinary, repeated pairs, too short, empty, several bodies, and a far tail by rule."""
    generator = np.random.default_rng(7)
    plain = generator.integers(0, 50_000, 120).tolist()
    marked = by_rule()
    cases = {
        "random ids": (KEY, 4, [plain]),
        "the same ids, another key": (OTHER, 4, [plain]),
        "k = 1": (KEY, 1, [plain]),
        "k = 3, odd": (KEY, 3, [plain]),
        "marked, 60 ids": (KEY, 4, [marked[:60]]),
        "marked, 60 ids, another key": (OTHER, 4, [marked[:60]]),
        "every pair repeated": (KEY, 2, [[5, 6, 7] * 20]),
        "two bodies that share pairs": (KEY, 2, [plain[:40], plain[20:60]]),
        "one id less than needed": (KEY, 4, [[1, 2, 3, 4]]),
        "just long enough": (KEY, 4, [[1, 2, 3, 4, 5]]),
        "empty": (KEY, 4, [[]]),
    }
    out = [
        {"name": name, "key": key.hex(), "k": k, "bodies": bodies} | judged(key, k, bodies)
        for name, (key, k, bodies) in cases.items()
    ]
    digest = hashlib.sha256(np.array(marked, "<u4").tobytes()).hexdigest()
    far = {"name": "far tail, by rule", "key": KEY.hex(), "k": 4, "rule": RULE, "length": RULE_LENGTH}
    return [*out, far | {"first": marked[:40], "sha256": digest} | judged(KEY, 4, [marked])]


def values(key: bytes, context: list[int], probabilities: list[float]) -> np.ndarray:
    """E/p of every token; the smallest is chosen."""
    state = siphash.context_state(
        np.array(context, np.uint64), *siphash.key_words(key), siphash.domain_word(len(context))
    )
    h = siphash.token_hashes(state, np.arange(len(probabilities), dtype=np.uint64), len(context))
    with np.errstate(divide="ignore"):
        return siphash.exponentials(h) / np.array(probabilities)


def choices() -> list[dict]:
    """Chosen tokens; the runner-up is at least a millionth behind, so that no rounding decides."""
    generator = np.random.default_rng(11)
    out = []
    for k in (1, 2, 3, 4, 8):
        for size, zeros in ((2, 0), (8, 3), (50, 0), (50, 40)):
            raw = generator.exponential(size=size) ** 3
            raw[generator.permutation(size)[:zeros]] = 0
            probabilities = [round(p, 6) for p in (raw / raw.sum()).tolist()]
            context = generator.integers(0, 128_256, k).tolist()
            found = values(KEY, context, probabilities)
            least, second = np.sort(found)[:2]
            if second > least * (1 + 1e-6):
                chosen = int(np.argmin(found))
                entry = {"key": KEY.hex(), "context": context, "probabilities": probabilities}
                out.append(entry | {"token": chosen})
    return out


def answers() -> list[dict]:
    """Which positions of an answer are marked."""
    cases = [
        (2, [7, 7, 7, 7, 7, 8, 7, 7]),
        (1, [1, 2, 1, 3, 2, 2]),
        (4, [1, 2, 3]),
        (3, [1, 2, 3, 1, 2, 3, 1]),
    ]
    out = []
    for k, ids in cases:
        contexts = [tuple(ids[at - k : at]) if at >= k else None for at in range(len(ids))]
        marked = [c is not None and c not in contexts[:at] for at, c in enumerate(contexts)]
        out.append({"k": k, "ids": ids, "marked": marked})
    return out


def main() -> None:
    """Write all files but the published table."""
    write("windows.json", windows())
    write("documents.json", documents())
    write("choices.json", choices())
    write("answers.json", answers())


if __name__ == "__main__":
    main()
