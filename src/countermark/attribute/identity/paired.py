"""Answers of both sides to the same prompts, as rows of symbols that can be compared."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countermark.attribute.identity.answers import (
    FEW_TWINS,
    MOST_TWINS,
    Answer,
    Side,
    differing_settings,
    share_of_twins,
    shown_names,
)
from countermark.errors import Error, ExitCode
from countermark.stats.mmd import Stratum, within_prompt

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
LEAST_PROMPTS = 5
MOST_PROMPTS = 2_000
MOST_ANSWERS = 50
"""Answers of a side to one prompt that are used, the first in the file."""
REPEATS, REPEATS_DRAWS = 0.01, 999
"""Level and draws at which repeats within a side are more than those across the sides."""
FILL = -1
"""Stands after the end of an answer."""


@dataclass(frozen=True)
class Pair:
    """The answers of both sides to one prompt."""

    prompt: Any
    """Text, or token ids."""
    reference: Sequence[Answer]
    suspect: Sequence[Answer]


def pairs_of(reference: Side, suspect: Side) -> tuple[list[Pair], list[str]]:
    """Common prompts in the order in which the suspect was asked, and what speaks against the comparison.

    Raises `Error` where no prompt stands on both sides.
    """
    ours, theirs = _same_kind(reference, suspect)
    common = [prompt for prompt in theirs if prompt in ours]
    if not common:
        hint = "ask both with one file of prompts"
        raise Error("the two sides have no prompt in common", hint=hint, exit_code=ExitCode.NO_INPUT)
    pairs = [
        Pair(prompt, ours[prompt][:MOST_ANSWERS], theirs[prompt][:MOST_ANSWERS])
        for prompt in common[:MOST_PROMPTS]
    ]
    problems = [*reference.problems, *suspect.problems, *_unlike(reference, suspect)]
    asked = len({*ours, *theirs})
    if 2 * len(common) < asked:
        problems.append(f"the prompts differ: {len(common):,} of {asked:,} stand on both sides")
    return pairs, problems + doubts(pairs, suspect.settings)


def doubts(pairs: Sequence[Pair], settings: dict[str, Any]) -> list[str]:
    """What speaks against the answers as independent samples, or against their number."""
    problems = []
    if len(pairs) < LEAST_PROMPTS:
        problems.append(f"{len(pairs)} common prompts are too few; {LEAST_PROMPTS} are needed")
    if settings.get("temperature") == 0:
        problems.append("at temperature 0 repeated answers are no independent sample")
    if sum(len(pair.reference) > 1 for pair in pairs) < LEAST_PROMPTS:
        problems.append(f"not testable: the reference has two answers to fewer than {LEAST_PROMPTS} prompts")
    ours = share_of_twins(pair.reference for pair in pairs)
    theirs = share_of_twins(pair.suspect for pair in pairs)
    apart = min(ours, theirs) > MOST_TWINS and _share_across(pairs) < FEW_TWINS
    for name, most, other in (("suspect", theirs, ours), ("reference", ours, theirs)):
        if most > MOST_TWINS and (other < FEW_TWINS or apart):
            problems.append(
                f"{name}: {most:.0%} of its answers stand twice for a prompt (duplicated lines, or a cache)"
            )
    return problems + _on_both_sides(pairs) + _repeated_lines(pairs)


def _repeated_lines(pairs: Sequence[Pair]) -> list[str]:
    """Whether lines that do not tell their calls apart repeat others more often than chance would.

    Independent answers of one law meet across the sides as often as within one, so labels change places: the
    permutation test with equality for a kernel. It can only withhold a verdict, so its seed is fixed.
    """
    strata, doubled = [], Counter[str]()
    for pair in pairs:
        for name, side in (("reference", pair.reference), ("suspect", pair.suspect)):
            lines = [one.line for one in side if one.line]
            doubled[name] += len(lines) - len(set(lines))
        wholes = np.unique([one.whole for one in (*pair.reference, *pair.suspect)], return_inverse=True)[1]
        if len(set(wholes.tolist())) < len(wholes):
            strata.append(Stratum(np.equal.outer(wholes, wholes).astype(np.float64), len(pair.reference)))
    if not doubled.total():
        return []
    outcome = within_prompt(strata, np.random.default_rng(0), permutations=REPEATS_DRAWS)
    if outcome.p_value > REPEATS:
        return []
    return [
        f"{name}: {number:,} lines repeat others in all but the id, more than chance would, and do not tell "
        "of which call they are (request id, or time and digest)"
        for name, number in doubled.items()
        if number
    ]


def _share_across(pairs: Sequence[Pair], *, short: bool = False) -> float:
    """Share of the suspect's long answers, or of all, that stand among the reference's to the same prompt."""
    found = [
        one.whole in {other.whole for other in pair.reference}
        for pair in pairs
        for one in pair.suspect
        if one.long or short
    ]
    return sum(found) / len(found) if found else 0.0


def _on_both_sides(pairs: Sequence[Pair]) -> list[str]:
    """Whether the suspect's answers are the reference's, while neither side repeats itself: one seed on both
    sides of a deterministic server, or one file.

    Independent answers of one law meet across the sides as often as within one; short answers count only
    where the reference shows how often that is.
    """
    within = max(
        share_of_twins((getattr(one, side) for one in pairs), short=True) for side in ("reference", "suspect")
    )
    several = all(len(one.reference) > 1 for one in pairs)
    share = _share_across(pairs, short=several)
    if share <= MOST_TWINS or within >= FEW_TWINS:
        return []
    return [f"{share:.0%} of the suspect's answers stand among the reference's (one seed, or one file)"]


def unit_of(pairs: Sequence[Pair]) -> str:
    """`tokens` where every answer has its ids, else `characters`; `Error` where the sides have neither in
    common."""
    answers = [one for pair in pairs for one in (*pair.reference, *pair.suspect)]
    if all(one.ids is not None for one in answers):
        return "tokens"
    if all(one.text is not None for one in answers):
        return "characters"
    hint = "answers need text on both sides, or token_ids on both"
    raise Error("the answers of the two sides cannot be compared", hint=hint, exit_code=ExitCode.NO_INPUT)


def rows_of(answers: Sequence[Answer], unit: str) -> IntArray:
    """Symbols of the answers, shape (answers, longest of them)."""
    rows = [_symbols(one, unit) for one in answers]
    filled = np.full((len(rows), max(1, max(map(len, rows)))), FILL, np.int64)
    for at, row in enumerate(rows):
        filled[at, : len(row)] = row
    return filled


def _symbols(answer: Answer, unit: str) -> IntArray:
    if unit == "tokens":
        return np.array(answer.ids or (), np.int64)
    data = (answer.text or "").encode("utf-32-le", "surrogatepass")
    return np.frombuffer(data, "<u4").astype(np.int64)


def _same_kind(reference: Side, suspect: Side) -> tuple[dict[Any, list[Answer]], dict[Any, list[Answer]]]:
    if reference.by_text and suspect.by_text:
        return dict(reference.by_text), dict(suspect.by_text)
    if reference.by_ids and suspect.by_ids:
        return dict(reference.by_ids), dict(suspect.by_ids)
    hint = "every line needs prompt or messages, or every line needs prompt_ids"
    raise Error("the two sides do not say alike what was asked", hint=hint, exit_code=ExitCode.NO_INPUT)


def _unlike(reference: Side, suspect: Side) -> list[str]:
    problems = []
    names = differing_settings(reference.settings, suspect.settings)
    if names:
        problems.append(f"the two sides were not sampled alike: {shown_names(names)}")
    shared = len(reference.lines & suspect.lines)
    if shared:
        problems.append(f"{shared:,} calls stand on both sides")
    if reference.seeds & suspect.seeds:
        problems.append("calls of both sides were sent with one seed; ask without one")
    return problems
