"""What the answers to one check say together: the only place where anything is corrected.

Check number j of a matter is judged at alpha / (j (j + 1)), and within it Holm's procedure goes over every
registered key that was asked, whoever answered. The shares sum to alpha over any number of checks, so the
chance of one wrong mark or more in a matter, ever, is at most alpha under any dependence, and what was
announced once never changes. Why, and why not otherwise: docs/adr/0018.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from countermark.share.check.figures import p_of_e, rounded_up
from countermark.share.check.messages import Answer, Finding, KeyAnswer, Outcome, PoolAnswer, Row, Word
from countermark.share.check.register import Family
from countermark.stats.multiplicity import holm

MATTER_ALPHA: Final = 0.01
PUBLIC_ALPHA: Final = 1e-6
"""Of one check of the public's, which has no matter: the public asks often, and a mark of 200 tokens is far
below."""
MIN_TOKENS: Final = 200
"""Distinct scored tokens under which a key is not judged."""
ROUNDING: Final = 0.015
"""Two that score one text under one key are no further apart: each rounds to a hundredth."""
_LN10 = math.log(10)


@dataclass(frozen=True)
class Earlier:
    """What an earlier check of the matter left behind, for Holm over all that was asked so far."""

    hypotheses: int
    log10_p: tuple[float, ...]
    """Of those keys whose p-value was small (`KEPT`); all others count as standing behind."""


KEPT: Final = -1.0
"""p-values above 10^-1 are not kept: they could only make the figure for information smaller."""


@dataclass(frozen=True)
class Correction:
    """One check, judged."""

    word: Word
    marks: list[str]
    """Members whose mark the text is not independent of, sorted."""
    rows: list[Row]
    """Every key that was answered for, in the order of the answers."""
    hypotheses: int
    asked_so_far: int
    ordinal: int | None
    """None for a check that belongs to no matter."""
    alpha: float
    """Of the matter, or of the check that belongs to none."""
    left_behind: Earlier = field(repr=False)
    """To be stored with the check."""


@dataclass(frozen=True)
class Told:
    """What stands beside the result in an answer."""

    check_id: str
    matter: str
    consent: bool
    answered: Sequence[str]
    missing: Mapping[str, str]
    """Members that were asked and gave no answer that counts, with the reason."""
    salt: str
    text_digest: str
    entries: Sequence[int]
    contradicted: Sequence[str] = ()
    """Members that said something else of a key than the copy that this node holds."""
    verdicts: Sequence[str] = ()
    """Signed envelopes of the members that answered, as they came."""


def spent(ordinal: int | None) -> float:
    """log10 of j (j + 1), by which the p-values of check j of a matter are multiplied; 0 without a matter."""
    return 0.0 if ordinal is None else math.log10(ordinal) + math.log10(ordinal + 1)


def all_short(pools: Sequence[PoolAnswer], min_tokens: int = MIN_TOKENS) -> bool:
    """Whether no key was scored on so many tokens; also where there is none."""
    return not any(row.scored_tokens >= min_tokens for pool in pools for row in pool.keys)


def correct(
    pools: Sequence[PoolAnswer],
    family: Family,
    *,
    ordinal: int | None,
    alpha: float,
    min_tokens: int = MIN_TOKENS,
    earlier: Sequence[Earlier] = (),
) -> Correction:
    """Judge the answers of one check; all pools are of the family (`verdicts.check_pools`).

    A key that nobody answered for counts in the family as standing behind. Of a pool that stands twice the
    first answer counts: those of the node's own copies of opened or escrowed keys stand before their owners'.
    """
    pools = _counting(pools)
    keys = [_Asked.of(family, pool, row, min_tokens) for pool in pools for row in pool.keys]
    hypotheses = family.hypotheses
    adjusted = _holm10([one.log10_p for one in keys], hypotheses, spent(ordinal))
    before = [value for one in earlier for value in one.log10_p]
    so_far = hypotheses + sum(one.hypotheses for one in earlier)
    beside = _holm10([*before, *(one.log10_p for one in keys)], so_far, 0.0)[len(before) :]
    limit = math.log10(alpha)
    rows = [
        one.row(value, other, value <= limit)
        for one, value, other in zip(keys, adjusted, beside, strict=True)
    ]
    marks = sorted({row.member for row in rows if row.passes})
    word: Word = "marked" if marks else "too short" if all_short(pools, min_tokens) else "not shown"
    small = tuple(one.log10_p for one in keys if one.log10_p <= KEPT)
    return Correction(
        word, marks, rows, hypotheses, so_far, ordinal, alpha, left_behind=Earlier(hypotheses, small)
    )


def outcome(found: Correction, told: Told) -> Outcome:
    """For a member or an operator."""
    if found.ordinal is None:
        raise ValueError("a member's check belongs to a matter")
    return Outcome(
        check_id=told.check_id,
        word=found.word,
        marks=found.marks,
        matter=told.matter,
        ordinal=found.ordinal,
        alpha=found.alpha,
        hypotheses=found.hypotheses,
        asked_so_far=found.asked_so_far,
        consent=told.consent,
        answered=sorted(told.answered),
        missing=dict(sorted(told.missing.items())),
        complete=not told.missing,
        rows=found.rows,
        salt=told.salt,
        text_digest=told.text_digest,
        entries=list(told.entries),
        contradicted=sorted(told.contradicted),
        verdicts=list(told.verdicts),
    )


def finding(found: Correction, told: Told) -> Finding | None:
    """For a regulator or a fact-checker; None where it is to ask again later (`withheld`)."""
    if withheld(found, told.missing):
        return None
    return Finding(
        check_id=told.check_id,
        word=found.word,
        marks=found.marks,
        matter=told.matter,
        alpha=found.alpha,
        entries=list(told.entries),
    )


def answer(found: Correction, missing: Mapping[str, str]) -> Answer | None:
    """For the public; None where it is to ask again later (`withheld`)."""
    return None if withheld(found, missing) else Answer(word=found.word)


def withheld(found: Correction, missing: Mapping[str, str]) -> bool:
    """Whether nothing is to be said yet: nothing was found, and not all that were asked have answered.

    A mark that was found stands, whoever is missing: keys without an answer count in its correction.
    """
    return bool(missing) and found.word != "marked"


@dataclass(frozen=True)
class _Asked:
    member: str
    profile_id: str
    epoch: str
    key: str
    scored_tokens: int
    log10_p: float
    weak: str

    @staticmethod
    def of(family: Family, pool: PoolAnswer, row: KeyAnswer, min_tokens: int) -> "_Asked":
        """A key's answer."""
        return _Asked(
            family.pools[pool.commitment].member,
            pool.profile_id,
            pool.epoch,
            row.key,
            row.scored_tokens,
            _figure(row, min_tokens),
            pool.weak,
        )

    def row(self, adjusted: float, so_far: float, passes: bool) -> Row:
        """As members see it."""
        return Row(
            member=self.member,
            profile_id=self.profile_id,
            epoch=self.epoch,
            key=self.key,
            scored_tokens=self.scored_tokens,
            log10_p=self.log10_p,
            log10_adjusted=adjusted,
            log10_holm_so_far=so_far,
            passes=passes,
            weak=self.weak,
        )


