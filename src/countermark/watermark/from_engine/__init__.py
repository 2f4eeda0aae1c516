"""A profile from an engine's own configuration; every default is stated, and drift is refused.

Real cases of drift in which nothing is ever detected: alpha 0.2 at one end and 0.1 at the other, gamma 0.5
and 0.25. One module an engine: `VERSIONS`, newest last, and `profile_from(config, version)`.
"""

import importlib
from pathlib import Path
from typing import Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.watermark.profile import Profile, check_profile

MAX_BYTES = 1 << 20
ENGINES = ("vllm", "sglang", "tensorrt-llm", "transformers")

_MARKING = ("engine", "scheme", "prf", "context_width", "deduplication", "parameters")
"""Fields of a profile that decide which mark a text carries."""


def read_config(path: Path) -> dict[str, Any]:
    """An engine's configuration: one JSON object."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    try:
        config = msgspec.json.decode(data[: MAX_BYTES + 1])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # the cause is left out: it may quote a key
        raise Error(
            f"{path} is no JSON configuration of at most {MAX_BYTES >> 20} MiB", exit_code=ExitCode.NO_INPUT
        ) from None
    if not isinstance(config, dict):
        raise Error(f"{path} is not a JSON object", exit_code=ExitCode.NO_INPUT)
    return config


def engine_fields(
    engine: str, config: dict[str, Any], version: str, vocab_size: int | None = None
) -> dict[str, Any]:
    """Fields of the profile that follow from an engine's configuration; the newest version if none is given.

    transformers' green list does not say its vocabulary, which `vocab_size` is for.
    """
    if engine not in ENGINES:
        raise Error(
            f"{engine!r} is no engine that is known", hint=", ".join(ENGINES), exit_code=ExitCode.USAGE
        )
    if engine == "transformers" and vocab_size and _lacks_vocabulary(config):
        config = {**config, "vocab_size": vocab_size}
    module = importlib.import_module(f"countermark.watermark.from_engine.{engine.replace('-', '_')}")
    fields: dict[str, Any] = module.profile_from(config, version or module.VERSIONS[-1])
    return fields


def _lacks_vocabulary(config: dict[str, Any]) -> bool:
    inner = config.get("watermarking_config", config)
    green_list = isinstance(inner, dict) and not {"ngram_len", "keys"} & inner.keys()
    return green_list and "vocab_size" not in config and "vocab_size" not in inner


def complete(fields: dict[str, Any], **rest: Any) -> Profile:
    """A checked profile of an engine's fields and what the engine does not know."""
    profile = msgspec.convert({**fields, **rest}, Profile)
    check_profile(profile)
    return profile


def refuse_drift(profile: Profile, other: Profile) -> None:
    """Raise where two ends of one deployment would mark and detect differently; both values are named."""
    mine, theirs = (msgspec.to_builtins(one) for one in (profile, other))
    for name in _MARKING:
        if mine[name] != theirs[name]:
            raise Error(
                f"the two ends differ in {name}: {_short(mine[name])} here, {_short(theirs[name])} there",
                hint="with such drift nothing is ever detected; mend the configuration that is wrong",
            )
    if profile.tokenizer.sha256 and other.tokenizer.sha256 and profile.tokenizer != other.tokenizer:
        raise Error(
            "the two ends name different tokenizers", hint="the ids of a mark are those of one tokenizer"
        )


def _short(value: Any) -> str:
    return msgspec.json.encode(value).decode()[:120]
