"""Reading evidence and keeping copies of it: every file once, in bounded memory, its changes noticed."""

import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from countermark.errors import Error, ExitCode
from countermark.prove.custody.custody import MAX_ITEMS, Item
from countermark.prove.package.layout import CHUNK, MAX_KEPT_BYTES, check_name, read_object
from countermark.records.canonical import sha256_hex
from countermark.records.files import TEMPORARY, sync_folder

Step = Callable[[int], None]
"""Called with the bytes read since it was called last."""
_MAX_DEPTH = 32
_DIGITS = set("0123456789abcdef")


def changed(path: Path, what: str = "while it was read") -> Error:
    """A file that is not what it was."""
    hint = "take it when nothing writes to it: rotate the log first, or work on a copy"
    return Error(f"{path} changed {what}", hint=hint, exit_code=ExitCode.NO_INPUT)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A plain file, open for reading; `Error(NO_INPUT)` where there is none, or only a pipe or device."""
    if "://" in str(path) or str(path).startswith(("http:/", "https:/", "s3:/")):
        raise Error(f"{path} is a remote address", hint="fetch it first", exit_code=ExitCode.NO_INPUT)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no path"
        raise Error(f"{path} cannot be read: {reason}", exit_code=ExitCode.NO_INPUT) from None
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Error(f"{path} is no plain file", exit_code=ExitCode.NO_INPUT)
        yield stream


def read_whole(path: Path, most: int = MAX_KEPT_BYTES) -> bytes:
    """Content of a small file; `Error(NO_INPUT)` where it is missing or larger than `most` bytes."""
    with opened(path) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise Error(f"{path} is larger than {most >> 20} MiB", exit_code=ExitCode.NO_INPUT)
    return data


def digest(path: Path, step: Step | None = None, copy_to: BinaryIO | None = None) -> tuple[str, int]:
    """SHA-256 and size of a file, copied on the way if wanted; an error where it is written to meanwhile."""
    sha256, size = hashlib.sha256(), 0
    with opened(path) as stream:
        before = os.fstat(stream.fileno())
        while chunk := stream.read(CHUNK):
            sha256.update(chunk)
            size += len(chunk)
            if copy_to is not None:
                copy_to.write(chunk)
            if step is not None:
                step(len(chunk))
        after = os.fstat(stream.fileno())
    if (before.st_size, before.st_mtime_ns, before.st_ctime_ns) != (
        size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    ):
        raise changed(path)
    return sha256.hexdigest(), size


def evidence_files(paths: Sequence[Path]) -> list[Path]:
    """The files that are meant: those named, and all below the folders that are named, sorted.

    Links inside a folder, pipes and devices are refused: what they lead to may change unseen.
    """
    found: list[Path] = []
    for path in paths:
        found.extend(_below(path, _MAX_DEPTH) if path.is_dir() else [path])
        if len(found) > MAX_ITEMS:
            raise Error(
                f"over {MAX_ITEMS:,} files", hint="acquire them in parts", exit_code=ExitCode.NO_INPUT
            )
    if not found:
        raise Error("there is no file to acquire", exit_code=ExitCode.NO_INPUT)
    if len({os.path.realpath(path) for path in found}) != len(found):
        raise Error("a file is named twice", exit_code=ExitCode.USAGE)
    return found


def _below(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise Error(f"{folder} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    for entry in entries:
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False) and depth:
            yield from _below(path, depth - 1)
        elif entry.is_file(follow_symlinks=False):
            yield path
        else:
            message = f"{path} is a link, no plain file, or nested too deeply"
            raise Error(message, hint="name the files that are meant", exit_code=ExitCode.NO_INPUT)


def items_of(files: Sequence[Path], step: Step | None = None) -> list[Item]:
    """What was acquired, with digests taken here. Names are the files' own; where two have one name, their
    paths below the folder that all have in common."""
    names = [path.name for path in files]
    if len(set(names)) != len(names):
        common = Path(os.path.commonpath([os.path.abspath(path) for path in files]))  # noqa: PTH100
        names = [PurePosixPath(os.path.relpath(path, common)).as_posix() for path in files]
    items = []
    for name, path in zip(names, files, strict=True):
        try:
            name.encode()
        except UnicodeEncodeError:
            raise Error(f"{path!r} has a name that is not UTF-8", exit_code=ExitCode.NO_INPUT) from None
        items.append(Item(name, *digest(path, step)))
    return items


def listed(folder: Path, manifest: str, maker: str) -> tuple[str, dict[str, str]]:
    """SHA-256 of a stage's JSON file and of every file that it lists, by name.

    Raises `Error(NO_INPUT)` where the folder is none of that stage.
    """
    hint = f"countermark {maker} makes one"
    if not (folder / manifest).is_file():
        raise Error(f"{folder} has no {manifest}", hint=hint, exit_code=ExitCode.NO_INPUT)
    data = read_whole(folder / manifest)
    try:
        files = read_object(data, manifest).get("files")
        if not isinstance(files, dict) or not all(map(_is_sha256, files.values())):
            raise Error(f"{manifest} does not list its files with their SHA-256")
        for name in files:
            check_name(name)
            if "/" in name or name == manifest:
                raise Error(f"{manifest} lists {name}, which cannot stand beside it")
    except Error as error:
        raise Error(f"{folder}: {error.message}", hint=hint, exit_code=ExitCode.NO_INPUT) from error
    return sha256_hex(data), files


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= _DIGITS


def keep_folder(source: Path, target: Path, files: dict[str, str]) -> None:
    """Copy the named files, each with the digest it has to have, to `target`: whole, or not at all.

    A target that is there already must hold the same.
    """
    if target.exists():
        for name, sha256 in files.items():
            if digest(target / name)[0] != sha256:
                raise changed(target / name, "since it was added")
        return
    building = target.parent / f"{TEMPORARY}{secrets.token_hex(6)}-{target.name}"
    building.mkdir(parents=True)
    try:
        for name, sha256 in files.items():
            with (building / name).open("xb") as stream:
                found, _ = digest(source / name, copy_to=stream)
                if found != sha256:
                    raise changed(source / name, "since the folder was made")
                stream.flush()
                os.fsync(stream.fileno())
        sync_folder(building)
        building.rename(target)
        sync_folder(target.parent)
        sync_folder(target.parent.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def remove_halves(folder: Path) -> None:
    """Delete what a killed run left half-written, here and one folder below."""
    for path in [*folder.glob(f"{TEMPORARY}*"), *folder.glob(f"*/{TEMPORARY}*")]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
