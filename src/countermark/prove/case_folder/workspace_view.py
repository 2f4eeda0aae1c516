"""What a case folder comes to: the inputs of the seal, what is missing, and whether anything changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.beforehand.results import ResultLink
from countermark.prove.case_folder.workspace import STAGES, Workspace
from countermark.prove.case_folder.workspace_files import Step, digest, listed, read_whole
from countermark.prove.case_folder.workspace_records import ACQUISITION_KIND
from countermark.prove.case_folder.workspace_state import Kept, Link
from countermark.prove.custody.custody import Custody
from countermark.prove.custody.terms import TermsText
from countermark.prove.package.layout import read_object
from countermark.records.canonical import file_sha256
from countermark.trust.keyfiles import Secret
from countermark.trust.log import Log


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Everything that `seal` takes from a case folder."""

    case_id: str
    matter: str
    log: Path | None
    findings: Path
    events: Path
    scan: Path | None
    attributions: list[Path]
    plans: list[Path]
    runs: list[Path]
    custody: Custody
    terms: list[TermsText]
    acceptances: Path | None
    results: list[ResultLink]
    salt_key: Secret


def inputs(workspace: Workspace) -> Inputs:
    """What is to be sealed, once nothing of it has changed since it was added.

    Raises `Error(NO_INPUT)` where something is missing, and `Error(VERIFICATION_FAILED)` where it changed.
    """
    with workspace.changing():  # plans that were written meanwhile
        state, folder = workspace.state, workspace.folder
    if state.findings is None or state.events is None:
        hint = f"countermark case add findings {folder} FINDINGS --events EVENTS"
        raise Error(f"there are no findings in {folder} to seal", hint=hint, exit_code=ExitCode.NO_INPUT)
    for problem in changes(workspace):
        raise Error(problem, hint="what is sealed is what was added", exit_code=ExitCode.VERIFICATION_FAILED)
    terms = [TermsText(one, folder / "terms" / (one.file or "")) for one in state.terms]
    return Inputs(
        case_id=state.case_id,
        matter=state.matter,
        log=workspace.log,
        findings=folder / state.findings.path,
        events=folder / state.events.folder,
        scan=folder / state.scan.path if state.scan else None,
        attributions=[folder / one.path for one in state.attributions],
        plans=[folder / state.plans[name].path for name in sorted(state.plans)],
        runs=[folder / one.path for one in state.runs],
        custody=workspace.custody,
        terms=sorted(terms, key=lambda one: (one.entry.id or "", one.entry.version or "")),
        acceptances=folder / state.acceptances.path if state.acceptances else None,
        results=[_result_link(step, kept.link) for step, kept in results(workspace)],
        salt_key=workspace.salt_key(),
    )


def _result_link(step: str, link: Link | None) -> ResultLink:
    return ResultLink(result=step, **msgspec.structs.asdict(link or Link()))


def results(workspace: Workspace) -> Iterator[tuple[str, Kept]]:
    """The results by step, in the order of a package."""
    if workspace.state.findings:
        yield "detect", workspace.state.findings
    if workspace.state.scan:
        yield "scan", workspace.state.scan
    for number, kept in enumerate(workspace.state.attributions, 1):
        yield f"attribute-{number}", kept


def changes(workspace: Workspace, *, evidence: bool = False, step: Step | None = None) -> Iterator[str]:
    """What is no longer what was added, a sentence each; `evidence` reads acquired files and EVENTS too."""
    state, folder = workspace.state, workspace.folder
    for result, kept in results(workspace):
        yield from _changed_folder(folder / kept.path, STAGES[result.partition("-")[0]], kept)
    files = [*state.plans.values(), *state.runs, *([state.acceptances] if state.acceptances else [])]
    named = [(one.path, one.sha256) for one in files]
    named += [(f"terms/{one.file}", one.sha256) for one in state.terms]
    for name, sha256 in named:
        yield from _changed_file(folder / name, sha256)
    if state.events:
        where = folder / state.events.folder
        yield from _changed_file(where / "capture.json", state.events.capture_sha256)
        if evidence:
            yield from _changed_events(where, step)
    yield from _not_logged(workspace)
    if evidence:
        yield from _changed_evidence(workspace, step)


def _changed_folder(folder: Path, stage: tuple[str, str, str], kept: Kept) -> Iterator[str]:
    _, manifest, maker = stage
    yield from (found := list(_changed_file(folder / manifest, kept.sha256)))
    if not found:
        for name, sha256 in listed(folder, manifest, maker)[1].items():
            yield from _changed_file(folder / name, sha256)


def _changed_file(path: Path, sha256: str, step: Step | None = None) -> Iterator[str]:
    try:
        if digest(path, step)[0] != sha256:
            yield f"{path} changed since it was added"
    except Error as error:
        yield f"{error.message}: it was there when it was added"


def _changed_events(folder: Path, step: Step | None) -> Iterator[str]:
    try:
        capture = read_object(read_whole(folder / "capture.json"), "capture.json")
        files = [(str(one["name"]), str(one["sha256"])) for one in capture["files"]]
    except (Error, KeyError, TypeError):
        return  # said already
    for name, sha256 in files:
        yield from _changed_file(folder / name, sha256, step)


