"""What people record in a case folder: acquisitions, actions with evidence, terms and acceptances."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.case_folder.workspace import Workspace, kept_file
from countermark.prove.case_folder.workspace_files import Step, evidence_files, items_of, read_whole
from countermark.prove.case_folder.workspace_state import Kept, now, reference
from countermark.prove.custody.custody import (
    TIME_FORMAT,
    Acquisition,
    Action,
    Clock,
    Custody,
    Item,
    check_custody,
    is_record_id,
)
from countermark.prove.custody.terms import (
    MAX_TERMS,
    MAX_TEXT_BYTES,
    TermsEntry,
    day_of,
    terms_file_name,
    write_acceptances,
)
from countermark.records.canonical import file_sha256, sha256_hex
from countermark.records.files import TEMPORARY, sync_folder
from countermark.trust.log import Log, open_or_create

ACQUISITION_KIND = "acquisition"
MAX_TEXT = 10_000
"""Characters of a field that a person writes."""
MAX_OFFSET_S = 10 * 366 * 86_400
_AHEAD = timedelta(minutes=5)
"""How far a time may lie ahead of this machine's clock."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What only a person can say of an acquisition."""

    what: str
    by: str
    role: str
    source: str
    method: str
    purpose: Literal["routine", "case"]
    started: str
    ended: str
    clock_source: str
    offset_seconds: float


def utc(text: str, option: str, offset_seconds: float = 0.0) -> str:
    """A time of the command line in UTC and whole seconds; it needs an offset from UTC, and has passed."""
    hint = "write it as 2026-06-15T08:00:00Z or 2026-06-15T10:00:00+02:00"
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
        ahead = moment.tzinfo is not None and moment > datetime.now(UTC) + _AHEAD + timedelta(
            seconds=max(offset_seconds, 0.0)
        )
    except (ValueError, OverflowError):
        raise Error(f"{option} {text[:40]!r} is no time", hint=hint, exit_code=ExitCode.USAGE) from None
    if moment.tzinfo is None:
        raise Error(f"{option} {text} does not say its offset from UTC", hint=hint, exit_code=ExitCode.USAGE)
    if ahead:
        hint = "is it UTC, and is this machine's clock right? --offset-seconds says how fast a clock was"
        raise Error(f"{option} {text} has not come yet", hint=hint, exit_code=ExitCode.USAGE)
    return moment.strftime(TIME_FORMAT)


def add_acquisition(
    workspace: Workspace,
    paths: Sequence[Path],
    told: Told,
    *,
    acquisition_id: str = "",
    log_key: Path | None = None,
    step: Step | None = None,
) -> Acquisition:
    """Take the digests of files and record who acquired them, in the folder and in the case's log.

    `paths` are files, or folders with all below them. Raises `Error` where a field is empty or no time, a
    file changes while it is read, or another acquisition has the id; nothing is recorded then.
    """
    _check_told(told)
    _check_id(acquisition_id, "--id")
    files = evidence_files(paths)
    log = _log_of(workspace, log_key)  # before hours of reading
    items = items_of(files, step)
    with workspace.changing():
        present = workspace.custody.acquisitions
        name = acquisition_id or _next_id([one.id for one in present], "acq")
        record = _acquisition(name, told, items)
        again = [one for one in present if msgspec.structs.replace(record, id=one.id) == one]
        if again and not acquisition_id:  # of a run that was killed before it came to an end
            record, name = again[0], again[0].id or name
        workspace.record_held(Custody(acquisitions=[record]))
        where = [reference(path, workspace.folder) for path in files]
        workspace.write(evidence=workspace.state.evidence | {name: where})
    if log is not None:
        log_acquisitions(workspace, log)
    return record


def _acquisition(name: str, told: Told, items: list[Item]) -> Acquisition:
    record = Acquisition(
        id=name,
        what=told.what,
        by=told.by,
        role=told.role,
        source=told.source,
        method=told.method,
        purpose=told.purpose,
        started=utc(told.started, "--started", told.offset_seconds),
        ended=utc(told.ended, "--ended", told.offset_seconds),
        clock=Clock(told.clock_source, told.offset_seconds),
        items=items,
    )
    _check(Custody(acquisitions=[record]))
    return record


def _check_told(told: Told) -> None:
    """Everything that can be wrong before a file is read."""
    for name in ("what", "by", "role", "source", "method", "clock_source"):
        check_text(getattr(told, name), "--" + name.replace("_", "-"))
    if not abs(told.offset_seconds) <= MAX_OFFSET_S:
        hint = "that clock minus true time: +3.2 where it is 3.2 s fast"
        raise Error("--offset-seconds is no number of seconds", hint=hint, exit_code=ExitCode.USAGE)
    _acquisition("acq", told, [])


def _log_of(workspace: Workspace, log_key: Path | None) -> Log | None:
    if workspace.log is None:
        return None
    return open_or_create(workspace.log, log_key, create=False)


def log_acquisitions(workspace: Workspace, log: Log) -> int:
    """Write every acquisition of the case that is not in the log yet, and say how many.

    The payload is the id and the SHA-256 of the record in canonical JSON. What a killed run left out follows
    with the next one.
    """
    with log.writing():
        there = {entry.payload.get("sha256") for entry in log.entries(ACQUISITION_KIND)}
        missing = [one for one in workspace.custody.acquisitions if one.digest not in there]
        log.append_all([(ACQUISITION_KIND, {"id": one.id, "sha256": one.digest}) for one in missing])
    return len(missing)


