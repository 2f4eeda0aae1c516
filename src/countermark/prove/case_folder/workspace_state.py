"""What a case folder holds, in `case-folder.json`: replaced in one piece, after what it names is there."""

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.custody.custody import TIME_FORMAT, Sha256
from countermark.prove.custody.terms import TermsEntry
from countermark.prove.package.case import is_case_id
from countermark.prove.package.layout import MAX_KEPT_BYTES, check_name, read_object
from countermark.records.canonical import canonical_json
from countermark.records.files import write_atomic

CASE_FOLDER_SCHEMA_ID = "countermark/case-folder/v1"
STATE_FILE = "case-folder.json"


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a result hangs on: the plan written before it and the acquisitions that its inputs come from."""

    plan: str = ""
    hypothesis: str = ""
    acquisitions: list[str] = []
    run: int | None = None
    """Its run in the log; None: the one whose outcome it is."""


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A copy of a file, or of the folder that a stage wrote."""

    path: str
    """Below the case folder."""
    sha256: Sha256
    """Of the file, or of the folder's JSON file, which lists the others."""
    added: str
    source: str
    """Where it was copied from; for people."""
    link: Link | None = None
    """Of a result."""


class Events(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The EVENTS folder that the findings were made of, where it is."""

    folder: str
    capture_sha256: Sha256


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of `case-folder.json`."""

    schema: str = CASE_FOLDER_SCHEMA_ID
    case_id: str
    matter: str = ""
    log: str = ""
    """Folder of the log."""
    opened: str
    findings: Kept | None = None
    events: Events | None = None
    scan: Kept | None = None
    attributions: list[Kept] = []
    terms: list[TermsEntry] = []
    acceptances: Kept | None = None
    plans: dict[str, Kept] = {}
    """By plan id."""
    runs: list[Kept] = []
    """What came out of runs that are no step."""
    evidence: dict[str, list[str]] = {}
    """Where the files of each acquisition lay, by its id: to compare them again."""
    replaced: list[Kept] = []
    """What was added and has another one in its place; still in the folder."""


def now() -> str:
    """The present time as documents write it."""
    return datetime.now(UTC).strftime(TIME_FORMAT)


def reference(path: Path | None, folder: Path) -> str:
    """A path inside the case folder moves with it; any other is kept whole."""
    if path is None:
        return ""
    # not `resolve`: what is a link stays one
    whole, base = Path(os.path.abspath(path)), Path(os.path.abspath(folder))  # noqa: PTH100
    return str(whole.relative_to(base)) if whole.is_relative_to(base) else str(whole)


def read_state(folder: Path) -> State:
    """Read the list; `Error(NO_INPUT)` where it is missing or damaged."""
    path = folder / STATE_FILE
    hint = "restore it from a copy, or open a new case folder and add the same things"
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_KEPT_BYTES + 1)
        read_object(data, path.name)
        state = msgspec.json.decode(data, type=State)
        _check_places(state)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    except (Error, ValueError, RecursionError) as error:
        raise Error(f"{path} cannot be read: {error}", hint=hint, exit_code=ExitCode.NO_INPUT) from None
    if state.schema != CASE_FOLDER_SCHEMA_ID or not is_case_id(state.case_id):
        raise Error(f"{path} is no {CASE_FOLDER_SCHEMA_ID} document", hint=hint, exit_code=ExitCode.NO_INPUT)
    return state


def _check_places(state: State) -> None:
    """Copies stand in the case folder, at plain names."""
    kept = [state.findings, state.scan, state.acceptances, *state.attributions, *state.plans.values()]
    kept += state.runs
    for name in [one.path for one in kept if one] + [one.file or "" for one in state.terms]:
        check_name(name)


def write_state(folder: Path, state: State) -> None:
    """Write the list in one piece."""
    data = msgspec.json.format(canonical_json(state), indent=1) + b"\n"
    write_atomic(folder / STATE_FILE, data)
