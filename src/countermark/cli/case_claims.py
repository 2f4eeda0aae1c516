"""`countermark case claims`: the claims there are, the rows of one, and the rows past their review date."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.cli.watermark_case import as_day

if TYPE_CHECKING:
    from countermark.prove.claims.rows import Claim, Row

CLAIMS_SCHEMA_ID = "countermark/case-claims/v1"


def claims(
    claim: Annotated[str, typer.Option("--claim", metavar="NAME", help="Print the rows of it.")] = "",
    due: Annotated[bool, typer.Option("--due", help="Print the rows past their review date.")] = False,
    today: Annotated[
        str, typer.Option("--today", metavar="DATE", help="The day for --due; default: today in UTC.")
    ] = "",
    legal: Annotated[
        Path | None,
        typer.Option("--legal", metavar="DIR", help="Counsel's own claims; they replace shipped ones."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the claims that a report can be held against. They are working notes, no legal advice."""
    from countermark.prove.claims.read import own_claims, pick, read_claims
    from countermark.prove.claims.review import due_rows

    day = as_day(today, "--today") or datetime.now(UTC).date()
    own = own_claims(legal) if legal else {}
    there = read_claims() | own
    named = pick(there, claim) if claim else [there[name] for name in sorted(there)]
    past = {(one.claim, one.row.id) for one in due_rows(named, day)}
    shown = [_plain(one, one.claim in own, past, rows=bool(claim), only_due=due) for one in named]
    if due:
        shown = [one for one in shown if one["rows"]]
    if as_json:
        emit_json(CLAIMS_SCHEMA_ID, {"today": day.isoformat(), "claims": shown})
        return
    for one in shown:
        for line in _lines(one):
            emit(printable(line))
    if due and not shown:
        note(f"no row is past its review date on {day}")
    elif past and not due:
        note(f"{len(past)} rows are past their review date; --due lists them")


def _plain(
    claim: "Claim", own: bool, past: set[tuple[str, str]], *, rows: bool, only_due: bool
) -> dict[str, Any]:
    """A claim, with its rows where they are asked for: all of them, or those past their review."""
    from countermark.prove.claims.read import rows_of

    plain: dict[str, Any] = {
        "claim": claim.claim,
        "jurisdiction": claim.jurisdiction,
        "title": claim.title,
        "status": claim.status,
        "note": claim.note,
        "own": own,
        "reviewed": claim.reviewed,
        "reviewed_by": claim.reviewed_by,
        "due": claim.due,
        "elements": len(claim.elements),
    }
    if rows or only_due:
        plain["rows"] = [
            _plain_row(claim, row, (claim.claim, row.id) in past)
            for row in rows_of(claim)
            if not only_due or (claim.claim, row.id) in past
        ]
    return plain


def _plain_row(claim: "Claim", row: "Row", past: bool) -> dict[str, Any]:
    import msgspec

    from countermark.prove.claims.review import due_on, reviewed_on

    days = {"reviewed": reviewed_on(claim, row), "due": due_on(claim, row), "past_review": past}
    return {"row": _KINDS[type(row).__name__], **msgspec.to_builtins(row), **days}


_KINDS = {"Element": "element", "Remedy": "remedy", "CounterArgument": "counter-argument"}


def _lines(claim: dict[str, Any]) -> list[str]:
    own = ", counsel's own" if claim["own"] else ""
    lines = [
        f"{claim['claim']}  {claim['jurisdiction']}: {claim['title']} ({claim['status']}{own})",
        f"  {claim['elements']} elements, reviewed {claim['reviewed']} by {claim['reviewed_by']},"
        f" due {claim['due']}",
    ]
    for row in claim.get("rows", []):
        lines.append(f"  {row['row']:<16} {row['id']}: {row['title']} ({row['status']})")
        lines.append(f"{'':19}{row['text']}")
        if row["past_review"]:
            lines.append(f"{'':19}past its review date (due {row['due']}), reviewed {row['reviewed']}")
        bearing = [*row.get("exhibits", []), *(f"stated: {fact}" for fact in row.get("facts", []))]
        if bearing:
            lines.append(f"{'':19}bears on it: {', '.join(bearing)}")
        lines += [f"{'':19}{row[key]}" for key in ("question", "answer") if key in row]
        lines += [f"{'':19}{_source(source)}" for source in row["sources"]]
    return lines


def _source(source: dict[str, Any]) -> str:
    read = "" if source["read"] == "text" else ", read in summary only"
    return f"{source['cite']}, {source['dated']}{read} {source['url']}".rstrip()
