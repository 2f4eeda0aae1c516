"""`countermark verify`: check an evidence package offline, in numbered steps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, progress
from countermark.cli.verify_text import UNCHECKED, folded, text_of
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.flow.answers import Answer
    from countermark.prove.verifying.verification import Verification
    from countermark.prove.verifying.verify_state import State

VERIFY_SCHEMA_ID = "countermark/verify/v1"
_RAW_LINES, _COMPUTATION = 14, 15


def verify(
    package: Annotated[
        Path, typer.Argument(metavar="PACKAGE", help="An evidence package: a zip or a folder.")
    ],
    trust: Annotated[
        Path | None,
        typer.Option("--trust", help="Accepted signers, logs, witnesses, TSA roots and cases."),
    ] = None,
    case: Annotated[str | None, typer.Option("--case", help="The case id that is expected.")] = None,
    from_raw: Annotated[
        Path | None,
        typer.Option("--from-raw", help="Held raw lines of case hold: compare every row with its line."),
    ] = None,
    age_key: Annotated[
        Path | None, typer.Option("--age-key", help="Age key that opens the held lines.")
    ] = None,
    hash_key: Annotated[
        Path | None, typer.Option("--hash-key", help="Hash key of the capture, for --from-raw.")
    ] = None,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Run the computations again and compare.")
    ] = False,
    key_file: Annotated[
        list[Path] | None,
        typer.Option("--key-file", help="Watermark key for --recompute; may be given again."),
    ] = None,
    key_pool: Annotated[
        Path | None, typer.Option("--key-pool", help="Pool of keys for --recompute, JSON lines (0600).")
    ] = None,
    input_file: Annotated[
        list[str] | None,
        typer.Option(
            "--input", help="NAME=FILE or folder that the package has the digest of; may be given again."
        ),
    ] = None,
    seed_file: Annotated[
        Path | None, typer.Option("--seed-file", help="Seed of the random draws, for --recompute.")
    ] = None,
    unsafe_no_signer_check: Annotated[
        bool,
        typer.Option("--unsafe-no-signer-check", help="Exit 0 though nobody checked whose package it is."),
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write the answer here, too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Verify an evidence package offline; exit 20 and the step that failed if it does not hold."""
    from countermark.prove.package.trustfile import read_trust
    from countermark.prove.verifying.verify import verify

    if trust and unsafe_no_signer_check:
        message = "--trust and --unsafe-no-signer-check contradict each other"
        raise Error(message, hint="leave one of them out", exit_code=ExitCode.USAGE)
    answers: dict[str, Answer] = {}
    more: list[tuple[int, str, Callable[[State], None]]] = []
    if from_raw:
        more.append((_RAW_LINES, "raw lines", _raw_lines(from_raw, age_key, hash_key, answers)))
    elif age_key or hash_key:
        raise Error("--age-key and --hash-key go with --from-raw", exit_code=ExitCode.USAGE)
    if recompute:
        given = {"key_files": key_file or [], "key_pool": key_pool, "seed_file": seed_file}
        check = _computation({**given, "inputs": _inputs(input_file or [])}, answers)
        more.append((_COMPUTATION, "computation", check))
    elif key_file or key_pool or input_file or seed_file:
        message = "--key-file, --key-pool, --input and --seed-file go with --recompute"
        raise Error(message, exit_code=ExitCode.USAGE)
    verification = verify(package, read_trust(trust) if trust else None, case, more=tuple(more))
    _say(verification, answers, out, as_json)
    if unsafe_no_signer_check and verification.verdict == UNCHECKED:
        return ExitCode.DONE
    return verification.exit_code


def _say(verification: "Verification", answers: "dict[str, Answer]", out: Path | None, as_json: bool) -> None:
    """Print the answer, and write it where that is asked for."""
    from countermark.records.files import write_atomic

    answer_text = _json_of(verification, answers) if as_json else text_of(verification, answers)
    if out:
        write_atomic(out, answer_text.encode() + b"\n")
    emit(answer_text if as_json else folded(answer_text))


def _json_of(verification: "Verification", answers: "dict[str, Answer]") -> str:
    extra = {name: answer.to_dict() for name, answer in answers.items()}
    return json.dumps({"schema": VERIFY_SCHEMA_ID, **verification.to_dict(), **extra}, indent=2)


def _raw_lines(
    held: Path, age_key: Path | None, hash_key: Path | None, answers: "dict[str, Answer]"
) -> "Callable[[State], None]":
    """Step 14: every row comes from the raw line that it names."""
    if age_key is None or hash_key is None:
        hint = "the age key opens the lines, the hash key makes the hashes again"
        raise Error("--from-raw needs --age-key and --hash-key", hint=hint, exit_code=ExitCode.USAGE)
    _are_there(held, age_key, hash_key)

    def check(state: "State") -> None:
        from countermark.flow.raw_lines import rederive

        with progress("raw lines") as bar:
            answer = rederive(held, age_key, hash_key, state.package, progress=bar)
        answers["from_raw"] = answer
        _conclude(state, answer)

    return check


def _are_there(held: Path, age_key: Path, hash_key: Path) -> None:
    """Raises `Error(NO_INPUT)`: a slip of who verifies is no failure of the package."""
    from countermark.capture.held_folder import MANIFEST_FILE
    from countermark.trust.agefiles import read_identities

    if not (held / MANIFEST_FILE).exists():
        hint = "the folder that countermark case hold wrote"
        raise Error(f"{held} is no folder of held lines", hint=hint, exit_code=ExitCode.NO_INPUT)
    if not hash_key.is_file():
        raise Error(f"there is no hash-key file at {hash_key}", exit_code=ExitCode.NO_INPUT)
    read_identities(age_key)


def _inputs(given: list[str]) -> dict[str, Path]:
    """By name, out of NAME=FILE."""
    pairs = [one.partition("=") for one in given]
    if any(not name or not path for name, _, path in pairs):
        raise Error("--input is NAME=FILE", hint="--input suspect=answers.jsonl", exit_code=ExitCode.USAGE)
    return {name: Path(path) for name, _, path in pairs}


def _computation(given: dict[str, Any], answers: "dict[str, Answer]") -> "Callable[[State], None]":
    """Step 15: the same computation on the same inputs gives the same."""

    def check(state: "State") -> None:
        from countermark.flow.recompute import recompute

        with progress("recompute") as bar:
            answer = recompute(state.package, **given, log=state.log, progress=bar)
        answers["recompute"] = answer
        _conclude(state, answer)

    return check


def _conclude(state: "State", answer: "Answer") -> None:
    """A step out of lines: it fails with the first that is not so."""
    for line in answer.lines:
        if not line.ok:
            message = f"{line.name}: {line.sentence}"
            raise Error(message, exit_code=ExitCode.VERIFICATION_FAILED)
    state.detail = "; ".join(f"{line.name}: {line.sentence}" for line in answer.lines) + "."
