"""Blind proficiency trials: how often the whole procedure was wrong, people included.

Somebody mixes samples that are related with samples that are not, seals the answers, and hands them to an
examiner who does not know which are which. A calibration of a formula is no such trial.
"""

from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.dossier.records import Day, Line, Sha256, is_day, read_record
from countermark.stats.binomial import clopper_pearson

NOT_MEASURED = "not measured"
PROFICIENCY_SCHEMA_ID = "countermark/proficiency/v1"
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Procedure = Literal["detect", "scan", "text", "radioactivity", "canary", "lineage", "identity"]


class Samples(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Samples of one sort, and what the examiner said of them."""

    n: Count
    wrong: Count
    """Unrelated ones that were called positive; related ones that were missed."""
    inconclusive: Count = 0
    """Neither; they stay in `n`."""


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One sealed set of samples."""

    id: Line
    procedure: Procedure
    """What was tried: the stage, or the kind of attribution."""
    dated: Day
    """When the examiner's answers were compared with the sheet."""
    prepared_by: Line
    """Who mixed the samples and sealed the answers; another person than the examiner."""
    examined_by: Line
    answer_sheet_sha256: Sha256
    """Of the sealed sheet, fixed before the examiner answered."""
    unrelated: Samples
    related: Samples


class Proficiency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of the file."""

    schema: Literal["countermark/proficiency/v1"]
    trials: Annotated[list[Trial], msgspec.Meta(min_length=1, max_length=1000)]

    def procedures(self) -> list[str]:
        """What was tried, each once, in the order of the file."""
        return list(dict.fromkeys(one.procedure for one in self.trials))

    def of(self, procedure: str) -> list[Trial]:
        """Its trials."""
        return [one for one in self.trials if one.procedure == procedure]


def read_proficiency(path: Path) -> Proficiency:
    """The trials in a JSON file; raises `Error(NO_INPUT)` for one that cannot be, or was not blind."""
    found = read_record(path, Proficiency)
    for trial in found.trials:
        for why in _wrong(trial):
            raise Error(f"{path}: trial {trial.id} {why}", exit_code=ExitCode.NO_INPUT)
    for name in ("id", "answer_sheet_sha256"):
        given = [(one.procedure, getattr(one, name)) for one in found.trials]
        if len(set(given)) < len(given):
            message = f"{path} has a trial twice: the same procedure with the same {name}"
            raise Error(message, exit_code=ExitCode.NO_INPUT)
    return found


def _wrong(trial: Trial) -> Iterator[str]:
    if trial.prepared_by.casefold().split() == trial.examined_by.casefold().split():
        yield "was examined by who prepared it: it was not blind"
    for samples in (trial.unrelated, trial.related):
        if samples.wrong + samples.inconclusive > samples.n:
            yield "has more answers than samples"
    if not is_day(trial.dated):
        yield f"is dated {trial.dated}, which is no day"
    if not trial.unrelated.n and not trial.related.n:
        yield "has no samples"


def rate(samples: Sequence[Samples]) -> str:
    """`2 of 50: 4% (95%: 0.48% to 14%)`, with exact limits (Clopper and Pearson 1934), or `at most`.

    A limit is rounded outwards. Inconclusive samples are counted beside n, since they are no right answers.
    """
    n, wrong = sum(one.n for one in samples), sum(one.wrong for one in samples)
    if not n:
        return NOT_MEASURED
    low, high = clopper_pearson(wrong, n)
    unsaid = sum(one.inconclusive for one in samples)
    of = f"{wrong:,} of {n:,}" + (f" ({unsaid:,} inconclusive)" if unsaid else "")
    if not wrong:
        return f"{of}: at most {_percent(high, ROUND_CEILING)} (95%)"
    if wrong == n:
        return f"{of}: at least {_percent(low, ROUND_FLOOR)} (95%)"
    limits = f"{_percent(low, ROUND_FLOOR)} to {_percent(high, ROUND_CEILING)}"
    return f"{of}: {_percent(wrong / n, ROUND_HALF_EVEN)} (95%: {limits})"


def _percent(share: float, rounding: str) -> str:
    """To two digits."""
    return f"{Context(prec=2, rounding=rounding).create_decimal(100 * share).normalize():f}%"
