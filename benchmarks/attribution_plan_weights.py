"""Bases, weights out of a base's weights, hard negatives, and tiny pairs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import attribution_altered as altered_
from attribution_language import Source
from attribution_marked import seed_of
from attribution_models import distilled_loss, new_model, save_model, text_loss, train

Step = tuple[str, Callable[[Any, Path], dict[str, Any] | None], float]
LENGTH = 128
STEPS = 400
HELD_OUT = 10_001
PARENTS = ("base-00", "base-08", "base-20")
"""Of each group one."""
TINY = {"hidden": 32, "mlp": 96, "layers": 2, "vocabulary": 256}
TINY_STEPS, TINY_LENGTH = 120, 32


def texts_of(source: int, steps: int, *seed: int) -> np.ndarray:
    """Training texts of a language."""
    return Source(source).documents(8 * steps, LENGTH, *(seed or (0,)))


def shape_of(number: int) -> dict[str, int]:
    """Shape of a base: the third group is narrower or wider."""
    if number < 16:
        return {}
    narrow = number % 2 == 0
    return {"hidden": 48, "mlp": 128, "layers": 4} if narrow else {"hidden": 96, "mlp": 288, "layers": 2}


def source_of(number: int) -> int:
    """Language of a base: the second group's are all different."""
    return number - 7 if 8 <= number < 16 else 0


def base(number: int) -> Step:
    """One of the 24."""

    def make(_: Any, folder: Path) -> dict[str, Any]:
        model = new_model(1000 + number, **shape_of(number))
        return _trained(model, texts_of(source_of(number), STEPS), folder, source_of(number))

    return (f"models/base-{number:02d}", make, 40.0)


def _trained(model: Any, texts: np.ndarray, folder: Path, source: int, **how: Any) -> dict[str, Any]:
    loss = train(model, texts, **how)
    save_model(model, folder)
    return {"loss": loss, "held_out": held_out(model, source), "tokens": int(texts.size), "source": source}


def held_out(model: Any, source: int) -> float:
    """Nats a token on texts of a language that nothing was trained on."""
    import torch

    with torch.inference_mode():
        return float(text_loss(model, torch.from_numpy(Source(source).documents(64, LENGTH, HELD_OUT))))


def changed(name: str, parent: str, change: Callable[[Any, Any], Any], seconds: float = 1.0) -> Step:
    """Weights made from the parent's by `change(zoo, model)`."""

    def make(zoo: Any, folder: Path) -> dict[str, Any]:
        model = change(zoo, zoo.model(parent))
        save_model(model, folder)
        return {"parent": parent, "held_out": held_out(model, source_of(int(parent[-2:])))}

    return (f"models/{name}", make, seconds)


def fine_tuned(steps: int, rate: float, source: int) -> Callable[[Any, Any], Any]:
    """Trained on with another language."""

    def change(_: Any, model: Any) -> Any:
        train(model, texts_of(source, steps), rate=rate)
        return model

    return change


def first() -> Iterator[Step]:
    """One of each kind."""
    for number in (0, 1, 2, 4, 9, 10):
        yield base(number)
    yield from alterations("base-00", "base-09", "base-10", slow=False)


def bases() -> Iterator[Step]:
    """The others of the 24."""
    for number in range(24):
        yield base(number)


def altered() -> Iterator[Step]:
    """Weights out of three bases, and hard negatives."""
    yield from alterations("base-00", "base-09", "base-10", slow=True)
    yield from hard_negatives()
    yield from alterations("base-08", "base-09", "base-10", slow=True)
    yield from alterations("base-20", "base-22", "base-18", slow=True)


