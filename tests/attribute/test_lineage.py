"""Lineage of weights: what was made out of the reference is found, what is independent of it is not."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tiny_models as tiny
from checkpoint_folders import write_folder
from countermark.attribute.base import Examined
from countermark.attribute.lineage import Lineage
from countermark.attribute.verdict import conclude
from countermark.errors import Error, ExitCode
from countermark.records.attributions import Test
from countermark.trust.keyfiles import Secret

OURS = tiny.independent(0)
ALIEN = tiny.independent(1)
Examine = Callable[..., Examined]


@pytest.fixture
def examine(tmp_path: Path) -> Examine:
    def of(suspect: tiny.Weights, reference: tiny.Weights = OURS, **options: object) -> Examined:
        reference_folder = tiny.write(tmp_path / "reference", reference)
        return Lineage(reference_folder, **options).examine(tiny.write(tmp_path / "suspect", suspect))

    return of


def _log10(examined: Examined, name: str) -> float:
    found = next(test for test in examined.tests if test.name == name).log10_p_value
    assert found is not None
    return found


def _verdict(examined: Examined) -> str:
    fake = type("Fake", (), {"positive": Lineage.positive, "negative": Lineage.negative})
    return conclude(fake, examined, [], alpha=0.01, family=3, in_case=False).words


@pytest.mark.parametrize(
    ("suspect", "test"),
    [
        (tiny.noisy(OURS, 0.02), "fixed points"),
        (tiny.noisy(OURS, 1.0), "fixed points"),
        (tiny.merged(OURS, ALIEN, 0.3), "fixed points"),
        (tiny.planted(OURS, ALIEN, 12, moved=False), "fixed points"),
        (tiny.rotated(OURS), "fixed points"),
        (tiny.pruned(OURS, 40), "order of nearest units"),
        (tiny.reordered(tiny.noisy(OURS, 0.3)), "agreement of gate and up"),
        (tiny.planted(OURS, ALIEN, 12, moved=True), "agreement of gate and up"),
        (tiny.reordered(tiny.rotated(OURS)), "agreement of gate and up"),
        (tiny.signed(OURS), "fixed points"),
        (tiny.reordered(tiny.signed(OURS)), "agreement of gate and up"),
    ],
)
def test_what_was_made_out_of_the_reference_is_found(
    examine: Examine, suspect: tiny.Weights, test: str
) -> None:
    examined = examine(suspect)
    assert _log10(examined, test) < -6
    assert _verdict(examined).startswith("weights not independent of reference")


@pytest.mark.parametrize("seed", range(2, 8))
def test_an_independent_model_is_not(examine: Examine, seed: int) -> None:
    examined = examine(tiny.independent(seed))
    assert min(test.p_value for test in examined.tests) > 1e-3
    assert _verdict(examined) == "not shown"
    assert examined.minimum_detectable["units"] == 6
    assert examined.minimum_detectable["share"] == 6 / tiny.UNITS


def test_a_tenth_of_ours_in_a_merge_shows_in_a_model_of_some_size(examine: Examine) -> None:
    ours, alien = (tiny.independent(seed, units=192, hidden=96, layers=3) for seed in (0, 1))
    assert _log10(examine(tiny.merged(ours, alien, 0.1), ours), "fixed points") < -6


def test_pruned_and_quantised_numbers_keep_the_units_where_they_are(examine: Examine) -> None:
    small = {
        name: np.where(np.abs(value) >= np.quantile(np.abs(value), 0.7), value, 0).astype(np.float32)
        for name, value in OURS.items()
    }
    assert _log10(examine(small), "fixed points") < -80


def test_int8_weights_are_read_and_found(tmp_path: Path) -> None:
    quantised = {}
    for name, value in OURS.items():
        if value.ndim == 2 and "embed" not in name:
            largest = np.abs(value).max(axis=1)
            quantised[name] = np.rint(value * (127 / largest)[:, None]).astype(np.int8)
            quantised[name.removesuffix("weight") + "SCB"] = largest
        else:
            quantised[name] = value
    config = {**tiny.CONFIG, "quantization_config": {"quant_method": "bitsandbytes"}}
    suspect = write_folder(tmp_path / "suspect", quantised, config)
    examined = Lineage(tiny.write(tmp_path / "reference", OURS)).examine(suspect)
    assert _log10(examined, "fixed points") < -80
    assert examined.properties["stored as"] == "bitsandbytes"


def test_units_sorted_in_both_models_make_it_inconclusive_until_places_are_given_up(examine: Examine) -> None:
    ours, other = tiny.reordered(OURS, None), tiny.reordered(ALIEN, None)
    examined = examine(other, ours)
    assert any("--re-randomise" in problem for problem in examined.problems)
    assert _verdict(examined) == "inconclusive"
    again = examine(other, ours, re_randomise=True)
    assert not again.problems
    assert [test.name for test in again.tests if test.decides] == ["agreement of gate and up"]
    assert _verdict(again) == "not shown"
    assert _verdict(examine(ours, ours, re_randomise=True)).startswith("weights not independent")


def test_units_sorted_in_one_model_only_leave_the_null_alone(examine: Examine) -> None:
    for suspect, reference in ((tiny.reordered(ALIEN, None), OURS), (ALIEN, tiny.reordered(OURS, None))):
        examined = examine(suspect, reference)
        assert not examined.problems
        assert _verdict(examined) == "not shown"


def test_a_common_ancestor_makes_it_inconclusive(tmp_path: Path, examine: Examine) -> None:
    public = tiny.write(tmp_path / "public", tiny.independent(20))
    ours, sibling = (tiny.noisy(tiny.independent(20), 0.3, seed) for seed in (1, 2))
    assert _verdict(examine(sibling, ours)).startswith("weights not independent")  # it is true, and explained
    examined = examine(sibling, ours, ancestors=[public])
    assert "ancestor 1" in examined.problems[0]
    assert _verdict(examined) == "inconclusive"
    assert not examine(tiny.noisy(OURS, 0.3), OURS, ancestors=[public]).problems


def test_an_ancestor_that_cannot_be_compared_is_named(tmp_path: Path, examine: Examine) -> None:
    other = tiny.write(tmp_path / "wide", tiny.independent(20, hidden=48))
    examined = examine(tiny.noisy(OURS, 0.3), OURS, ancestors=[other])
    assert "ancestor 1 cannot be compared with the reference" in examined.problems[0]
    assert _verdict(examined) == "inconclusive"


@pytest.mark.parametrize("suspect", [tiny.noisy(OURS, 0.3), tiny.reordered(OURS), ALIEN])
def test_towers_beside_the_model_hide_nothing(examine: Examine, suspect: tiny.Weights) -> None:
    decoy = {
        name.replace("model.", "decoy.").replace("layers.", f"layers.{more}"): value
        for more in (1, 2)
        for name, value in tiny.independent(30 + more).items()
        if "embed" not in name or more == 1
    }
    named = {name.replace("decoy.layers.1embed", "decoy.embed"): value for name, value in decoy.items()}
    expected = "not shown" if suspect is ALIEN else "weights not independent"
    assert _verdict(examine(suspect | named)).startswith(expected)


def test_more_towers_than_are_compared_make_it_inconclusive(examine: Examine) -> None:
    many = {
        name.replace("model.layers", f"{letter}.layers"): value
        for letter in "abcde"
        for name, value in ALIEN.items()
        if "mlp" in name
    }
    examined = examine(ALIEN | many)
    assert "2 more parts" in examined.problems[0]
    assert _verdict(examined) == "inconclusive"


@pytest.mark.parametrize("gone", [0, 1, 3])
def test_layers_that_were_taken_out_are_allowed_for(examine: Examine, gone: int) -> None:
    ours = tiny.independent(0, layers=4)
    kept = [layer for layer in range(4) if layer != gone]
    suspect = {name: value for name, value in ours.items() if "layers" not in name}
    for number, layer in enumerate(kept):
        suspect |= {
            name.replace(f"layers.{layer}.", f"layers.{number}."): value
            for name, value in ours.items()
            if f"layers.{layer}." in name
        }
    examined = examine(suspect, ours)
    assert _log10(examined, "fixed points") < -80
    assert _log10(examine(ours, suspect), "fixed points") < -80
    independent = examine(tiny.independent(1, layers=3), ours)
    assert len(independent.parameters["layers"]) == 6
    assert _verdict(independent) == "not shown"


def test_a_rotated_model_with_more_tokens_is_found(examine: Examine) -> None:
    suspect = tiny.reordered(tiny.rotated(OURS))
    name = "model.embed_tokens.weight"
    suspect[name] = np.concatenate([suspect[name], np.zeros((16, tiny.HIDDEN), np.float32)])
    assert _verdict(examine(suspect)).startswith("weights not independent")


def test_without_embeddings_a_rotation_cannot_be_excluded(examine: Examine) -> None:
    examined = examine({name: value for name, value in ALIEN.items() if "embed" not in name})
    assert "rotated" in examined.unseen[0]
    assert _verdict(examined) == "inconclusive"
    bare = {name: value for name, value in OURS.items() if "embed" not in name}
    assert _verdict(examine(bare)).startswith("weights not independent")


def test_in_a_common_basis_agreement_without_places_decides_nothing(examine: Examine) -> None:
    """Independent models that learnt the same topics upon embeddings that are much alike."""
    draws = np.random.default_rng(14)
    ours, theirs = dict(OURS), dict(ALIEN)
    name = "model.embed_tokens.weight"
    theirs[name] = (0.7 * ours[name] + 0.7 * theirs[name]).astype(np.float32)
    for name in [one for one in OURS if "gate_proj" in one or "up_proj" in one]:
        topics = 2 * draws.standard_normal(OURS[name].shape)
        ours[name], theirs[name] = (
            (topics + draws.standard_normal(topics.shape)).astype(np.float32) for _ in range(2)
        )
    theirs = tiny.reordered(theirs)
    examined = examine(theirs, ours)
    agreement = next(test for test in examined.tests if test.name == "agreement of gate and up")
    assert agreement.p_value < 1e-6
    assert not agreement.decides
    assert examined.properties["basis"] == "shared"
    assert _verdict(examined) == "inconclusive"
    assert _verdict(examine(theirs, ours, re_randomise=True)) == "inconclusive"


def test_more_layers_and_units_than_are_compared_are_sampled_by_the_seed(examine: Examine) -> None:
    ours = tiny.independent(0, units=120, layers=4)
    options = {"layers": 2, "units": 48}
    first, same, other = (
        examine(tiny.noisy(ours, 0.2), ours, seed=Secret(seed * 16), **options)
        for seed in (b"00", b"00", b"11")
    )
    assert first.tests == same.tests
    assert first.parameters["seed"] != other.parameters["seed"]
    assert first.draws
    assert len(first.parameters["layers"]) == 2
    assert _test(first).n == 2 * 48
    assert _log10(first, "fixed points") < -50
    assert _log10(examine(tiny.independent(1, units=120, layers=4), ours, **options), "fixed points") > -3


def _test(examined: Examined) -> Test:
    return next(test for test in examined.tests if test.name == "fixed points")


def test_a_figure_of_every_layer_stands_in_the_details(examine: Examine) -> None:
    test = _test(examine(tiny.planted(OURS, ALIEN, 12, moved=False)))
    rows = {row["layer"]: row for row in test.details["layers"]}
    assert rows["1"]["fixed"] >= 12
    assert rows["0"]["fixed"] < 6
    by_hand = math.log10(tiny.LAYERS / math.factorial(rows["1"]["fixed"]))
    assert test.log10_p_value == pytest.approx(by_hand)


def test_attention_alone_is_shown_for_information(examine: Examine) -> None:
    suspect = dict(ALIEN) | {name: value for name, value in OURS.items() if "self_attn" in name}
    examined = examine(suspect)
    assert _log10(examined, "attention groups at their place") == pytest.approx(-2 * math.log10(24))
    assert _verdict(examined) == "not shown"


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (tiny.independent(1, hidden=48), "shapes do not match"),
        ({"model.embed_tokens.weight": np.eye(4)}, "no MLP"),
        ({name.replace("layers.", "layers.7"): value for name, value in ALIEN.items()}, "no layer"),
        ({name: value[:0] for name, value in ALIEN.items()}, "no layer"),
        ({name: value[:, :0] if value.ndim == 2 else value for name, value in ALIEN.items()}, "shapes"),
        ({name: np.full_like(value, np.nan) for name, value in ALIEN.items()}, "NaN"),
        ({name: value[None] if value.ndim == 2 else value for name, value in ALIEN.items()}, "matrix"),
    ],
)
def test_models_that_cannot_be_compared(examine: Examine, other: tiny.Weights, what: str) -> None:
    with pytest.raises(Error, match=what) as caught:
        examine(other)
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_equal_units_match_nobody_by_their_place(examine: Examine) -> None:
    """Ties are broken at random: two models of constant units do not agree by index."""
    flat = {name: np.ones_like(value) for name, value in OURS.items()}
    examined = examine(flat, flat)
    assert min(test.p_value for test in examined.tests) > 1e-3
