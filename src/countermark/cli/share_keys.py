"""`countermark share keys`: the register of watermark keys at a node, by name; no key leaves."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.cli.share_client import CaFile, Json, TokenFile
from countermark.cli.share_data import DEFAULT, Data
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.share.check.messages import RegisteredPool

SCHEMA = "countermark/share-keys/v1"
MOST_FILE = 32 << 20
app = typer.Typer(
    name="keys", help="Register watermark keys by name; list and void them.", no_args_is_help=True
)
MOST_REASON = 500
Commitment = Annotated[str, typer.Argument(metavar="COMMITMENT", help="Of the pool, 64 hex digits.")]
Node = Annotated[str, typer.Option("--to", metavar="URL", help="The node whose register it is.")]


@app.command("register")
def register(
    pools: Annotated[
        Path | None,
        typer.Argument(metavar="POOLS.json", help="A JSON list of pools; or name the keys by the options."),
    ] = None,
    to: Node = "",
    member: Annotated[str, typer.Option("--member", metavar="NAME", help="Your name at the node.")] = "",
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Your signing key, which the node knows.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Your own node: what its exchange.toml has of yours."),
    ] = None,
    profile: Annotated[Path | None, typer.Option("--profile", metavar="FILE", help="Profile.")] = None,
    commitment: Annotated[
        str | None, typer.Option("--commitment", metavar="HEX", help="What was published of the keys.")
    ] = None,
    key_file: Annotated[Path | None, typer.Option("--key-file", metavar="FILE", help="The one key.")] = None,
    key_pool: Annotated[
        Path | None, typer.Option("--key-pool", metavar="FILE", help="A pool of keys, JSON lines.")
    ] = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Sign the names of your keys and register them, before anybody asks about a text."""
    import msgspec

    from countermark.share.check.messages import Keys
    from countermark.share.check.register import sign_registration
    from countermark.share.client.checks import Node as Client
    from countermark.share.client.credentials import read_credentials
    from countermark.trust.signing import SigningKey

    given = [pools is not None, data is not None, profile is not None]
    if sum(given) != 1 or key is None or not to or not member:
        raise Error(
            "the keys are named by one of POOLS.json, --data and --profile",
            hint="--to, --member and --key are needed too",
            exit_code=ExitCode.USAGE,
        )
    if pools is not None:
        listed = _read(pools)
    elif data is not None:
        listed = _of_node(data, member)
    else:
        assert profile is not None
        listed = [_of_files(profile, commitment, key_file, key_pool)]
    fields = {"member": member, "pools": listed, "created": datetime.now(UTC).replace(microsecond=0)}
    try:
        keys = msgspec.convert(msgspec.to_builtins(fields), Keys)
    except msgspec.ValidationError as error:
        raise Error(f"the pools are not as they have to be: {error}", exit_code=ExitCode.USAGE) from None
    envelope = sign_registration(SigningKey.load(key), keys)
    with Client(to, read_credentials(token_file), ca_file=ca_file) as node:
        new = node.register(envelope)
    count = sum(len(one.keys) for one in listed)
    if as_json:
        emit_json(SCHEMA, {"member": member, "pools": len(listed), "keys": count, "new": new})
    else:
        emit(f"{count} keys in {len(listed)} pools; {new} pools are new")


@app.command("retire")
def retire(
    commitment: Commitment,
    to: Node,
    member: Annotated[str, typer.Option("--member", metavar="NAME", help="Your name at the node.")],
    key: Annotated[
        Path, typer.Option("--key", metavar="FILE", help="Your signing key, which the node knows.")
    ],
    token_file: TokenFile = None,
    ca_file: CaFile = None,
) -> None:
    """Take a pool of your own out of a node's register: it is asked no more, which the log holds."""
    import msgspec

    from countermark.share.check.messages import Retired
    from countermark.share.check.register import sign_retirement
    from countermark.share.client.checks import Node as Client
    from countermark.share.client.credentials import read_credentials
    from countermark.trust.signing import SigningKey

    fields = {"member": member, "commitment": commitment, "created": datetime.now(UTC).replace(microsecond=0)}
    try:
        retired = msgspec.convert(fields, Retired)
    except msgspec.ValidationError as error:
        raise Error(f"no pool can have that name: {error}", exit_code=ExitCode.USAGE) from None
    envelope = sign_retirement(SigningKey.load(key), retired)
    with Client(to, read_credentials(token_file), ca_file=ca_file) as node:
        node.retire(envelope)
    note(f"{commitment} is registered no more; your node may leave it out now")


