"""`countermark case plan`: write an analysis plan before the data are there, check it, and log it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.prove.beforehand.plans import Logged, Plan
    from countermark.prove.case_folder.workspace import Workspace

PLAN_SCHEMA_ID = "countermark/case-plan/v1"


def plan(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[CASE]", help="Case folder: gives matter and log, and keeps it.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="The plan as YAML or JSON, instead of the options below.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File for the plan, or for the template.")] = None,
    template: Annotated[bool, typer.Option("--template", help="Write one to fill in, with --out.")] = False,
    plan_id: Annotated[str, typer.Option("--id", help="Id of the plan.")] = "",
    matter: Annotated[str, typer.Option("--matter", help="Matter id, as the runs will have it.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who writes it: name and role.")] = "",
    title: Annotated[str, typer.Option("--title", help="What is asked, in one line.")] = "",
    null: Annotated[str, typer.Option("--null", help="Hypothesis H1: what holds if there is nothing.")] = "",
    test: Annotated[str, typer.Option("--test", help="Its deciding test, as results name it.")] = "",
    alpha: Annotated[float | None, typer.Option("--alpha", help="Its level.")] = None,
    commitment: Annotated[
        list[str] | None, typer.Option("--commitment", help="To a key or canary; may be given again.")
    ] = None,
    given: Annotated[
        list[Path] | None,
        typer.Option("--given", help="What exists already: prompts, a control, a reference. File or folder."),
    ] = None,
    multiplicity: Annotated[
        str, typer.Option("--multiplicity", help="none, holm or benjamini-yekutieli.")
    ] = "none",
    control: Annotated[
        list[str] | None, typer.Option("--control", help="A control, in words; may be given again.")
    ] = None,
    prompts: Annotated[str, typer.Option("--prompts", help="Which prompts, how chosen, how often.")] = "",
    stopping: Annotated[str, typer.Option("--stopping", help="When data collection ends.")] = "",
    exclusions: Annotated[str, typer.Option("--exclusions", help="What is left out, by which rule.")] = "",
    plugin_test: Annotated[
        list[str] | None, typer.Option("--plugin-test", help="Name of a plug-in's test; may be given again.")
    ] = None,
    log: Annotated[Path | None, typer.Option("--log", help="Log it in this private log.")] = None,
    log_key: Annotated[
        Path | None, typer.Option("--log-key", help="Signing key of the log; default: FOLDER.key beside it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the analysis plan of a matter before its data are acquired, check it, and log it.

    With a case folder or --log it is logged, and counts from the first checkpoint
    over it that a witness outside the alliance cosigned, or that an authority
    timestamped. Acquire the data after that.
    """
    from countermark.prove.beforehand import plans
    from countermark.prove.case_folder.workspace import Workspace

    if template:
        return _template(out)
    place = Workspace.open(folder) if folder else None
    log = log or (place.log if place else None)
    known = place.state.matter if place else ""
    said: dict[str, Any] = {"plan_id": plan_id, "by": by, "title": title, "multiplicity": multiplicity}
    said |= {"controls": control or [], "prompts": prompts, "stopping": stopping, "exclusions": exclusions}
    said |= {"matter": matter or known}
    asked: dict[str, Any] = {"id": "H1", "null": null, "test": test, "alpha": alpha}
    asked |= {"commitments": commitment or [], "keyed": bool(commitment)}
    digests = {str(path): _digest(path) for path in given or ()}
    made = _read(source) if source else _of_options(said, asked, list(digests.values()))
    _check(made, digests, plugin_test or [], log, known or matter)
    path = out or (place.folder / "plans" / f"{made.plan_id}.json" if place else None)
    if path is None:
        raise Error("nowhere to write it", hint="--out PLAN.json, or a case folder", exit_code=ExitCode.USAGE)
    made = plans.same_again(path, made)
    logged = _write(path, made, log, log_key, place)
    fields = {"plan": str(path), "plan_id": made.plan_id, "sha256": plans.digest_of(made)}
    return _emit_fields(fields, logged) if as_json else _notes(fields, logged, log)


def _template(out: Path | None) -> None:
    import json

    from countermark.prove.beforehand.plans import template

    text = json.dumps(template(), indent=1, ensure_ascii=False)
    if out is None:
        emit(text)
        return
    if out.exists():
        raise Error(f"{out} exists already", hint="choose another --out")
    from countermark.records.files import write_atomic

    write_atomic(out, text.encode() + b"\n")
    note(f"fill in {out}, then: countermark case plan --from {out} --out PLAN.json --log FOLDER")


