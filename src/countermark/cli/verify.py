"""`countermark verify`: check an evidence package offline, in numbered steps."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.prove.verification import Verification

VERIFY_SCHEMA_ID = "countermark/verify/v1"
_UNCHECKED = "INTACT, SIGNER NOT CHECKED"


def verify(
    package: Annotated[Path, typer.Argument(help="An evidence package: a zip or a folder.")],
    trust: Annotated[
        Path | None, typer.Option("--trust", help="Accepted signers, TSA roots and cases.")
    ] = None,
    case: Annotated[str | None, typer.Option("--case", help="The case id that is expected.")] = None,
    unsafe_no_signer_check: Annotated[
        bool,
        typer.Option("--unsafe-no-signer-check", help="Exit 0 though nobody checked whose package it is."),
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write the answer here, too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Verify an evidence package offline; exit 20 and the step that failed if it does not hold."""
    from countermark.prove.trustfile import read_trust
    from countermark.prove.verify import verify
    from countermark.records.files import write_atomic

    if trust and unsafe_no_signer_check:
        message = "--trust and --unsafe-no-signer-check contradict each other"
        raise Error(message, hint="leave one of them out", exit_code=ExitCode.USAGE)
    verification = verify(package, read_trust(trust) if trust else None, case)
    if as_json:
        document = {"schema": VERIFY_SCHEMA_ID, **verification.to_dict()}
        answer = json.dumps(document, indent=2)
    else:
        answer = "\n".join(_lines(verification))
    if out:
        write_atomic(out, answer.encode() + b"\n")
    emit(answer)
    if unsafe_no_signer_check and verification.verdict == _UNCHECKED:
        return ExitCode.DONE
    return verification.exit_code


def _lines(verification: "Verification") -> list[str]:
    """The verdict in the first line, then the steps."""
    case = f"case {verification.case_id}, " if verification.case_id else ""
    made = f", made {verification.created} by its own clock" if verification.created else ""
    if verification.verdict == "VERIFIED":
        stamps = "".join(f", timestamped {time}" for time in verification.timestamps)
        head = f"VERIFIED {case}signed by {', '.join(verification.signers)}{made}{stamps}"
    elif verification.verdict == "FAILED":
        step = next(step for step in verification.steps if step.outcome == "FAILED")
        head = f"FAILED at step {step.number} ({step.name}): {step.detail}"
    else:
        head = f"{_UNCHECKED}: {case}whole{made}; whose it is needs --trust FILE"
    width = max(len(step.name) for step in verification.steps)
    rows = [
        f"  {step.number} {step.name:{width}}  {step.outcome:11}  {step.detail}".rstrip()
        for step in verification.steps
    ]
    return [printable(line) for line in (head, *rows)]
