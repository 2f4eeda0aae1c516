"""Quantised weights: what a packer, written from each format's description, has packed comes out again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from checkpoint_folders import write_folder
from countermark.errors import Error
from countermark.models.checkpoint import Checkpoint

BASE = "model.layers.0.mlp.up_proj."
NAME = BASE + "weight"
OUTPUTS, INPUTS, GROUP = 16, 32, 8
INDEX = [5, 0, 15]


def _opened(folder: Path, parts: dict[str, NDArray[Any]], quantization: dict[str, Any]) -> Checkpoint:
    tensors = {BASE + name: value for name, value in parts.items()}
    return Checkpoint.open(write_folder(folder, tensors, {"quantization_config": quantization}))


def _words(values: NDArray[Any], bits: int, order: list[int] | None = None) -> NDArray[np.int32]:
    """Pack along the last axis: value `order[i]` of a word's values stands at bit i · bits."""
    each = 32 // bits
    order = order or list(range(each))
    words = np.zeros((*values.shape[:-1], values.shape[-1] // each), dtype=np.uint32)
    for word in range(words.shape[-1]):
        for place, which in enumerate(order):
            words[..., word] |= values[..., word * each + which].astype(np.uint32) << np.uint32(bits * place)
    return words.view(np.int32)


def _integers(bits: int, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """q (outputs, inputs), zero points and scales (outputs, groups)."""
    draws = np.random.default_rng(seed)
    q = draws.integers(0, 2**bits, (OUTPUTS, INPUTS))
    zeros = draws.integers(1, 2**bits, (OUTPUTS, INPUTS // GROUP))
    return q, zeros, draws.uniform(0.5, 2, (OUTPUTS, INPUTS // GROUP)).astype(np.float16)


def _expected(q: NDArray[Any], zeros: Any, scales: NDArray[Any], group: NDArray[Any]) -> NDArray[Any]:
    return (q - np.broadcast_to(zeros, scales.shape)[:, group]) * scales.astype(np.float32)[:, group]


def _check(opened: Checkpoint, expected: NDArray[Any]) -> None:
    assert opened.names() == [NAME] or NAME in opened.names()
    assert opened.shape(NAME) == expected.shape
    np.testing.assert_allclose(opened.rows(NAME, INDEX), expected[INDEX], rtol=1e-6)
    np.testing.assert_allclose(opened.columns(NAME, [3, 1]), expected[:, [3, 1]].T, rtol=1e-6)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("version", ["gptq", "gptq_v2"])
@pytest.mark.parametrize("ordered", [False, True])
def test_gptq(tmp_path: Path, bits: int, version: str, ordered: bool) -> None:
    q, zeros, scales = _integers(bits)
    group = np.arange(INPUTS) // GROUP
    if ordered:  # activation order: any input may be in any group
        group = np.random.default_rng(1).permutation(group)
    parts = {
        "qweight": np.ascontiguousarray(_words(q, bits).T),
        "qzeros": _words((zeros - (version == "gptq")).T, bits),
        "scales": scales.T,
        "g_idx": group.astype(np.int32),
    }
    opened = _opened(
        tmp_path,
        parts,
        {"quant_method": "gptq", "bits": bits, "group_size": GROUP, "checkpoint_format": version},
    )
    _check(opened, _expected(q, zeros, scales, group))
    assert opened.stored == "gptq"


def test_awq(tmp_path: Path) -> None:
    q, zeros, scales = _integers(4)
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    parts = {"qweight": _words(q.T, 4, order), "qzeros": _words(zeros.T, 4, order), "scales": scales.T}
    opened = _opened(tmp_path, parts, {"quant_method": "awq", "bits": 4, "version": "gemm"})
    _check(opened, _expected(q, zeros, scales, np.arange(INPUTS) // GROUP))


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("symmetric", [False, True])
def test_compressed_tensors_packed(tmp_path: Path, bits: int, symmetric: bool) -> None:
    q, zeros, scales = _integers(bits)
    middle = 2 ** (bits - 1)  # integers are signed; the packer adds the middle
    parts = {
        "weight_packed": _words(q, bits),
        "weight_scale": scales,
        "weight_shape": np.array([OUTPUTS, INPUTS]),
    }
    if not symmetric:
        parts["weight_zero_point"] = np.ascontiguousarray(_words(zeros.T, bits).T)
    opened = _opened(tmp_path, parts, {"quant_method": "compressed-tensors"})
    _check(opened, _expected(q, middle if symmetric else zeros, scales, np.arange(INPUTS) // GROUP))


@pytest.mark.parametrize("high", [1, OUTPUTS, OUTPUTS // 4])
def test_eight_bits_with_scales(tmp_path: Path, high: int) -> None:
    draws = np.random.default_rng(2)
    q = draws.integers(-128, 128, (OUTPUTS, INPUTS)).astype(np.int8)
    wide = 4 if high == OUTPUTS // 4 else 1
    scales = draws.uniform(0.5, 2, (high, wide)).astype(np.float32)
    parts = {"weight": q, "weight_scale": scales[0, 0] if high == 1 else scales}
    opened = _opened(tmp_path, parts, {"quant_method": "compressed-tensors"})
    across = np.repeat(np.repeat(scales, OUTPUTS // high, axis=0), INPUTS // wide, axis=1)
    _check(opened, q * across)


def test_fp8_in_blocks(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    write_folder(tmp_path, {"x": np.eye(2)}, {"quantization_config": {"weight_block_size": [8, 24]}})
    weight = torch.randn(OUTPUTS, INPUTS, generator=torch.Generator().manual_seed(3)).to(torch.float8_e4m3fn)
    scales = torch.tensor([[1.0, 2.0], [3.0, 4.0]])  # the last block of inputs is cut off
    save_file({NAME: weight, BASE + "weight_scale_inv": scales}, tmp_path / "model.safetensors")
    across = np.repeat(np.repeat(scales.numpy(), 8, axis=0), 24, axis=1)[:, :INPUTS]
    _check(Checkpoint.open(tmp_path), weight.float().numpy() * across)


def test_bitsandbytes_int8(tmp_path: Path) -> None:
    draws = np.random.default_rng(4)
    weight = draws.standard_normal((OUTPUTS, INPUTS)).astype(np.float32)
    largest = np.abs(weight).max(axis=1)
    q = np.rint(weight * (127 / largest)[:, None]).astype(np.int8)
    opened = _opened(tmp_path, {"weight": q, "SCB": largest}, {"quant_method": "bitsandbytes"})
    _check(opened, q * (largest / 127)[:, None])
    assert np.abs(opened.rows(NAME, range(OUTPUTS)) - weight).max() < 0.02


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("nested", [False, True])
def test_bitsandbytes_four_bits(tmp_path: Path, kind: str, nested: bool) -> None:
    draws = np.random.default_rng(5)
    q = draws.integers(0, 16, OUTPUTS * INPUTS)
    table = np.sort(draws.uniform(-1, 1, 16)).astype(np.float32)
    absmax = draws.uniform(0.5, 2, OUTPUTS * INPUTS // 64).astype(np.float32)
    state = {"blocksize": 64, "shape": [OUTPUTS, INPUTS], "quant_type": kind, "dtype": "float32"}
    parts: dict[str, NDArray[Any]] = {
        "weight": (q[::2] << 4 | q[1::2]).astype(np.uint8)[:, None],
        "weight.quant_map": table,
        "weight.absmax": absmax,
    }
    if nested:
        codes, inner = draws.integers(0, 256, absmax.size).astype(np.uint8), np.linspace(-1, 1, 256)
        scales = draws.uniform(0.1, 1, absmax.size // 4).astype(np.float32)
        state |= {"nested_blocksize": 4, "nested_offset": 1.5}
        parts |= {
            "weight.absmax": codes,
            "weight.nested_absmax": scales,
            "weight.nested_quant_map": inner.astype(np.float32),
        }
        absmax = (inner[codes] * np.repeat(scales, 4) + 1.5).astype(np.float32)
    packed = np.frombuffer(json.dumps(state).encode(), np.uint8)
    parts[f"weight.quant_state.bitsandbytes__{kind}"] = packed
    opened = _opened(tmp_path, parts, {"quant_method": "bitsandbytes"})
    _check(opened, (table[q] * np.repeat(absmax, 64)).reshape(OUTPUTS, INPUTS))


@pytest.mark.parametrize("lost", ["qzeros", "scales"])
def test_a_part_that_is_missing_or_does_not_fit(tmp_path: Path, lost: str) -> None:
    q, zeros, scales = _integers(4)
    parts: dict[str, NDArray[Any]] = {
        "qweight": np.ascontiguousarray(_words(q, 4).T),
        "qzeros": _words(zeros.T, 4),
        "scales": scales.T,
    }
    quantization = {"quant_method": "gptq", "bits": 4}
    for replaced in (None, np.ones((3, 3), np.float16), np.full_like(parts[lost], -1)[:0]):
        changed = {name: value for name, value in parts.items() if name != lost}
        if replaced is not None:
            changed[lost] = replaced
        with pytest.raises(Error, match="cannot be read"):
            _opened(tmp_path, changed, quantization).rows(NAME, [0])
    for bits in (None, 3, 99, "4"):
        with pytest.raises(Error, match="bits"):
            _opened(tmp_path, parts, {**quantization, "bits": bits}).rows(NAME, [0])


def test_a_group_that_is_none(tmp_path: Path) -> None:
    q, zeros, scales = _integers(4)
    parts = {
        "qweight": np.ascontiguousarray(_words(q, 4).T),
        "qzeros": _words(zeros.T, 4),
        "scales": scales.T,
        "g_idx": np.full(INPUTS, 4, np.int32),
    }
    with pytest.raises(Error, match="group"):
        _opened(tmp_path, parts, {"quant_method": "gptq", "bits": 4}).rows(NAME, [0])
