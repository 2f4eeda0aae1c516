"""`countermark share collection`: what an exchange keeps, and for whom."""

import uuid
from typing import Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.cli.share_data import DEFAULT, Data, Json, collection_of, member_of, plain
from countermark.errors import Error, ExitCode

SCHEMA = "countermark/share-collection/v1"
app = typer.Typer(name="collection", help="Collections, and who may use them.", no_args_is_help=True)


@app.command("add")
def add(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What it is called.")],
    alias: Annotated[str | None, typer.Option("--alias", help="A short name for its address.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="What it holds.")] = None,
    api_root: Annotated[
        str | None, typer.Option("--api-root", help="Another API root than the default.")
    ] = None,
    without_release: Annotated[
        bool, typer.Option("--without-release", help="Take objects that stand in no signed release.")
    ] = False,
    data: Data = DEFAULT,
    as_json: Json = False,
) -> None:
    """Add a collection and print its id. Only objects of a release that two people signed are taken."""
    from countermark.records.exchange import Collection
    from countermark.share.server.folder import opened

    with opened(data) as folder:
        made = Collection(
            collection_id=str(uuid.uuid4()),
            api_root=api_root or folder.settings.taxii_settings(folder.sqlite).api_root,
            title=title,
            alias=alias,
            description=description,
            require_release=not without_release,
        )
        folder.store.collections.add(made)
        folder.drain()
    if as_json:
        emit_json(SCHEMA, {"collection": plain(made)})
    else:
        emit(made.collection_id)


@app.command("grant")
def grant(
    collection: Annotated[str, typer.Argument(metavar="ID", help="Id, alias or title.")],
    member: Annotated[str | None, typer.Option("--member", metavar="NAME", help="To this member.")] = None,
    group: Annotated[str | None, typer.Option("--group", metavar="NAME", help="To this group.")] = None,
    read: Annotated[bool, typer.Option("--read/--no-read", help="May read.")] = False,
    write: Annotated[bool, typer.Option("--write/--no-write", help="May add.")] = False,
    data: Data = DEFAULT,
) -> None:
    """Say what a member or a group may do in a collection, in place of what was said before."""
    from countermark.share.server.folder import opened

    if (member is None) == (group is None):
        raise Error("name either --member or --group", exit_code=ExitCode.USAGE)
    with opened(data) as folder:
        found = collection_of(folder, collection).collection_id
        member_id = member_of(folder, member).member_id if member is not None else None
        folder.store.collections.grant(found, member_id=member_id, group=group, read=read, write=write)
        folder.drain()
    may = " and ".join(word for word, given in (("read", read), ("write", write)) if given) or "neither"
    note(printable(f"{member or group} may {may}"))


@app.command("list")
def listing(data: Data = DEFAULT, as_json: Json = False) -> None:
    """List the collections."""
    from countermark.share.server.folder import opened

    with opened(data) as folder:
        found = folder.store.collections.all()
    if as_json:
        emit_json(SCHEMA, {"collections": [plain(one) for one in found]})
        return
    for one in found:
        emit(printable(f"{one.collection_id}  /{one.api_root}/  {one.alias or '-'}  {one.title}"))
