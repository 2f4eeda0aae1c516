"""What `attribute` says of a suspect: `attribution.json`, one verdict under stated nulls.

A verdict is one of VERDICTS, with the key or reference named in it. How a text or a model came about stands
nowhere here: a cause is a statement that a named person signs.
"""

import math
from typing import Annotated, Any, Literal

import msgspec

ATTRIBUTION_SCHEMA_ID = "countermark/attribution/v1"
ATTRIBUTION_FILE = "attribution.json"

NOT_INDEPENDENT_OF_KEY = "not independent of key"
WEIGHTS_NOT_INDEPENDENT = "weights not independent of reference"
NOT_IDENTICAL = "not identical"
NO_DIFFERENCE = "no difference found"
NOT_SHOWN = "not shown"
INCONCLUSIVE = "inconclusive"
POSITIVE = (NOT_INDEPENDENT_OF_KEY, WEIGHTS_NOT_INDEPENDENT, NOT_IDENTICAL)
VERDICTS = (*POSITIVE, NO_DIFFERENCE, NOT_SHOWN, INCONCLUSIVE)

SEED_SOURCE = "seed_source"
"""Of the parameters: what random draws come from, and the entry of the log that fixed it before the run."""
NOTHING_DRAWN = "what decides hangs on no random draw"

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Subject = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{8,64}\Z")]
"""What a verdict is about: a key's id, or the digest of a reference."""


def reported(p_value: float, calibrated_to: float) -> str:
    """What a report may print of a p-value: `p < level` below the smallest calibrated level."""
    return below(calibrated_to) if p_value < calibrated_to else f"p = {p_value:.2g}"


def below(level: float) -> str:
    """`p < level` in two digits, rounded up: the claim grows weaker, never stronger."""
    return f"p < {rounded_up(level):.2g}"


def rounded_up(value: float) -> float:
    """Two digits, never below the value; above 0."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / step * (1 - 1e-12)) * step


class Test(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One test of one hypothesis."""

    __test__ = False  # no test case, whatever its name makes of it

    name: str
    subject: Subject
    null: str
    """In plain words."""
    statistic: float | None
    n: int
    """Independent pieces of evidence: distinct pairs, units, prompts, canaries."""
    p_value: float
    log10_p_value: float | None
    """As computed, "under the ideal-PRF model" for a keyed test; None for an outcome the null cannot give."""
    law: str
    """Exact law, proven bound, or calibration, in words."""
    exact: bool
    calibrated_to: float
    """Smallest level at which the test was seen to hold; a p-value below it is reported as `p < level`.
    1 where there is no calibration at all."""
    calibration: str
    """Where the calibration stands."""
    decides: bool = True
    """Whether it enters the verdict; else it is for information."""
    alternatives: list[str] = []
    """Other explanations of a low p-value."""
    details: dict[str, Any] = {}

    @property
    def reported(self) -> str:
        """What a report may print: `p < the larger of p and the smallest calibrated level`."""
        return reported(self.p_value, self.calibrated_to)


class Conclusion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The verdict on one subject."""

    subject: Subject
    verdict: str
    adjusted_p_value: float
    adjusted_log10_p_value: float | None
    reported: str


class Control(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One negative control: the same tests on a suspect that is known to be unrelated."""

    name: str
    sha256: Sha256
    tests: list[Test]
    problem: str = ""
    """Why it could not be tested; empty if it could."""


class ValidityDomain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a test was measured; outside it a verdict adds "not validated here"."""

    measured: dict[str, list[float | str]]
    """By property: `[least, most]` of a number, or the values of a word."""
    where: str
    """The page that has the figures."""

    def outside(self, properties: dict[str, float | str]) -> list[str]:
        """Properties of a case that were not measured, in words; a property unknown to the domain counts."""
        return [
            f"{name} {_shown(value)}"
            for name, value in sorted(properties.items())
            if not _inside(self.measured.get(name, []), value)
        ]


def _inside(measured: list[float | str], value: float | str) -> bool:
    if isinstance(value, str):
        return value in measured
    return len(measured) == 2 and float(measured[0]) <= value <= float(measured[1])


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


class Attribution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `attribution.json`."""

    schema: str = ATTRIBUTION_SCHEMA_ID
    kind: str
    """`text`, `radioactivity`, `canary`, `lineage`, `identity`, or a plug-in's name."""
    verdict: str
    reasons: list[str]
    """Why it is inconclusive, or what limits it; may be empty."""
    conclusions: list[Conclusion]
    tests: list[Test]
    alpha: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    family: Annotated[int, msgspec.Meta(ge=1)]
    """Hypotheses in Holm's correction."""
    minimum_detectable: dict[str, Any]
    """What could have been shown at this sample size: `share` and how it was reckoned."""
    other_explanations: list[str]
    controls: list[Control]
    validity_domain: ValidityDomain
    not_validated: list[str]
    """Properties of this case outside the domain; empty if there are none."""
    inputs: dict[str, Sha256]
    """SHA-256 by name."""
    parameters: dict[str, Any]
    """Options and seeds."""
    origin: dict[str, str]
    """The plug-in that made it: name, distribution, version, sha256."""
    software: dict[str, str]
    case_run: dict[str, Any] = {}
    """Matter and run number where it was logged."""
    files: dict[str, Sha256]
    """SHA-256 of every picture beside it, by name."""

    @property
    def agrees(self) -> bool:
        """Whether verdict and conclusions are of VERDICTS and say the same."""
        shown = {f"{words} {one.subject}" for words in POSITIVE[:2] for one in self.conclusions}
        passed = [one.verdict for one in self.conclusions if one.verdict in {NOT_IDENTICAL, *shown}]
        others = {one.verdict for one in self.conclusions} - set(passed)
        least = {NO_DIFFERENCE, NOT_SHOWN, INCONCLUSIVE}
        return others <= least and (self.verdict == "; ".join(passed) if passed else self.verdict in least)

    @property
    def seed_is_shown(self) -> bool:
        """Whether a verdict in a case names the entry of the log that fixed its random draws before, or drew
        nothing; inconclusive needs neither, and outside a case none is asked for."""
        source = self.parameters.get(SEED_SOURCE)
        if not self.case_run or self.verdict == INCONCLUSIVE:
            return True
        return isinstance(source, dict) and (
            isinstance(source.get("entry"), int) or source.get("source") == NOTHING_DRAWN
        )


Kind = Literal["text", "radioactivity", "canary", "lineage", "identity"]
