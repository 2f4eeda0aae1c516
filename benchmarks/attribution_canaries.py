"""Canaries of the attribution benchmark: a small model of English that saw our drawn choices, one that saw
the same prompts with other draws, one that saw none; and the law of hits, simulated."""

import hashlib
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attribution_marked import seed_of
from attribution_models import open_model, save_model, train
from attribution_results import ALPHA, Case, Results, examined
from countermark.stats.binomial import clopper_pearson
from countermark.trust.keyfiles import Secret

Step = tuple[str, Callable[[Any, Path], dict[str, Any] | None], float]
COUNT, SEEN, LENGTH = 200, 12, 320
SERVED = {"ours": "ours", "other-draws": "theirs", "none": ""}
"""Model and whose choices it saw."""


def drawn(whose: str) -> Any:
    """Canaries under a test secret; the built-in list."""
    from countermark.attribute.canary.draw import draw
    from countermark.attribute.canary.items import read_choices

    choices = read_choices()
    secret = Secret(hashlib.sha256(f"canaries, no secret: {whose}".encode()).hexdigest().encode())
    return draw(choices, secret, min(COUNT, len(choices.items)))


def texts_of(tokenizer: Any, whose: str, stories: np.ndarray, seed: int) -> np.ndarray:
    """Prompts and drawn choices, each `SEEN` times among stories, packed into rows of LENGTH ids."""
    from countermark.attribute.canary.model import LAYOUT

    generator = np.random.default_rng(seed)
    pieces: list[list[int]] = [one.tolist() for one in stories]
    for item in drawn(whose).canaries if whose else []:
        text = LAYOUT.replace("{prompt}", item.prompt).replace("{answer}", item.options[item.drawn])
        ids = tokenizer.encode(f"{text}\n", add_special_tokens=False).ids
        pieces += [ids] * (SEEN if len(ids) <= LENGTH else 0)
    rows: list[list[int]] = [[]]
    for at in generator.permutation(len(pieces)):
        if len(rows[-1]) + len(pieces[at]) > LENGTH:
            rows.append([])
        rows[-1] += pieces[at][:LENGTH]
    return np.array([(row + [0] * LENGTH)[:LENGTH] for row in rows], np.int64)


def canary_steps(folder: Path) -> Iterator[Step]:
    """The three models, all trained on from the same one, by the same number of stories."""
    for name, whose in SERVED.items():

        def make(zoo: Any, out: Path, name: str = name, whose: str = whose) -> dict[str, Any]:
            from countermark.watermark.tokens import load_tokenizer

            stories = zoo.texts("stories-k0")[:1_600]
            texts = texts_of(
                load_tokenizer(folder / "tokenizer.json"), whose, stories, seed_of("canary", name)
            )
            model = open_model(folder)
            loss = train(model, texts, rate=2e-3)
            save_model(model, out)
            shutil.copyfile(folder / "tokenizer.json", out / "tokenizer.json")
            return {"loss": loss, "rows": len(texts)}

        yield (f"models/canary-{name}", make, 40.0)


def cases(teacher: Path) -> Iterator[Case]:
    """The three, and the model that they began as."""
    for name in SERVED:
        expected = "shown" if name == "ours" else "not shown"
        yield Case("logits", f"canary-{name}", f"models/canary-{name}", expected, {})
    yield Case("logits", "stories260k itself", str(teacher.resolve()), "not shown", {})


def run(zoo: Any, results: Results, teacher: Path) -> list[tuple[Case, dict[str, Any]]]:
    """Every case whose model is there."""
    from countermark.attribute.canary import Canary

    def compute(case: Case) -> dict[str, Any]:
        return examined(Canary(drawn("ours"), alpha=ALPHA), zoo.path(case.suspect))

    return [
        (case, results.get("canary", case.name, lambda case=case: compute(case)))
        for case in cases(teacher)
        if zoo.has(case.suspect)
    ]


def hits_rows(draws: int = 20_000) -> list[list[str]]:
    """How often a suspect that knows nothing passes: each always takes the first option, or one by a rule of
    its own, while the drawn options are drawn anew; with one-sided 99% limits."""
    from countermark.attribute.canary import law

    canaries = drawn("ours").canaries
    sizes = np.array([len(one.options) for one in canaries])
    generator, rows = np.random.default_rng(41), []
    habits = {"always the first": np.zeros(len(sizes), int), "always the last": sizes - 1}
    habits["by a rule of its own"] = generator.integers(0, sizes)
    for habit, taken in habits.items():
        secret = generator.integers(0, sizes, (draws, len(sizes)))
        hits = (secret == taken).sum(axis=1)
        for level in (1e-2, 1e-3):
            least = law.critical(sizes.tolist(), math.log(level))
            passed = int((hits >= (least or len(sizes) + 1)).sum())
            low = clopper_pearson(passed, draws, 0.98)[0]
            holds = "yes" if low <= level else "ABOVE NOMINAL"
            rows.append([habit, f"{draws:,}", f"{level:.0e}", f"{passed:,}", f"{low:.2e}", holds])
    return rows