def alterations(parent: str, alien: str, host: str, *, slow: bool) -> Iterator[Step]:
    """All that is made of one base; the slow ones train long."""
    tag, number = parent[-2:], int(parent[-2:])
    units = shape_of(number).get("mlp", 192)
    for steps, rate, kind in ((50, 3e-4, "light"), (400, 3e-3, "heavy")):
        if kind == "light" or slow or number == 0:
            how = fine_tuned(steps, rate, 40 + number)
            yield changed(f"w-{tag}-tuned-{kind}", parent, how, steps / 10)
    for bits, group in ((8, 0), (4, 16)):
        yield changed(f"w-{tag}-int{bits}", parent, _quantise(bits, group))
    for share in (30, 50, 70):
        yield changed(f"w-{tag}-pruned-{share}", parent, _prune(share / 100))
    yield changed(f"w-{tag}-units-pruned-25", parent, lambda _, model: altered_.fewer_units(model, 0.25))
    yield changed(f"w-{tag}-permuted", parent, lambda _, model: altered_.permuted(model, 5 + number))
    yield changed(f"w-{tag}-rotated", parent, lambda _, model: altered_.rotated(model, 7 + number))
    for share in (50, 30, 10):
        yield changed(f"w-{tag}-alien-{share}", parent, _merge(alien, share / 100))
    for count in (units // 16, units // 8, units // 4):
        for moved in (False, True):
            name = f"w-{tag}-units-{count}-of-{units}{'-moved' * moved}"
            yield changed(name, host, _with_units(parent, count, moved=moved))
    if slow or number == 0:
        yield changed(f"w-{tag}-merged", parent, _merge_two(number), 15.0)
        yield changed(f"w-{tag}-lora", parent, _adapted(number), 15.0)
    if slow:
        yield distilled(parent)


def _quantise(bits: int, group: int) -> Callable[[Any, Any], Any]:
    return lambda _, model: altered_.quantised(model, bits, group)


def _prune(share: float) -> Callable[[Any, Any], Any]:
    return lambda _, model: altered_.pruned(model, share)


def _merge(alien: str, share: float) -> Callable[[Any, Any], Any]:
    return lambda zoo, model: altered_.merged(model, zoo.model(alien), share)


def _with_units(ours: str, count: int, *, moved: bool) -> Callable[[Any, Any], Any]:
    return lambda zoo, model: altered_.with_units_of(model, zoo.model(ours), count, 1, count, moved=moved)


def _merge_two(number: int) -> Callable[[Any, Any], Any]:
    def change(zoo: Any, model: Any) -> Any:
        one, two = (fine_tuned(60, 1e-3, 60 + number + at)(zoo, altered_.copied(model)) for at in (0, 100))
        return altered_.merged(one, two, 0.5)

    return change


def _adapted(number: int) -> Callable[[Any, Any], Any]:
    def change(_: Any, model: Any) -> Any:
        texts = texts_of(90 + number, 150)
        return altered_.low_rank(model, lambda one: train(one, texts, rate=3e-3), 11 + number)

    return change


def distilled(parent: str) -> Step:
    """From scratch on the parent's distributions; its weights are independent of the parent's."""
    number = int(parent[-2:])

    def make(zoo: Any, folder: Path) -> dict[str, Any]:
        model, teacher = new_model(3000 + number, **shape_of(number)), zoo.model(parent)
        texts = texts_of(source_of(number), 300, 77)
        said = _trained(model, texts, folder, source_of(number), loss=distilled_loss(teacher))
        return said | {"parent": parent}

    return (f"models/w-{parent[-2:]}-distilled", make, 60.0)


def hard_negatives() -> Iterator[Step]:
    """Same seed; units in order of norm; siblings of a public base, which is base-07."""
    for source in (5, 6, 7):

        def same_seed(_: Any, folder: Path, source: int = source) -> dict[str, Any]:
            return _trained(new_model(1000), texts_of(source, STEPS), folder, source)

        yield (f"models/n-same-seed-{source}", same_seed, 40.0)
    for number in (0, 1, 2, 4, 9):
        name = f"n-sorted-{number:02d}"
        yield changed(name, f"base-{number:02d}", lambda _, model: altered_.sorted_units(model))
    yield base(7)
    for at in (0, 1):
        yield changed(f"n-sibling-{at}", "base-07", fine_tuned(300, 3e-3, 130 + at), 25.0)


def pairs(first_: int, last: int) -> Iterator[Step]:
    """Pairs of tiny models that are independent: even ones on the same texts, odd ones on other languages."""
    for number in range(first_, last):

        def make(_: Any, folder: Path, number: int = number) -> dict[str, Any]:
            losses = []
            for at, name in enumerate("ab"):
                source = Source(2000 + number + (500 * at if number % 2 else 0), TINY["vocabulary"])
                texts = source.documents(8 * TINY_STEPS, TINY_LENGTH, 0)
                model = new_model(seed_of("pair", number, name), **TINY)
                losses.append(train(model, texts, rate=6e-3))
                save_model(model, folder / name)
            return {"losses": losses, "same_texts": number % 2 == 0}

        yield (f"pairs/{number:03d}", make, 4.0)
