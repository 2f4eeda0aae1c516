"""The options that the verbs of an exchange's operator have in common, and what they look up."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.records.exchange import Collection, Member
    from countermark.share.server.folder import DataFolder

DEFAULT = Path("exchange")
Data = Annotated[
    Path, typer.Option("--data", metavar="DIR", help="Folder of the exchange: settings, log, and SQLite.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def member_of(folder: "DataFolder", name: str) -> "Member":
    """The member of a name or id; raises `Error(NO_INPUT)`."""
    found = folder.store.members.by_name(name) or folder.store.members.get(name)
    if found is None:
        raise Error(
            f"there is no member {name[:200]!r}", hint="share member list", exit_code=ExitCode.NO_INPUT
        )
    return found


def collection_of(folder: "DataFolder", name: str) -> "Collection":
    """The collection of an id, alias or title; raises `Error(NO_INPUT)`."""
    every = folder.store.collections.all()
    found = [one for one in every if name in (one.collection_id, one.alias)]
    found = found or [one for one in every if one.title == name]
    if len(found) != 1:
        raise Error(
            f"there is no collection {name[:200]!r}, or more than one",
            hint="share collection list",
            exit_code=ExitCode.NO_INPUT,
        )
    return found[0]


def moment(microseconds: int | None) -> str | None:
    """A time as RFC 3339."""
    from countermark.store.exchange import rfc3339

    return None if microseconds is None else rfc3339(microseconds)


def plain(value: Any) -> Any:
    """A record as JSON has it."""
    import msgspec

    return msgspec.to_builtins(value)
