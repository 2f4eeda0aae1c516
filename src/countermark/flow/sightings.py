"""What was received joined with what is shared: a Sighting of another member's indicator, to be reviewed."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.flow.releases import context_file, terms_of
from countermark.flow.sharing import read_published
from countermark.records.canonical import canonical_json
from countermark.records.files import write_atomic
from countermark.share.policy.context import read_context
from countermark.share.policy.home import Home
from countermark.share.stix.reading import OBJECTS, Received
from countermark.share.stix.sightings import stix_of_sighting


@dataclass(frozen=True, kw_only=True)
class SightOptions:
    """What was seen, by whom."""

    received: Path
    """Folder that a poll wrote."""
    object_id: str
    accounts: int
    """Distinct accounts that showed it; an order of magnitude leaves."""
    first_day: date
    last_day: date
    home: Home
    context: Path | None
    """By default `context.yaml` of the home."""
    now: datetime


def write_sighting(options: SightOptions, out: Path) -> str:
    """Write the Sighting and what it refers to, one canonical object a line; its id.

    Raises `Error` for an object that was not received, is revoked, is our own, or cannot be sighted.
    """
    context = read_context(context_file(options.home, options.context))
    if not (options.received / OBJECTS).is_file():
        raise Error(f"{options.received} holds nothing that was received", exit_code=ExitCode.NO_INPUT)
    with Received(options.received) as received:
        sighted = received.latest(options.object_id)
    if sighted is None:
        raise Error(
            "no such object was received",
            hint=f"share poll --out {options.received}",
            exit_code=ExitCode.NO_INPUT,
        )
    if sighted.get("created_by_ref") == context.member_id:
        raise Error("that object is your own", hint="a sighting is of another's", exit_code=ExitCode.USAGE)
    terms = terms_of(options.home, context, read_published(options.home.released), options.now)
    objects = stix_of_sighting(
        sighted,
        terms,
        accounts=options.accounts,
        first_day=options.first_day,
        last_day=options.last_day,
    )
    made = [str(one["id"]) for one in objects if one["type"] == "sighting"]
    if not made:
        raise Error("the sighting was withdrawn, and no version may follow", exit_code=ExitCode.NO_INPUT)
    write_atomic(out, b"".join(canonical_json(one) + b"\n" for one in objects), 0o600)
    return made[0]