@app.command("void")
def void(
    commitment: Commitment,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the log.")],
    data: Data = DEFAULT,
) -> None:
    """As the operator, at the node: take a pool out of its register, so that its owner can register it."""
    from countermark.share.server.folder import opened
    from countermark.store.exchange import Pool, voided_entry

    if not 0 < len(reason) <= MOST_REASON or not reason.isprintable():
        raise Error(f"--reason is 1 to {MOST_REASON} printable characters", exit_code=ExitCode.USAGE)
    with opened(data) as folder:

        def entry(pool: Pool) -> dict[str, Any]:
            holder = folder.store.members.by_name(pool.member)
            return voided_entry(pool, reason) | {"member": holder.member_id if holder else ""}

        pool = folder.store.pools.void(commitment, entry)
        folder.drain()
    note(printable(f"{commitment}, which {pool.member} had registered, is registered no more"))
    note(printable(f"{pool.member} could register it again: share member disable {pool.member} prevents it"))


@app.command("list")
def listing(to: Node, token_file: TokenFile = None, ca_file: CaFile = None, as_json: Json = False) -> None:
    """List the registered pools: whose they are, and how many keys they have."""
    from countermark.share.client.checks import Node as Client
    from countermark.share.client.credentials import read_credentials

    with Client(to, read_credentials(token_file), ca_file=ca_file) as node:
        found = node.keys()
    if as_json:
        emit_json(SCHEMA, {"pools": found})
        return
    for one in found:
        names = ("member", "profile_id", "epoch", "commitment", "keys")
        emit(printable("  ".join(str(one.get(name, "")) for name in names)))
    note(f"{len(found)} pools")


def _read(path: Path) -> "list[RegisteredPool]":
    import msgspec

    from countermark.share.check.messages import RegisteredPool

    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_FILE + 1)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    try:
        if len(data) > MOST_FILE:
            raise ValueError("it is over 32 MiB")
        return msgspec.json.decode(data, type=list[RegisteredPool])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        hint = '[{"profile_id": …, "epoch": …, "commitment": …, "keys": [names]}]'
        message = f"{path} holds no pools: {str(error)[:200]}"
        raise Error(message, hint=hint, exit_code=ExitCode.NO_INPUT) from None


def _of_node(data: Path, member: str) -> "list[RegisteredPool]":
    from countermark.share.server.check_node import detectors_of
    from countermark.share.server.settings import read_settings

    found = detectors_of(read_settings(data), data).of(owner=member).registered()
    if not found:
        raise Error(f"{data} has no detectors of {member}", exit_code=ExitCode.NO_INPUT)
    return [one.pool for one in found]


def _of_files(
    profile: Path, commitment: str | None, key_file: Path | None, key_pool: Path | None
) -> "RegisteredPool":
    from countermark.share.check.messages import RegisteredPool
    from countermark.watermark.key_names import name_of_key
    from countermark.watermark.key_pools import read_keys
    from countermark.watermark.profile import read_profile

    if commitment is None:
        raise Error("--profile needs --commitment", exit_code=ExitCode.USAGE)
    found: Any = read_profile(profile).profile
    names = [name_of_key(one) for one in read_keys(key_file, key_pool).keys]
    return RegisteredPool(profile_id=found.profile_id, epoch=found.epoch, commitment=commitment, keys=names)
