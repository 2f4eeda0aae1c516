"""One safetensors file as data: header checked against the file, tensors memory-mapped and read in parts.

Layout (safetensors, "Format"): 8 bytes little-endian header length, a JSON object that gives dtype, shape and
`data_offsets` of every tensor, then the tensors. The file is written by the people under suspicion: every
number is checked before it is used.
"""

import json
import math
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countermark.errors import Error, ExitCode
from countermark.models.dtypes import BYTES, decode, raw_type

MAX_HEADER = 32_000_000
"""Bytes; a header of MAX_TENSORS entries takes no more."""
MAX_TENSORS = 200_000
MAX_NAME = 512
MAX_DIMENSIONS = 8
MAX_ELEMENTS = 1 << 40


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor stands."""

    dtype: str
    """As in the header: F32, BF16, I8, …"""
    shape: tuple[int, ...]
    start: int
    """Offset in the file."""
    end: int


class TensorFile:
    """Tensors of one file."""

    def __init__(self, path: Path) -> None:
        """Raises `Error` unless header and file fit each other."""
        self.path = path
        try:
            with path.open("rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                prefix = stream.read(8)
                length = int.from_bytes(prefix, "little")
                if len(prefix) < 8 or not 2 <= length <= MAX_HEADER or 8 + length > size:
                    raise _broken(path, "it has no safetensors header, or is cut off")
                header = _parsed(path, stream.read(length))
        except OSError as error:
            raise Error(
                f"{path.name} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT
            ) from None
        self.tensors = _checked(path, header, 8 + length, size)
        self._map: NDArray[np.uint8] | None = None

    def raw(self, name: str) -> NDArray[Any]:
        """The tensor as it stands in the file, memory-mapped; BF16 and FP8 as integers of their bits."""
        info = self.tensors[name]
        if self._map is None:
            self._map = np.memmap(self.path, dtype=np.uint8, mode="r")
        return self._map[info.start : info.end].view(raw_type(info.dtype)).reshape(info.shape)

    def release(self) -> None:
        """Let go of the pages that were read; they would count as ours until the end."""
        mapped = getattr(self._map, "_mmap", None)
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)

    def decoded(self, name: str, index: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """Entries `index` of the first axis as float32."""
        return decode(np.ascontiguousarray(self.raw(name)[index]), self.tensors[name].dtype)


def _parsed(path: Path, data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data)
    except (ValueError, RecursionError):
        raise _broken(path, "its header is no JSON") from None
    if not isinstance(header, dict):
        raise _broken(path, "its header is no JSON object")
    header.pop("__metadata__", None)
    if not 0 < len(header) <= MAX_TENSORS:
        raise _broken(path, "it holds no tensors, or too many")
    if max(map(len, header)) > MAX_NAME:
        raise _broken(path, "it has a name that is too long")
    return header


def _checked(path: Path, header: dict[str, Any], base: int, size: int) -> dict[str, TensorInfo]:
    tensors = {name: _info(path, name, entry, base, size) for name, entry in header.items()}
    end = base
    for info in sorted(tensors.values(), key=lambda one: (one.start, one.end)):
        if info.start < end:
            raise _broken(path, "its tensors overlap")
        end = info.end
    return tensors


def _info(path: Path, name: str, entry: Any, base: int, size: int) -> TensorInfo:
    shown = name[:80]
    try:
        dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        numbers = [*shape, start, end]
    except (KeyError, TypeError, ValueError):
        raise _broken(path, f"tensor {shown!r} is not described") from None
    if any(type(one) is not int or one < 0 or one > MAX_ELEMENTS for one in numbers):
        raise _broken(path, f"tensor {shown!r} has no usable shape or offsets")
    if len(shape) > MAX_DIMENSIONS or not isinstance(dtype, str) or dtype not in BYTES:
        raise _broken(path, f"tensor {shown!r} has an unknown dtype or too many dimensions")
    if end < start or base + end > size:
        raise _broken(path, f"tensor {shown!r} ends behind the file: it is cut off")
    if math.prod(shape) * BYTES[dtype] != end - start:
        raise _broken(path, f"tensor {shown!r} has another size than its shape")
    return TensorInfo(dtype, tuple(shape), base + start, base + end)


def _broken(path: Path, why: str) -> Error:
    return Error(f"{path.name} is no usable safetensors file: {why}", exit_code=ExitCode.NO_INPUT)
