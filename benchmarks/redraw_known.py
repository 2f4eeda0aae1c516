"""The test of known outputs under redrawn keys: every key first writes the known outputs, so that it chooses
which contexts are asked about, and the suspect's pairs are among those whose values choose.

A language of a few ids, in which the token's law hangs on the id before it; the suspect's pairs are windows
of it, with weights of a control's body. What is drawn is -ln p. `check` writes some keys' known outputs to a
file and holds the redraw against `KnownContexts.read` and `known_test`, and our own mark's choices against
`Sampler`; vLLM's sampler is not part of the project.
"""

import json
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

from calibration_redraws import Redraw
from countermark.attribute.pairs import names_of, pairs_of
from countermark.attribute.radioactivity.body import Body
from countermark.attribute.radioactivity.known import _LEAST, _MOST, GRID, KnownContexts, known_test
from countermark.watermark.sampling.numpy_sampler import Sampler
from redraw_bodies import CLOSED, Sources
from redraw_scores import Marks

KEYS = 10_000_000
PAIRS = 250
WORLDS = {1: (24, 2, 12), 2: (10, 4, 16), 4: (4, 4, 24)}
"""Ids, known outputs, tokens of each, by context width: about half of the contexts are visited."""
SMALL_WORLD = (12, 2, 8)
"""For vLLM's Philox, which takes long."""


@dataclass(frozen=True)
class World:
    """A language, a suspect's pairs in it, and tables of the bound."""

    law: np.ndarray
    """Shape (ids, ids): of a token after an id."""
    windows: np.ndarray
    """Every window, in order: the token counts fastest."""
    places: np.ndarray
    """Of the suspect's pairs among `windows`, ascending."""
    weights: np.ndarray
    costs: np.ndarray
    """Σ ln(1 - t w) over a context's pairs, shape (contexts, grid)."""
    exponents: np.ndarray


