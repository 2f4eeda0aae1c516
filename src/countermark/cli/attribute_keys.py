"""Keys of the verbs that test for a mark: profiles and key files in pairs, seed, case, power."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.attribute.keyed import Key

Profiles = Annotated[
    list[Path], typer.Option("--profile", help="How the deployment marks; one a key, or one for all.")
]
KeyFiles = Annotated[
    list[Path], typer.Option("--key-file", help="File with one key, for its owner alone (0600); repeatable.")
]
Decoys = Annotated[
    int | None,
    typer.Option("--decoys", help="Decoy keys for the rank; 0 leaves it out; default: by scheme."),
]
TokenizerFile = Annotated[
    Path | None, typer.Option("--tokenizer", help="tokenizer.json of the profile, if the input is text.")
]


def read_keys(profiles: list[Path], key_files: list[Path], trust: Path | None) -> "list[Key]":
    """Keys with their profiles; one profile serves all keys, else there are as many as keys."""
    from countermark.attribute.keyed import Key
    from countermark.flow.scores import open_profile
    from countermark.trust.keyfiles import read_secret

    if len(profiles) not in (1, len(key_files)):
        raise Error(
            f"there are {len(profiles)} profiles and {len(key_files)} key files",
            hint="--profile P --key-file K, in pairs, or one --profile for all keys",
            exit_code=ExitCode.USAGE,
        )
    opened = [open_profile(one, trust) for one in profiles]
    if len(opened) == 1:
        opened *= len(key_files)
    return [Key(profile, read_secret(path)) for profile, path in zip(opened, key_files, strict=True)]
