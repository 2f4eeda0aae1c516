"""`countermark share misp`: hand objects over to MISP, and read an event; what is lost is listed."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit_json, note, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.share.stix.differences import Loss

SCHEMA = "countermark/share-misp/v1"
_MOST_SHOWN = 20

app = typer.Typer(
    name="misp", help="Hand over to MISP and back; what is lost is listed.", no_args_is_help=True
)
OutFile = Annotated[Path, typer.Option("--out", help="File to write.")]
Json = Annotated[bool, typer.Option("--json", help="Print every loss, with its value.")]


@app.command("export")
def export(
    source: Annotated[Path, typer.Argument(metavar="OBJECTS", help="StixBundle, or objects, one a line.")],
    out: OutFile,
    title: Annotated[str, typer.Option("--title", help="Name of the event.")] = "",
    as_json: Json = False,
) -> None:
    """Write one MISP event of STIX objects, for one's own organisation; revoked objects are left out."""
    from countermark.share.stix.misp import to_misp

    objects, refused = _valid(source)
    event, losses = to_misp(objects, title=title)
    _write(out, [event])
    away = sum(1 for one in losses if one.kind == "lost" and not one.name)
    note(printable(f"{out}: {len(objects) - away} of {len(objects)} objects have a place in the event"))
    _report(losses, refused, as_json)


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(metavar="EVENT", help="An event as MISP exports it, JSON.")],
    out: OutFile,
    as_json: Json = False,
) -> None:
    """Write the STIX objects of a MISP event, one a line; deleted attributes are left out."""
    from countermark.share.stix.misp import MAX_EVENT_BYTES, from_misp

    objects, losses = from_misp(_read_event(source, MAX_EVENT_BYTES))
    _write(out, objects)
    note(printable(f"{out}: {len(objects)} objects"))
    _report(losses, [], as_json)


def _valid(source: Path) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """The objects that check, the last version of each; and what does not, with its place."""
    import msgspec

    from countermark.share.stix.files_in import stix_in_file
    from countermark.share.stix.misp import MAX_OBJECTS
    from countermark.share.stix.rules import newest
    from countermark.share.stix.schemas import check_objects

    arrivals = []
    for arrival in stix_in_file(source):
        arrivals.append(arrival)
        if len(arrivals) > MAX_OBJECTS:
            raise Error(f"{source} holds more than {MAX_OBJECTS} objects", hint="hand over a part")
    good: list[dict[str, Any]] = []
    refused: list[dict[str, str]] = []
    for arrival, one in zip(arrivals, check_objects([one.raw for one in arrivals]), strict=True):
        if one.problem:
            refused.append({"place": arrival.date_added, "id": one.stix_id, "problem": one.problem})
        else:
            good.append(msgspec.json.decode(one.data))
    if not good:
        raise Error(f"{source} holds no valid object", exit_code=ExitCode.NO_INPUT)
    return newest(good), refused


def _read_event(source: Path, most: int) -> dict[str, Any]:
    from countermark.share.stix.bounds import Refused, read_document

    try:
        with source.open("rb") as stream:
            return read_document(stream.read(most + 1), most)
    except OSError as error:
        raise Error(f"{source} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    except Refused as error:
        raise Error(f"{source} is no MISP event: {error}", exit_code=ExitCode.NO_INPUT) from None


def _write(out: Path, values: Sequence[dict[str, Any]]) -> None:
    import msgspec

    from countermark.records.files import write_atomic

    try:
        write_atomic(out, b"".join(msgspec.json.encode(one) + b"\n" for one in values), 0o600)
    except OSError as error:
        raise Error(f"{out} cannot be written: {error.strerror}") from None


def _report(losses: "Sequence[Loss]", refused: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        import msgspec

        listed = [{"kind": one.kind, **msgspec.to_builtins(one)} for one in losses]
        emit_json(SCHEMA, {"losses": listed, "refused": refused})
        return
    for one in refused[:_MOST_SHOWN]:
        note(printable(f"{one['place']}: not valid: {one['problem']}"))
    kinds = Counter(_kind(one) for one in losses)
    for what, count in kinds.most_common(_MOST_SHOWN):
        note(printable(f"{count:>6}  {what}"))
    more = max(0, len(kinds) - _MOST_SHOWN) + max(0, len(refused) - _MOST_SHOWN)
    if more:
        note(f"        and {more} more kinds of loss; --json lists every one")


def _kind(loss: "Loss") -> str:
    what = loss.id.partition("--")[0].partition(" ")[0]
    named = f"{loss.kind}: {what}" + (f".{loss.name}" if loss.name else "")
    return named + (f" ({loss.why})" if loss.why else "")
