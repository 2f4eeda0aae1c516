"""What an attribution computes, apart from the folder that it is written to and the log that it stands in.

`attribute` and `verify --recompute` call the same function: the same question has the same answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from countermark.attribute.base import Attributor, Examined
from countermark.attribute.verdict import Verdict, conclude
from countermark.errors import Error, MissingExtra
from countermark.records.attributions import NOTHING_DRAWN, SEED_SOURCE, Control
from countermark.trust.committed_seeds import Held

ProgressCall = Callable[[float, float], None]


@dataclass(frozen=True)
class Given:
    """A suspect or a control as a record names it."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of an attributor."""

    suspect: Given
    controls: Sequence[Given] = ()
    alpha: float
    declared: int
    """Hypotheses that were declared for this run."""
    others: int = 0
    """Those of the matter's other runs by then."""
    in_case: bool = False
    held: Held
    """What the log says of the seed."""


@dataclass(frozen=True)
class Computed:
    """The answer."""

    attributor: Attributor
    question: Question
    examined: Examined
    controls: list[Control]
    verdict: Verdict
    family: int

    def fields(self) -> dict[str, Any]:
        """Those of an `Attribution` that are computed."""
        return {
            "kind": self.attributor.name,
            "verdict": self.verdict.words,
            "reasons": self.verdict.reasons,
            "conclusions": self.verdict.conclusions,
            "tests": self.examined.tests,
            "alpha": self.question.alpha,
            "family": self.family,
            "minimum_detectable": self.examined.minimum_detectable,
            "other_explanations": self.attributor.other_explanations,
            "controls": self.controls,
            "validity_domain": self.attributor.domain,
            "not_validated": self.attributor.domain.outside(self.examined.properties),
            "parameters": self.examined.parameters,
        }


def compute(attributor: Attributor, question: Question, progress: ProgressCall | None = None) -> Computed:
    """Examine the suspect and the controls, and conclude. Raises `Error` where the suspect is no usable
    input."""
    examined = attributor.examine(question.suspect.path, progress)
    examined = _with_seed(examined, question.held)
    controls = [_examined(attributor, one) for one in question.controls]
    # more deciding tests than were declared enlarge the family, never the chances
    family = question.others + max(question.declared, sum(test.decides for test in examined.tests))
    verdict = conclude(
        attributor,
        examined,
        controls,
        alpha=question.alpha,
        family=family,
        in_case=question.in_case,
    )
    return Computed(attributor, question, examined, controls, verdict, family)


def _with_seed(examined: Examined, held: Held) -> Examined:
    """A seed that may have been chosen is a problem only where what decides hangs on it."""
    fields = held.fields if examined.draws else {"source": NOTHING_DRAWN}
    problems = [held.problem] if examined.draws and held.problem else []
    return replace(
        examined,
        problems=[*examined.problems, *problems],
        parameters=examined.parameters | {SEED_SOURCE: fields},
    )


def _examined(attributor: Attributor, control: Given) -> Control:
    """A control that cannot be tested stays in the panel, with the reason."""
    try:
        examined = attributor.examine(control.path)
    except MissingExtra:  # which says nothing of the control
        raise
    except Error as error:
        problem = error.message.replace(str(control.path), control.name)  # its place is nobody's business
        return Control(name=control.name, sha256=control.sha256, tests=[], problem=problem)
    problem = "; ".join(examined.problems)
    return Control(name=control.name, sha256=control.sha256, tests=examined.tests, problem=problem)
