"""Open what is said to be a package: a zip, a folder, or no package at all."""

from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.prove.package.archive import END_MAGIC, END_SIZE, LOCAL_MAGIC, read_archive
from countermark.prove.package.bag import BAG_FILES
from countermark.prove.package.folder import read_folder
from countermark.prove.package.layout import ATTESTATIONS, Contents, failed
from countermark.prove.package.members import marks_of

_OF_A_FOLDER = (*BAG_FILES, "data", ATTESTATIONS)


def check_is_package(path: Path) -> None:
    """Raise (exit 3) unless there is a package at `path`, or something that may be what is left of one."""
    hint = "a package is a zip, or a folder with bagit.txt; countermark case seal makes one"
    if "://" in str(path) or str(path).startswith(("http:/", "https:/", "s3:/")):
        raise Error(f"{path} is a remote address", hint="fetch it first", exit_code=ExitCode.NO_INPUT)
    try:
        if path.is_dir():
            like_package = any((path / one).exists() for one in _OF_A_FOLDER)
        elif path.is_file():
            like_package = path.suffix == ".zip" or _like_a_zip(path)
        else:
            raise Error(f"there is no package at {path}", hint=hint, exit_code=ExitCode.NO_INPUT)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from error
    if not like_package:
        raise Error(f"{path} is not an evidence package", hint=hint, exit_code=ExitCode.NO_INPUT)


def read_package(path: Path) -> tuple[str | None, Contents]:
    """Base directory (of a zip) and members; any deviation from the canonical outer layer raises."""
    try:
        base, contents = (None, read_folder(path)) if path.is_dir() else read_archive(path)
        marks_of(contents)  # nothing is parsed yet
        return base, contents
    except OSError as error:
        raise failed(f"the package cannot be read: {error.strerror}") from error


def _like_a_zip(path: Path) -> bool:
    """Whether a file begins as a zip, or has an end record at its end."""
    with path.open("rb") as stream:
        start = stream.read(len(LOCAL_MAGIC))
        stream.seek(max(path.stat().st_size - END_SIZE, 0))
        return start == LOCAL_MAGIC or stream.read(len(END_MAGIC)) == END_MAGIC
