"""Lineage on weights of any size: numbers as large as a suspect likes neither hide it nor break anything."""

from pathlib import Path

import numpy as np
import pytest

import tiny_models as tiny
from countermark.attribute.base import Examined
from countermark.attribute.lineage import Lineage
from countermark.errors import Error, ExitCode

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
OURS = tiny.independent(0)


def _examined(tmp_path: Path, suspect: tiny.Weights) -> Examined:
    reference = tiny.write(tmp_path / "reference", OURS)
    return Lineage(reference).examine(tiny.write(tmp_path / "suspect", suspect))


def _times(factor: float, *names: str) -> tiny.Weights:
    return {
        name: value * np.float32(factor) if any(one in name for one in names) else value
        for name, value in OURS.items()
    }


def _unit_by_unit(spread: float) -> tiny.Weights:
    """The same function: of each unit the up-projection times c, the down-projection over c."""
    weights = dict(OURS)
    for layer in range(tiny.LAYERS):
        factor = 10 ** np.random.default_rng(layer).uniform(-spread, spread, tiny.UNITS).astype(np.float32)
        up, down = (f"model.layers.{layer}.mlp.{one}_proj.weight" for one in ("up", "down"))
        weights[up], weights[down] = weights[up] * factor[:, None], weights[down] / factor
    return weights


def _one_dead_unit(size: float) -> tiny.Weights:
    """A unit whose gate is zero does nothing; its up-projection may be anything."""
    weights = {name: value.copy() for name, value in OURS.items()}
    for layer in range(tiny.LAYERS):
        weights[f"model.layers.{layer}.mlp.gate_proj.weight"][5] = 0
        weights[f"model.layers.{layer}.mlp.up_proj.weight"][5] = size
    return weights


@pytest.mark.parametrize(
    "suspect",
    [
        _times(1e28, "mlp", "embed", "self_attn"),
        _times(1e-30, "mlp", "embed", "self_attn"),
        _times(1e28, "embed"),
        _unit_by_unit(14),
        _one_dead_unit(1e29),
    ],
    ids=["large", "small", "embeddings", "unit by unit", "one unit"],
)
def test_sizes_do_not_hide_what_was_taken_over(tmp_path: Path, suspect: tiny.Weights) -> None:
    tests = {test.name: test.log10_p_value for test in _examined(tmp_path, suspect).tests}
    for name in ("fixed points", "agreement of gate and up"):
        found = tests[name]
        assert found is not None
        assert found < -50


@pytest.mark.parametrize(
    "suspect",
    [
        _times(1e37, "up_proj"),
        _times(1e30, "embed"),
        _times(1e36, "self_attn"),
        {n: v * np.float32(1e20) if "up_proj" in n or "post_" in n else v for n, v in OURS.items()},
    ],
    ids=["units", "embeddings", "heads", "gain"],
)
def test_numbers_that_are_no_weights_are_refused(tmp_path: Path, suspect: tiny.Weights) -> None:
    with pytest.raises(Error, match=r"beyond 1e\+30") as caught:
        _examined(tmp_path, suspect)
    assert caught.value.exit_code == ExitCode.NO_INPUT
