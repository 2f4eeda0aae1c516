"""Profile fields from transformers' own JSON (`generation/configuration_utils.py`, 5.23.0).

CONFIG is a WatermarkingConfig or SynthIDTextWatermarkingConfig, alone or under `watermarking_config` as
generation_config.json holds it. Two things that a profile needs stand elsewhere, and are written beside it:
`vocab_size` of the model's config.json (its green lists are drawn from that many ids, which may be more than
the tokenizer has), and `depth`, the number of SynthID keys, in the place of the keys.
"""

from collections.abc import Mapping
from typing import Any

from countermark.errors import Error, ExitCode
from countermark.watermark.from_engine.settings import Settings, check_release
from countermark.watermark.schemes.green_list import EVERY, MAX_VOCABULARY, VERSIONS
from countermark.watermark.schemes.green_list import PRF as GREEN_PRF
from countermark.watermark.schemes.synthid import MASK, MAX_DEPTH, MAX_TABLE, TABLE

MAX_BIAS = 1000
_GREEN = ("bias", "context_width", "greenlist_ratio", "hashing_key", "seeding_scheme", "vocab_size")
_SYNTHID = (
    "context_history_size",
    "debug_mode",
    "depth",
    "keys",
    "ngram_len",
    "sampling_table_seed",
    "sampling_table_size",
    "skip_first_ngram_calls",
)


def profile_from(config: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Engine, scheme, prf, context_width, deduplication and parameters, of generation on a CPU.

    Raises `Error` on a key, an unknown or malformed setting, an unknown release, and where the share of green
    ids is left open.
    """
    check_release("transformers", version, VERSIONS)
    marking = _marking(config)
    if "ngram_len" in marking or "keys" in marking:
        fields = _synthid(Settings(marking, "transformers", version, _SYNTHID))
    else:
        fields = _green_list(Settings(marking, "transformers", version, _GREEN), marking, version)
    return {"engine": {"name": "transformers", "version": version}, **fields}


def _marking(config: Mapping[str, Any]) -> dict[str, Any]:
    """The watermark's own settings, with what stands beside them for the profile's sake."""
    inner = config.get("watermarking_config", config)
    if not isinstance(inner, Mapping):
        raise _bad("watermarking_config is not an object", "null means that nothing is marked")
    if inner is config:
        return dict(config)
    beside = "depth" if "ngram_len" in inner or "keys" in inner else "vocab_size"
    return {**({beside: config[beside]} if beside in config else {}), **inner}


def _green_list(settings: Settings, config: Mapping[str, Any], version: str) -> dict[str, Any]:
    settings.refuse_key("hashing_key")
    if "greenlist_ratio" not in settings:
        raise _bad(
            f"the configuration leaves greenlist_ratio open: transformers {version} takes 0.25, and "
            "lm-watermarking's detector gamma 0.5",
            "write the ratio that the deployment generates with",
        )
    if "vocab_size" not in settings:
        raise _bad(
            "the configuration does not say vocab_size",
            "--vocab-size, as the model's config.json has it, or --tokenizer",
        )
    bias = config.get("bias", 2.0)
    if isinstance(bias, bool) or not isinstance(bias, int | float) or not 0 <= bias <= MAX_BIAS:
        raise _bad(f"bias is not a number from 0 to {MAX_BIAS}")
    return {
        "scheme": "transformers-green-list",
        "prf": GREEN_PRF,
        "context_width": settings.integer("context_width", 1),
        "deduplication": EVERY,
        "parameters": {
            "gamma": settings.fraction("greenlist_ratio", 0.25),
            "delta": bias,
            "seeding": settings.choice("seeding_scheme", "lefthash", ("lefthash", "selfhash")),
            "vocab_size": settings.integer("vocab_size", 0, 2, MAX_VOCABULARY),
        },
    }


def _synthid(settings: Settings) -> dict[str, Any]:
    settings.refuse_key("keys")
    if "ngram_len" not in settings:
        raise _bad("the configuration does not say ngram_len", "transformers has no default for it")
    if settings.flag("debug_mode", False):
        raise _bad("debug_mode generates from uniform scores", "a profile describes a deployment")
    # the first ngrams reach back before the response, so they are not scored whether they are marked or not
    settings.flag("skip_first_ngram_calls", False)
    ngram_len = settings.integer("ngram_len", 0, 2, 65)
    return {
        "scheme": "transformers-synthid",
        "prf": TABLE,
        "context_width": ngram_len - 1,
        "deduplication": MASK,
        "parameters": {
            "depth": settings.integer("depth", 0, 0, MAX_DEPTH),
            "ngram_len": ngram_len,
            "weights": "uniform",
            "context_history_size": settings.integer("context_history_size", 1024, 0, 1 << 31),
            "sampling_table_size": settings.integer("sampling_table_size", 1 << 16, 2, MAX_TABLE),
            "sampling_table_seed": settings.integer("sampling_table_seed", 0, 0, (1 << 64) - 1),
        },
    }


def _bad(message: str, hint: str = "") -> Error:
    return Error(message, hint=hint, exit_code=ExitCode.NO_INPUT)
