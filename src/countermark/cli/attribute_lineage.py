"""`countermark attribute lineage`: are these weights independent of ours?"""

from pathlib import Path
from typing import Annotated

import typer

from countermark.cli.attribute_options import Alpha, Controls, Json, Out, finish
from countermark.cli.attribute_seeds import SeedBeacon, SeedChain, SeedFile, SeedOpening, read_seed
from countermark.cli.watermark_case import (
    Acquired,
    Counsel,
    LogFolder,
    LogKey,
    Matter,
    NoExitCodes,
    Space,
    check_alpha,
    in_case,
)


def lineage(
    reference: Annotated[Path, typer.Option("--reference", help="Folder of our weights (safetensors).")],
    suspect: Annotated[Path, typer.Option("--suspect", help="Folder of the weights in question.")],
    out: Out,
    control: Controls = None,
    ancestor: Annotated[
        list[Path] | None,
        typer.Option("--ancestor", help="Public model that both may go back to; repeatable."),
    ] = None,
    alpha: Alpha = 0.01,
    seed_file: SeedFile = None,
    seed_opening: SeedOpening = None,
    seed_chain: SeedChain = None,
    seed_beacon: SeedBeacon = None,
    layers: Annotated[int, typer.Option("--layers", help="Layers compared at most; sampled.")] = 32,
    units: Annotated[int, typer.Option("--units", help="Units of a layer compared at most; sampled.")] = 2000,
    re_randomise: Annotated[
        bool, typer.Option("--re-randomise", help="Shuffle the units of both; use nothing but what is left.")
    ] = False,
    matter: Matter = "",
    log: LogFolder = None,
    log_key: LogKey = None,
    space: Space = "testifying",
    counsel: Counsel = "",
    acquired: Acquired = "",
    as_json: Json = False,
    no_exit_codes: NoExitCodes = False,
) -> int:
    """Match the units of two models, under the null that their weights are independent of each other.

    Writes attribution.json and pictures. Exit codes: 0 nothing shown, 10 shown, 11 inconclusive, 3 no usable
    input.
    """
    check_alpha(alpha)
    from countermark.attribute.lineage import Lineage

    secret, seed = read_seed(seed_file, seed_opening, seed_chain, seed_beacon, log)
    attributor = Lineage(
        reference,
        seed=secret,
        alpha=alpha,
        layers=layers,
        units=units,
        re_randomise=re_randomise,
        ancestors=ancestor or [],
    )
    return finish(
        attributor,
        suspect,
        controls=control,
        out=out,
        alpha=alpha,
        case=in_case(matter, log, log_key, acquired, space, counsel),
        seed=seed,
        family=attributor.hypotheses,
        as_json=as_json,
        no_exit_codes=no_exit_codes,
    )
