"""The raw logs that a hold needs, found among the files that were given by their digests."""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from countermark.capture.held_folder import MissingSource
from countermark.capture.hold_choice import Wanted
from countermark.capture.reader import Opened
from countermark.capture.sources import find_sources
from countermark.errors import Error, ExitCode
from countermark.records.capture import Source
from countermark.store.events import EventsFolder

_BUFFER = 1 << 20


def find_raw_logs(
    arguments: Sequence[str],
    events: EventsFolder,
    wanted: Wanted,
    missing_ok: bool,
    say: Callable[[str], None],
    progress: Callable[[float, float], None],
) -> tuple[list[tuple[Source, Opened]], list[MissingSource]]:
    """The raw logs with held lines, in the order in which they were captured, and those that are not there.

    A file counts by its digest, not by its name; a log that has grown since is taken as far as it was
    captured. Raises `Error` (exit code 3) where one is not there, unless `missing_ok`.
    """
    needed = {one.sha256: one for one in events.manifest.sources if one.sha256 in wanted.offsets}
    sizes = sorted({one.bytes for one in needed.values()})
    found: dict[str, Opened] = {}
    with tempfile.TemporaryDirectory(prefix="countermark-") as spool:
        if "-" in arguments:
            raise Error("a hold reads files, not standard input", exit_code=ExitCode.USAGE)
        files, notes = find_sources(arguments, out=events.folder, spool=Path(spool))
    for note in notes:
        say(note)
    total, done = sum(file.path.stat().st_size for file in files), 0
    for file in files:
        for digest, size in _digests(file.path, sizes).items():
            if digest in needed:
                found.setdefault(digest, Opened(file.path, digest, size))
        done += file.path.stat().st_size
        progress(done, 2 * total)
    lost = [one for digest, one in needed.items() if digest not in found]
    unknown = sorted(set(wanted.offsets) - set(needed))
    missing = [MissingSource(one.name, one.sha256, len(wanted.offsets[one.sha256])) for one in lost]
    missing += [MissingSource("", digest, len(wanted.offsets[digest])) for digest in unknown]
    if missing and not missing_ok:
        first = missing[0]
        hint = "give it too, or --missing-ok: the manifest then names what was not there"
        reason = f"the raw log {first.name or '?'} (SHA-256 {first.sha256[:16]}…) is not among the sources"
        raise Error(reason, hint=hint, exit_code=ExitCode.NO_INPUT)
    return [(one, found[digest]) for digest, one in needed.items() if digest in found], missing


def _digests(path: Path, sizes: list[int]) -> dict[str, int]:
    """SHA-256 of the first bytes of a file, for each of the sizes that it has; digest to size."""
    digest, done, found = hashlib.sha256(), 0, {}
    try:
        with path.open("rb") as stream:
            for size in sizes:
                while done < size and (chunk := stream.read(min(_BUFFER, size - done))):
                    digest.update(chunk)
                    done += len(chunk)
                if done < size:
                    break
                found[digest.hexdigest()] = size
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    return found
