"""Llama-shaped weights for tests, and what somebody may do to them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checkpoint_folders import write_folder

HIDDEN, UNITS, LAYERS, HEADS, VOCABULARY = 32, 64, 2, 4, 160
CONFIG = {
    "model_type": "llama",
    "hidden_size": HIDDEN,
    "intermediate_size": UNITS,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "vocab_size": VOCABULARY,
}
Weights = dict[str, NDArray[np.float32]]


def independent(seed: int, *, units: int = UNITS, hidden: int = HIDDEN, layers: int = LAYERS) -> Weights:
    """Units drawn alike and independently, of different lengths, with a direction that all share."""
    draws = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> NDArray[np.float32]:
        return draws.standard_normal((rows, columns)).astype(np.float32)

    weights = {"model.embed_tokens.weight": matrix(VOCABULARY, hidden), "model.norm.weight": np.ones(hidden)}
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        length = np.exp(draws.standard_normal((units, 1)) / 2)
        shared = matrix(1, hidden)
        weights[prefix + "mlp.gate_proj.weight"] = (matrix(units, hidden) + shared) * length
        weights[prefix + "mlp.up_proj.weight"] = (matrix(units, hidden) - shared) * length
        weights[prefix + "mlp.down_proj.weight"] = (matrix(units, hidden) * length).T
        weights[prefix + "post_attention_layernorm.weight"] = draws.uniform(0.5, 2, hidden)
        for name in ("q_proj", "k_proj"):
            weights[prefix + f"self_attn.{name}.weight"] = matrix(hidden, hidden)
    return {name: np.asarray(value, np.float32) for name, value in weights.items()}


def write(folder: Path, weights: Weights, **config: Any) -> Path:
    """A folder of them."""
    return write_folder(folder, weights, {**CONFIG, **config})


def noisy(weights: Weights, share: float, seed: int = 9) -> Weights:
    """As a fine-tune: every number moved by a normal draw of `share` of the spread."""
    draws = np.random.default_rng(seed)
    return {
        name: value + (share * value.std() * draws.standard_normal(value.shape)).astype(np.float32)
        for name, value in weights.items()
    }


def merged(ours: Weights, theirs: Weights, share: float) -> Weights:
    """A weighted average."""
    return {name: share * ours[name] + (1 - share) * theirs[name] for name in ours}


def reordered(weights: Weights, seed: int | None = 3) -> Weights:
    """The units of every layer permuted, or sorted by length (`seed` None); the model computes the same."""
    changed = dict(weights)
    draws = np.random.default_rng(seed)
    for name in [one for one in weights if one.endswith("up_proj.weight")]:
        prefix = name.removesuffix("up_proj.weight")
        length = np.linalg.norm(weights[name], axis=1)
        order = np.argsort(-length) if seed is None else draws.permutation(length.size)
        _take(changed, prefix, order)
    return changed


def pruned(weights: Weights, keep: int) -> Weights:
    """The longest units of every layer, in their old order."""
    changed = dict(weights)
    for name in [one for one in weights if one.endswith("up_proj.weight")]:
        length = np.linalg.norm(weights[name], axis=1)
        _take(changed, name.removesuffix("up_proj.weight"), np.sort(np.argsort(-length)[:keep]))
    return changed


def planted(ours: Weights, host: Weights, units: int, *, moved: bool, layer: int = 1) -> Weights:
    """The host with some units of one layer of ours, at their own place or at others."""
    changed = dict(host)
    draws = np.random.default_rng(5)
    prefix = f"model.layers.{layer}.mlp."
    here = draws.choice(UNITS, units, replace=False)
    there = draws.choice(UNITS, units, replace=False) if moved else here
    gain = f"model.layers.{layer}.post_attention_layernorm.weight"
    for name in ("gate_proj.weight", "up_proj.weight"):
        changed[prefix + name] = changed[prefix + name].copy()
        # the norm's gain is part of what a unit computes
        changed[prefix + name][there] = ours[prefix + name][here] * ours[gain] / host[gain]
    down = prefix + "down_proj.weight"
    changed[down] = changed[down].copy()
    changed[down][:, there] = ours[down][:, here]
    return changed


def signed(weights: Weights) -> Weights:
    """The sign of every unit changed in up and down; the model computes the same."""
    both = ("up_proj.weight", "down_proj.weight")
    return {name: -value if name.endswith(both) else value for name, value in weights.items()}


def rotated(weights: Weights, seed: int = 4) -> Weights:
    """All that reads from or writes to the residual stream turned, norms folded in."""
    hidden = weights["model.embed_tokens.weight"].shape[1]
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((hidden, hidden)))[0].astype(np.float32)
    changed = {}
    for name, value in weights.items():
        if value.ndim == 1:
            changed[name] = np.ones_like(value)
        elif "down_proj" in name:
            changed[name] = turn.T @ value
        elif "mlp" in name:
            gain = name.split("mlp")[0] + "post_attention_layernorm.weight"
            changed[name] = (value * weights[gain]) @ turn
        else:
            changed[name] = value @ turn
    return changed


def _take(weights: Weights, prefix: str, order: NDArray[np.int64]) -> None:
    for name in ("gate_proj.weight", "up_proj.weight"):
        weights[prefix + name] = weights[prefix + name][order]
    weights[prefix + "down_proj.weight"] = weights[prefix + "down_proj.weight"][:, order]
