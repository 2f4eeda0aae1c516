"""`countermark watermark profile`: how a deployment marks, from the engine's own configuration."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.watermark.profile import Profile, Tokenizer

PROFILE_SCHEMA_ID = "countermark/watermark-profile-made/v1"


def profile(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="The engine's own JSON configuration.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="File for the profile.")] = Path("profile.json"),
    from_engine: Annotated[
        str, typer.Option("--from-engine", help="vllm, sglang, tensorrt-llm, transformers.")
    ] = "",
    engine_version: Annotated[
        str, typer.Option("--engine-version", help="Release of the engine; default: newest known.")
    ] = "",
    context_width: Annotated[
        int, typer.Option(min=1, max=64, help="Our own scheme, without --from-engine: 4, or 1 or 2.")
    ] = 4,
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", help="tokenizer.json; its sha256 goes into the profile.")
    ] = None,
    tokenizer_name: Annotated[str, typer.Option(help="What the tokenizer is called.")] = "",
    vocab_size: Annotated[
        int | None, typer.Option("--vocab-size", min=2, help="Green list: vocabulary of the model's config.")
    ] = None,
    key_id: Annotated[str, typer.Option("--key-id", help="Name of the key; never its value.")] = "",
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="Name the key by what this file holds.")
    ] = None,
    epoch: Annotated[str, typer.Option(help="Period in which the key marks.")] = "1",
    model: Annotated[list[str] | None, typer.Option("--model", help="A model's name; may repeat.")] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="Profile of the other end; drift is refused.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Signing key (case keygen).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the profile of a deployment: one JSON document, signed where --key is given.

    With --from-engine the engine's CONFIG is read; a key in it is refused. Without, it is of our own scheme.
    """
    from countermark.trust.keyfiles import read_secret
    from countermark.trust.signing import SigningKey
    from countermark.watermark.from_engine import complete, engine_fields, read_config, refuse_drift
    from countermark.watermark.key_names import name_of_key
    from countermark.watermark.profile import as_fields, read_profile, write_profile
    from countermark.watermark.scoring import load_scheme

    if (config is None) is bool(from_engine):
        hint = "--from-engine ENGINE CONFIG, or neither for our own scheme"
        raise Error("an engine and its CONFIG belong together", hint=hint, exit_code=ExitCode.USAGE)
    tokens = as_tokenizer(tokenizer, tokenizer_name)
    fields = _own(context_width)
    if config is not None:
        known = vocab_size or tokens.vocab_size or None
        fields = engine_fields(from_engine, read_config(config), engine_version, known)
    made = complete(
        fields,
        tokenizer=tokens,
        key_id=key_id or (name_of_key(read_secret(key_file)) if key_file else "key-1"),
        epoch=epoch,
        models=model or [],
    )
    load_scheme(made)
    if against is not None:
        refuse_drift(made, read_profile(against).profile)
    write_profile(out, made, SigningKey.load(key) if key else None)
    if as_json:
        emit_json(
            PROFILE_SCHEMA_ID, {"profile_id": made.profile_id, "file": str(out), "profile": as_fields(made)}
        )
        return
    emit(made.profile_id)
    _explain(made, out)


def _own(context_width: int) -> dict[str, Any]:
    return {
        "engine": {"name": "countermark", "version": "1"},
        "scheme": "gumbel-siphash",
        "prf": "siphash-2-4",
        "context_width": context_width,
        "deduplication": "single_turn",
        "parameters": {},
    }


def as_tokenizer(path: Path | None, name: str) -> "Tokenizer":
    """The profile's entry for a tokenizer file; empty where there is none."""
    from countermark.watermark.profile import Tokenizer
    from countermark.watermark.tokens import load_tokenizer, tokenizer_digest

    if path is None:
        return Tokenizer(name or "unnamed")
    digest = tokenizer_digest(path)
    return Tokenizer(name or path.parent.resolve().name, digest, load_tokenizer(path).get_vocab_size())


def _explain(made: "Profile", out: Path) -> None:
    note(f"{made.scheme} of {made.engine.name} {made.engine.version}, k={made.context_width}, in {out}")
    for name, value in made.parameters.items():
        note(f"  {name}: {value}")
    if not made.tokenizer.sha256:
        note("no tokenizer: only token ids can be scored")
