"""A folder of weights as data: safetensors only, without torch, read by rows; quantised weights are unpacked.

A *weight* is a logical matrix, shape (outputs, inputs), called `….weight` also where it is stored as several
packed tensors. Nothing of a folder is ever run.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from countermark.errors import Error, ExitCode
from countermark.models.bitsandbytes import four_bit, vectorwise_int8
from countermark.models.configs import read_config
from countermark.models.dtypes import FLOATS
from countermark.models.packed import awq, gptq, pack_quantized, scaled
from countermark.models.tensor_file import MAX_TENSORS, TensorFile
from countermark.models.weights import Parts, Plain, Weight
from countermark.records.canonical import folder_sha256

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
MAX_INDEX = 32_000_000
"""Bytes; an index of MAX_TENSORS names takes no more."""
MAX_SHARDS = 2_000
MOST = 1e30
"""A number larger than this is refused: it is no weight, and what is reckoned with it leaves float32."""
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_PACKED: dict[str, Callable[[Parts], Weight]] = {"qweight": gptq, "weight_packed": pack_quantized}
"""By the tensor that only this layout has (AWQ is told from GPTQ by the configuration)."""
_METHODS = frozenset({"gptq", "awq", "bitsandbytes", "compressed-tensors", "fp8"})
_CHUNK = 1 << 24
"""Numbers read at a time where columns are wanted."""


class _Index(msgspec.Struct):
    weight_map: dict[str, str]
    """File by tensor; whatever else the index says is skipped unread."""


class Checkpoint:
    """An opened folder."""

    config: dict[str, Any]
    """Checked numbers of `config.json` under one name each, `model_type`, `quantization_config`."""

    def __init__(self, folder: Path, config: dict[str, Any], files: list[TensorFile]) -> None:
        """Use `open`."""
        self.folder = folder
        self.config = config
        self._files = files
        self._where = {name: file for file in files for name in file.tensors}
        self._weights: dict[str, Weight] = {}

    @classmethod
    def open(cls, folder: Path) -> "Checkpoint":
        """Check names, sizes and shapes of everything; read no weight. Raises `Error(NO_INPUT)`."""
        if not folder.is_dir():
            raise Error(f"{folder} is no folder", exit_code=ExitCode.NO_INPUT)
        config = read_config(folder)
        files: list[TensorFile] = []
        seen: set[str] = set()
        for path in _files(folder):
            file = TensorFile(path)
            twice = seen & file.tensors.keys()
            if twice:
                raise _unusable(folder, f"tensor {min(twice)[:80]!r} stands in two files")
            seen |= file.tensors.keys()
            if len(seen) > MAX_TENSORS:
                raise _unusable(folder, f"it holds over {MAX_TENSORS:,} tensors")
            files.append(file)
        return cls(folder, config, files)

    @property
    def stored(self) -> str:
        """How the weights are stored: the quantisation's name if we read it, `other` for any other name that
        the configuration gives; else the number formats of all weights (`F32`; `BF16, I8`), `packed` where
        one is made of several tensors."""
        method = self.config["quantization_config"].get("quant_method")
        if method is not None:
            return method if isinstance(method, str) and method in _METHODS else "other"
        kinds = set()
        for name in filter(lambda one: one.endswith(".weight"), self.names()):
            prefix = name.removesuffix("weight")
            if any(prefix + part in self._where for part in (*_PACKED, "weight.absmax")):
                kinds.add("packed")
                continue
            info = self._where[name].tensors[name]
            if len(info.shape) == 2 or info.dtype not in FLOATS:
                kinds.add(info.dtype)
        return ", ".join(sorted(kinds)) or "other"

    def digest(self) -> str:
        """SHA-256 over the names and digests of the folder's files, as an attribution records its inputs."""
        return folder_sha256(self.folder)

    def names(self) -> list[str]:
        """Logical names, sorted: packed parts of a weight stand as one `….weight`."""
        names = set()
        for name in self._where:
            prefix, _, last = name.rpartition(".")
            names.add(f"{prefix}.weight" if last in _PACKED else name)
        return sorted(names)

    def shape(self, name: str) -> tuple[int, ...]:
        """Logical shape; of a matrix (outputs, inputs). Raises `Error` for an unknown name."""
        file = self._where.get(name)
        if file is not None and len(file.tensors[name].shape) != 2:
            parts = Parts(self._where, name.removesuffix("weight"), self.config["quantization_config"])
            return self._weight(name).shape if parts.has("weight.absmax") else file.tensors[name].shape
        return self._weight(name).shape

    def rows(self, name: str, index: ArrayLike) -> NDArray[np.float32]:
        """Rows `index` (integers, any order) of a weight, shape (len(index), inputs), dequantised.

        Reads no other rows where the layout allows it. Raises `Error(NO_INPUT)` for an unknown name, a row
        that is none, and a number that is not finite.
        """
        weight = self._weight(name)
        wanted = np.asarray(index, dtype=np.int64)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= weight.shape[0]):
            raise _unusable(self.folder, f"{name[:80]!r} has no such row")
        with _beyond():
            values = weight.rows(wanted)
        self._release()
        return self._finite(name, values)

    def columns(self, name: str, index: ArrayLike) -> NDArray[np.float32]:
        """Columns `index` of a weight, as rows: shape (len(index), outputs). The matrix is read in chunks."""
        outputs, inputs = self._weight(name).shape
        wanted = np.asarray(index, dtype=np.int64)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= inputs):
            raise _unusable(self.folder, f"{name[:80]!r} has no such column")
        result = np.empty((wanted.size, outputs), dtype=np.float32)
        step = max(1, _CHUNK // max(inputs, 1))
        for start in range(0, outputs, step):
            rows = np.arange(start, min(start + step, outputs))
            with _beyond():
                result[:, rows] = self._weight(name).rows(rows)[:, wanted].T
            self._release()
        return self._finite(name, result)

    def vector(self, name: str) -> NDArray[np.float32]:
        """A tensor of one dimension (a norm's gain). Raises `Error` for another."""
        file = self._where.get(name)
        if file is None or len(file.tensors[name].shape) != 1:
            raise _unusable(self.folder, f"{name[:80]!r} is no vector")
        return self._finite(name, file.decoded(name))

    def _release(self) -> None:
        for file in self._files:
            file.release()

    def _weight(self, name: str) -> Weight:
        if name not in self._weights:
            self._weights[name] = self._made(name)
        return self._weights[name]

    def _made(self, name: str) -> Weight:
        quantization = self.config["quantization_config"]
        parts = Parts(self._where, name.removesuffix("weight"), quantization)
        if parts.has("weight.absmax"):
            return four_bit(parts)
        if parts.has("SCB"):
            return vectorwise_int8(parts)
        for tensor, unpacker in _PACKED.items():
            if parts.has(tensor):
                return awq(parts) if quantization.get("quant_method") == "awq" else unpacker(parts)
        if parts.has("weight_scale") or parts.has("weight_scale_inv"):
            return scaled(parts)
        file = self._where.get(name)
        if file is None:
            raise _unusable(self.folder, f"it has no {name[:80]!r}")
        info = file.tensors[name]
        if len(info.shape) != 2 or info.dtype not in FLOATS | {"I8"}:
            raise _unusable(self.folder, f"{name[:80]!r} is no matrix of numbers")
        return Plain(file, name)

    def _finite(self, name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if not (np.abs(values) <= MOST).all():
            raise _unusable(self.folder, f"{name[:80]!r} holds NaN or numbers beyond {MOST:g}")
        return values


def _beyond() -> AbstractContextManager[Any]:
    """Numbers beyond float32 become infinite or NaN without a warning; `_finite` refuses them."""
    return np.errstate(over="ignore", invalid="ignore")


def _files(folder: Path) -> list[Path]:
    """The safetensors files of the folder; names without path parts, no links out."""
    if (folder / INDEX).is_file():
        names = _shards(folder / INDEX)
    elif (folder / SINGLE).is_file():
        names = [SINGLE]
    else:
        pickles = [one for one in folder.iterdir() if one.suffix in _PICKLES]
        hint = "a Hugging Face folder has config.json and model.safetensors"
        if pickles:
            hint = "pickles can run code and are not opened; convert in a sandbox with save_pretrained()"
        raise Error(f"{folder} has no {SINGLE}", hint=hint, exit_code=ExitCode.NO_INPUT)
    inside = folder.resolve()
    seen: set[tuple[int, int]] = set()
    for name in names:
        path = folder / name
        try:
            state = path.stat() if path.is_file() else None
        except (OSError, ValueError):  # a name that no file can have
            state = None
        if state is None:
            raise _unusable(folder, f"the file {name[:80]!r} is missing")
        if path.resolve().parent != inside:
            hint = "copy the files themselves into a folder (cp -rL)"
            raise Error(f"{name} is a link out of {folder}", hint=hint, exit_code=ExitCode.NO_INPUT)
        if (state.st_dev, state.st_ino) in seen:
            raise _unusable(folder, f"the file {name[:80]!r} stands there under two names")
        seen.add((state.st_dev, state.st_ino))
    return [folder / name for name in names]


def _shards(index: Path) -> list[str]:
    try:
        if index.stat().st_size > MAX_INDEX:
            raise _unusable(index.parent, f"{INDEX} is too large")
        names = sorted(set(msgspec.json.decode(index.read_bytes(), type=_Index).weight_map.values()))
    except (OSError, msgspec.MsgspecError, RecursionError):
        raise _unusable(index.parent, f"{INDEX} has no weight map") from None
    if not 0 < len(names) <= MAX_SHARDS:
        raise _unusable(index.parent, f"{INDEX} names no files, or too many")
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise _unusable(index.parent, f"{INDEX} names something other than a file beside it")
    return names


def _unusable(folder: Path, why: str) -> Error:
    return Error(f"{folder} is no usable checkpoint: {why}", exit_code=ExitCode.NO_INPUT)
