"""`countermark attribute radioactivity`: is this model independent of our keys?"""

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

Suspect = Annotated[Path, typer.Option("--suspect", help="Transcripts, or a Hugging Face folder.")]
Setting = Annotated[
    str, typer.Option("--setting", help="open: probabilities of a folder; closed: text alone.")
]
Reference = Annotated[
    Path | None, typer.Option("--reference", help="Folder of an unmarked model, for weights.")
]
Prompts = Annotated[Path | None, typer.Option("--prompts", help='JSON lines: {"prompt"} or {"prompt_ids"}.')]
Known = Annotated[
    Path | None,
    typer.Option("--known", help="Our marked outputs that it may have seen: transcripts or texts."),
]
TokensOption = Annotated[
    int, typer.Option("--tokens", help="Tokens to sample from a folder, and to feed it.")
]


def radioactivity(
    profile: Profiles,
    key_file: KeyFiles,
    suspect: Suspect,
    out: Out,
    setting: Setting = "closed",
    reference: Reference = None,
    prompts: Prompts = None,
    known: Known = None,
    tokenizer: TokenizerFile = None,
    tokens: TokensOption = 25_600,
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
    """Test a model under each key, several keys jointly; the null is that it is independent of that key.

    Exit codes: 0 nothing shown, 10 shown, 11 inconclusive, 3 no usable input.
    """
    check_alpha(alpha)
    from countermark.attribute.radioactivity import Options, Radioactivity

    keys = read_keys(profile, key_file, trust)
    secret, seed = read_seed(seed_file, seed_opening, seed_chain, seed_beacon, log)
    options = Options(
        setting=setting,
        reference=reference,
        prompts=prompts,
        known=known,
        tokenizer=tokenizer,
        decoys=decoys,
        seed=secret,
        tokens=tokens,
        level=alpha,
    )
    return finish(
        Radioactivity(keys, options),
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
