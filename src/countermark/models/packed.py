"""Quantised weights stored as packed integers with scales and zero points.

Layouts, read in the packers that define them: GPTQ in AutoGPTQ `nn_modules/qlinear/qlinear_cuda.py`
(`pack`, `forward`); AWQ in AutoAWQ `modules/linear/gemm.py` (`from_linear`) and `utils/packing_utils.py`;
compressed-tensors in `compressors/pack_quantized` and `compressors/naive_quantized`; block-scaled FP8 in
transformers `integrations/finegrained_fp8.py`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countermark.models.weights import Parts, Weight

_AWQ_PLACE = np.array([0, 4, 1, 5, 2, 6, 3, 7])
"""Output j of each eight stands at nibble _AWQ_PLACE[j] of the word."""

_MOST_BLOCK = 1 << 20


@dataclass(frozen=True)
class InputMajor:
    """GPTQ and AWQ: integers by (input, output), scales by (group of inputs, output)."""

    shape: tuple[int, ...]
    words: NDArray[Any]
    """int32. GPTQ: (inputs·bits/32, outputs). AWQ: (inputs, outputs/8)."""
    zeros: NDArray[np.int64]
    """(groups, outputs)."""
    scales: NDArray[np.float32]
    """(groups, outputs)."""
    group: NDArray[np.int64]
    """(inputs,): the group of each input."""
    bits: int
    awq: bool

    def rows(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """(q - zero) · scale, shape (len(index), inputs)."""
        if self.awq:
            words = np.asarray(self.words[:, index // 8]).view(np.uint32)
            values = words >> (4 * _AWQ_PLACE[index % 8]).astype(np.uint32) & np.uint32(15)
        else:
            words = np.asarray(self.words[:, index]).view(np.uint32)
            values = _unpacked(words.T, self.bits).T
        q = values.astype(np.float32) - self.zeros[:, index][self.group].astype(np.float32)
        return np.ascontiguousarray((q * self.scales[:, index][self.group]).T)


def gptq(parts: Parts) -> Weight:
    """qweight (inputs·bits/32, outputs), qzeros (groups, outputs·bits/32), scales (groups, outputs), g_idx
    (inputs,). Zero points are stored less one, but not in `checkpoint_format: gptq_v2`."""
    bits = parts.integer("bits", 2, 8)
    parts.need(bits in (2, 4, 8), f"{bits} bits are not read")
    parts.need(
        parts.config.get("checkpoint_format", "gptq") in ("gptq", "gptq_v2"), "its GPTQ layout is unknown"
    )
    words, scales, qzeros = parts.raw("qweight"), parts.numbers("scales"), parts.raw("qzeros")
    _need_words(parts, words, qzeros, scales)
    inputs, outputs = words.shape[0] * 32 // bits, words.shape[1]
    # before the zero points are unpacked: they are but 2 bits each, and as many as the file likes
    parts.need(qzeros.shape[1] * 32 // bits == scales.shape[1] == outputs, "its parts do not fit")
    group = _groups(parts, "g_idx", inputs, scales.shape[0])
    zeros = _unpacked(np.ascontiguousarray(qzeros).view(np.uint32), bits).astype(np.int64)
    if parts.config.get("checkpoint_format") != "gptq_v2":
        zeros = zeros + 1
    return InputMajor((outputs, inputs), words, zeros, scales, group, bits, awq=False)


def awq(parts: Parts) -> Weight:
    """AWQ "gemm" of 4 bits: qweight (inputs, outputs/8), qzeros (groups, outputs/8), scales by output."""
    parts.need(
        parts.config.get("version", "gemm") == "gemm" and parts.integer("bits", 2, 8) == 4,
        "of AWQ the layout gemm with 4 bits is read",
    )
    words, scales, qzeros = parts.raw("qweight"), parts.numbers("scales"), parts.raw("qzeros")
    _need_words(parts, words, qzeros, scales)
    inputs, outputs = words.shape[0], words.shape[1] * 8
    parts.need(qzeros.shape[1] == words.shape[1] and scales.shape[1] == outputs, "its parts do not fit")
    group = _groups(parts, "", inputs, scales.shape[0])
    at = np.arange(outputs)
    zeros = np.ascontiguousarray(qzeros).view(np.uint32)[:, at // 8]
    zeros = (zeros >> (4 * _AWQ_PLACE[at % 8]).astype(np.uint32) & np.uint32(15)).astype(np.int64)
    return InputMajor((outputs, inputs), words, zeros, scales, group, 4, awq=True)


@dataclass(frozen=True)
class OutputMajor:
    """Numbers by (output, input), with scales and zero points by (output block, input group)."""

    shape: tuple[int, ...]
    words: NDArray[Any]
    """Packed int32 (outputs, words), or the numbers themselves, shape (outputs, inputs)."""
    bits: int
    """Of the packed integers; 0 where they are not packed."""
    dtype: str
    scales: NDArray[np.float32]
    """(output blocks, groups)."""
    zeros: NDArray[np.float32] | None
    height: int
    """Outputs of a block."""
    group: NDArray[np.int64]

    def rows(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """(q - zero) · scale."""
        from countermark.models.dtypes import decode

        raw = np.ascontiguousarray(self.words[index])
        if self.bits:
            offset = 1 << (self.bits - 1)
            q = _unpacked(raw.view(np.uint32), self.bits)[:, : self.shape[1]].astype(np.float32) - offset
        else:
            q = decode(raw, self.dtype)
        block = index // self.height if self.scales.shape[0] > 1 else np.zeros_like(index)
        if self.zeros is not None:
            q -= self.zeros[block][:, self.group]
        q *= self.scales[block][:, self.group]
        return q


def pack_quantized(parts: Parts) -> Weight:
    """compressed-tensors `pack-quantized`: weight_packed (outputs, ⌈inputs·bits/32⌉), integers plus
    2^(bits-1); weight_scale (outputs, groups); weight_zero_point packed along the outputs; weight_shape."""
    words, scales = parts.raw("weight_packed"), parts.numbers("weight_scale")
    parts.need(parts.dtype("weight_shape") in ("I64", "I32"), "weight_shape is not usable")
    shape = [int(one) for one in np.ravel(parts.raw("weight_shape"))[:3]]
    parts.need(parts.dtype("weight_packed") == "I32" and words.ndim == 2, "weight_packed is no int32 matrix")
    parts.need(len(shape) == 2 and shape[0] == words.shape[0] and shape[1] > 0, "weight_shape does not fit")
    bits = next((one for one in (4, 8, 2) if -(-shape[1] * one // 32) == words.shape[1]), 0)
    parts.need(bits > 0, "its number of bits is not read")
    scales = scales.reshape(-1, 1) if scales.ndim < 2 else scales
    parts.need(scales.ndim == 2 and scales.shape[0] in (1, shape[0]), "weight_scale does not fit")
    group = _groups(parts, "weight_g_idx", shape[1], scales.shape[1])
    zeros = None
    if parts.has("weight_zero_point"):
        packed = parts.raw("weight_zero_point")
        parts.need(
            parts.dtype("weight_zero_point") == "I32"
            and packed.shape == (-(-shape[0] * bits // 32), scales.shape[1])
            and scales.shape[0] == shape[0],
            "its zero points do not fit",
        )
        across = _unpacked(np.ascontiguousarray(packed.T).view(np.uint32), bits)[:, : shape[0]]
        zeros = across.T.astype(np.float32) - (1 << (bits - 1))
    return OutputMajor(tuple(shape), words, bits, "I32", scales, zeros, 1, group)


def scaled(parts: Parts) -> Weight:
    """Numbers of 8 bits with scales: compressed-tensors `int-quantized` and `float-quantized` (weight_scale:
    one, one per output, per group, or per block) and block-scaled FP8 (weight_scale_inv, which multiplies
    too)."""
    name = "weight_scale" if parts.has("weight_scale") else "weight_scale_inv"
    words, scales = parts.raw("weight"), parts.numbers(name)
    parts.need(
        words.ndim == 2 and parts.dtype("weight") in ("I8", "F8_E4M3", "F8_E5M2"), "weight is not 8 bits"
    )
    scales = scales.reshape(-1, 1) if scales.ndim < 2 else scales
    rows = words.shape[0]
    parts.need(words.size > 0, "weight is empty")
    parts.need(
        scales.ndim == 2 and 1 <= scales.shape[0] <= rows and scales.shape[1] >= 1, f"{name} does not fit"
    )
    height, width = _block(parts, scales.shape[0], scales.shape[1], words.shape)
    zeros = None
    if parts.has("weight_zero_point"):
        zeros = parts.numbers("weight_zero_point")
        parts.need(zeros.size == scales.size, "its zero points do not fit")
        zeros = zeros.reshape(scales.shape)
    group = np.arange(words.shape[1]) // width
    parts.need(group[-1] < scales.shape[1] and (rows - 1) // height < scales.shape[0], f"{name} does not fit")
    return OutputMajor(words.shape, words, 0, parts.dtype("weight"), scales, zeros, height, group)


def _block(parts: Parts, high: int, wide: int, shape: tuple[int, ...]) -> tuple[int, int]:
    """Outputs and inputs that share a scale."""
    block = parts.config.get("weight_block_size")
    if parts.has("weight_scale_inv") and isinstance(block, list) and len(block) == 2:
        usable = all(type(one) is int and 0 < one <= _MOST_BLOCK for one in block)
        parts.need(usable, "weight_block_size is not usable")
        return int(block[0]), int(block[1])
    return -(-shape[0] // high), -(-shape[1] // wide)


def _unpacked(words: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    """Integers of 2, 4 or 8 bits, lowest first in each word; (rows, words) to (rows, words·32/bits)."""
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    values = words[:, :, None] >> shifts & np.uint32((1 << bits) - 1)
    return values.reshape(words.shape[0], -1)


def _groups(parts: Parts, name: str, inputs: int, groups: int) -> NDArray[np.int64]:
    """The group of each input: as listed, or runs of equal length."""
    parts.need(0 < groups <= inputs, "it has no groups")
    if name and parts.has(name):
        parts.need(parts.dtype(name) in ("I32", "I64"), f"{name} holds no integers")
        group = np.asarray(parts.raw(name), dtype=np.int64).ravel()
        if group.size == inputs and (group >= 0).all():
            parts.need(int(group.max(initial=0)) < groups, f"{name} names a group that is none")
            return group
    return np.arange(inputs) // -(-inputs // groups)


def _need_words(parts: Parts, words: NDArray[Any], qzeros: NDArray[Any], scales: NDArray[Any]) -> None:
    parts.need(
        parts.dtype("qweight") == parts.dtype("qzeros") == "I32", "its integers are not packed in int32"
    )
    parts.need(words.ndim == qzeros.ndim == scales.ndim == 2 and words.size > 0, "its parts are no matrices")
    parts.need(qzeros.shape[0] == scales.shape[0], "its parts do not fit")
