"""One more teacher of the attribution benchmark: a real model of English with 512 tokens, where present."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution_marked import (
    PROMPT,
    SUSPECT_ANSWER,
    SUSPECT_PROMPT,
    SUSPECT_PROMPTS,
    key_of,
    profile_of,
    seed_of,
    teacher_texts,
    write_answers,
)
from attribution_models import new_model, open_model, plainly, sample, save_model, train

Step = tuple[str, Callable[[Any, Path], dict[str, Any] | None], float]
Ids = NDArray[np.int64]
NAME, FIRST_ID = "stories", 1
TEXTS, SHORT = 3_200, 25_000


def openings(model: Any, count: int, seed: int, length: int = PROMPT) -> Ids:
    """Different beginnings of stories by the teacher itself, shape (count, length), unmarked."""
    start = np.full((2 * count, 1), FIRST_ID)
    found = np.concatenate([start, sample([model], start, length - 1, plainly(seed))], axis=1)
    return np.unique(found, axis=0)[:count]


def stories_steps(folder: Path) -> Iterator[Step]:
    """Texts of the teacher, a student of each, and what it answers."""
    for width in (0, 1, 2):

        def write(_: Any, out: Path, width: int = width) -> dict[str, Any]:
            model = open_model(folder)
            size = model.config.vocab_size
            mark = (profile_of(NAME, width, size), key_of(NAME, width)) if width else None
            asked = openings(model, TEXTS, seed_of(NAME, "openings"))
            ids = teacher_texts(model, asked, mark, seed_of(NAME, width))
            np.save(out / "ids.npy", ids.astype(np.uint16))
            return {"teacher": NAME, "width": width, "tokens": int(ids.size)}

        def study(zoo: Any, out: Path, width: int = width) -> dict[str, Any]:
            seed = seed_of(NAME, "student", width)
            texts = np.tile(zoo.texts(f"{NAME}-k{width}"), (2, 1))
            size = open_model(folder).config.vocab_size
            model = new_model(seed, vocabulary=size)
            loss = train(model, texts[np.random.default_rng(seed).permutation(len(texts))])
            save_model(model, out)
            return {"loss": loss}

        def answer(zoo: Any, out: Path, width: int = width) -> dict[str, Any]:
            asked = openings(open_model(folder), SUSPECT_PROMPTS, seed_of(NAME, "asked"), SUSPECT_PROMPT)
            models = [zoo.model(f"student-{NAME}-k{width}")]
            seed = seed_of(NAME, "answers", width)
            count = -(-SHORT // SUSPECT_ANSWER)
            write_answers(out / "answers.jsonl", models, asked, seed, count=count, length=SUSPECT_ANSWER)
            return {"tokens": SHORT}

        yield (f"texts/{NAME}-k{width}", write, 60.0)
        yield (f"models/student-{NAME}-k{width}", study, 40.0)
        yield (f"suspects/student-{NAME}-k{width}-25k", answer, 4.0)
