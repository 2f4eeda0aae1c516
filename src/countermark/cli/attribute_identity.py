"""`countermark attribute identity`: does this endpoint answer like ours?"""

from pathlib import Path
from typing import Annotated

import typer

from countermark.cli.attribute_options import Alpha, Controls, Json, Out, finish
from countermark.cli.attribute_seeds import SeedBeacon, SeedChain, SeedFile, SeedOpening, read_seed
from countermark.cli.watermark_case import (
    Counsel,
    LogFolder,
    LogKey,
    Matter,
    NoExitCodes,
    Space,
    in_case,
)


def identity(
    reference: Annotated[
        Path, typer.Option("--reference", help="Ours: transcripts, or a Hugging Face folder to run here.")
    ],
    suspect: Annotated[Path, typer.Option("--suspect", help="Transcripts of the endpoint (capture probe).")],
    out: Out,
    permutations: Annotated[
        int, typer.Option("--permutations", help="Draws under the null, 99 to 1,000,000.")
    ] = 9_999,
    samples: Annotated[
        int, typer.Option("--samples", help="Answers a prompt from a local reference, 2 to 50.")
    ] = 20,
    sequential: Annotated[
        bool, typer.Option("--sequential", help="Let the e-process decide: it may be run again as data come.")
    ] = False,
    seed_file: SeedFile = None,
    seed_opening: SeedOpening = None,
    seed_chain: SeedChain = None,
    seed_beacon: SeedBeacon = None,
    control: Controls = None,
    alpha: Alpha = 0.01,
    matter: Matter = "",
    log: LogFolder = None,
    log_key: LogKey = None,
    space: Space = "testifying",
    counsel: Counsel = "",
    no_exit_codes: NoExitCodes = False,
    as_json: Json = False,
) -> int:
    """Compare an endpoint's answers with ours: is every prompt answered from one distribution?

    The most that it says is "not identical". Exit codes: 0 no difference found, 10 not identical, 11
    inconclusive, 3 no usable input.
    """
    case = in_case(matter, log, log_key, "", space, counsel)
    from countermark.attribute.identity import Identity

    secret, seed = read_seed(seed_file, seed_opening, seed_chain, seed_beacon, log)
    attributor = Identity(
        reference,
        permutations=permutations,
        samples=samples,
        alpha=alpha,
        sequential=sequential,
        seed=secret,
    )
    return finish(
        attributor,
        suspect,
        controls=control,
        out=out,
        alpha=alpha,
        case=case,
        seed=seed,
        as_json=as_json,
        no_exit_codes=no_exit_codes,
    )
