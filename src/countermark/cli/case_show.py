"""`countermark case show`: what a case folder holds, and what it lacks."""

from pathlib import Path
from typing import Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.errors import ExitCode

SHOW_SCHEMA_ID = "countermark/case-show/v1"


def show(
    folder: Annotated[Path, typer.Argument(metavar="CASE", help="A case folder.")],
    check: Annotated[
        bool, typer.Option("--check", help="Read everything again, acquired files and EVENTS too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Say what is in a case folder, what is missing, and what changed since it was added (exit 20)."""
    from countermark.prove.case_folder.workspace import Workspace
    from countermark.prove.case_folder.workspace_view import changes, moved_away, overview

    workspace = Workspace.open(folder)
    view = overview(workspace)
    with progress("reading") as bar:
        done = 0

        def step(count: int) -> None:
            nonlocal done
            done += count
            bar(done)

        changed = list(changes(workspace, evidence=check, step=step))
    moved = moved_away(workspace)
    if as_json:
        emit_json(SHOW_SCHEMA_ID, {**view, "changed": changed, "checked": check, "moved_away": moved})
    else:
        for line in _lines(view):
            emit(printable(line))
        for sentence in changed:
            emit(printable(f"CHANGED: {sentence}"))
        if not check:
            note("acquired files were not read again; --check does")
        elif moved:
            note(f"{moved:,} acquired files are no longer where they were: they were not compared")
    return ExitCode.VERIFICATION_FAILED if changed else ExitCode.DONE


def _lines(view: dict[str, Any]) -> list[str]:
    where = f", matter {view['matter']}, log {view['log']}" if view["log"] else ""
    lines = [f"case {view['case_id']}, opened {view['opened']}{where}"]
    for one in view["results"]:
        plan = f", plan {one['plan']} {one['hypothesis']}" if one["plan"] else ""
        of = f", of {', '.join(one['acquisitions'])}" if one["acquisitions"] else ""
        lines.append(f"  result       {one['result']}, added {one['added']}{plan}{of}")
    lines += [f"  plan         {name}" for name in view["plans"]]
    for one in view["acquisitions"]:
        what = f"{one['files']} files, {one['bytes']:,} bytes, {one['purpose']}"
        lines.append(f"  acquisition  {one['id']}: {one['what']} ({what}), by {one['by']}, {one['started']}")
    lines += [f"  hold         {one['id']}: by {one['by']}, {one['started']}" for one in view["holds"]]
    for one in view["actions"]:
        to = f" to {one['to']}" if one["to"] else ""
        lines.append(f"  action       {one['at']}: {one['action']}{to}, by {one['by']}: {one['what']}")
    lines += [
        f"  terms        {one['id']} {one['version']}, from {one['effective']}" for one in view["terms"]
    ]
    lines += [f"  missing      {sentence}" for sentence in view["missing"]]
    return lines
