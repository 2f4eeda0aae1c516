"""Weights as bitsandbytes stores them: 8 bits with a scale per row, 4 bits in blocks of the flat matrix.

Layouts, read in bitsandbytes `functional.py` (`QuantState`, `dequantize_4bit`, `int8_vectorwise_dequant`,
`get_4bit_type`), `backends/default/ops.py` and `utils.py` (`pack_dict_to_tensor`).
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countermark.models.weights import Parts, Weight

_KINDS = ("nf4", "fp4")
_BLOCKS = (32, 64, 128, 256, 512, 1024, 2048, 4096)
_MAX_STATE = 10_000
_MAX_OFFSET = 1e30


@dataclass(frozen=True)
class Int8:
    """LLM.int8(): q · SCB / 127."""

    shape: tuple[int, ...]
    words: NDArray[Any]
    scales: NDArray[np.float32]
    """(outputs,): largest absolute value of each row."""

    def rows(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Shape (len(index), inputs)."""
        scale = self.scales[index] / np.float32(127)
        return np.asarray(self.words[index]).astype(np.float32) * scale[:, None]


def vectorwise_int8(parts: Parts) -> Weight:
    """weight (outputs, inputs) int8 and SCB (outputs,); only the row format, which is all that is written."""
    words, scales = parts.raw("weight"), parts.numbers("SCB").ravel()
    parts.need(parts.dtype("weight") == "I8" and words.ndim == 2, "weight is no int8 matrix")
    parts.need(scales.size == words.shape[0], "SCB does not fit")
    if parts.has("weight_format"):
        parts.need(not np.any(parts.raw("weight_format")), "only the row format is read")
    return Int8(words.shape, words, scales)


@dataclass(frozen=True)
class FourBit:
    """NF4 and FP4: the flat matrix, two values a byte, the first in the upper half; a scale per block."""

    shape: tuple[int, ...]
    data: NDArray[np.uint8]
    table: NDArray[np.float32]
    absmax: NDArray[np.float32]
    block: int

    def rows(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """table[q] · absmax[block], shape (len(index), inputs)."""
        at = index[:, None] * self.shape[1] + np.arange(self.shape[1])
        both = self.data[at >> 1]
        q = np.where(at & 1, both & 15, both >> 4)
        values: NDArray[np.float32] = self.table[q] * self.absmax[at // self.block]
        return values


def four_bit(parts: Parts) -> Weight:
    """weight (bytes, 1), weight.absmax, weight.quant_map (16,), and weight.quant_state.bitsandbytes__nf4
    (or fp4), JSON as bytes; nested scales are 8 bits with nested_absmax, nested_quant_map and an offset."""
    kind = next((one for one in _KINDS if parts.has(f"weight.quant_state.bitsandbytes__{one}")), None)
    parts.need(kind is not None, "its quant_state is missing")
    state = _state(parts, f"weight.quant_state.bitsandbytes__{kind}")
    shape: Any = state.get("shape")
    block: Any = state.get("blocksize")
    parts.need(type(block) is int and block in _BLOCKS, "its block size is not usable")
    usable = (
        isinstance(shape, list) and len(shape) == 2 and all(type(one) is int and one > 0 for one in shape)
    )
    parts.need(usable, "its shape is not usable")
    size = shape[0] * shape[1]
    data = np.ascontiguousarray(parts.raw("weight")).view(np.uint8).ravel()
    table = parts.numbers("weight.quant_map")
    parts.need(data.size == -(-size // 2) and table.shape == (16,), "its parts do not fit")
    absmax = _nested(parts, state) if parts.has("weight.nested_absmax") else parts.numbers("weight.absmax")
    parts.need(absmax.ndim == 1 and absmax.size == -(-size // block), "its scales do not fit")
    return FourBit((shape[0], shape[1]), data, table, absmax, block)


def _nested(parts: Parts, state: dict[str, Any]) -> NDArray[np.float32]:
    block: Any = state.get("nested_blocksize")
    offset: Any = state.get("nested_offset")
    codes, table = parts.raw("weight.absmax"), parts.numbers("weight.nested_quant_map")
    scales = parts.numbers("weight.nested_absmax")
    fits = type(block) is int and block > 0 and type(offset) in (int, float) and abs(offset) < _MAX_OFFSET
    parts.need(fits and parts.dtype("weight.absmax") == "U8" and codes.ndim == 1, "its scales do not fit")
    parts.need(table.shape == (256,) and scales.size == -(-codes.size // block), "its scales do not fit")
    values: NDArray[np.float32] = table[codes] * scales.ravel()[np.arange(codes.size) // block]
    return values + np.float32(offset)


def _state(parts: Parts, name: str) -> dict[str, Any]:
    parts.need(parts.dtype(name) == "U8", "its quant_state is not usable")
    raw = parts.raw(name)
    try:
        state: Any = json.loads(raw.tobytes()) if raw.size <= _MAX_STATE else None
    except (ValueError, RecursionError):
        state = None
    if not isinstance(state, dict):
        raise parts.broken("its quant_state is no JSON object")
    return state
