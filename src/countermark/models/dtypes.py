"""Number formats of safetensors that numpy does not have, decoded to float32 from their bits.

BF16 is the upper half of a float32. FP8 as in Micikevicius et al. 2022, "FP8 formats for deep learning",
table 1: E4M3 without infinities (bias 7, NaN where all bits but the sign are set), E5M2 like a half with a
mantissa of two bits.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_TYPES: dict[str, str] = {
    "BOOL": "|b1",
    "U8": "|u1",
    "I8": "|i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "BF16": "<u2",
    "F8_E4M3": "|u1",
    "F8_E5M2": "|u1",
}
BYTES = {name: np.dtype(code).itemsize for name, code in _TYPES.items()}
"""Bytes of a number, by the name in a safetensors header."""
FLOATS = frozenset({"F16", "F32", "F64", "BF16", "F8_E4M3", "F8_E5M2"})


def raw_type(dtype: str) -> DTypeLike:
    """The numpy type with the bits of `dtype`."""
    return np.dtype(_TYPES[dtype])


def decode(raw: NDArray[Any], dtype: str) -> NDArray[np.float32]:
    """float32 of the numbers whose bits are in `raw`; an F64 beyond float32 becomes infinite."""
    if dtype == "BF16":
        values: NDArray[np.float32] = (raw.astype(np.uint32) << 16).view(np.float32)
        return values
    if dtype in ("F8_E4M3", "F8_E5M2"):
        looked_up: NDArray[np.float32] = _fp8(dtype)[raw]
        return looked_up
    with np.errstate(over="ignore"):
        plain: NDArray[np.float32] = raw.astype(np.float32)
    return plain


@cache
def _fp8(dtype: str) -> NDArray[np.float32]:
    """All 256 values."""
    if dtype == "F8_E5M2":
        return (np.arange(256, dtype=np.uint16) << 8).view(np.float16).astype(np.float32)
    bits = np.arange(256)
    exponent, mantissa = (bits >> 3) & 15, bits & 7
    size = np.where(exponent == 0, mantissa / 8 * 2.0**-6, (1 + mantissa / 8) * 2.0 ** (exponent - 7.0))
    size[(bits & 127) == 127] = np.nan
    return np.where(bits >> 7, -size, size).astype(np.float32)
