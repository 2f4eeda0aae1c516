"""Files that hold secrets: readable by their owner alone, bounded in size, hidden from every repr and log."""

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from countermark.errors import Error, ExitCode
from countermark.records.files import write_atomic

OWNER_ONLY = 0o600
MAX_BYTES = 1 << 20
"""No key file is larger; a larger one is a mistake."""
_LOCK = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class Secret:
    """Bytes that no repr, log or traceback with locals shows; only `reveal` gives them."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        # copying and serialising both go through here, and would write the bytes out
        raise TypeError("a secret is not copied or serialised")


def read_secret(path: Path, *, what: str = "key file", most_bytes: int = MAX_BYTES) -> Secret:
    """Content of a secret file.

    Raises `Error` when it is missing, no regular file, not ours, readable by others, or over `most_bytes`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        if _looks_like_a_key(str(path)):
            raise Error(
                "a key stands on the command line, where others can read it",
                hint=f"write it to a {what} of mode 0600 and give the file; treat this key as leaked",
                exit_code=ExitCode.USAGE,
            ) from None
        raise Error(f"no {what} at {path}", exit_code=ExitCode.NO_INPUT) from None
    except OSError as error:
        raise Error(
            f"the {what} {path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT
        ) from None
    try:
        _check(os.fstat(descriptor), path, what, most_bytes)
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return Secret(stream.read(most_bytes))
    finally:
        os.close(descriptor)


def _looks_like_a_key(text: str) -> bool:
    """Whether a path that does not exist is, as no file of ours, hex digits alone or an exchange's token."""
    if re.fullmatch(r"cmx_[a-z0-9]{12}_[\w-]{20,}|eyJ[\w.-]{30,}", text.strip()):
        return True
    stripped = text.strip().lower()
    digits = stripped.removeprefix("0x")
    hexadecimal = bool(digits) and not set(digits) - set("0123456789abcdef")
    return digits.isdigit() or (hexadecimal and (digits != stripped or len(digits) >= 16))


def _check(status: os.stat_result, path: Path, what: str, most_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Error(f"the {what} {path} is not a regular file")
    if status.st_uid != os.geteuid():
        raise Error(
            f"the {what} {path} belongs to another user", hint=f"chown it, or use a {what} of your own"
        )
    if status.st_mode & 0o077:
        raise Error(f"the {what} {path} can be read by others", hint=f"chmod 600 '{path}'")
    if status.st_size > most_bytes:
        raise Error(f"the {what} {path} is over {most_bytes >> 20} MiB")


def write_secret(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write a secret file, 0600 from its first byte on; an existing one is only replaced when told.

    A missing folder is made for the owner alone. Raises `Error` when the file exists or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if replace:
            write_atomic(path, data, OWNER_ONLY)
            return
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
    except FileExistsError:
        raise Error(
            f"{path} exists already", hint="a key file is never overwritten; choose another path"
        ) from None
    except OSError as error:
        raise Error(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the advisory lock `path`.lock, so that two processes change a key file one after the other."""
    lock = f"{path}.lock"
    try:
        descriptor = os.open(lock, _LOCK, OWNER_ONLY)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(lock, _LOCK, OWNER_ONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
