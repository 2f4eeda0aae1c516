"""Open what is said to be a package: a zip, a folder, or no package at all."""

import os
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.prove.package.archive import END_MAGIC, LOCAL_MAGIC, read_archive
from countermark.prove.package.bag import BAG_FILES
from countermark.prove.package.folder import read_folder
from countermark.prove.package.layout import Contents, failed

_END_BYTES = 22
"""Of an end record without a comment."""


def check_is_package(path: Path) -> None:
    """Raise (exit 3) unless there is a package at `path`, or something that may be what is left of one."""
    hint = "a package is a zip, or a folder with bagit.txt; countermark case seal makes one"
    if "://" in str(path) or str(path).startswith(("http:/", "https:/", "s3:/")):
        raise Error(f"{path} is a remote address", hint="fetch it first", exit_code=ExitCode.NO_INPUT)
    try:
        if path.is_dir():
            names = set(os.listdir(path))  # noqa: PTH208  # names, not paths
            like_package = not names.isdisjoint((*BAG_FILES, "data", "attestations"))
        elif path.is_file():
            like_package = path.suffix == ".zip" or _is_zip(path)
        else:
            raise Error(f"there is no package at {path}", hint=hint, exit_code=ExitCode.NO_INPUT)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from error
    if not like_package:
        raise Error(f"{path} is not an evidence package", hint=hint, exit_code=ExitCode.NO_INPUT)


def read_package(path: Path) -> tuple[str | None, Contents]:
    """Base directory (of a zip) and members; any deviation from the canonical outer layer raises."""
    try:
        if path.is_dir():
            return None, read_folder(path)
        return read_archive(path)
    except OSError as error:
        raise failed(f"the package cannot be read: {error.strerror}") from error


def _is_zip(path: Path) -> bool:
    """Whether it begins as a zip, or ends in an end record."""
    with path.open("rb") as stream:
        begins = stream.read(4) == LOCAL_MAGIC
        stream.seek(max(0, path.stat().st_size - _END_BYTES))
        return begins or stream.read(4) == END_MAGIC
