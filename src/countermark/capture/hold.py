"""`case hold`: freeze and encrypt the raw lines of accounts, and suspend retention for them.

Order of what happens, so that a kill at any moment loses nothing that is under hold: check recipients and raw
logs; write the hold into EVENTS and at its hash key (from here on nothing of these accounts is destroyed);
write the age files into a folder beside HELD; rename it; say in EVENTS that the hold is in force. The same
command run again ends what a killed one began, with the same control sample.
"""

import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from countermark import __version__
from countermark.capture.hashing import Hasher
from countermark.capture.hashkeys import HashKey, change_hold, default_path, read_key
from countermark.capture.held_folder import (
    MANIFEST_FILE,
    Captured,
    Control,
    HeldManifest,
    HeldSource,
    MissingSource,
    encode_manifest,
    held_file,
    read_manifest,
)
from countermark.capture.held_lines import encode_head, encode_record
from countermark.capture.hold_choice import RULE, Chosen, Wanted, choose, wanted_lines
from countermark.capture.hold_sources import find_raw_logs
from countermark.capture.holds import HoldEntry, now_text, put_hold, read_holds
from countermark.capture.reader import Opened, read_records
from countermark.capture.staging import locked_events
from countermark.errors import Error, ExitCode
from countermark.records.canonical import content_id
from countermark.records.capture import Source
from countermark.records.files import TEMPORARY, sync_folder, write_atomic
from countermark.store.database import Database
from countermark.store.events import EventsFolder, open_events
from countermark.trust.agefiles import check_recipients, encrypt_stream

ProgressCall = Callable[[float, float], None]
DEFAULT_MEMORY = "512MB"
_PACKAGES = ("msgspec", "pyarrow", "pyrage")


@dataclass(frozen=True, kw_only=True)
class HoldOptions:
    """What a hold is told."""

    events: Path
    sources: Sequence[str]
    """The raw logs that EVENTS was captured from: files, folders, globs."""
    accounts: Sequence[str]
    """The named ones, by their own ids or as EVENTS calls them."""
    recipients: Sequence[str]
    anticipated: str
    """Day on which litigation was anticipated, ISO 8601."""
    by: str
    """The person who orders the hold."""
    out: Path
    """The HELD folder, which must not be there."""
    hash_key: Path | None = None
    control: int | None = None
    """Accounts in the control sample; None means as many as are named."""
    seed: int | None = None
    """128 bits that the control sample is drawn with; None takes the system's generator."""
    seed_source: str = ""
    """Where `seed` comes from, in words."""
    missing_ok: bool = False
    """Go on where a raw log is not among the sources; the manifest says which."""
    memory: str = DEFAULT_MEMORY


@dataclass(frozen=True)
class Held:
    """What a hold did."""

    entry: HoldEntry
    manifest: HeldManifest
    manifest_sha256: str
    notes: list[str] = field(default_factory=list)


def hold(
    options: HoldOptions,
    *,
    say: Callable[[str], None] = lambda _: None,
    progress: ProgressCall = lambda _done, _total: None,
) -> Held:
    """Freeze the lines into `out`, suspend retention, and give what was done.

    Raises `Error`: usage (recipients, nobody named), no usable input (3: EVENTS that are not whole, a raw
    log that is not among the sources, none of the accounts in EVENTS), or `out` exists.
    """
    recipients = check_recipients(options.recipients)
    if not options.accounts or not options.by.strip():
        raise Error("a hold names accounts, and who orders it", exit_code=ExitCode.USAGE)
    check_day(options.anticipated)
    if not options.events.is_dir():
        raise Error(f"no such folder: {options.events}", exit_code=ExitCode.NO_INPUT)
    with locked_events(options.events):
        events = open_events(options.events)
        key = _key(options, events)
        with Database(threads=1, memory=options.memory) as database:
            chosen = choose(database, events, key, options.accounts)
            entry = _entry(options, events, chosen)
            if (done := _finished(options, entry)) is not None:
                return done
            if os.path.lexists(options.out):
                raise Error(f"{options.out} exists already", hint="choose another folder")
            wanted = wanted_lines(database, entry, options.anticipated)
        logs, missing = find_raw_logs(options.sources, events, wanted, options.missing_ok, say, progress)
        put_hold(options.events, entry)
        change_hold(options.hash_key or default_path(), key.key_id, entry.hold_id, held=True)
        manifest = _Freezing(options, events, entry, chosen, wanted, recipients).write(
            logs, missing, progress
        )
        return _in_force(options, entry, manifest)