def contradicted(copies: Sequence[PoolAnswer], said: Sequence[PoolAnswer], min_tokens: int) -> dict[str, int]:
    """By commitment, for how many keys an owner said something else than the copy that this node holds."""
    held = {pool.commitment: {row.key: _figure(row, min_tokens) for row in pool.keys} for pool in copies}
    found = {}
    for pool in said:
        copy = held.get(pool.commitment, {})
        figures = [(copy.get(row.key), _figure(row, min_tokens)) for row in pool.keys]
        if count := sum(one is not None and abs(one - other) > ROUNDING for one, other in figures):
            found[pool.commitment] = count
    return found


def _counting(pools: Sequence[PoolAnswer]) -> list[PoolAnswer]:
    found: dict[str, PoolAnswer] = {}
    for pool in pools:
        found.setdefault(pool.commitment, pool)
    return list(found.values())


def _figure(row: KeyAnswer, min_tokens: int) -> float:
    """log10 of the p-value that counts; of too few tokens a key says nothing."""
    given = row.log10_p if row.log10_p is not None else p_of_e(row.log10_e or 0.0)
    return rounded_up(given) if row.scored_tokens >= min_tokens else 0.0


def _holm10(log10_p: Sequence[float], family: int, more: float) -> list[float]:
    """Holm's adjusted values in log10, plus `more`, in the figures that are shown."""
    adjusted = holm([value * _LN10 for value in log10_p], family)
    return [rounded_up(min(float(value) / _LN10 + more, 0.0)) for value in adjusted]