def _read(path: Path) -> "Plan":
    """A plan in JSON as it is, in YAML with its texts made numbers and the day of writing filled in."""
    from countermark.prove.beforehand import plans
    from countermark.records.strict_yaml import parse

    data = plans.read_bytes(path)
    if data.lstrip().startswith(b"{"):
        return plans.decode_plan(data, str(path))
    try:
        fields = parse(data, dict[str, Any], str(path), "docs/plans.md")
    except Error as error:
        hint = "countermark case plan --template writes one to fill in"
        raise Error(error.message, hint=hint, exit_code=ExitCode.NO_INPUT) from error
    return plans.plan_of({"created": plans.now(), "schema": plans.PLAN_SCHEMA_ID} | fields, str(path))


def _of_options(said: dict[str, Any], asked: dict[str, Any], given: list[str]) -> "Plan":
    from countermark.prove.beforehand import plans

    missing = [name for name, one in {**said, **asked}.items() if one in ("", None)]
    if missing:
        hint = "--from FILE takes it from a file; --template writes one to fill in"
        names = ", ".join("--" + name.replace("plan_id", "id") for name in missing)
        raise Error(f"the plan lacks {names}", hint=hint, exit_code=ExitCode.USAGE)
    fields = said | {"created": plans.now(), "hypotheses": [asked | {"given": given}]}
    return plans.plan_of(fields, "what the options say")


def _digest(path: Path) -> str:
    from countermark.records.canonical import file_sha256, folder_sha256

    try:
        return file_sha256(path) if path.is_file() else folder_sha256(path)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None


def _check(
    made: "Plan", digests: dict[str, str], plugin_tests: list[str], log: Path | None, matter: str
) -> None:
    """Raise with everything that would keep a result from being confirmatory by this plan."""
    from countermark.prove.beforehand import plans
    from countermark.trust.log import CONFIG, Log

    problems = [f"no result of ours has a test {one!r}" for one in plans.unknown_tests(made, plugin_tests)]
    problems += [f"{name} is given in no hypothesis" for name in plans.not_given(made, digests)]
    if matter and made.matter != matter:
        problems.append(f"it is of matter {made.matter}, and not of {matter}")
    if log is not None:
        there = (log / CONFIG).exists()
        absent = plans.not_committed(made, Log.open(log)) if there else plans.commitments_of(made)
        problems += [f"the commitment {one[:16]}… is not in the log" for one in absent]
    if problems:
        hint = "nothing was written; commit first, and name tests as results do (--plugin-test for others)"
        raise Error(f"plan {made.plan_id}: {'; '.join(problems)}", hint=hint, exit_code=ExitCode.NO_INPUT)


def _write(
    path: Path, made: "Plan", log: Path | None, log_key: Path | None, place: "Workspace | None"
) -> "Logged | None":
    """The file first, so that what is logged is there; then the entry, then the case folder's list."""
    from countermark.prove.beforehand import plans
    from countermark.trust.log import open_or_create

    if place is not None:
        (place.folder / "plans").mkdir(exist_ok=True)
    data = plans.write_plan(path, made)
    logged = plans.log_plan(open_or_create(log, log_key), data, str(path)) if log else None
    if place is not None:
        place.add_plan(path)
    return logged


def _emit_fields(fields: dict[str, Any], logged: "Logged | None") -> None:
    entry = {"entry": logged.entry.index, "new": logged.new} if logged else {"entry": None, "new": False}
    emit_json(PLAN_SCHEMA_ID, fields | entry)


def _notes(fields: dict[str, Any], logged: "Logged | None", log: Path | None) -> None:
    emit(f"plan {fields['plan_id']}: {fields['sha256']}")
    note(f"written to {fields['plan']}; a changed plan is another plan")
    if logged is None:
        note("not logged: it counts from the first cosigned checkpoint over its entry; --log FOLDER logs it")
        return
    before = "" if logged.new else "the same plan was logged before: "
    note(f"{before}entry {logged.entry.index} of {printable(str(log))}")
    note(
        "it counts once the next batch is cosigned outside the alliance: countermark log publish, log witness"
    )
