"""`countermark case plan`: write an analysis plan before the data are there, check it, and log it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.prove.plans import Logged, Plan

PLAN_SCHEMA_ID = "countermark/case-plan/v1"
_FIELDS = ("id", "matter", "by", "title", "multiplicity", "prompts", "stopping", "exclusions")
"""Options of a whole plan, by the names of their parameters."""


def plan(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[CASE]", help="Case folder: the plan goes below its plans/.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="The plan as YAML or JSON; options stand over it.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File for the plan, or for the template.")] = None,
    template: Annotated[bool, typer.Option("--template", help="Write one to fill in.")] = False,
    id_: Annotated[str, typer.Option("--id", help="Id of the plan.")] = "",
    matter: Annotated[str, typer.Option("--matter", help="Matter id, as the runs will have it.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who writes it: name and role.")] = "",
    title: Annotated[str, typer.Option("--title", help="What is asked, in one line.")] = "",
    null: Annotated[str, typer.Option("--null", help="What holds if there is nothing (hypothesis H1).")] = "",
    test: Annotated[str, typer.Option("--test", help="Deciding test, as results name it.")] = "",
    alpha: Annotated[float | None, typer.Option("--alpha", help="Level.")] = None,
    commitment: Annotated[
        list[str] | None, typer.Option("--commitment", help="Of a key or canary; may be given again.")
    ] = None,
    given: Annotated[
        list[Path] | None, typer.Option("--given", help="Existing file or folder: prompts, control, reference.")
    ] = None,
    multiplicity: Annotated[
        str, typer.Option("--multiplicity", help="none, holm or benjamini-yekutieli.")
    ] = "",
    control: Annotated[
        list[str] | None, typer.Option("--control", help="A control, in words; may be given again.")
    ] = None,
    prompts: Annotated[str, typer.Option("--prompts", help="Which prompts, how chosen, how often.")] = "",
    stopping: Annotated[str, typer.Option("--stopping", help="When data collection ends.")] = "",
    exclusions: Annotated[str, typer.Option("--exclusions", help="What is left out, by which rule.")] = "",
    plugin_test: Annotated[
        list[str] | None, typer.Option("--plugin-test", help="Name of a plug-in's test; may be given again.")
    ] = None,
    log: Annotated[Path | None, typer.Option("--log", help="Log it in this folder's private log.")] = None,
    log_key: Annotated[
        Path | None, typer.Option("--log-key", help="Signing key of the log [default: FOLDER.key beside it].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the analysis plan of a matter before its data are acquired, check it, and log it with --log.

    A plan counts from the first checkpoint over it that a witness outside the alliance cosigned, or that an
    authority timestamped: acquire the data after that.
    """
    from countermark.prove import plans

    if template:
        return _template(out)
    options: dict[str, Any] = dict(zip(_FIELDS, (id_, matter, by, title, multiplicity), strict=False))
    options |= {"prompts": prompts, "stopping": stopping, "exclusions": exclusions}
    options |= {"null": null, "test": test, "alpha": alpha, "commitments": commitment, "controls": control}
    place = _Place.of(folder, log)
    fields = _fields(source, {name: one for name, one in options.items() if one}, place)
    digests = {str(path): _digest(path) for path in given or ()}
    for hypothesis in fields["hypotheses"] if not source else ():
        hypothesis["given"] = list(digests.values())
    made = plans.plan_of(fields, str(source) if source else "what the options say")
    problems = _problems(made, digests, plugin_test or [], place.log)
    if problems:
        raise Error("; ".join(problems), hint="nothing was written", exit_code=ExitCode.NO_INPUT)
    path = out or place.file(made.plan_id)
    data = plans.write_plan(path, made)
    logged = _log(data, path, place.log, log_key)
    return _say(made, data, path, logged, as_json)
