"""What came out of runs of the matter that are no step of the case, kept in the case folder."""

import os
import secrets
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.prove.beforehand.run_files import RunFile, name_for, runs_of
from countermark.prove.case_folder.workspace import Workspace
from countermark.prove.case_folder.workspace_files import changed, digest
from countermark.prove.case_folder.workspace_state import Kept, now
from countermark.records.files import TEMPORARY, sync_folder


def add_run(workspace: Workspace, source: Path) -> RunFile:
    """Copy what came out of a run, and say which run that was; the same once more adds nothing.

    Raises `Error` where the case has no log, and for a file that is the outcome of no run of its matter.
    """
    if workspace.log is None:
        hint = "countermark case open FOLDER --id ID --matter ID --log LOG puts it into one"
        raise Error("the case has no log, and so no runs", hint=hint, exit_code=ExitCode.USAGE)
    (found,) = runs_of(workspace.log, workspace.state.matter, [source])
    with workspace.changing():
        if found.sha256 in [one.sha256 for one in workspace.state.runs]:
            return found
        taken = [one.path.removeprefix("runs/") for one in workspace.state.runs]
        name = f"runs/{name_for(found.run, source, taken)}"
        _copy(found, workspace.folder / name)
        kept = Kept(path=name, sha256=found.sha256, added=now(), source=str(source))
        workspace.write(runs=[*workspace.state.runs, kept])
    return found


def _copy(found: RunFile, target: Path) -> None:
    """The file at its place, whole; what a killed run left there is replaced."""
    target.parent.mkdir(exist_ok=True)
    building = target.parent / f"{TEMPORARY}{secrets.token_hex(6)}"
    try:
        with building.open("xb") as stream:
            if digest(found.path, copy_to=stream)[0] != found.sha256:
                raise changed(found.path)
            stream.flush()
            os.fsync(stream.fileno())
        building.replace(target)
        sync_folder(target.parent)
        sync_folder(target.parent.parent)
    finally:
        building.unlink(missing_ok=True)
