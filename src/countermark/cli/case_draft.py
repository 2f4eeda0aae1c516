"""`countermark case draft`: letters, certificates and lists for counsel, filled from a case."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, keep_inputs, note, printable
from countermark.cli.watermark_case import as_day
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.prove.typeset.document import Document

DRAFT_SCHEMA_ID = "countermark/case-draft/v1"


class Kind(StrEnum):
    """The drafts there are; the names are those of `prove.drafts.kinds.DRAFTS`."""

    PRESERVATION_LETTER = "preservation-letter"
    BREACH_NOTICE = "breach-notice"
    CERTIFICATE_902 = "certificate-902"
    EXHIBIT_LIST = "exhibit-list"


def draft(
    kind: Annotated[
        Kind,
        typer.Argument(
            metavar="KIND", help="preservation-letter, breach-notice, certificate-902 or exhibit-list."
        ),
    ],
    package: Annotated[
        Path, typer.Argument(metavar="PACKAGE|CASE", help="A sealed package, or a case folder.")
    ],
    trust: Annotated[
        Path | None, typer.Option("--trust", help="Trust file to verify the package with.")
    ] = None,
    facts: Annotated[
        Path | None, typer.Option("--facts", help="What named persons state: parties, facts, exhibits.")
    ] = None,
    claims: Annotated[
        str, typer.Option("--claims", metavar="A,B", help="The claims; `case claims` lists them.")
    ] = "",
    legal: Annotated[
        Path | None,
        typer.Option("--legal", metavar="DIR", help="Counsel's own claims; they replace shipped ones."),
    ] = None,
    policies: Annotated[
        Path | None,
        typer.Option("--policies", metavar="DIR", help="Usage policies as data: clauses for a notice."),
    ] = None,
    today: Annotated[
        str, typer.Option("--today", metavar="DATE", help="For review dates; default: the day of the case.")
    ] = "",
    out: Annotated[Path | None, typer.Option("--out", help="The PDF to write.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the whole text.")] = False,
) -> None:
    """Fill a draft for counsel from a case; what the case does not say stands in it as a question."""
    from countermark.prove.claims.assess import assess_named
    from countermark.prove.clauses.outcome import apply_terms
    from countermark.prove.clauses.policy import read_policies
    from countermark.prove.dossier.read import read_dossier
    from countermark.prove.drafts.kinds import fill
    from countermark.prove.package.case import created_at
    from countermark.prove.package.trustfile import read_trust

    if out is None and not as_json:
        raise Error("--out F.pdf is needed", hint="or --json", exit_code=ExitCode.USAGE)
    if legal is not None and not claims:
        raise Error("--legal needs --claims", hint="--claims NAMES", exit_code=ExitCode.USAGE)
    if policies is not None and kind is not Kind.BREACH_NOTICE:
        raise Error("--policies is for breach-notice", exit_code=ExitCode.USAGE)
    keep_inputs(out, package, trust, facts)
    dossier = read_dossier(package, trust=read_trust(trust) if trust else None, facts=facts)
    day = as_day(today, "--today") or created_at(dossier.case).date()
    assessed = assess_named(claims, dossier, day, legal) if claims else ()
    applied = apply_terms(dossier, read_policies(policies)) if policies else None
    document = fill(kind.value, dossier, assessed, applied)
    if out:
        _write(out, document)
    _report(kind, dossier.case.case_id, document, out, as_json)


def _write(out: Path, document: "Document") -> None:
    from countermark.prove.typeset.pdf import to_pdf
    from countermark.records.files import write_atomic

    write_atomic(out, to_pdf(document))


def _report(kind: Kind, case_id: str, document: "Document", out: Path | None, as_json: bool) -> None:
    from countermark.prove.drafts.form import open_questions
    from countermark.prove.drafts.plain import to_plain

    questions = open_questions(document)
    if as_json:
        fields = {"kind": kind.value, "case_id": case_id, "out": str(out) if out else None}
        emit_json(DRAFT_SCHEMA_ID, {**fields, "open_questions": questions, "document": to_plain(document)})
        return
    emit(printable(f"draft for counsel, {kind.value} of case {case_id}, in {out}"))
    note(f"{len(questions)} open questions:")
    for one in questions:
        note(printable(f"  - {one}"))
