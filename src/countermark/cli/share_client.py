"""The options that the verbs of an exchange's client have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import note, printable

if TYPE_CHECKING:
    from countermark.share.client.taxii import Found, Taxii

TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", "--token", metavar="FILE", help="File with your token, of mode 0600."),
]
User = Annotated[
    str,
    typer.Option("--user", metavar="NAME", help="For HTTP Basic; the token file then holds the password."),
]
CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", metavar="PEM", help="Authorities to trust; default: the system's."),
]
CollectionName = Annotated[
    str, typer.Option("--collection", metavar="C", help="Its id, alias or title; default: the only one.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def collection_at(
    url: str,
    wanted: str,
    *,
    token_file: Path | None,
    user: str,
    ca_file: Path | None,
    write: bool = False,
) -> "Iterator[tuple[Taxii, Found]]":
    """An exchange and the collection of it that is meant, while the block runs."""
    from countermark.share.client.credentials import read_credentials
    from countermark.share.client.taxii import Taxii
    from countermark.share.client.transport import Transport, place_of

    place, path = place_of(url)
    credentials = read_credentials(token_file, user)
    with Transport(place, credentials, ca_file=ca_file, tell=lambda text: note(printable(text))) as transport:
        taxii = Taxii(transport)
        yield taxii, taxii.find(path, wanted, write=write)
