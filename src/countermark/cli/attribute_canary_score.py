"""`countermark attribute canary score`: does the suspect take the options that were drawn?"""

from pathlib import Path
from typing import Annotated

import typer

from countermark.cli.attribute_options import Alpha, Controls, Json, Out, finish
from countermark.cli.attribute_seeds import SeedBeacon, SeedChain, SeedFile, SeedOpening, read_shown_of
from countermark.cli.output import note
from countermark.cli.watermark_case import (
    Acquired,
    Counsel,
    LogFolder,
    LogKey,
    Matter,
    NoExitCodes,
    Space,
    in_case,
)
from countermark.errors import Error, ExitCode


def score(
    canaries: Annotated[Path, typer.Option("--canaries", help="File of the canaries (0600).")],
    suspect: Annotated[
        Path, typer.Option("--suspect", help="Transcripts (JSON lines), or a Hugging Face folder.")
    ],
    out: Out,
    served: Annotated[
        Path | None, typer.Option("--served", help="Log of servings: only canaries in it count.")
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            "--layout", help="How a folder's model takes {prompt} and {answer}; \\n is a line feed."
        ),
    ] = "{prompt}\\n{answer}",
    control: Controls = None,
    seed_file: SeedFile = None,
    seed_opening: SeedOpening = None,
    seed_chain: SeedChain = None,
    seed_beacon: SeedBeacon = None,
    alpha: Alpha = 0.01,
    matter: Matter = "",
    log: LogFolder = None,
    log_key: LogKey = None,
    space: Space = "testifying",
    counsel: Counsel = "",
    acquired: Acquired = "",
    no_exit_codes: NoExitCodes = False,
    as_json: Json = False,
) -> int:
    """Score a suspect on canaries as multiple choice: hits are binomial whatever the suspect is.

    Null: which option the suspect takes is independent of the options that were drawn. A canary without an
    answer is no hit. In a case the commitment of `draw --log` stands in the log, the answers are younger, all
    canaries count, and their secret (purpose canary) is shown to be of a commitment by --seed-opening,
    --seed-chain and --seed-beacon. Exit codes: 0 not shown, 10 shown, 11 inconclusive, 3 no usable input.
    """
    from countermark.attribute.canary import Canary
    from countermark.attribute.canary.committed import committed_in
    from countermark.attribute.canary.draw import KEY_PURPOSE, read_canaries
    from countermark.attribute.canary.serving import read_servings
    from countermark.trust.committed_seeds import SeedSource
    from countermark.trust.keyfiles import read_secret

    _check_seed_file(seed_file, log)
    shown = read_shown_of(seed_opening, seed_chain, seed_beacon, log)
    known = read_canaries(canaries)
    case = in_case(matter, log, log_key, acquired, space, counsel)
    if log is None:
        note("not committed in a log: whoever draws after the answers can choose what hits")
    attributor = Canary(
        known,
        served=None if served is None else read_servings(served, known),
        served_path=served,
        seed=None if seed_file is None else read_secret(seed_file, what="seed file"),
        alpha=alpha,
        layout=layout.replace("\\n", "\n"),
        committed=None if log is None else committed_in(log, known, case.acquired),
    )
    return finish(
        attributor,
        suspect,
        controls=control,
        out=out,
        alpha=alpha,
        case=case,
        seed=SeedSource(known.key_id, KEY_PURPOSE, shown, what="the secret of the canaries"),
        as_json=as_json,
        no_exit_codes=no_exit_codes,
    )


def _check_seed_file(seed_file: Path | None, log: Path | None) -> None:
    if log is not None and seed_file is not None:
        raise Error(
            "in a case ties fall by the commitment of the canaries, and by no file that is chosen later",
            hint="leave --seed-file out",
            exit_code=ExitCode.USAGE,
        )
