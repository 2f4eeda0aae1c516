"""What a suspect takes of each canary's options: in transcripts, one vote a canary. `model.py` asks a model
itself.

Nothing here looks at what was drawn, but the check whether a prompt tells it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from countermark.attribute.canary.draw import DrawnItem
from countermark.attribute.canary.shown import hinted, option_shown
from countermark.records.canonical import sha256_hex
from countermark.records.transcripts import Transcript, read_transcripts, sent_at

MANY = 10
"""From so many choices on, one position or one answer for all of them is no choosing."""
MAX_PROMPT = 1 << 20
"""Characters of a prompt that are looked at."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Taken:
    """One option, or none, for each canary."""

    options: list[int | None]
    setting: str
    """`samples` or `logits`."""
    scores: list[Floats | None]
    """For each canary one figure an option, the higher the likelier: log-likelihoods, or shares of its
    samples."""
    first_sent: datetime | None = None
    """When the earliest answer that was used was asked."""
    undated: int = 0
    """Answers that were used and do not say when they were asked."""
    problems: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, float | str] = field(default_factory=dict)


def from_transcripts(path: Path, canaries: Sequence[DrawnItem], generator: np.random.Generator) -> Taken:
    """The option that most of a canary's answers show; ties are broken at random.

    A transcript belongs to the canary that its `prompt_id` names, else to the one whose prompt it repeats.
    """
    by_id = {one.id: at for at, one in enumerate(canaries)}
    by_prompt = {one.prompt.strip(): at for at, one in enumerate(canaries)}
    tally = _Tally([Counter() for _ in canaries])
    for one in read_transcripts(path):
        at = by_id.get(one.prompt_id, by_prompt.get((one.prompt or "").strip()))
        if at is None:
            tally.foreign += 1
        else:
            tally.add(at, canaries[at], one)
    options = [_majority(votes, generator) for votes in tally.votes]
    scores = [_shares(votes, one) for votes, one in zip(tally.votes, canaries, strict=True)]
    details = {"answers": tally.answers, "answers_that_show_none": tally.none, "of_no_canary": tally.foreign}
    details |= {"unusable": tally.unusable, "repeated_lines": tally.repeated, "prompts_unseen": tally.unseen}
    details |= {"characters_beside_prompts": tally.beside}
    problems = [*tally.problems(), *same_always(options)]
    first = min(tally.sent, default=None)
    return Taken(options, "samples", scores, first, tally.undated, problems, details)


def same_always(options: Sequence[int | None]) -> list[str]:
    """Whether all choices fall on one position, in words."""
    shown = [one for one in options if one is not None]
    if not shown:
        return ["no answer shows an option"]
    if len(shown) >= MANY and len(set(shown)) == 1:
        return [f"all {len(shown):,} choices fall on the same position among the options"]
    return []


def pick(best: NDArray[np.int64], generator: np.random.Generator) -> int:
    """One of several, at random."""
    return int(best[0] if len(best) == 1 else generator.choice(best))


@dataclass
class _Tally:
    votes: list[Counter[int]]
    seen: set[str] = field(default_factory=set)
    texts: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    none: int = 0
    foreign: int = 0
    unusable: int = 0
    repeated: int = 0
    replayed: int = 0
    unseen: int = 0
    undated: int = 0
    sent: set[datetime] = field(default_factory=set)
    surroundings: set[str] = field(default_factory=set)
    beside: int = 0
    leaking: set[str] = field(default_factory=set)
    reworded: set[str] = field(default_factory=set)

    def add(self, at: int, item: DrawnItem, one: Transcript) -> None:
        if one.problem or one.answer is None:
            self.unusable += 1
            return
        when = sent_at(one)
        self.undated += when is None
        self.sent |= {when} if when else set()
        self._look_at_prompt(item, one)
        digest = sha256_hex(msgspec.json.encode(msgspec.structs.replace(one, id="")))
        if digest in self.seen:
            self.repeated += 1
            self.replayed += bool(one.sent or one.response_sha256)
            return
        self.seen.add(digest)
        self.answers += 1
        self.texts[one.answer.strip()[:200]] += 1
        shown = option_shown(item.match, item.options, one.answer)
        if shown is None:
            self.none += 1
        else:
            self.votes[at][shown] += 1

    def _look_at_prompt(self, item: DrawnItem, one: Transcript) -> None:
        parts = [one.prompt or "", *(text for message in one.messages or [] for text in message.values())]
        asked = "\n".join(parts)
        if not asked.strip():
            self.unseen += 1
            return
        if item.prompt.strip() not in asked:
            self.reworded.add(item.id)
        rest = asked.replace(item.prompt.strip(), "\n")
        self.beside = max(self.beside, len(rest.strip()))
        # a hint may be in any words, or in what bounds the answer: what is the same for all tells no choice
        bounds = {name: value for name, value in one.parameters.items() if name != "seed"}
        self.surroundings.add(sha256_hex(msgspec.json.encode([rest, bounds], order="sorted")))
        inside = [hinted(item.match, option, rest[:MAX_PROMPT]) for option in item.options]
        if inside[item.drawn] and not all(inside):
            self.leaking.add(item.id)

    def problems(self) -> list[str]:
        found = []
        if self.leaking:
            found.append(f"prompts leak the answer: {len(self.leaking):,} of them show what was drawn")
        if self.unseen:
            found.append(f"the prompts of {self.unseen:,} answers are not known, and may leak the answer")
        if len(self.surroundings) > 1:
            found.append("what was asked beside the canaries' own prompts is not the same for all")
        if self.reworded:
            found.append(f"{len(self.reworded):,} canaries were asked in other words than those drawn for")
        if self.replayed or self.repeated > self.answers:
            found.append(f"{self.repeated:,} transcripts repeat others in all but the id")
        if self.answers >= MANY and len(self.texts) == 1:
            found.append(f"all {self.answers:,} answers are the same")
        return found


def _majority(votes: Counter[int], generator: np.random.Generator) -> int | None:
    if not votes:
        return None
    most = max(votes.values())
    return pick(np.array(sorted(at for at, count in votes.items() if count == most)), generator)


def _shares(votes: Counter[int], item: DrawnItem) -> Floats | None:
    total = votes.total()
    return np.array([votes[at] / total for at in range(len(item.options))]) if total else None
