"""What the attribution benchmark makes, in order of value.

- models/base-00 to 07: same language and texts, other seeds; 08 to 15: other languages; 16 to 23: other width
- models/w-…: weights out of a base's; models/n-…: hard negatives; pairs/…: two tiny models each
- texts/…: of teachers; models/student-…: trained on them; suspects/…: answers, as transcripts
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import attribution_plan_students as students
import attribution_plan_weights as weights
from attribution_canaries import canary_steps
from attribution_stories import stories_steps


@dataclass(frozen=True)
class Job:
    """One thing to make."""

    name: str
    make: Callable[[Any, Path], dict[str, Any] | None]
    """Zoo and folder to what is worth noting."""
    seconds: float
    """Estimate, one core."""


def jobs(teacher: Path | None, *, quick: bool = False) -> list[Job]:
    """Everything, each after what it needs."""
    found: dict[str, Job] = {}
    stages = [*weights.first(), *students.first()]
    own = list(stories_steps(teacher)) if teacher else []
    served = [*own[:1], *canary_steps(teacher)] if teacher else []
    if not quick:
        stages += [
            *students.main(),
            *weights.bases(),
            *students.controls(),
            *weights.pairs(0, 100),
            *students.identities(),
            *weights.altered(),
            *students.several(),
            *served,
            *weights.pairs(100, 220),
            *students.rest(),
            *own,
        ]
    else:
        stages += weights.pairs(0, 20)
    for name, make, seconds in stages:
        found.setdefault(name, Job(name, make, seconds))
    return list(found.values())