def check_day(day: str) -> None:
    """Raise `Error` (usage) unless it is a day, and not one to come."""
    try:
        known = date.fromisoformat(day).isoformat() == day and day <= now_text()[:10]
    except ValueError:
        known = False
    if not known:
        reason = f"{day!r} is no day on which litigation was anticipated"
        raise Error(reason, hint="--from 2026-06-15, today at the latest", exit_code=ExitCode.USAGE)


def release(events: Path, hold_id: str, by: str, why: str, *, hash_key: Path | None = None) -> HoldEntry:
    """End a hold: retention counts again for its accounts, whose names go from the record of it.

    Raises `Error` where there is no such hold in force, or nobody is named.
    """
    if not by.strip():
        raise Error("a hold is released by a person", hint="--by NAME", exit_code=ExitCode.USAGE)
    if not events.is_dir():
        raise Error(f"no such folder: {events}", exit_code=ExitCode.NO_INPUT)
    with locked_events(events):
        found = [one for one in read_holds(events) if one.hold_id == hold_id and one.state != "released"]
        if not found:
            known = ", ".join(one.hold_id for one in read_holds(events) if one.state != "released")
            hint = f"in force: {known or 'none'}"
            raise Error(f"no hold {hold_id} is in force on {events}", hint=hint, exit_code=ExitCode.NO_INPUT)
        entry = msgspec.structs.replace(
            found[0],
            state="released",
            accounts=[],
            control_accounts=[],
            released=now_text(),
            released_by=by.strip(),
            why=why,
        )
        # the key first: were this killed between the two, the hold is still there to be released again
        path = hash_key or default_path()
        if path.exists():
            change_hold(path, entry.key_id, hold_id, held=False)
        put_hold(events, entry)
    return entry


def _key(options: HoldOptions, events: EventsFolder) -> HashKey:
    path = options.hash_key or default_path()
    key = read_key(path, events.manifest.key_id) if path.exists() else None
    if key is None:
        hint = "--hash-key FILE; without it nobody can compare held lines with EVENTS"
        reason = f"hash key {events.manifest.key_id} of {events.folder} is not in {path}"
        raise Error(reason, hint=hint, exit_code=ExitCode.NO_INPUT)
    return key


def _entry(options: HoldOptions, events: EventsFolder, chosen: Chosen) -> HoldEntry:
    """The hold that this command means: a new one, or the one that a killed run of it began."""
    told = {
        "accounts": chosen.named,
        "anticipated": options.anticipated,
        "by": options.by.strip(),
        "capture": events.manifest_sha256,
        "control": options.control,
        "out": str(options.out.resolve()),
        "seed": None if options.seed is None else f"{options.seed:032x}",
    }
    hold_id = content_id("hold", told)[:21]
    earlier = {one.hold_id: one for one in read_holds(options.events)}.get(hold_id)
    if earlier is not None and earlier.state == "released":
        raise Error(
            f"{hold_id} was released by {earlier.released_by}", hint="give another --out for a new one"
        )
    if earlier is not None:
        return earlier
    wanted = len(chosen.present) if options.control is None else options.control
    seed, controls = chosen.draw(wanted, options.seed)
    return HoldEntry(
        hold_id=hold_id,
        state="freezing",
        by=options.by.strip(),
        started=now_text(),
        anticipated=options.anticipated,
        key_id=events.manifest.key_id,
        named=len(chosen.named),
        controls=len(controls),
        accounts=chosen.named,
        control_accounts=controls,
        seed=f"{seed:032x}",
        seed_source=options.seed_source or "the system's generator",
    )


def _finished(options: HoldOptions, entry: HoldEntry) -> Held | None:
    """What a run did that was killed after it had put HELD in place; also of one that was not killed."""
    if entry.state == "freezing" and not (options.out / MANIFEST_FILE).is_file():
        return None
    manifest, digest = read_manifest(options.out)
    if manifest.hold_id != entry.hold_id or entry.manifest_sha256 not in ("", digest):
        raise Error(f"{options.out} is of another hold", hint="choose another folder")
    return _in_force(options, entry, (manifest, digest))


def _in_force(options: HoldOptions, entry: HoldEntry, written: tuple[HeldManifest, str]) -> Held:
    manifest, digest = written
    entry = msgspec.structs.replace(entry, state="in force", manifest_sha256=digest)
    put_hold(options.events, entry)
    return Held(entry, manifest, digest)


