"""What a logical weight is, and the tensors that it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from countermark.errors import Error, ExitCode
from countermark.models.tensor_file import TensorFile


class Weight(Protocol):
    """A matrix, shape (outputs, inputs)."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def rows(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Rows `index`, in range, shape (len(index), inputs)."""
        ...


@dataclass(frozen=True)
class Plain:
    """A tensor that stands in the file as it is."""

    file: TensorFile
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        return self.file.tensors[self.name].shape

    def rows(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.file.decoded(self.name, index)


@dataclass(frozen=True)
class Parts:
    """The tensors under one prefix (`model.layers.0.mlp.up_proj.`)."""

    where: Mapping[str, TensorFile]
    prefix: str
    config: Mapping[str, Any]
    """`quantization_config`."""

    def has(self, name: str) -> bool:
        """Whether there is such a tensor."""
        return self.prefix + name in self.where

    def dtype(self, name: str) -> str:
        """Number format in the file."""
        return self._file(name).tensors[self.prefix + name].dtype

    def raw(self, name: str) -> NDArray[Any]:
        """As it stands in the file."""
        return self._file(name).raw(self.prefix + name)

    def numbers(self, name: str) -> NDArray[np.float32]:
        """As float32."""
        return self._file(name).decoded(self.prefix + name) if self.raw(name).ndim else self._scalar(name)

    def integer(self, name: str, least: int, most: int) -> int:
        """A number of `quantization_config`, checked."""
        value = self.config.get(name)
        if type(value) is not int or not least <= value <= most:
            raise self.broken(f"quantization_config has no usable {name}")
        return value

    def need(self, holds: bool, what: str) -> None:
        """Raise `Error` unless it holds."""
        if not holds:
            raise self.broken(what)

    def broken(self, why: str) -> Error:
        """An error that names the weight."""
        return Error(f"weight {self.prefix[:80]!r} cannot be read: {why}", exit_code=ExitCode.NO_INPUT)

    def _scalar(self, name: str) -> NDArray[np.float32]:
        file, whole = self._file(name), self.prefix + name
        from countermark.models.dtypes import decode

        return decode(file.raw(whole).reshape(1), file.tensors[whole].dtype)

    def _file(self, name: str) -> TensorFile:
        if not self.has(name):
            raise self.broken(f"the tensor {name} is missing")
        return self.where[self.prefix + name]
