"""What a local model takes of each canary's options: the likeliest after the prompt.

Prompt and option are encoded together, so that no token boundary is forced between them. Tokens that the rows
of all options begin with say nothing and are left out: what remains is log P(prompt, option) up to a
constant.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from countermark.attribute.canary.draw import DrawnItem
from countermark.attribute.canary.taken import Floats, Taken, pick, same_always
from countermark.errors import Error, ExitCode
from countermark.models.local import FloatArray, LocalModel
from countermark.watermark.tokens import load_tokenizer, tokenizer_digest

ProgressCall = Callable[[float, float], None]
LAYOUT = "{prompt}\n{answer}"
"""How prompt and answer stand in one text, unless the suspect is known to take another form."""


def from_model(
    folder: Path,
    canaries: Sequence[DrawnItem],
    generator: np.random.Generator,
    layout: str = LAYOUT,
    progress: ProgressCall | None = None,
) -> Taken:
    """The likeliest option of each canary; exact ties are broken at random.

    A canary whose prompt is longer than the model takes, or whose options the tokenizer cannot tell apart,
    has none. Raises `Error` for a folder that is no usable model or has no tokenizer.
    """
    model = LocalModel.open(folder)
    if model.tokenizer is None:
        raise Error(
            f"{folder} has no tokenizer.json",
            hint="probe it, and score the answers",
            exit_code=ExitCode.NO_INPUT,
        )
    tokenizer_digest(model.tokenizer)  # bounds its size
    tokenizer = load_tokenizer(model.tokenizer)
    scores: list[Floats | None] = []
    for at, item in enumerate(canaries):
        scores.append(_likelihoods(model, _rows(tokenizer, layout, item)))
        if progress:
            progress(at + 1, len(canaries))
    options = [_likeliest(one, generator) for one in scores]
    details = {"canaries_without_likelihoods": sum(one is None for one in scores)}
    properties: dict[str, float | str] = {"vocabulary": model.vocab_size}
    return Taken(
        options,
        "logits",
        scores,
        problems=same_always(options),
        details=details,
        properties=properties,
    )


def _rows(tokenizer: Any, layout: str, item: DrawnItem) -> list[list[int]]:
    """Token ids with each option; ended by a line feed where one row begins another, and would always be
    likelier."""
    before, _, after = layout.partition("{answer}")
    texts = [before.replace("{prompt}", item.prompt) + option + after for option in item.options]
    rows: list[list[int]] = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    ordered = sorted(rows)
    if any(two[: len(one)] == one for one, two in pairwise(ordered)):
        rows = [tokenizer.encode(f"{text}\n", add_special_tokens=False).ids for text in texts]
    return rows


def _likelihoods(model: LocalModel, rows: list[list[int]]) -> Floats | None:
    """Log-likelihood of each row from where the rows part, shape (len(rows),)."""
    start = _common(rows)
    if start == 0 or len({tuple(row) for row in rows}) == 1 or max(map(len, rows)) > model.max_length:
        return None
    return np.array([_sum(logs, row, start) for logs, row in zip(model.log_probs(rows), rows, strict=True)])


def _sum(logs: FloatArray, row: list[int], start: int) -> float:
    places = np.arange(start, len(row))
    return float(logs[places - 1, np.array(row)[places]].astype(np.float64).sum())


def _common(rows: list[list[int]]) -> int:
    """Number of tokens that all rows begin with."""
    return next(
        (at for at, column in enumerate(zip(*rows, strict=False)) if len(set(column)) > 1),
        min(map(len, rows)),
    )


def _likeliest(scores: Floats | None, generator: np.random.Generator) -> int | None:
    if scores is None or not np.isfinite(scores).all():
        return None
    return pick(np.flatnonzero(scores == scores.max()), generator)
