"""`countermark share member`: who takes part in an exchange, by which tokens and keys."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.cli.share_data import DEFAULT, Data, Json, collection_of, member_of, moment, plain
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.records.exchange import Member, Role
    from countermark.share.server.folder import DataFolder

SCHEMA = "countermark/share-member/v1"
MAX_KEY = 4096
app = typer.Typer(name="member", help="Members, their tokens and their keys.", no_args_is_help=True)
token_app = typer.Typer(name="token", help="Tokens of a member.", no_args_is_help=True)
key_app = typer.Typer(name="key", help="Keys by which a member or reviewer signs.", no_args_is_help=True)
app.add_typer(token_app)
app.add_typer(key_app)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name or id of the member.")]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="DATE", help="When the token ends (ISO 8601, UTC).")
]
Collections = Annotated[
    list[str] | None, typer.Option("--collection", metavar="ID", help="The token is for these alone.")
]
Actions = Annotated[
    list[str] | None, typer.Option("--action", help="read, write, review, check; all of the role without it.")
]


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new member.")],
    role: Annotated[
        str,
        typer.Option(
            "--role",
            help="operator, member, reviewer-security, reviewer-counsel, regulator, fact-checker or public.",
        ),
    ],
    of: Annotated[
        str | None,
        typer.Option(
            "--of", metavar="MEMBER", help="Whom a reviewer reviews for: the only member, else nobody."
        ),
    ] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="A group that it is in.")] = None,
    expires: Expires = None,
    collection: Annotated[
        list[str] | None, typer.Option("--collection", metavar="ID", help="Let it read and write this one.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PUBFILE", help="Its public key (Ed25519, PEM or base64).")
    ] = None,
    data: Data = DEFAULT,
    as_json: Json = False,
) -> None:
    """Add a member and print its token: this once, to standard output."""
    from countermark.records.exchange import REVIEWERS, ROLES
    from countermark.share.server.folder import opened
    from countermark.trust.signing import PublicKey

    role_found = next((one for one in ROLES if one == role), None)
    if role_found is None:
        raise Error(f"--role is one of {', '.join(ROLES)}", exit_code=ExitCode.USAGE)
    end = _date(expires)
    public = PublicKey.parse(_key_text(key)) if key is not None else None
    with opened(data) as folder:
        reviewed = _reviewed(folder, role_found, of)
        granted = [collection_of(folder, one) for one in collection or []]
        made = folder.store.members.add(name, role_found, of=reviewed, groups=group or [])
        for one in granted:
            folder.store.collections.grant(one.collection_id, member_id=made.member_id, read=True, write=True)
        if role_found in REVIEWERS:
            _say_for_whom(folder, made)
        if public is not None:
            _register(folder, made, public.to_base64())
        _new_token(folder, made, None, None, end, as_json)


@app.command("attach")
def attach(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A reviewer who reviews for nobody yet.")],
    of: Annotated[str, typer.Option("--of", metavar="MEMBER", help="Whom it reviews for, for good.")],
    data: Data = DEFAULT,
) -> None:
    """Let a reviewer who was added without a member review for one."""
    from countermark.share.server.folder import opened

    with opened(data) as folder:
        members = folder.store.members
        reviewer = member_of(folder, name)
        members.attach(reviewer.member_id, member_of(folder, of).member_id)
        folder.drain()
        _say_for_whom(folder, members.get(reviewer.member_id) or reviewer)


@app.command("list")
def listing(data: Data = DEFAULT, as_json: Json = False) -> None:
    """List the members with their tokens' names and keys."""
    from countermark.share.server.folder import opened

    with opened(data) as folder:
        store = folder.store.members
        found = [
            plain(one)
            | {"tokens": [_shown(token) for token in store.tokens(one.member_id)]}
            | {"keys": [key.to_base64() for key in store.keys(one.member_id)]}
            for one in store.all()
        ]
    if as_json:
        emit_json(SCHEMA, {"members": found})
        return
    for one in found:
        state = " (disabled)" if one["disabled"] else ""
        standing = sum(1 for token in one["tokens"] if not token["revoked"])
        emit(printable(f"{one['member_id']}  {one['role']}  {one['name']}{state}  {standing} tokens"))