def add_action(workspace: Workspace, action: Action, acquisitions: Sequence[str] = ()) -> Action:
    """Record what was done; `acquisitions` add the digests of all their items."""
    check_text(action.by or "", "--by")
    check_text(action.what or "", "--what")
    if action.action == "handed over" and not action.to:
        hint = "--to says who got it"
        raise Error("handed over to nobody", hint=hint, exit_code=ExitCode.USAGE)
    with workspace.changing():
        digests = list(action.sha256)
        for name in acquisitions:
            found = workspace.custody.acquisition(name)
            if found is None:
                raise Error(f"there is no acquisition {name} in the case", exit_code=ExitCode.USAGE)
            digests += [item.sha256 for item in found.items]
        action = msgspec.structs.replace(action, sha256=list(dict.fromkeys(digests)))
        _check(Custody(actions=[action]))
        workspace.record_held(Custody(actions=[action]))
    return action


def add_terms(
    workspace: Workspace,
    text: Path,
    *,
    terms_id: str,
    version: str,
    title: str,
    effective: str,
    ended: str = "",
) -> TermsEntry:
    """Keep a text of terms; the same once more may have another title or end.

    Raises `Error` where the case has another text of this id and version.
    """
    for value, option in ((terms_id, "--id"), (version, "--version")):
        _check_id(value, option, needed=True)
    check_text(title, "--title")
    _check_days(effective, ended)
    data = read_whole(text, MAX_TEXT_BYTES)
    if not data:
        raise Error(f"{text} is empty", exit_code=ExitCode.NO_INPUT)
    name = terms_file_name(terms_id, version, text)
    entry = TermsEntry(
        id=terms_id,
        version=version,
        title=title,
        effective=effective,
        ended=ended,
        file=name,
        sha256=sha256_hex(data),
    )
    with workspace.changing():
        others = [one for one in workspace.state.terms if (one.id, one.version) != (terms_id, version)]
        old = next((one for one in workspace.state.terms if one not in others), None)
        if old is not None:
            if old.sha256 != entry.sha256:
                hint = "a text that differs is another version: give it another --version"
                raise Error(f"the case has another text of {terms_id} {version}", hint=hint)
            entry = msgspec.structs.replace(entry, file=old.file)
        if any((one.file or "").lower() == (entry.file or "").lower() for one in others):
            raise Error(f"the case has a text called {entry.file} already", hint="give it another --version")
        if len(others) >= MAX_TERMS:
            raise Error(f"a case takes {MAX_TERMS} texts of terms at most")
        workspace.keep_file(kept_file(f"terms/{entry.file}", data, text), data)
        workspace.write(terms=[*others, entry])
    return entry


def add_acceptances(workspace: Workspace, source: Path, *, replace: bool = False) -> int:
    """Keep who accepted which terms when, as JSON lines; gives their number.

    Raises `Error(NO_INPUT)` with the line that is wrong, or names terms that the case does not have.
    """
    with workspace.changing():
        folder = workspace.folder / "terms"
        folder.mkdir(exist_ok=True)
        building = folder / f"{TEMPORARY}{secrets.token_hex(6)}"
        try:
            with building.open("xb") as stream:
                count = write_acceptances(source, workspace.state.terms, stream)
                stream.flush()
                os.fsync(stream.fileno())
            sha256 = file_sha256(building)
            name = f"terms/acceptances-{sha256[:16]}.jsonl"
            kept = Kept(path=name, sha256=sha256, added=now(), source=str(source))
            old = workspace.state.acceptances
            workspace.check_new(old, kept, replace)
            building.replace(workspace.folder / name)
            sync_folder(folder)
            workspace.write(acceptances=kept, replaced=workspace.replaced(old, kept))
        finally:
            building.unlink(missing_ok=True)
    return count


def check_text(text: str, option: str) -> None:
    """A field that a person writes: not empty, printable, not overlong."""
    if not text.strip() or len(text) > MAX_TEXT or not text.isprintable():
        hint = f"one line of text, {MAX_TEXT:,} characters at most"
        raise Error(f"{option} is empty, too long or not printable", hint=hint, exit_code=ExitCode.USAGE)


def _check_id(text: str, option: str, *, needed: bool = False) -> None:
    if (text or needed) and not is_record_id(text):
        hint = "letters, digits, dot, underscore and hyphen; 64 at most"
        raise Error(f"{option} {text[:64]!r} cannot be one", hint=hint, exit_code=ExitCode.USAGE)


def _check_days(effective: str, ended: str) -> None:
    try:
        if ended and day_of(ended) < day_of(effective):
            raise Error("--ended lies before --effective", exit_code=ExitCode.USAGE)
        day_of(effective)
    except ValueError:
        message = "--effective or --ended is no day"
        raise Error(message, hint="write it as 2026-03-01", exit_code=ExitCode.USAGE) from None


def _check(custody: Custody) -> None:
    """The rules of `custody.json`, as errors of the command line."""
    try:
        check_custody(custody)
    except Error as error:
        raise Error(error.message, hint=error.hint, exit_code=ExitCode.USAGE) from None


def _next_id(taken: Sequence[str | None], word: str) -> str:
    number = len(taken) + 1
    while f"{word}-{number}" in taken:
        number += 1
    return f"{word}-{number}"
