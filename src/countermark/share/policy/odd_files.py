"""A RELEASE folder may come from somebody else: a pipe in it would make us wait, a link write outside it."""

import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from countermark.errors import Error, ExitCode


def refuse_odd_files(folder: Path, files: Iterable[str], folders: Iterable[str]) -> None:
    """Raise `Error(NO_INPUT)` where a name that is there is a link, pipe, device or anything but its kind.

    `files` and `folders` are names in `folder`; all that stands in one of `folders` has to be a file.
    """
    for name in files:
        _check(folder / name, stat.S_ISREG, "file")
    for name in folders:
        _check(folder / name, stat.S_ISDIR, "folder")
        for one in sorted((folder / name).glob("*")):
            _check(one, stat.S_ISREG, "file")


def _check(path: Path, right: Callable[[int], bool], what: str) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    if stat.S_ISLNK(mode):
        raise Error(f"{path} is a link", hint="move it away", exit_code=ExitCode.NO_INPUT)
    if not right(mode):
        raise Error(f"{path} is not a {what}", hint="move it away", exit_code=ExitCode.NO_INPUT)