def _not_logged(workspace: Workspace) -> Iterator[str]:
    """Acquisitions whose record is not what the log holds; nothing where the log is not at hand."""
    if workspace.log is None or not (workspace.log / "log.json").is_file():
        return
    there = {entry.payload.get("sha256") for entry in Log.open(workspace.log).entries(ACQUISITION_KIND)}
    for one in workspace.custody.acquisitions:
        if one.digest not in there:
            yield f"acquisition {one.id} is not in the log as it stands in custody.json"


def _changed_evidence(workspace: Workspace, step: Step | None) -> Iterator[str]:
    """Acquired files that are where they were and have another content; one that was moved is no change."""
    for sha256, path in _evidence(workspace):
        if path.is_file():
            yield from _changed_file(path, sha256, step)


def moved_away(workspace: Workspace) -> int:
    """Number of acquired files that are no longer where they were, and cannot be compared."""
    return sum(not path.is_file() for _, path in _evidence(workspace))


def _evidence(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    """SHA-256 of every acquired file, and where it was."""
    for one in workspace.custody.acquisitions:
        for item, path in zip(one.items, workspace.state.evidence.get(one.id or "", []), strict=False):
            yield item.sha256, workspace.folder / path


def missing(workspace: Workspace) -> list[str]:
    """What a case that will be contested has and this one has not, a sentence each."""
    state, custody = workspace.state, workspace.custody
    found = []
    if state.findings is None:
        found.append("no findings: there is nothing to seal yet")
    if not state.log:
        found.append("no log: every result will be exploratory")
    elif not (workspace.folder / state.log / "log.json").is_file():
        found.append(f"the log is not at {workspace.log}")
    if not custody.acquisitions:
        found.append("no acquisition: nobody says where the evidence comes from")
    if not state.terms:
        found.append("no terms: nothing says what was not allowed")
    elif not state.acceptances:
        found.append("no acceptances: nothing says which accounts the terms bound")
    for step, kept in results(workspace):
        link = kept.link or Link()
        found += [] if link.plan else [f"{step} names no plan: it will be exploratory"]
        found += [] if link.acquisitions else [f"{step} names no acquisition"]
    return found + [f"{name} of the events is in no acquisition" for name in _unacquired(workspace)]


def _unacquired(workspace: Workspace) -> list[str]:
    """Sources of the EVENTS that no acquisition has; nothing where the EVENTS are not at hand."""
    events = workspace.state.events
    path = workspace.folder / events.folder / "capture.json" if events else None
    if events is None or path is None or not path.is_file() or file_sha256(path) != events.capture_sha256:
        return []
    capture = read_object(read_whole(path), "capture.json")
    acquired = {item.sha256 for one in workspace.custody.acquisitions for item in one.items}
    sources = [one for one in capture.get("sources", []) if isinstance(one, dict)]
    return sorted(str(one.get("name")) for one in sources if one.get("sha256") not in acquired)


def overview(workspace: Workspace) -> dict[str, Any]:
    """What is there and what is missing, as plain data."""
    state, custody = workspace.state, workspace.custody
    return {
        "case_id": state.case_id,
        "matter": state.matter,
        "log": str(workspace.log) if workspace.log else None,
        "opened": state.opened,
        "events": msgspec.to_builtins(state.events),
        "results": [
            {"result": step, "sha256": kept.sha256, "added": kept.added, "source": kept.source}
            | msgspec.to_builtins(kept.link or Link())
            for step, kept in results(workspace)
        ],
        "plans": {name: state.plans[name].sha256 for name in sorted(state.plans)},
        "runs": {one.path: one.sha256 for one in state.runs},
        "acquisitions": [
            {"id": one.id, "what": one.what, "by": one.by, "purpose": one.purpose, "started": one.started}
            | {"files": len(one.items), "bytes": sum(item.bytes or 0 for item in one.items)}
            for one in custody.acquisitions
        ],
        "holds": msgspec.to_builtins(custody.holds),
        "actions": msgspec.to_builtins(custody.actions),
        "terms": [{"id": one.id, "version": one.version, "effective": one.effective} for one in state.terms],
        "acceptances": state.acceptances.sha256 if state.acceptances else None,
        "replaced": [one.path for one in state.replaced],
        "missing": missing(workspace),
    }


def last_change(workspace: Workspace) -> str:
    """The latest time that the folder records: of an addition, an acquisition, a hold or an action (UTC).

    A working paper is dated by it: the clock would date the same folder otherwise each time.
    """
    state, custody = workspace.state, workspace.custody
    kept = [state.findings, state.scan, state.acceptances, *state.attributions, *state.plans.values()]
    times = [state.opened, *(one.added for one in [*kept, *state.runs] if one)]
    times += [one.ended or "" for one in custody.acquisitions] + [one.started or "" for one in custody.holds]
    return max([*times, *(one.at or "" for one in custody.actions)])
