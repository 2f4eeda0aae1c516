"""`countermark watermark scan`: is this corpus, and is any document of it, independent of this key?"""

from pathlib import Path
from typing import Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note, printable, progress
from countermark.cli.watermark_case import (
    Acquired,
    Alpha,
    Counsel,
    KeyFile,
    KeyPool,
    LogFolder,
    LogKey,
    Matter,
    NoExitCodes,
    ProfileFile,
    Space,
    TokenizerFile,
    Trust,
    check_alpha,
    in_case,
)
from countermark.errors import Error, ExitCode


def scan(
    corpus: Annotated[
        Path, typer.Argument(metavar="CORPUS", help="JSON lines (.gz, .zst) or Parquet: a file, a folder.")
    ],
    profile: ProfileFile,
    out: Annotated[Path, typer.Option("--out", metavar="SCAN", help="Folder; a killed scan goes on in it.")],
    key_file: KeyFile = None,
    key_pool: KeyPool = None,
    tokenizer: TokenizerFile = None,
    text_field: Annotated[str, typer.Option("--text-field", help="Field or column of the text.")] = "text",
    id_field: Annotated[str, typer.Option("--id-field", help="Field or column of the id.")] = "id",
    max_documents: Annotated[
        int | None,
        typer.Option(
            "--max-documents", min=1, help="Leave out pairs that more unrelated documents have (templates)."
        ),
    ] = None,
    engine: Annotated[str, typer.Option("--engine", help="local or spark.")] = "local",
    threads: Annotated[int, typer.Option("--threads", min=0, max=1024, help="0 takes all cores.")] = 0,
    alpha: Alpha = 0.01,
    matter: Matter = "",
    log: LogFolder = None,
    log_key: LogKey = None,
    space: Space = "testifying",
    counsel: Counsel = "",
    acquired: Acquired = "",
    trust: Trust = None,
    no_exit_codes: NoExitCodes = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print scan.json.")] = False,
) -> int:
    """Scan a corpus of any size: every document, and all of it as one body, under a key or many.

    Exit codes: 0 nothing passes alpha, 10 something does, 3 no usable input.
    """
    check_alpha(alpha)
    from countermark.flow.scans import ScanOptions, scan_corpus
    from countermark.watermark.corpus_rows import Fields

    options = ScanOptions(
        corpus=corpus,
        profile=profile,
        out=out,
        key_file=key_file,
        key_pool=key_pool,
        tokenizer=tokenizer,
        fields=Fields(text_field, id_field),
        max_documents=max_documents,
        engine=engine,
        threads=threads,
        alpha=alpha,
        case=in_case(matter, log, log_key, acquired, space, counsel),
        trust=trust,
    )
    with progress("scanning") as bar:
        content = scan_corpus(options, bar)
    if as_json:
        emit_json(content["schema"], {name: value for name, value in content.items() if name != "schema"})
    else:
        _lines(content)
    _notes(content, out)
    passes = content["documents_passing"] or any(one["passes"] for one in content["pooled"])
    if not content["documents"] - content["skipped"]:
        raise Error(f"{corpus} holds nothing to score", hint=f"see {out}", exit_code=ExitCode.NO_INPUT)
    return ExitCode.FOUND if passes and not no_exit_codes else ExitCode.DONE


def _lines(content: dict[str, Any]) -> None:
    for kind, rows in (("corpus", content["pooled"]), ("document", content["passing"])):
        for row in rows:
            name = printable(" ".join(str(row[one]) for one in ("key", "id") if row.get(one)))
            figure = row["log10_p_value"]
            log10_p = "-inf" if figure is None else f"{figure:.1f}"
            verdict = "passes" if row["passes"] else "does not pass"
            emit(f"{kind:<9} {name:<20} {row['scored_tokens']:>12,} pairs  log10 p {log10_p:>10}  {verdict}")


def _notes(content: dict[str, Any], out: Path) -> None:
    passing, listed = content["documents_passing"], len(content["passing"])
    note(
        f"{content['documents']:,} documents, {content['tokens']:,} tokens; {passing:,} documents pass "
        f"alpha {content['alpha']:g} after Holm over {content['family']:,}"
    )
    if passing > listed:
        note(f"the {listed} smallest p-values are listed; {out / 'scores.parquet'} has all")
    if content["quarantined"]:
        note(f"{content['quarantined']:,} rows could not be read: {out / 'quarantine.jsonl'}")
    if content["left_out"]["windows"]:
        note(f"{content['left_out']['windows']:,} pairs left out as shared: {out / 'left-out.parquet'}")
    if passing or any(one["passes"] for one in content["pooled"]):
        note("not independent of the key: that names neither a source nor a cause")
