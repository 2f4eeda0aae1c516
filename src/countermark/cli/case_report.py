"""`countermark case report`: a sealed package, or a case folder, as a report for court and counsel."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, keep_inputs, note
from countermark.cli.watermark_case import as_day
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.prove.dossier.dossier import Dossier


def report(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PACKAGE|CASE", help="A sealed package, or a case folder (a working paper then)."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", help="The PDF to write (PDF/A-2b).")] = None,
    trust: Annotated[
        Path | None, typer.Option("--trust", help="Accepted signers, logs, witnesses and TSA roots.")
    ] = None,
    facts: Annotated[
        Path | None, typer.Option("--facts", help="What persons state, with files beside it (YAML).")
    ] = None,
    claims: Annotated[
        str, typer.Option("--claims", metavar="NAMES", help="Claims to assess: us-contract,eu-trade-secret.")
    ] = "",
    legal: Annotated[
        Path | None, typer.Option("--legal", help="Counsel's own rows of claims: a folder of YAML files.")
    ] = None,
    policies: Annotated[
        Path | None, typer.Option("--policies", help="Usage policies as dated YAML, a folder.")
    ] = None,
    damages: Annotated[
        Path | None, typer.Option("--damages", help="Inputs of the damages workbook (YAML).")
    ] = None,
    today: Annotated[
        str,
        typer.Option("--today", metavar="DATE", help="For review dates; default: the day of the case."),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the same content as JSON.")] = False,
) -> None:
    """Report on a case: findings, error rates, claims, terms, damages, and every open question.

    A package that does not verify is no report (exit 20). The same case gives the same bytes.
    """
    from countermark.prove.dossier.read import read_dossier
    from countermark.prove.package.trustfile import read_trust
    from countermark.prove.report.make import Asked, make
    from countermark.prove.report.plain import REPORT_SCHEMA_ID
    from countermark.records.files import write_atomic

    if out is None and not as_json:
        raise Error("there is nothing to write", hint="--out F.pdf, or --json", exit_code=ExitCode.USAGE)
    if legal is not None and not claims:
        raise Error("--legal needs --claims", hint="--claims NAMES", exit_code=ExitCode.USAGE)
    keep_inputs(out, source, trust, facts, damages)
    asked = Asked(
        claims=claims,
        legal=legal,
        policies=policies,
        damages=damages,
        today=as_day(today, "--today") if today else None,
    )
    dossier = read_dossier(source, trust=read_trust(trust) if trust else None, facts=facts)
    made = make(dossier, asked)
    if out is not None:
        from countermark.prove.typeset.pdf import to_pdf

        write_atomic(out, to_pdf(made.report.document))
    if as_json:
        emit_json(REPORT_SCHEMA_ID, made.to_plain())
    else:
        emit(f"report on case {dossier.case.case_id} in {out}")
    _say(dossier, len(made.report.questions))


def _say(dossier: "Dossier", questions: int) -> None:
    """What the person at the terminal should know before the report is used."""
    from countermark.prove.report.summary import warnings

    for text in warnings(dossier):
        note(text)
    note(f"{questions} open questions; each stands in the report")
