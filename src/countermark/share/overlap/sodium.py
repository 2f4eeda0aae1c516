"""The functions of libsodium's ristretto255 by their addresses, as the package rbcl carries them.

rbcl's own functions check and copy their arguments in Python, and throw return codes away in places: its sum
of a point and a broken one is 32 zero bytes. Through these, a loop over a million points writes straight into
one buffer, and every return code is seen. Whatever a function is given has to be as long as libsodium takes
it to be: `group` and `batches` see to that, and nothing else calls a function of these.

What takes a scalar is written to run in constant time. While a function runs, other threads of Python go on.
"""

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from countermark.errors import Error

Memory = bytes | int | ctypes.Array[ctypes.c_char]
"""Bytes to read, or where to read or write: an address, or a buffer of ctypes."""


@dataclass(frozen=True, slots=True)
class Functions:
    """Results are written to the first argument, 32 bytes. An int that is given back is 0 for done."""

    is_valid: Callable[[Memory], int]
    """1 for the encoding of a point. The identity is one, and so is an encoding with its top bit set."""
    from_hash: Callable[[Memory, Memory], int]
    """Point of 64 bytes: element derivation, RFC 9496 section 4.3.4."""
    random: Callable[[Memory], None]
    """Point whose logarithm nobody knows: `from_hash` of random bytes."""
    multiply: Callable[[Memory, Memory, Memory], int]
    """Scalar, point. Not 0 when the point is none, and when the result is the identity, which is then written
    all the same. The scalar may be any 255 bits; a set top bit is ignored in both."""
    base: Callable[[Memory, Memory], int]
    """Scalar times the generator; not 0 when that is the identity."""
    add: Callable[[Memory, Memory, Memory], int]
    sub: Callable[[Memory, Memory, Memory], int]
    scalar_random: Callable[[Memory], None]
    """Uniform, less than the order, not zero."""
    scalar_reduce: Callable[[Memory, Memory], None]
    """64 bytes, little-endian, modulo the order."""
    scalar_invert: Callable[[Memory, Memory], int]
    scalar_multiply: Callable[[Memory, Memory, Memory], None]
    scalar_sub: Callable[[Memory, Memory, Memory], None]


@cache
def functions() -> Functions:
    """The functions; `Error` where rbcl is not installed or cannot be loaded."""
    library = _load()

    def function(name: str, result: Any, arguments: int) -> Any:
        # prototypes of our own: those that hang on `library` belong to rbcl
        return ctypes.CFUNCTYPE(result, *[ctypes.c_void_p] * arguments)((name, library))

    core = "crypto_core_ristretto255_"
    return Functions(
        is_valid=function(core + "is_valid_point", ctypes.c_int, 1),
        from_hash=function(core + "from_hash", ctypes.c_int, 2),
        random=function(core + "random", None, 1),
        multiply=function("crypto_scalarmult_ristretto255", ctypes.c_int, 3),
        base=function("crypto_scalarmult_ristretto255_base", ctypes.c_int, 2),
        add=function(core + "add", ctypes.c_int, 3),
        sub=function(core + "sub", ctypes.c_int, 3),
        scalar_random=function(core + "scalar_random", None, 1),
        scalar_reduce=function(core + "scalar_reduce", None, 2),
        scalar_invert=function(core + "scalar_invert", ctypes.c_int, 2),
        scalar_multiply=function(core + "scalar_mul", None, 3),
        scalar_sub=function(core + "scalar_sub", None, 3),
    )


def _load() -> Any:
    try:
        import rbcl
    except ImportError:
        raise Error(
            "private overlap needs the package rbcl", hint="pip install 'countermark[exchange]'"
        ) from None
    except OSError as error:
        raise Error(
            f"libsodium cannot be loaded: {error.strerror or 'it is not for this machine'}",
            hint="rbcl loads it from the folder for temporary files: set TMPDIR to one that"
            " lets programs run",
        ) from None
    # that file, 3 MB, would be left behind by every process; what is loaded stays when its name goes
    written = getattr(sys.modules.get("rbcl._sodium"), "lib_path", None)
    if written is not None and sys.platform != "win32":
        Path(written).unlink(missing_ok=True)
    return rbcl._sodium
