"""TensorRT-LLM's watermark is not read: its keyed function is not published where it could be checked.

Its documentation (features/watermarking, "a prototype: the API and the detection recipe may change") names
`gumbel` and `gumbel_dual_key` and no hash; release 1.2.1 is the last on the package index. A guess would
give p-values of a function that no server uses.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

from countermark.errors import Error

VERSIONS = ("1.2.1",)


def profile_from(config: Mapping[str, Any], version: str) -> NoReturn:  # noqa: ARG001
    """Raise `Error`: there is no scheme to make a profile for."""
    raise Error(
        "the watermark of TensorRT-LLM is not supported: its keyed function could not be checked against a "
        "release",
        hint="vLLM, SGLang and transformers are supported",
    )
