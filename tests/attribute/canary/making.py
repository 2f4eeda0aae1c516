"""Canaries and transcripts that the tests share."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from countermark.attribute.canary.draw import Canaries, DrawnItem, draw
from countermark.attribute.canary.items import FreeChoices, Item, read_choices
from countermark.trust.keyfiles import Secret

SECRET = "00112233445566778899aabbccddeeff"
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def drawn(count: int = 60, secret: str = SECRET) -> Canaries:
    return draw(read_choices(), Secret(secret.encode()), count, now=NOW)


def simple(sizes: Sequence[int]) -> FreeChoices:
    """Made-up choices with so many options each."""
    items = [
        Item(
            id=f"i{at}",
            category="name",
            match="word",
            prompt=f"Pick {at}",
            options=[f"name{at}x{option}" for option in range(size)],
        )
        for at, size in enumerate(sizes)
    ]
    return FreeChoices("simple", "0" * 64, items)


def transcripts(
    path: Path, canaries: Canaries, answer: Callable[[DrawnItem], str | None], **fields: Any
) -> Path:
    """One line a canary whose answer is not None."""
    lines = []
    for at, item in enumerate(canaries.canaries):
        given = answer(item)
        if given is not None:
            line = {"id": str(at), "prompt_id": item.id, "prompt": item.prompt, "answer": given}
            lines.append(json.dumps({**line, **fields}))
    path.write_text("".join(line + "\n" for line in lines))
    return path


def knows(share: float, seed: int = 0) -> Callable[[DrawnItem], str]:
    """Takes the drawn option of this share of canaries, and any of the others."""
    generator = np.random.default_rng(seed)

    def answer(item: DrawnItem) -> str:
        if generator.random() < share:
            return item.options[item.drawn]
        return item.options[int(generator.integers(0, len(item.options)))]

    return answer
