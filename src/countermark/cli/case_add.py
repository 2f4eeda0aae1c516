"""`countermark case add`: what was found, what was recorded, and the terms go into a case folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress

if TYPE_CHECKING:
    from countermark.prove.case_folder.workspace_state import Link

ADD_SCHEMA_ID = "countermark/case-add/v1"
app = typer.Typer(
    name="add",
    help="Add what was found, records of custody, and terms to a case folder.",
    no_args_is_help=True,
)
Case = Annotated[Path, typer.Argument(metavar="CASE", help="A case folder, as case open makes it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Replace = Annotated[bool, typer.Option("--replace", help="In the place of others, which stay in the folder.")]
PlanId = Annotated[str, typer.Option("--plan", help="Plan that was written before, by its id.")]
HypothesisId = Annotated[str, typer.Option("--hypothesis", help="Hypothesis of the plan, by its id.")]
Acquisitions = Annotated[
    list[str] | None,
    typer.Option("--acquisition", metavar="ID", help="Where its inputs come from; may be given again."),
]
Run = Annotated[
    int | None, typer.Option("--run", help="Number of its run in the log; default: the one that made it.")
]


@app.command("findings")
def findings(
    case: Case,
    folder: Annotated[Path, typer.Argument(metavar="FINDINGS", help="Folder, as detect writes it.")],
    events: Annotated[Path, typer.Option("--events", help="The EVENTS folder that they were made of.")],
    plan: PlanId = "",
    hypothesis: HypothesisId = "",
    acquisition: Acquisitions = None,
    run: Run = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Keep a copy of findings; EVENTS stay where they are and must not change until the seal."""
    kept = _workspace(case).add_findings(
        folder, events, _link(plan, hypothesis, acquisition, run), replace=replace
    )
    _say("findings", {"result": "detect", "sha256": kept.sha256}, as_json)


