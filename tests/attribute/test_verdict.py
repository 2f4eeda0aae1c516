"""From p-values to a verdict: Holm, controls, calibration, power."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.attribute.base import Examined
from countermark.attribute.verdict import LEAST_CONTROLS, Verdict, conclude
from countermark.records.attributions import (
    INCONCLUSIVE,
    NOT_IDENTICAL,
    NOT_INDEPENDENT_OF_KEY,
    NOT_SHOWN,
    Control,
    Test,
    ValidityDomain,
    below,
)


@dataclass
class Keyed:
    """An attributor whose tests are given."""

    name: str = "radioactivity"
    positive: str = NOT_INDEPENDENT_OF_KEY
    negative: str = NOT_SHOWN
    domain: ValidityDomain = field(default_factory=lambda: ValidityDomain(measured={}, where="-"))
    other_explanations: list[str] = field(default_factory=list)
    inputs: dict[str, Path] = field(default_factory=dict)

    def examine(self, suspect: Path, progress: Any = None) -> Examined:
        pytest.fail("a verdict is reached without examining anything again")


def outcome(log10_p: float | None, subject: str = "aa", **changes: Any) -> Test:
    fields: dict[str, Any] = {
        "name": "t",
        "subject": subject,
        "null": "-",
        "statistic": 1.0,
        "n": 10,
        "p_value": 0.0 if log10_p is None else max(10**log10_p, 1e-300),
        "log10_p_value": log10_p,
        "law": "-",
        "exact": True,
        "calibrated_to": 1e-6,
        "calibration": "-",
    }
    return Test(**{**fields, **changes})


def verdict(*tests: Test, **changes: Any) -> Verdict:
    examined = Examined(
        list(tests),
        changes.pop("problems", []),
        changes.pop("unseen", []),
        changes.pop("minimum_detectable", {"share": 0.1}),
    )
    arguments: dict[str, Any] = {"controls": [], "alpha": 0.01, "family": 1, "in_case": False}
    attributor = changes.pop("attributor", Keyed())
    return conclude(attributor, examined, **{**arguments, **changes})


def quiet(number: int, log10_p: float = -0.3) -> list[Control]:
    return [Control(name=f"c{at}", sha256=f"{at}", tests=[outcome(log10_p)]) for at in range(number)]


def test_a_low_p_value_names_the_key() -> None:
    found = verdict(outcome(-5))
    assert (found.words, found.passes, found.reasons) == ("not independent of key aa", True, [])


def test_nothing_low_is_not_shown() -> None:
    assert verdict(outcome(-1)).words == NOT_SHOWN


def test_holm_is_over_everything_asked_in_the_matter() -> None:
    assert verdict(outcome(-4)).passes
    assert not verdict(outcome(-4), family=101).passes
    two = verdict(outcome(-2.1, "aa"), outcome(-9, "bb"))
    assert two.words == "not independent of key aa; not independent of key bb"
    # the second step of Holm spares aa the factor 2, but not where a third was asked before
    assert verdict(outcome(-2.1, "aa"), outcome(-9, "bb"), family=3).words == "not independent of key bb"


def test_a_test_for_information_decides_nothing() -> None:
    found = verdict(outcome(-50, decides=False), outcome(-0.5))
    assert found.words == NOT_SHOWN
    assert verdict(outcome(-50, decides=False)).words == INCONCLUSIVE


@pytest.mark.parametrize("problem", ["few pairs", "prompts leak the answer"])
def test_a_problem_makes_everything_inconclusive(problem: str) -> None:
    found = verdict(outcome(-50), problems=[problem])
    assert (found.words, found.passes, found.reasons) == (INCONCLUSIVE, False, [problem])
    assert [one.verdict for one in found.conclusions] == [INCONCLUSIVE]


def test_no_claim_goes_beyond_the_calibrated_level() -> None:
    found = verdict(outcome(-40))
    assert found.conclusions[0].reported == "p < 1e-06"
    assert found.conclusions[0].adjusted_log10_p_value == pytest.approx(-40)
    assert verdict(outcome(-40), family=9).conclusions[0].reported == "p < 9e-06"
    weak = verdict(outcome(-40, calibrated_to=0.05))
    assert weak.words == INCONCLUSIVE
    assert "seen to hold" in weak.reasons[0]


def test_an_outcome_that_the_null_cannot_give_stops_there_too() -> None:
    found = verdict(outcome(None))
    assert found.passes
    assert found.conclusions[0].adjusted_log10_p_value is None
    assert found.conclusions[0].reported == "p < 1e-06"


def test_a_case_needs_its_controls() -> None:
    assert verdict(outcome(-5), in_case=True).words == INCONCLUSIVE
    assert verdict(outcome(-5), in_case=True, controls=quiet(LEAST_CONTROLS)).passes
    broken = [*quiet(LEAST_CONTROLS - 1), Control(name="x", sha256="x", tests=[], problem="no safetensors")]
    assert "19 of the 20" in verdict(outcome(-5), in_case=True, controls=broken).reasons[0]


def test_a_loud_control_speaks_against_the_test() -> None:
    found = verdict(outcome(-50), controls=[*quiet(19), *quiet(1, -9.0)])
    assert found.words == INCONCLUSIVE
    assert "c0" in found.reasons[0]
    # one in twenty at 0.01 is expected to be that low once in five panels, and is corrected for
    assert verdict(outcome(-50), controls=[*quiet(19), *quiet(1, -2.5)]).passes


def test_a_remark_does_not_silence_a_loud_control() -> None:
    loud = Control(name="loud", sha256="0", tests=[outcome(-9)], problem="1 line twice")
    found = verdict(outcome(-50), controls=[*quiet(19), loud])
    assert (found.words, "loud" in found.reasons[0]) == (INCONCLUSIVE, True)


def test_a_control_that_could_never_be_loud_counts_for_nothing_in_a_case() -> None:
    def panel(floor: float) -> list[Control]:
        tests = [outcome(-2.3, details={"floor": floor})]
        return [Control(name=f"c{at}", sha256=f"{at}", tests=tests) for at in range(LEAST_CONTROLS)]

    found = verdict(outcome(-5), in_case=True, controls=panel(0.004))
    assert (found.words, "0 of the 20" in found.reasons[0]) == (INCONCLUSIVE, True)
    assert verdict(outcome(-5), in_case=True, controls=panel(0.0004)).passes
    assert verdict(outcome(-5), controls=panel(0.004)).passes


def test_without_power_nothing_shown_is_inconclusive() -> None:
    assert verdict(outcome(-0.3), minimum_detectable={"share": None}).words == INCONCLUSIVE
    assert verdict(outcome(-0.3), minimum_detectable={"share": 1.7}).words == INCONCLUSIVE
    assert verdict(outcome(-5), minimum_detectable={"share": None}).passes


def test_what_could_not_have_passed_is_not_testable() -> None:
    found = verdict(outcome(-0.3, calibrated_to=1e-3), family=11)
    assert (found.words, "not testable" in found.reasons[0]) == (INCONCLUSIVE, True)
    assert verdict(outcome(-0.3, calibrated_to=1e-3), family=10).words == NOT_SHOWN
    assert verdict(outcome(-0.3, details={"floor": 0.02})).words == INCONCLUSIVE


def test_the_verdict_of_two_endpoints_has_no_subject() -> None:
    found = verdict(
        outcome(-5, "ref"), attributor=Keyed(positive=NOT_IDENTICAL, negative="no difference found")
    )
    assert found.words == NOT_IDENTICAL


def test_reported_never_beats_the_calibration() -> None:
    assert outcome(-40).reported == "p < 1e-06"
    assert outcome(math.log10(0.25)).reported == "p = 0.25"


def test_what_could_not_be_looked_at_stands_against_a_negative_only() -> None:
    quiet, loud = (verdict(outcome(log10_p), unseen=["no embeddings"]) for log10_p in (-0.5, -9.0))
    assert (quiet.words, quiet.reasons) == (INCONCLUSIVE, ["no embeddings"])
    assert (loud.words, loud.reasons) == (f"{NOT_INDEPENDENT_OF_KEY} aa", [])


@given(st.floats(1e-12, 1.0))
def test_a_level_in_print_is_never_below_the_level(level: float) -> None:
    assert float(below(level).removeprefix("p < ")) >= level * (1 - 1e-11)
    assert float(below(level).removeprefix("p < ")) <= level * 1.1
    assert below(1 / 301) == "p < 0.0034"
