"""Units, heads and embeddings are found under the names that architectures give them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from checkpoint_folders import write_folder
from countermark.models.checkpoint import Checkpoint
from countermark.models.layers import attentions, blocks, embeddings, gain, towers
from countermark.models.tokenizer_overlap import overlap

DRAWS = np.random.default_rng(0)
GATE, UP = (DRAWS.standard_normal((6, 4)).astype(np.float32) for _ in range(2))
DOWN = DRAWS.standard_normal((4, 6)).astype(np.float32)
FUSED = np.concatenate([GATE, UP])
STYLES: dict[str, dict[str, NDArray[Any]]] = {
    "llama": {
        "model.layers.3.mlp.gate_proj": GATE,
        "model.layers.3.mlp.up_proj": UP,
        "model.layers.3.mlp.down_proj": DOWN,
    },
    "phi3": {"model.layers.3.mlp.gate_up_proj": FUSED, "model.layers.3.mlp.down_proj": DOWN},
    "internlm2": {
        "model.layers.3.feed_forward.w1": GATE,
        "model.layers.3.feed_forward.w3": UP,
        "model.layers.3.feed_forward.w2": DOWN,
    },
    "gpt2": {
        "transformer.h.3.mlp.c_fc": UP.T,
        "transformer.h.3.mlp.c_proj": DOWN.T,
        "transformer.h.3.attn.c_proj": np.eye(4),
    },
    "gpt_neox": {"gpt_neox.layers.3.mlp.dense_h_to_4h": UP, "gpt_neox.layers.3.mlp.dense_4h_to_h": DOWN},
    "opt": {"model.decoder.layers.3.fc1": UP, "model.decoder.layers.3.fc2": DOWN},
}


def _opened(folder: Path, weights: dict[str, NDArray[Any]], **config: Any) -> Checkpoint:
    return Checkpoint.open(
        write_folder(folder, {f"{name}.weight": one for name, one in weights.items()}, config)
    )


@pytest.mark.parametrize("style", STYLES)
def test_units_of_an_architecture(tmp_path: Path, style: str) -> None:
    opened = _opened(tmp_path, STYLES[style])
    (block,) = blocks(opened)
    assert block.key == (3,)
    assert block.units == 6
    index = np.array([4, 1])
    np.testing.assert_array_equal(block.up.read(opened, index), UP[index])
    assert block.down is not None
    np.testing.assert_array_equal(block.down.read(opened, index), DOWN[:, index].T)
    assert (block.gate is not None) == (style in ("llama", "phi3", "internlm2"))
    if block.gate is not None:
        np.testing.assert_array_equal(block.gate.read(opened, index), GATE[index])


def test_experts_are_blocks_and_a_vision_tower_is_left_out(tmp_path: Path) -> None:
    weights: dict[str, NDArray[Any]] = {}
    for expert in range(2):
        for name, value in (("w1", GATE), ("w3", UP), ("w2", DOWN)):
            weights[f"model.layers.0.block_sparse_moe.experts.{expert}.{name}"] = value
    for layer in range(5):
        weights[f"visual.blocks.{layer}.mlp.up_proj"] = UP
    opened = _opened(tmp_path, weights)
    assert [block.key for block in blocks(opened)] == [(0, 0), (0, 1)]
    assert [len(tower) for tower in towers(opened)] == [2, 5]


def test_layers_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    weights = {f"model.layers.{layer}.mlp.up_proj": UP for layer in (10, 9, 0)}
    assert [block.key for block in blocks(_opened(tmp_path, weights))] == [(0,), (9,), (10,)]


@pytest.mark.parametrize(
    "weights",
    [
        {"model.layers.0.self_attn.q_proj": np.eye(4), "model.layers.0.self_attn.k_proj": np.eye(4)[:2]},
        {"model.layers.0.self_attn.qkv_proj": np.eye(4)[[0, 1, 2, 3, 0, 1, 2, 3]]},
    ],
)
def test_queries_and_keys(tmp_path: Path, weights: dict[str, NDArray[Any]]) -> None:
    opened = _opened(tmp_path, weights, hidden_size=4, num_attention_heads=2, num_key_value_heads=1)
    (found,) = attentions(opened)
    np.testing.assert_array_equal(found.queries.read(opened, np.arange(4)), np.eye(4))
    np.testing.assert_array_equal(found.keys.read(opened, np.arange(2)), np.eye(4)[:2])
    assert attentions(_opened(tmp_path / "no", weights)) == []


@pytest.mark.parametrize(("kind", "added"), [("llama", 0), ("gemma2", 1)])
def test_the_gain_of_the_norm_before_a_block(tmp_path: Path, kind: str, added: float) -> None:
    vector = np.array([1, 2, 3, 4], np.float32)
    weights = STYLES["llama"] | {"model.layers.3.post_attention_layernorm": vector, "model.embed_tokens": UP}
    opened = _opened(tmp_path, weights, model_type=kind)
    found = gain(opened, blocks(opened)[0])
    assert found is not None
    assert found.tolist() == (vector + added).tolist()
    assert embeddings(opened) == ["model.embed_tokens.weight"]


def test_overlap_of_vocabularies(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "tokenizer.json").write_text('{"model": {"vocab": {"x": 0, "y": 1, "z": 2}}}')
    for text, expected in (
        ('{"model": {"vocab": {"x": 0, "y": 5, "w": 1}}}', {"jaccard": 0.5, "same_id": 0.5}),
        ('{"model": {"vocab": [["x", -1.0], ["y", -2.0], ["w", 0]]}}', {"jaccard": 0.5, "same_id": 1.0}),
        ('{"model": {"vocab": 3}}', None),
        ("[" * 100_000, None),
        ("{}", None),
    ):
        (tmp_path / "b" / "tokenizer.json").write_text(text)
        assert overlap(tmp_path / "a", tmp_path / "b") == expected
    assert overlap(tmp_path, tmp_path) is None
