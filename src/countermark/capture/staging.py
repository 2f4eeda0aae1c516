"""How an EVENTS folder changes: all is written into a folder inside it, then put in place in one go.

`.unfinished/capture.json` is the point of no return. A run killed before it leaves the old state (and a
folder that the next run deletes); one killed after it is completed by the next run. Nobody ever takes a half
for whole.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from countermark.capture.holds import in_force
from countermark.errors import Error, ExitCode
from countermark.records.capture import CAPTURE_FILE, HOLDS_FILE, Capture
from countermark.records.files import TEMPORARY, sync_folder
from countermark.store.events import STAGING, read_manifest

_OURS = re.compile(
    r"(events|digests)-[0-9]{5,}\.parquet|(accounts|sketches)\.parquet|quarantine\.jsonl|capture\.json|holds\.json|\.unfinished"
)


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """An empty staging folder in `out`, made when missing, for this process alone.

    What a killed run left is completed or removed first. On leaving, a staging folder that was not committed
    is removed, and `out` too when this call made it. Raises `Error` when another process writes there, or
    `out` holds files that are not ours.
    """
    existed = out.is_dir()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Error(f"{out} cannot be made: {error.strerror}") from None
    folder = out / STAGING
    with locked_events(out):
        try:
            folder.mkdir()
            yield folder
        finally:
            if not (folder / CAPTURE_FILE).exists():
                shutil.rmtree(folder, ignore_errors=True)
            if not existed and not any(out.iterdir()):
                out.rmdir()


@contextmanager
def locked_events(out: Path) -> Iterator[None]:
    """The folder for this process alone, with what a killed run left in it completed or removed.

    Raises `Error` when another process writes there, or it holds files that are not ours.
    """
    try:
        descriptor = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Error(f"{out} cannot be opened: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    try:
        _lock(descriptor, out)
        for left in out.glob(f"{TEMPORARY}*-{HOLDS_FILE}"):
            left.unlink()  # a hold that was killed while it wrote its own file
        _refuse_foreign(out)
        recover(out)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, out: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Error(
            f"another run is writing to {out}", hint="wait for it, or choose another folder"
        ) from None


def recover(out: Path) -> None:
    """Complete a commit that was killed, or remove what a killed run left."""
    if (out / STAGING / CAPTURE_FILE).exists():
        commit(out)
    shutil.rmtree(out / STAGING, ignore_errors=True)


def _refuse_foreign(out: Path) -> None:
    foreign = sorted(path.name for path in out.iterdir() if not _OURS.fullmatch(path.name))
    if foreign:
        raise Error(f"{out} holds other files ({foreign[0]})", hint="EVENTS needs a folder of its own")


def commit(out: Path) -> None:
    """Put the staged files in place, `capture.json` last, and remove files that it no longer lists."""
    folder = out / STAGING
    sync_folder(folder)
    for path in sorted(folder.iterdir()):
        if path.name != CAPTURE_FILE:
            path.replace(out / path.name)
    sync_folder(out)
    (folder / CAPTURE_FILE).replace(out / CAPTURE_FILE)
    sync_folder(out)
    manifest = read_manifest(out)
    listed = {file.name for file in manifest.files} if manifest else set()
    for path in out.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in {CAPTURE_FILE, HOLDS_FILE, STAGING, *listed}:
            path.unlink()
    folder.rmdir()


def existing_state(out: Path, *, append: bool, overwrite: bool) -> Capture | None:
    """The manifest to append to, None for a fresh start.

    Raises `Error` when `out` holds EVENTS and neither flag is given, and when a legal hold forbids to replace
    them.
    """
    names = [path.name for path in out.iterdir() if path.name != STAGING]
    if overwrite and (holds := in_force(out)):
        hint = "--append adds to them; countermark case hold --release ends a hold"
        raise Error(f"{out} is under legal hold ({holds[0].hold_id}) and cannot be replaced", hint=hint)
    if overwrite or not names:
        return None
    manifest = read_manifest(out)
    if manifest is None:
        raise Error(f"{out} holds event files without {CAPTURE_FILE}", hint="--overwrite to capture anew")
    if not append:
        raise Error(
            f"{out} holds EVENTS already", hint="--append to add to them, --overwrite to replace them"
        )
    return manifest