@app.command("disable")
def disable(name: Name, data: Data = DEFAULT) -> None:
    """Let none of a member's tokens and keys work any more."""
    from countermark.share.server.folder import opened

    with opened(data) as folder:
        member = member_of(folder, name)
        folder.store.members.disable(member.member_id)
        folder.drain()
    note(printable(f"{member.name} is disabled"))


@token_app.command("add")
def token_add(
    name: Name,
    action: Actions = None,
    collection: Collections = None,
    expires: Expires = None,
    data: Data = DEFAULT,
    as_json: Json = False,
) -> None:
    """Make another token of a member and print it: this once, to standard output."""
    from countermark.share.server.folder import opened

    end = _date(expires)
    with opened(data) as folder:
        member = member_of(folder, name)
        only = [collection_of(folder, one).collection_id for one in collection or []] or None
        _new_token(folder, member, action, only, end, as_json)


@token_app.command("revoke")
def token_revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN-ID", help="Its public name, as `list` shows it.")],
    data: Data = DEFAULT,
) -> None:
    """Let a token work no more."""
    from countermark.share.server.folder import opened

    if token.startswith("cmx_"):
        raise Error(
            "a token stands on the command line, where others can read it",
            hint="name it by its id, and treat it as leaked",
            exit_code=ExitCode.USAGE,
        )
    with opened(data) as folder:
        folder.store.members.revoke_token(token)
        folder.drain()


@key_app.command("add")
def key_add(
    name: Name,
    public: Annotated[Path, typer.Argument(metavar="PUBFILE", help="Ed25519 public key, PEM or base64.")],
    data: Data = DEFAULT,
) -> None:
    """Register a key by which the member, or reviewer, signs releases."""
    from countermark.share.server.folder import opened

    text = _key_text(public)
    with opened(data) as folder:
        _register(folder, member_of(folder, name), text)


def _reviewed(folder: "DataFolder", role: "Role", of: str | None) -> str | None:
    """Id of the member that a new reviewer reviews for: who is named, else the only one there is."""
    from countermark.records.exchange import REVIEWERS

    if of is not None:
        return member_of(folder, of).member_id
    there = [one for one in folder.store.members.all() if one.role == "member" and not one.disabled]
    return there[0].member_id if role in REVIEWERS and len(there) == 1 else None


def _say_for_whom(folder: "DataFolder", reviewer: "Member") -> None:
    reviewed = folder.store.members.get(reviewer.of) if reviewer.of is not None else None
    if reviewed is not None:
        note(printable(f"{reviewer.name} reviews for {reviewed.name}"))
        return
    how = f"share member attach {reviewer.member_id} --of MEMBER"
    note(printable(f"{reviewer.name} reviews for nobody yet; {how} changes that"))


def _register(folder: "DataFolder", member: "Member", public: str) -> None:
    key = folder.store.members.add_key(member.member_id, public)
    folder.drain()
    note(printable(f"{member.name} signs with {key.keyid}"))


def _new_token(
    folder: "DataFolder",
    member: "Member",
    actions: list[str] | None,
    only: list[str] | None,
    expires: datetime | None,
    as_json: bool,
) -> None:
    from countermark.store.exchange import ACTIONS

    wanted: Any = actions if actions is not None else ACTIONS[member.role]
    token_id, token = folder.store.members.add_token(
        member.member_id, wanted, collections=only, expires=expires
    )
    folder.drain()
    if as_json:
        emit_json(SCHEMA, {"member": plain(member), "token_id": token_id, "token": token})
    else:
        emit(token)
    note(printable(f"{member.name} is {member.member_id}; its token {token_id} is shown this once"))


def _shown(token: dict[str, Any]) -> dict[str, Any]:
    return token | {"created": moment(token["created"]), "expires": moment(token["expires"])}


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Error(
            f"--expires {text[:40]!r} is no date", hint="2027-01-31", exit_code=ExitCode.USAGE
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _key_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_KEY).decode("ascii")
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    except UnicodeDecodeError:
        raise Error(f"{path} holds no public key", exit_code=ExitCode.NO_INPUT) from None
    if "PRIVATE" in text:
        raise Error(
            f"{path} holds a private key", hint="give the .pub file beside it", exit_code=ExitCode.USAGE
        )
    return text if "-----BEGIN" in text else text.strip()
