"""Family-wise error of the joint check over null texts: real keys, real scoring, the shipped correction.

Three members with 100 keys each. Every text is scored once under all 300 keys by the members' detectors; the
same answers are then judged as single checks of the public, as the only check of a matter, as the ten checks
of a matter, and as 10,000 checks of one matter.
"""

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from joint_setting import FOLDER, at_least, at_most, timed  # isort: skip  (finds the tests' helpers)
from alliances import Alliance
from check_samples import NAMES, VOCABULARY, key_of, make_parties, marked_text, register_of, word

from countermark.share.check.correction import Correction, correct, spent
from countermark.share.check.messages import PoolAnswer
from countermark.share.check.register import Family, registered_family

LENGTH, KEYS, IN_MATTER, ORDERS = 300, 100, 10, 2000
LEVELS = (0.05, 0.01)
BY_MODEL = 1000
Texts = np.ndarray


def null_texts(count: int, model: Path | None) -> Texts:
    """Ids of texts without a mark, shape (count, 300): half drawn at random, the others by a bigram
    model, which repeats itself; where there is a small language model, it writes a tenth in their place."""
    rng = np.random.default_rng(60)
    drawn = rng.integers(0, VOCABULARY, (count // 2, LENGTH))
    table = np.exp(1.5 * np.random.default_rng(11).normal(size=(64, VOCABULARY)))
    sums = np.cumsum(table / table.sum(1, keepdims=True), axis=1)
    ids = rng.integers(0, VOCABULARY, (count - len(drawn), 1))
    for _ in range(LENGTH - 1):
        at = (sums[ids[:, -1] % 64] < rng.random((len(ids), 1))).sum(1)
        ids = np.column_stack([ids, np.minimum(at, VOCABULARY - 1)])
    texts = np.concatenate([drawn, ids])
    if model is not None:
        some = _by_model(model, min(BY_MODEL, count // 10))
        texts[-len(some) :] = some
    return texts[rng.permutation(count)]


def _by_model(folder: Path, count: int) -> Texts:
    kept = FOLDER / f"by-{folder.name}-{count}.npy"
    if not kept.exists():
        from attribution_models import open_model, plainly, sample

        start = np.full((count, 1), 1)
        np.save(kept, sample([open_model(folder)], start, LENGTH, plainly(61), rows=count))
    found: Texts = np.load(kept)
    return found


def text_of(ids: Texts) -> str:
    """Words, which the tiny tokenizer turns into these ids again."""
    return " ".join(word(one) for one in ids.tolist())


def errors(count: int, model: Path | None) -> dict[str, Any]:
    """Rates of matters of null texts in which any check says `marked`; and two controls."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = null_texts(count, model)
    with tempfile.TemporaryDirectory() as name, timed() as took:
        parties = make_parties(Path(name), NAMES, keys=KEYS)
        family = registered_family(register_of(*parties.values()), NAMES)

        def answers(text: str) -> list[PoolAnswer]:
            return [pool for one in parties.values() for pool in one.detectors.answer(text)]

        least, small = np.empty(count), {}
        for at, ids in enumerate(texts):
            pools = answers(text_of(ids))
            figures = [row.log10_p or 0.0 for pool in pools for row in pool.keys]
            assert len(figures) == family.hypotheses == 300
            least[at] = min(figures)
            if least[at] + math.log10(300) <= math.log10(max(LEVELS)) + 0.1:
                small[at] = pools  # of all others no check can pass, whatever its place in a matter
        rows = {f"alpha {alpha}": _rates(alpha, count, small, family) for alpha in LEVELS}
        found = {"texts": count, "by the language model": model is not None, "hypotheses": 300}
        found |= rows | _controls(answers, family)
    return found | took.told()


def _rates(alpha: float, count: int, small: dict[int, list[PoolAnswer]], family: Family) -> dict[str, Any]:
    def judged(at: int, ordinal: int | None) -> bool:
        return at in small and _of(small[at], family, ordinal, alpha).word == "marked"

    single = sum(judged(at, None) for at in small)
    first = sum(judged(at, 1) for at in small)
    matters = count // IN_MATTER
    ten = sum(
        any(judged(at, at % IN_MATTER + 1) for at in range(begin, begin + IN_MATTER))
        for begin in range(0, matters * IN_MATTER, IN_MATTER)
    )
    whole = sum(judged(at, at + 1) for at in small)
    wrong = _orders(alpha, count, small, family)
    # no limits: all orders have the same texts
    orders = {"seen": wrong, "of": ORDERS, "rate": round(wrong / ORDERS, 4)}
    return {
        "checks without a matter": _rate(single, count),
        "matters of one check": _rate(first, count),
        f"matters of {IN_MATTER} checks": _rate(ten, matters),
        f"wrong marks in one matter of {count:,}": whole,
        f"one matter of {count:,}, in {ORDERS:,} random orders of these texts": orders,
    }


def _of(pools: list[PoolAnswer], family: Family, ordinal: int | None, alpha: float) -> Correction:
    return correct(pools, family, ordinal=ordinal, alpha=alpha)


def _orders(alpha: float, count: int, small: dict[int, list[PoolAnswer]], family: Family) -> int:
    """Random orders of all texts as one matter in which any check says `marked`."""
    rng, limit = np.random.default_rng(62), math.log10(alpha)
    least = {
        at: min(row.log10_adjusted for row in _of(p, family, None, alpha).rows) for at, p in small.items()
    }
    wrong = 0
    for _ in range(ORDERS):
        places = rng.permutation(count)
        near = [(at, int(places[at]) + 1) for at in small]
        wrong += any(
            least[at] + spent(place) <= limit + 0.02 and _of(small[at], family, place, alpha).word == "marked"
            for at, place in near
        )
    return wrong


def _rate(seen: int, of: int) -> dict[str, Any]:
    limits = [round(at_least(seen, of), 4), round(at_most(seen, of), 4)]
    return {"seen": seen, "of": of, "rate": round(seen / of, 4), "one-sided 99% limits": limits}


def _controls(answers: Any, family: Family, count: int = 50) -> dict[str, Any]:
    """Texts marked under a key that nobody registered, and under one of a member's."""
    strange = [marked_text("nobody", seed=seed, number=seed) for seed in range(1, count + 1)]
    wrong = sum(_of(answers(text), family, None, 0.01).word == "marked" for text in strange)
    right = 0
    for seed in range(1, count + 1):
        name = NAMES[seed % 3]
        found = _of(answers(marked_text(name, seed=seed, number=seed)), family, 1, 0.01)
        right += found.marks == [name]
    assert key_of("nobody", 1) != key_of(NAMES[0], 1)
    return {
        "marked under a key of nobody's (alpha 0.01)": {"seen": wrong, "of": count},
        "marked under a member's key, its owner alone named": {"seen": right, "of": count},
    }


def by_http(allied: Alliance, matters: int) -> dict[str, Any]:
    """Matters of ten null texts through the started nodes: every figure is what Holm by hand gives."""
    texts, same, wrong = null_texts(matters * IN_MATTER, None), 0, 0
    for at, ids in enumerate(texts):
        number, ordinal = at // IN_MATTER, at % IN_MATTER + 1
        answer = allied.check("alpha", text_of(ids), consent=True, matter=f"null-{number}")
        found = answer.json()
        assert (found["ordinal"], found["hypotheses"]) == (ordinal, len(found["rows"])), answer.text
        p = np.array([row["log10_p"] for row in found["rows"]])
        order = np.argsort(p, kind="stable")
        by_hand = np.empty(len(p))
        steps = p[order] + np.log10(len(p) - np.arange(len(p))) + math.log10(ordinal * (ordinal + 1))
        by_hand[order] = np.minimum(np.maximum.accumulate(steps), 0.0)
        shown = np.array([row["log10_adjusted"] for row in found["rows"]])
        inside = (shown >= by_hand - 1e-6) & (shown <= by_hand + 0.01 + 1e-6)
        marks = sorted({row["member"] for row in found["rows"] if row["log10_adjusted"] <= -2})
        same += bool(inside.all()) and marks == found["marks"]
        wrong += found["word"] == "marked"
    return {"checks": len(texts), "as by hand": same, "marked": wrong}