class _Freezing:
    """Writes the HELD folder of one hold."""

    def __init__(
        self,
        options: HoldOptions,
        events: EventsFolder,
        entry: HoldEntry,
        chosen: Chosen,
        wanted: Wanted,
        recipients: list[str],
    ) -> None:
        self._options, self._events, self._entry, self._chosen = options, events, entry, chosen
        self._wanted, self._recipients = wanted, recipients
        out = options.out
        self._staged = out.parent / f"{TEMPORARY}{entry.hold_id}-{out.name}"
        self._hasher = chosen.hasher

    def write(
        self, logs: list[tuple[Source, Opened]], missing: list[MissingSource], progress: ProgressCall
    ) -> tuple[HeldManifest, str]:
        """All age files, then the manifest, then the folder in place."""
        shutil.rmtree(self._staged, ignore_errors=True)
        self._staged.mkdir(parents=True, mode=0o700)
        total, done, sources = sum(opened.size for _, opened in logs), 0, []
        for number, (source, opened) in enumerate(logs, 1):
            sources.append(self._freeze(number, source, opened))
            done += opened.size
            progress(total + done, 2 * total)
        manifest = self._manifest(sources, missing)
        write_atomic(self._staged / MANIFEST_FILE, encode_manifest(manifest), 0o600)
        sync_folder(self._staged)
        self._staged.rename(self._options.out)
        sync_folder(self._options.out.parent)
        return manifest, read_manifest(self._options.out)[1]

    def _freeze(self, number: int, source: Source, opened: Opened) -> HeldSource:
        offsets, rows = self._wanted.offsets[source.sha256], self._wanted.rows[source.sha256]
        name = held_file(number)
        descriptor = os.open(self._staged / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            written = encrypt_stream(_chosen_lines(opened, source, offsets), target, self._recipients)
            target.flush()
            os.fsync(target.fileno())
        return HeldSource(
            name=source.name,
            sha256=source.sha256,
            bytes=source.bytes,
            format=source.format,
            mapping=source.mapping,
            time_unit=source.time_unit,
            lines=len(offsets),
            rows=rows,
            file=name,
            file_sha256=written.sha256,
            file_bytes=written.size,
        )

    def _manifest(self, sources: list[HeldSource], missing: list[MissingSource]) -> HeldManifest:
        entry, captured = self._entry, self._events.manifest
        present = set(self._chosen.present)
        return HeldManifest(
            hold_id=entry.hold_id,
            by=entry.by,
            started=entry.started,
            anticipated=entry.anticipated,
            events=Captured(
                capture_sha256=self._events.manifest_sha256,
                capture_version=captured.capture_version,
                traits_version=captured.traits_version,
                key_id=captured.key_id,
                hash_accounts=captured.hash_accounts,
                formats={one.name: one.origin.get("sha256", "") for one in captured.formats},
            ),
            accounts=_hashes(self._hasher, self._chosen.present),
            without_rows=sum(name not in present for name in entry.accounts),
            control=Control(
                accounts=_hashes(self._hasher, entry.control_accounts),
                asked=len(self._chosen.present) if self._options.control is None else self._options.control,
                drawn_from=len(self._chosen.others),
                seed=entry.seed,
                seed_source=entry.seed_source,
                rule=RULE,
            ),
            recipients=self._recipients,
            sources=sources,
            missing=missing,
            rows_before=self._wanted.rows_before,
            rows_since=self._wanted.rows_since,
            software={"countermark": __version__, "python": platform.python_version()}
            | {name: version(name) for name in _PACKAGES},
        )


def account_hash(hasher: Hasher, account: str) -> str:
    """What a manifest calls an account: a keyed hash of its id as EVENTS has it."""
    return hasher.pseudonym("held", account)


def _hashes(hasher: Hasher, accounts: Sequence[str]) -> list[str]:
    return sorted({account_hash(hasher, account) for account in accounts})


def _chosen_lines(opened: Opened, source: Source, offsets: NDArray[np.int64]) -> Iterator[bytes]:
    """The records of a raw log at these offsets, encoded; raises `Error` where one of them is not there."""
    yield encode_head(source.sha256)
    at = 0
    for record in read_records(opened):
        if at == len(offsets):
            return
        if record.offset == offsets[at] and record.raw is not None:
            yield encode_record(record.offset, record.raw)
            at += 1
    if at < len(offsets):
        reason = f"{len(offsets) - at:,} lines that EVENTS names are not in {source.name}"
        raise Error(reason, hint="did it change while it was read?", exit_code=ExitCode.NO_INPUT)
