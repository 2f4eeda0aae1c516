"""`countermark detect`: which accounts act as one, and do they harvest?"""

from pathlib import Path
from typing import Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.cli.watermark_case import Counsel, LogFolder, LogKey, Matter, Space, in_case
from countermark.errors import Error, ExitCode


def detect(
    events: Annotated[Path, typer.Argument(metavar="EVENTS", help="Folder that `capture logs` wrote.")],
    out: Annotated[Path, typer.Option("--out", metavar="FINDINGS", help="Folder for the findings.")],
    fdr: Annotated[float, typer.Option(help="False discovery rate over all candidate networks.")] = 0.01,
    detector: Annotated[str, typer.Option(help="Name of the detector.")] = "cooccurrence",
    allow: Annotated[
        Path | None, typer.Option(help="allow.yaml: accounts that take part in no campaign.")
    ] = None,
    dispositions: Annotated[
        Path | None, typer.Option(help="What analysts said; default: dispositions.yaml in FINDINGS.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 2, help="Seed of everything that is drawn.")] = 0,
    threads: Annotated[int, typer.Option(min=0, max=1024, help="Threads; 0 takes all cores.")] = 0,
    memory: Annotated[str, typer.Option(help="Memory for the database engine, for example 2GB.")] = "2GB",
    matter: Matter = "",
    log: LogFolder = None,
    log_key: LogKey = None,
    space: Space = "testifying",
    counsel: Counsel = "",
    no_exit_codes: Annotated[
        bool, typer.Option("--no-exit-codes", help="Exit 0 also when something was found.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print findings.json.")] = False,
) -> int:
    """Find account networks in EVENTS: campaigns with members, reasons, p- and q-values, pool or harvest.

    Exit codes: 0 nothing found, 10 something found, 11 the data cannot decide, 3 no usable input.
    """
    if not 0 < fdr < 1:
        raise Error(f"--fdr {fdr} is not between 0 and 1", exit_code=ExitCode.USAGE)
    from countermark.detect.detection import DetectionOptions
    from countermark.detect.run import DetectOptions
    from countermark.flow.detections import detect_in_case

    options = DetectOptions(
        events=events,
        out=out,
        detector=detector,
        detection=DetectionOptions(fdr=fdr, seed=seed),
        allow=allow,
        dispositions=dispositions,
        threads=threads,
        memory=memory,
    )
    with progress("detecting") as bar:
        findings = detect_in_case(options, in_case(matter, log, log_key, "", space, counsel), bar)
    if as_json:
        emit_json(findings.content["schema"], {k: v for k, v in findings.content.items() if k != "schema"})
    else:
        summarise(findings.content)
        note(f"report: {out / 'report.html'}")
    if no_exit_codes:
        return ExitCode.DONE
    if findings.found:
        return ExitCode.FOUND
    return ExitCode.DONE if findings.conclusive else ExitCode.INCONCLUSIVE


def summarise(content: Any) -> None:
    """One line a campaign on standard output, what it means on standard error."""
    events = content["events"]
    tested = f"{content['tested']} candidate networks tested at FDR {content['fdr']:g}"
    note(f"{events['accounts']:,} accounts, {tested}")
    for line in content["notes"]:
        note(f"note: {printable(line)}")
    for campaign in content["campaigns"]:
        emit(
            f"{campaign['campaign_id'][:21]}  {campaign['kind']:<9} {campaign['size']:>6} accounts  "
            f"log10 p {campaign['log10_p_value']:8.1f}"
            + (f"  {campaign['disposition']}" if campaign["disposition"] else "")
        )
    if not content["campaigns"]:
        note("no network found")
