"""Where random draws of an attribution come from: a seed file, and what shows that it was fixed before."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.trust.committed_seeds import SeedSource, Shown
    from countermark.trust.keyfiles import Secret

SeedFile = Annotated[
    Path | None,
    typer.Option("--seed-file", help="A secret (0600) that random draws come from; else digests of inputs."),
]
SeedOpening = Annotated[
    Path | None, typer.Option("--seed-opening", help="In a case: opening of the secret's commitment.")
]
SeedChain = Annotated[
    Path | None, typer.Option("--seed-chain", help="In a case: info JSON of the commitment's beacon chain.")
]
SeedBeacon = Annotated[
    Path | None, typer.Option("--seed-beacon", help="In a case: JSON of the commitment's beacon round.")
]


def read_seed(
    seed_file: Path | None,
    opening: Path | None,
    chain: Path | None,
    beacon: Path | None,
    log: Path | None,
) -> "tuple[Secret | None, SeedSource]":
    """The secret of a seed file, and what is shown of it."""
    from countermark.trust.committed_seeds import SeedSource
    from countermark.trust.keyfiles import read_secret
    from countermark.trust.seeds import seed_key_id

    shown = read_shown_of(opening, chain, beacon, log)
    if seed_file is None:
        if shown is not None:
            raise Error(
                "a commitment is shown, and no secret", hint="--seed-file FILE", exit_code=ExitCode.USAGE
            )
        return None, SeedSource()
    secret = read_secret(seed_file, what="seed file")
    return secret, SeedSource(seed_key_id(secret), shown=shown)


def read_shown_of(
    opening: Path | None, chain: Path | None, beacon: Path | None, log: Path | None
) -> "Shown | None":
    """All three, in a case; or none of them."""
    from countermark.trust.committed_seeds import read_shown

    if opening is None and chain is None and beacon is None:
        return None
    if opening is None or chain is None or beacon is None or log is None:
        raise Error(
            "a commitment is shown from a log by three files",
            hint="--log FOLDER --matter ID --seed-opening FILE --seed-chain FILE --seed-beacon FILE",
            exit_code=ExitCode.USAGE,
        )
    return read_shown(opening, chain, beacon)