def world(sources: Sources, name: str, width: int, size: int, seed: int) -> World:
    """Made without a key."""
    generator = np.random.default_rng([33, width, seed])
    law = np.array([generator.permutation(np.arange(1, size + 1) ** -1.0) for _ in range(size)])
    law /= law.sum(axis=1, keepdims=True)
    windows = np.stack(np.meshgrid(*[np.arange(size)] * (width + 1), indexing="ij"), -1).reshape(
        -1, width + 1
    )
    places = np.sort(generator.choice(len(windows), min(PAIRS, len(windows) // 2), replace=False))
    lifts = sources.body(name, CLOSED, width).weights(signs=False)
    weights = generator.choice(lifts[lifts > 0], len(places))
    t = np.geomspace(_LEAST, _MOST, GRID) / weights.max()
    costs = np.zeros((size**width, GRID))
    np.add.at(costs, places // size, np.log1p(-np.outer(weights, t)))
    return World(law, windows, places, weights, costs, t)


@numba.njit
def _write(law: Any, left: Any, cell: Any, uniforms: Any, width: Any, documents: Any, visited: Any) -> None:
    """The known outputs of one key into `documents`; a context marks once a document.

    u of the sampler is the middle of a cell, `cell` above its lower end 1 - v.
    """
    size, used = len(law), 0
    for document in documents:
        here = np.zeros(len(visited), np.bool_)
        for at in range(len(document)):
            context, last = 0, document[at - 1] if at else 0
            for back in range(width):
                context = context * size + document[at - width + back] if at >= width else 0
            if at >= width and not here[context]:
                here[context] = visited[context] = True
                best, chosen = np.inf, 0
                for token in range(size):
                    v = left[context * size + token]
                    if (v - cell) / law[last, token] < best:
                        found = -np.log(1 - v + cell) / law[last, token]
                        if found < best:
                            best, chosen = found, token
            else:
                total, chosen = law[last, 0], 0
                while total <= uniforms[used] and chosen < size - 1:
                    chosen += 1
                    total += law[last, chosen]
                used += 1
            document[at] = chosen


@numba.njit
def known_log_p(
    fill: Any, data: Any, keys: Any, language: Any, pairs: Any, uniforms: Any, documents: Any
) -> Any:
    """-ln p under each key."""
    law, width, cell = language
    places, weights, costs, exponents = pairs
    out, left, size = np.empty(len(keys)), np.empty(len(costs) * len(law)), len(law)
    sums = np.empty(len(exponents))
    for at in range(len(keys)):
        fill(data, keys[at], left)
        visited = np.zeros(len(costs), np.bool_)
        _write(law, left, cell, uniforms[at], width, documents, visited)
        statistic = 0.0
        for i in range(len(places)):
            if visited[places[i] // size]:
                statistic -= weights[i] * np.log(left[places[i]])
        sums[:] = 0.0
        for context in range(len(costs)):
            if visited[context]:
                for grid in range(len(sums)):
                    sums[grid] += costs[context, grid]
        out[at] = max((exponents * statistic + sums).max() - np.log(len(exponents)), 0.0)
    return out


def known(sources: Sources, marks: Marks) -> Redraw:
    """Known outputs of `WORLDS`, weights out of each control's body."""
    names = sources.controls(CLOSED)
    size, number, length = WORLDS[marks.width] if marks.bits == 53 else SMALL_WORLD
    cell = 2.0 ** -(marks.bits + 1)

    @cache
    def made(text: int) -> tuple[World, Any]:
        one = world(sources, names[text], marks.width, size, text)
        return one, marks.data(one.windows)

    def run(text: int, keys: np.ndarray, uniforms: np.ndarray, documents: np.ndarray) -> np.ndarray:
        one, data = made(text)
        language = one.law, marks.width, cell
        pairs = one.places, one.weights, one.costs, one.exponents
        return np.asarray(known_log_p(marks.fill, data, keys, language, pairs, uniforms, documents))

    def statistics(text: int, generator: np.random.Generator, count: int) -> np.ndarray:
        parts = []
        for begin in range(0, count, 10_000):
            keys = marks.draw(generator, min(10_000, count - begin))
            uniforms = generator.random((len(keys), number * length))
            parts.append(run(text, keys, uniforms, np.zeros((number, length), np.int64)))
        return np.concatenate(parts)

    def check() -> None:
        generator = np.random.default_rng(1)
        for text in range(len(names)):
            keys, uniforms = marks.draw(generator, 4_000), generator.random((4_000, number * length))
            documents = np.zeros((number, length), np.int64)
            all_of_them = run(text, keys, uniforms, documents)
            for at in np.argsort(-all_of_them)[:8]:  # of most others p is 1 either way
                ours = run(text, keys[at : at + 1], uniforms[at : at + 1], documents)[0]
                theirs = shipped(marks, keys[at], made(text)[0], documents)
                if not (ours == all_of_them[at] and np.isclose(ours, theirs, rtol=1e-9, atol=1e-9)):
                    raise AssertionError(f"the redraw and `known_test` differ: {marks.name}, {names[text]}")
                if marks.profile.scheme == "gumbel-siphash":
                    _same_choices(marks, keys[at], made(text)[0].law, uniforms[at], documents)
            if all_of_them.max() <= 0:
                raise AssertionError("no p-value is below 1, so that nothing was compared")

    def log_p(text: int, statistic: float) -> float:  # noqa: ARG001
        return -statistic

    return Redraw(f"known outputs, {marks.name}", KEYS, "bound", len(names), statistics, log_p, check)


def shipped(marks: Marks, words: np.ndarray, one: World, documents: np.ndarray) -> float:
    """-ln p of the attributor's own functions, the known outputs read from a file."""
    key, windows = marks.key(words), one.windows[one.places]
    pairs = pairs_of([], marks.width + 1, windows)
    order = np.argsort(names_of(windows))
    weights = one.weights[order[np.searchsorted(np.sort(names_of(windows)), names_of(pairs.windows))]]
    body = Body(pairs, np.ones(len(pairs)), None, np.zeros(len(pairs), np.bool_))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "known.jsonl"
        lines = ({"id": str(at), "token_ids": ids} for at, ids in enumerate(documents.tolist()))
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        test = known_test(key, body, weights, KnownContexts.read(path, key, None), [], 1e-2)
    return -(test.log10_p_value or 0.0) * float(np.log(10))


def _same_choices(
    marks: Marks, words: np.ndarray, law: np.ndarray, uniforms: np.ndarray, documents: np.ndarray
) -> None:
    class Given:
        """Stands for the sampler's generator."""

        left = iter(uniforms.tolist())

        def random(self) -> float:
            return next(self.left)

    key = marks.key(words)
    sampler = Sampler(key.profile, key.secret, Given())  # type: ignore[arg-type]
    for document in documents:
        answer = sampler.start()
        for _ in document:
            sampler.next_token(law[answer.ids[-1] if answer.ids else 0], answer)
        if answer.ids != document.tolist():
            raise AssertionError(f"the redraw and the sampler choose differently: {marks.name}")
