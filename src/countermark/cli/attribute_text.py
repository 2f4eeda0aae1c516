"""`countermark attribute text`: is this text independent of our keys?"""

from pathlib import Path
from typing import Annotated

import typer

from countermark.cli.attribute_keys import (
    Decoys,
    KeyFiles,
    Profiles,
    TokenizerFile,
    read_keys,
)
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
    Trust,
    check_alpha,
    in_case,
)


def text(
    profile: Profiles,
    key_file: KeyFiles,
    suspect: Annotated[Path, typer.Option("--suspect", help="JSON lines: texts, token ids or transcripts.")],
    out: Out,
    tokenizer: TokenizerFile = None,
    decoys: Decoys = None,
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
    acquired: Acquired = "",
    trust: Trust = None,
    no_exit_codes: NoExitCodes = False,
    as_json: Json = False,
) -> int:
    """Test one body of text under each key; the null is that the text is independent of that key.

    Exit codes: 0 nothing shown, 10 shown, 11 inconclusive, 3 no usable input.
    """
    check_alpha(alpha)
    from countermark.attribute.text import TextMark

    keys = read_keys(profile, key_file, trust)
    secret, seed = read_seed(seed_file, seed_opening, seed_chain, seed_beacon, log)
    attributor = TextMark(keys, tokenizer=tokenizer, decoys=decoys, seed=secret, level=alpha)
    return finish(
        attributor,
        suspect,
        controls=control,
        out=out,
        alpha=alpha,
        case=in_case(matter, log, log_key, acquired, space, counsel),
        seed=seed,
        family=len(keys),
        uses=[(key.profile, key.secret) for key in keys],
        as_json=as_json,
        no_exit_codes=no_exit_codes,
    )
