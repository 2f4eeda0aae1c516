"""`capture_logs`: from log files to an EVENTS folder. Read this first."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from countermark.capture.hashkeys import HashKey, current_key, default_path
from countermark.capture.manifest import write_manifest
from countermark.capture.reader import digest_file
from countermark.capture.recognise import AUTO, Formats
from countermark.capture.sources import SourceFile, find_sources
from countermark.capture.staging import commit, existing_state, staging
from countermark.capture.writer import EventsWriter, Told
from countermark.errors import Error
from countermark.records.capture import Capture
from countermark.store.database import check_memory

DEFAULT_MEMORY = "512MB"
"""For the last pass; what it does not hold, it spills to a temporary folder."""


@dataclass(frozen=True)
class CaptureOptions:
    """What a run of `capture logs` is told."""

    sources: Sequence[str]
    """Files, folders, globs, or `-` for standard input."""
    out: Path
    format: str = AUTO
    mapping: Mapping[str, str] = field(default_factory=dict)
    """`--map`: contract field to the source's column."""
    accounts: Path | None = None
    account_mapping: Mapping[str, str] = field(default_factory=dict)
    time_unit: str | None = None
    """`s`, `ms`, `us` or `ns`; None lets the size of each number tell."""
    hash_key: Path | None = None
    """The hash-key file; None means the one under the user's configuration folder."""
    key_id: str | None = None
    hash_accounts: bool = False
    append: bool = False
    overwrite: bool = False
    threads: int = 0
    memory: str = DEFAULT_MEMORY


def capture_logs(
    options: CaptureOptions,
    *,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[float, float], None] = lambda _done, _total: None,
) -> Capture:
    """Capture logs into an EVENTS folder and give its manifest.

    `say` gets notes for the user, `progress` (bytes done, bytes in all). Raises `Error`: usage, no usable
    input (3), a folder that holds something else, two key ids.
    """
    check_memory(options.memory)
    formats = Formats(options.format, options.mapping, options.time_unit)
    with tempfile.TemporaryDirectory(prefix="countermark-") as spool, staging(options.out) as folder:
        before = existing_state(options.out, append=options.append, overwrite=options.overwrite)
        key = _hash_key(options, before)
        sources, notes = find_sources(options.sources, out=options.out, spool=Path(spool))
        for note in notes:
            say(note)
        with EventsWriter(options.out, folder, before, key, hash_accounts=options.hash_accounts) as writer:
            _read_logs(writer, sources, formats, say, progress)
            if options.accounts is not None:
                writer.read_accounts(digest_file(options.accounts), options.account_mapping)
            manifest = writer.finish(threads=options.threads, memory=options.memory)
        write_manifest(folder, manifest)
        commit(options.out)
    return manifest


def _read_logs(
    writer: EventsWriter,
    sources: list[SourceFile],
    formats: Formats,
    say: Callable[[str], None],
    progress: Callable[[float, float], None],
) -> None:
    total = sum(source.path.stat().st_size for source in sources)
    done = 0
    for source in sources:
        opened = digest_file(source.path)
        chosen = formats.choose(opened)
        if chosen is None:
            if source.explicit and opened.size:
                raise formats.unrecognised(source.name)
            reason = "no log format recognises it" if opened.size else "empty file"
            say(f"{source.name}: {reason}; not read")
            writer.skip(opened, source.name, reason)
            continue
        made, used = chosen
        told = Told(used, formats.mapping, formats.time_unit or "")
        if formats.guessed:
            say(f"{source.name}: read as {used.name}")
        writer.read_log(opened, source.name, made, told, partial(_report, progress, done, total))
        done += opened.size


def _report(progress: Callable[[float, float], None], done: int, total: int, offset: int) -> None:
    progress(min(done + offset, total), total)


def _hash_key(options: CaptureOptions, before: Capture | None) -> HashKey:
    path = options.hash_key or default_path()
    if before is None:
        return current_key(path, key_id=options.key_id)
    if options.key_id not in (None, before.key_id):
        raise _mixing(options.out, before.key_id, f"this run has {options.key_id}")
    if options.hash_accounts != before.hash_accounts:
        raise Error(f"--hash-accounts has to be as it was when {options.out} was made")
    try:
        return current_key(path, key_id=before.key_id)
    except Error as error:
        raise _mixing(options.out, before.key_id, error.message) from None


def _mixing(out: Path, theirs: str, why: str) -> Error:
    hint = "capture into a new folder; hashes under two keys cannot be compared"
    return Error(f"mixing two key ids: {out} has {theirs}; {why}", hint=hint)