@app.command("scan")
def scan(
    case: Case,
    folder: Annotated[Path, typer.Argument(metavar="SCAN", help="Folder, as watermark scan writes it.")],
    plan: PlanId = "",
    hypothesis: HypothesisId = "",
    acquisition: Acquisitions = None,
    run: Run = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Keep a copy of the watermark scan of a corpus."""
    kept = _workspace(case).add_scan(folder, _link(plan, hypothesis, acquisition, run), replace=replace)
    _say("scan", {"result": "scan", "sha256": kept.sha256}, as_json)


@app.command("attribution")
def attribution(
    case: Case,
    folder: Annotated[Path, typer.Argument(metavar="ATTRIBUTION", help="Folder, as attribute writes it.")],
    plan: PlanId = "",
    hypothesis: HypothesisId = "",
    acquisition: Acquisitions = None,
    run: Run = None,
    as_json: Json = False,
) -> None:
    """Keep a copy of an attribution; the same once more keeps its number and takes a new plan."""
    number = _workspace(case).add_attribution(folder, _link(plan, hypothesis, acquisition, run))
    _say("attribution", {"result": f"attribute-{number}"}, as_json)


@app.command("acquisition")
def acquisition(
    case: Case,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES…", help="Files, or folders with all in them.")
    ],
    by: Annotated[str, typer.Option("--by", help="Who acquired them.")],
    role: Annotated[str, typer.Option("--role", help="As what: abuse analyst, examiner.")],
    what: Annotated[str, typer.Option("--what", help="What they are, in one line.")],
    source: Annotated[str, typer.Option("--source", help="System and place they were taken from.")],
    purpose: Annotated[
        Literal["routine", "case"],
        typer.Option("--purpose", help="Kept in the course of business, or made for the case."),
    ],
    method: Annotated[str, typer.Option("--method", help="How: copy, export, capture probe.")],
    started: Annotated[str, typer.Option("--started", metavar="TIME", help="As the clock showed it.")],
    ended: Annotated[str, typer.Option("--ended", metavar="TIME", help="As the clock showed it.")],
    clock_source: Annotated[str, typer.Option("--clock-source", help="What set that clock: ntp, by hand.")],
    offset_seconds: Annotated[float, typer.Option("--offset-seconds", help="That clock minus true time.")],
    id_: Annotated[str, typer.Option("--id", help="Its id ; default: acq-1, acq-2, ….")] = "",
    log_key: Annotated[
        Path | None, typer.Option("--log-key", help="Key of the case's log; default: FOLDER.key beside it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Record who acquired evidence, when and from where; digests are taken now, the files stay there.

    Where the case has a log, the record's digest goes in as an entry.
    """
    from countermark.prove.case_folder.workspace_records import Told, add_acquisition

    told = Told(
        what=what,
        by=by,
        role=role,
        source=source,
        method=method,
        purpose=purpose,
        started=started,
        ended=ended,
        clock_source=clock_source,
        offset_seconds=offset_seconds,
    )
    workspace = _workspace(case)
    with progress("digests") as bar:
        done = 0

        def step(count: int) -> None:
            nonlocal done
            done += count
            bar(done)

        record = add_acquisition(workspace, files, told, acquisition_id=id_, log_key=log_key, step=step)
    if workspace.log is None:
        note("the case has no log: nothing but the seal will show that this was recorded before")
    fields = {"id": record.id, "files": len(record.items), "sha256": record.digest}
    _say("acquisition", fields, as_json)


@app.command("action")
def action(
    case: Case,
    what_done: Annotated[
        Literal["received", "sealed", "handed over", "examined", "stored"],
        typer.Option("--action", help="What was done."),
    ],
    by: Annotated[str, typer.Option("--by", help="Who did it.")],
    what: Annotated[str, typer.Option("--what", help="With what, in one line.")],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When; default: now.")] = "",
    to: Annotated[str, typer.Option("--to", help="Who got it.")] = "",
    acquired: Acquisitions = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", help="A file it was done with: its digest is recorded.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Record what was done with evidence after it was acquired."""
    from countermark.prove.case_folder.workspace_files import digest
    from countermark.prove.case_folder.workspace_records import add_action, utc
    from countermark.prove.case_folder.workspace_state import now
    from countermark.prove.custody.custody import Action

    workspace = _workspace(case)
    record = Action(
        at=utc(at, "--at") if at else now(),
        by=by,
        action=what_done,
        what=what,
        sha256=[digest(path)[0] for path in file or []],
        to=to,
    )
    record = add_action(workspace, record, acquired or [])
    _say("action", {"action": record.action, "at": record.at, "files": len(record.sha256)}, as_json)


@app.command("terms")
def terms(
    case: Case,
    text: Annotated[Path, typer.Argument(metavar="FILE", help="The text as it was published.")],
    id_: Annotated[str, typer.Option("--id", help="Id of the terms, the same for all versions.")],
    version: Annotated[str, typer.Option("--version", help="Version of the text.")],
    effective: Annotated[str, typer.Option("--effective", metavar="DAY", help="First day it applied.")],
    title: Annotated[str, typer.Option("--title", help="What it is called.")],
    ended: Annotated[str, typer.Option("--ended", metavar="DAY", help="Last day it applied.")] = "",
    as_json: Json = False,
) -> None:
    """Keep a copy of one version of the terms that applied."""
    from countermark.prove.case_folder.workspace_records import add_terms

    entry = add_terms(
        _workspace(case), text, terms_id=id_, version=version, title=title, effective=effective, ended=ended
    )
    _say("terms", {"id": entry.id, "version": entry.version, "sha256": entry.sha256}, as_json)


@app.command("acceptances")
def acceptances(
    case: Case,
    records: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="JSON lines or .csv: account_id, terms_id, version, accepted, record_sha256, source.",
        ),
    ],
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Add which account accepted which terms when; add the terms first."""
    from countermark.prove.case_folder.workspace_records import add_acceptances

    count = add_acceptances(_workspace(case), records, replace=replace)
    _say("acceptances", {"count": count}, as_json)


@app.command("plan")
def plan(
    case: Case,
    file: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan that was logged before.")],
    as_json: Json = False,
) -> None:
    """Keep a copy of a plan that was written outside the case folder."""
    _say("plan", {"plan_id": _workspace(case).add_plan(file)}, as_json)


@app.command("run")
def run(
    case: Case,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What a run in the log wrote, by --out.")],
    as_json: Json = False,
) -> None:
    """Keep what came out of a run of the matter that is no result of the case: scores, spans, a further run.

    A package shows what came out of every run that is done. The log says which run a file is of.
    """
    from countermark.prove.case_folder.workspace_runs import add_run

    found = add_run(_workspace(case), file)
    _say("run", {"run": found.run, "sha256": found.sha256}, as_json)


def _workspace(case: Path) -> Any:
    from countermark.prove.case_folder.workspace import Workspace

    return Workspace.open(case)


def _link(plan: str, hypothesis: str, acquisitions: list[str] | None, run: int | None) -> "Link":
    from countermark.prove.case_folder.workspace_state import Link

    return Link(plan=plan, hypothesis=hypothesis, acquisitions=acquisitions or [], run=run)


def _say(kind: str, fields: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit_json(ADD_SCHEMA_ID, {"added": kind, **fields})
        return
    what = ", ".join(f"{name} {value}" for name, value in fields.items())
    emit(printable(f"added {kind}: {what}"))
