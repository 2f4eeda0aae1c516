"""Texts of marked teachers, students trained on them, and what these answer."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import attribution_altered as altered
from attribution_language import Source
from attribution_marked import (
    SUSPECT_ANSWER,
    SUSPECT_PROMPT,
    SUSPECT_PROMPTS,
    TEST_TEXTS,
    key_of,
    mixed,
    noised,
    profile_of,
    prompts,
    seed_of,
    teacher_texts,
    write_answers,
)
from attribution_models import new_model, save_model, train
from attribution_plan_weights import changed, fine_tuned, held_out

Step = tuple[str, Callable[[Any, Path], dict[str, Any] | None], float]
Parts = Sequence[tuple[str, float]]
"""Corpora and their shares."""
TEXTS = 3_200
"""Of a teacher; prompts of 16 and answers of 112 ids."""
EPOCHS = 2
TEACHER_PROMPTS = 5
TEACHERS = {"t0": "base-00", "t1": "base-01", "t2": "base-02", "sibling": "sibling"}
OTHER_BASE = "base-04"
PARAPHRASER = "base-05"
SHORT, LONG = 25_000, 250_000
PROMPTS_AGAIN, CALLS, SHORT_ANSWER = 100, 8, 24


def corpus(teacher: str, width: int) -> Step:
    """Texts of a teacher, marked with its key of this context width, or unmarked at 0."""

    def make(zoo: Any, folder: Path) -> dict[str, Any]:
        mark = (profile_of(teacher, width), key_of(teacher, width)) if width else None
        asked = prompts(Source(0), TEXTS, TEACHER_PROMPTS)
        ids = teacher_texts(zoo.model(TEACHERS[teacher]), asked, mark, seed_of("corpus", teacher, width))
        np.save(folder / "ids.npy", ids.astype(np.uint16))
        return {"teacher": teacher, "width": width, "tokens": int(ids.size)}

    return (f"texts/{teacher}-k{width}", make, 45.0)


def student(name: str, parts: Parts, start: str = "", *, adapter: bool = False) -> Iterator[Step]:
    """A student of these texts, from scratch or on a base, and 25,000 tokens of its answers."""

    def make(zoo: Any, folder: Path) -> dict[str, Any]:
        seed = seed_of("student", name)
        texts = mixed([(zoo.texts(one), share) for one, share in parts], seed)
        again = [np.random.default_rng([seed, n]).permutation(len(texts)) for n in range(1, EPOCHS)]
        texts = np.concatenate([texts, *(texts[order] for order in again)])
        model = zoo.model(start) if start else new_model(seed)
        if adapter:
            altered.low_rank(model, lambda one: train(one, texts, rate=3e-3), seed)
        else:
            train(model, texts, rate=1.5e-3 if start else 3e-3)
        save_model(model, folder)
        return {"parts": list(parts), "start": start, "adapter": adapter, "held_out": held_out(model, 0)}

    yield (f"models/student-{name}", make, 65.0)
    yield answers(f"student-{name}", SHORT)


def answers(model: str, tokens: int, *, averaged_with: str = "", name: str = "") -> Step:
    """What a model answers, as transcripts."""
    name = f"{name or model}-{tokens // 1000}k"

    def make(zoo: Any, folder: Path) -> dict[str, Any]:
        models = [zoo.model(one) for one in (model, averaged_with) if one]
        asked = prompts(Source(0), SUSPECT_PROMPTS, TEST_TEXTS, length=SUSPECT_PROMPT)
        seed, count = seed_of("answers", name), -(-tokens // SUSPECT_ANSWER)
        write_answers(folder / "answers.jsonl", models, asked, seed, count=count, length=SUSPECT_ANSWER)
        return {"model": model, "averaged_with": averaged_with, "tokens": tokens}

    return (f"suspects/{name}", make, tokens / 12_000)


def repeated(model: str, name: str = "") -> Step:
    """Several answers of a model to each of some prompts, as a comparison of endpoints wants them."""
    name = f"{name or model}-repeated"

    def make(zoo: Any, folder: Path) -> dict[str, Any]:
        asked = prompts(Source(0), PROMPTS_AGAIN, TEST_TEXTS)
        seed = seed_of("repeated", name)
        path, count = folder / "answers.jsonl", CALLS * PROMPTS_AGAIN
        write_answers(path, [zoo.model(model)], asked, seed, count=count, length=SHORT_ANSWER)
        return {"model": model, "calls": CALLS}

    return (f"suspects/{name}", make, 3.0)


def shared(width: int, share: int, start: str = "", **how: Any) -> Iterator[Step]:
    """A student of teacher t0 with this percentage of marked texts, the others unmarked."""
    tag = f"k{width}-{share:03d}-{'lora' if how else 'other' if start else 'scratch'}"
    yield from student(tag, [(f"t0-k{width}", share / 100), ("t0-k0", 1 - share / 100)], start, **how)


def first() -> Iterator[Step]:
    """The mark at full strength, and its control."""
    yield corpus("t0", 0)
    yield corpus("t0", 1)
    yield from shared(1, 100)
    yield from student("k0-a-scratch", [("t0-k0", 1.0)])
    yield answers("base-00", SHORT)


def main() -> Iterator[Step]:
    """Marked shares, from scratch and on another base."""
    yield corpus("t0", 2)
    yield from shared(2, 100)
    for share in (25, 10):
        for width in (1, 2):
            yield from shared(width, share)
    for width in (1, 2):
        yield answers(f"student-k{width}-010-scratch", LONG)
        yield answers(f"student-k{width}-100-scratch", LONG)
    yield answers("student-k0-a-scratch", LONG)
    for width in (1, 2):
        yield from shared(width, 100, OTHER_BASE)


def controls() -> Iterator[Step]:
    """What is unrelated to the key: bases, and students of unmarked texts."""
    for number in range(24):
        yield answers(f"base-{number:02d}", SHORT)
    yield from student("k0-b-other", [("t0-k0", 1.0)], OTHER_BASE)


def several() -> Iterator[Step]:
    """Other teachers, three and two of them, wrong keys, a wide context, attacks."""
    for teacher in ("t1", "t2"):
        yield corpus(teacher, 1)
    yield from student("three-k1-scratch", [(f"t{one}-k1", 1 / 3) for one in range(3)])
    yield from student("wrong-k1-scratch", [("t1-k1", 1.0)])
    yield corpus("t0", 4)
    yield from shared(4, 100)
    for width in (1, 2):
        for share in (25, 10):
            yield from shared(width, share, OTHER_BASE)
    for teacher in ("t1", "t2"):
        yield corpus(teacher, 2)
    yield from student("three-k2-scratch", [(f"t{one}-k2", 1 / 3) for one in range(3)])
    yield from student("wrong-k2-scratch", [("t1-k2", 1.0)])
    for width in (1, 2):
        name = f"neutralised-k{width}"
        yield answers(f"student-k{width}-100-scratch", SHORT, averaged_with="student-k0-a-scratch", name=name)
        yield paraphrase(width, 50)
        yield from student(f"paraphrased-k{width}-50-scratch", [(f"t0-k{width}-noised-50", 1.0)])
        yield from shared(width, 100, OTHER_BASE, adapter=True)


def paraphrase(width: int, share: int) -> Step:
    """Marked texts, this percentage of whose ids another model has written anew."""

    def make(zoo: Any, folder: Path) -> dict[str, Any]:
        ids = noised(zoo.texts(f"t0-k{width}"), zoo.model(PARAPHRASER), share / 100, seed_of("noise", width))
        np.save(folder / "ids.npy", ids.astype(np.uint16))
        return {"share": share, "width": width}

    return (f"texts/t0-k{width}-noised-{share}", make, 25.0)


def rest() -> Iterator[Step]:
    """Small shares, two teachers, a sibling teacher, more controls."""
    for width in (1, 2):
        for share in (30, 3, 1):
            yield from shared(width, share)
        yield from student(f"two-k{width}-scratch", [(f"t{one}-k{width}", 1 / 2) for one in range(2)])
    for width in (1, 2):
        yield answers(f"student-k{width}-010-other", LONG)
    yield changed("sibling", "base-00", fine_tuned(100, 1e-3, 170), 10.0)
    yield corpus("sibling", 0)
    yield from student("sibling-teacher-scratch", [("sibling-k0", 1.0)])
    yield from shared(4, 100, OTHER_BASE)
    for width in (1, 2):
        for share in (3, 1):
            yield from shared(width, share, OTHER_BASE)
    yield answers("student-k0-b-other", LONG)
    yield from student("k0-c-scratch", [("t0-k0", 1.0)])


def identities() -> Iterator[Step]:
    """Endpoints that are ours, ours but changed, and others."""
    yield repeated("base-00", "same-a")
    yield repeated("base-00", "same-b")
    kinds = ("int8", "int4", "permuted", "rotated", "pruned-30", "tuned-light", "tuned-heavy", "lora")
    for kind in kinds:
        yield repeated(f"w-00-{kind}")
    for other in ("base-01", "student-k0-a-scratch", "student-k1-100-scratch"):
        yield repeated(other)
