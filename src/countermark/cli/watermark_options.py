"""What `watermark keygen` and `commit` share: options, files, forms of keys, no keys as arguments."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.trust.beacon import Chain
    from countermark.trust.derivation import BeaconValue, Terms
    from countermark.trust.keyfiles import Secret

EXTRA_ARGUMENTS = {"allow_extra_args": True}
"""Left-over arguments are refused here and not by the parser, whose message would repeat them."""
NO_PROFILE = "no-profile"
"""Of a seed, which need belong to no deployment: attributions of weights and endpoints have none."""
_MAX_BYTES = 1 << 20
_LIKE_A_KEY = re.compile(r"(0[xX])?[0-9a-fA-F]{16,}|[0-9]{10,}")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Profile = Annotated[
    Path | None, typer.Option("--profile", help="Profile of the deployment; a seed may have none.")
]
Epoch = Annotated[str, typer.Option("--epoch", help="Epoch, as it stands in the profile: 2026-Q4.")]
ChainFile = Annotated[Path | None, typer.Option("--chain", help="The beacon chain's info JSON.")]
RoundFile = Annotated[Path | None, typer.Option("--beacon", help="The beacon round's JSON.")]
Purpose = Annotated[str, typer.Option("--purpose", help="What the key is for: watermark, canary, seed.")]
Name = Annotated[str | None, typer.Option("--name", help="Name of the master in a keyring file.")]
Bits = Annotated[int | None, typer.Option("--engine-bits", help="An engine's integer of 64 or 63 bits.")]
Depth = Annotated[int | None, typer.Option("--synthid-depth", help="Integers for so many SynthID layers.")]


def refuse_keys(context: typer.Context, *paths: Path | None) -> None:
    """A key where a path belongs, or left over, is refused without being repeated."""
    if context.args:
        raise Error(
            "there are arguments that belong to no option; they are not repeated here, in case one is a key",
            hint="keys are read from files of mode 0600; the shell keeps a history of command lines",
            exit_code=ExitCode.USAGE,
        )
    for path in paths:
        if path is not None and _LIKE_A_KEY.fullmatch(str(path)) and not path.exists():
            raise Error(
                "a key was given where the path of a file belongs",
                hint="put a new key into a file of mode 0600: this one is in the shell's history now",
                exit_code=ExitCode.USAGE,
            )


def at_most_one(*given: object, what: str) -> None:
    if sum(one is not None and one is not False for one in given) > 1:
        raise Error(what, hint="countermark watermark --help", exit_code=ExitCode.USAGE)


def needed(path: Path | None, option: str) -> Path:
    if path is None:
        raise Error(f"{option} is missing", hint="countermark watermark --help", exit_code=ExitCode.USAGE)
    return path


def terms_of(profile: Path | None, epoch: str, purpose: str = "watermark") -> "Terms":
    from countermark.trust.committed_seeds import PURPOSE
    from countermark.trust.derivation import Terms
    from countermark.watermark.profile import read_profile

    if not epoch:
        needed(profile, "--profile")
        raise Error("--epoch is missing", hint="for instance 2026-Q4", exit_code=ExitCode.USAGE)
    if profile is None and purpose == PURPOSE:
        return Terms(NO_PROFILE, epoch, purpose)
    return Terms(read_profile(needed(profile, "--profile")).profile.deployment_id, epoch, purpose)


def read_text(path: Path) -> str:
    limit = _MAX_BYTES << 8 if path.suffix != ".json" else _MAX_BYTES
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
        if len(data) <= limit:
            return data.decode()
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from error
    except UnicodeDecodeError:
        pass
    raise Error(f"{path} is too large, or no UTF-8 text", exit_code=ExitCode.NO_INPUT)


def beacon_value(chain: "Chain", beacon: Path, wanted: int | None = None) -> "BeaconValue":
    from countermark.trust.beacon import read_round, verify_round

    one = read_round(beacon)
    if wanted is not None and one.number != wanted:
        raise Error(
            f"the beacon file is of round {one.number}, the commitment names {wanted}",
            exit_code=ExitCode.VERIFICATION_FAILED,
        )
    return verify_round(chain, one)


def cut(
    working: "Secret", bits: int | None, depth: int | None, account: str | None, accounts: Path | None
) -> "tuple[Secret, dict[str, Any]]":
    """Text of the key file, and what may be said of it."""
    from countermark.trust import derivation
    from countermark.trust.keyfiles import Secret

    if bits is not None or depth is not None:
        keys = (
            [derivation.cut_integer(working, bits)] if bits else derivation.cut_integers(working, depth or 0)
        )
        form = "engine-integer" if bits else "synthid-integers"
        text = "".join(f"{key}\n" for key in keys).encode()
        return Secret(text), {"form": form, "keys": len(keys), "key_id": derivation.integers_key_id(keys)}
    if accounts is not None:
        ids = [line.removesuffix("\r") for line in read_text(accounts).split("\n") if line.strip()]
        if len(set(ids)) != len(ids):
            raise Error(f"{accounts} has an account id twice", exit_code=ExitCode.NO_INPUT)
        return Secret(_account_lines(working, ids)), {"form": "account-keys", "keys": len(ids)}
    if account is not None:
        key = Secret(derivation.account_keys(working, [account]).tobytes())
    else:
        key = derivation.cut_key(working)
    described = {"form": "key" if account is None else "account-key", "key_id": derivation.key_id(key)}
    return Secret(key.reveal().hex().encode() + b"\n"), described


def _account_lines(working: "Secret", ids: list[str]) -> bytes:
    from countermark.trust.derivation import KEY_BYTES, account_keys

    digits = account_keys(working, ids).tobytes().hex()
    width = 2 * KEY_BYTES
    return b"".join(
        json.dumps({"account": one, "key": digits[at * width : (at + 1) * width]}).encode() + b"\n"
        for at, one in enumerate(ids)
    )
