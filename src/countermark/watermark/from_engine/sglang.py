"""Profile fields from the JSON of SGLang's `--watermark-config` (sampling/watermarking/config.py, 0.5.22 and
0.5.23).

A second key is what makes SGLang mark with two, and keys do not belong here: "<redacted>", which SGLang
itself shows in a key's place, says that there is one.
"""

from collections.abc import Mapping
from typing import Any

from countermark.errors import Error, ExitCode
from countermark.watermark.from_engine.settings import Settings, check_release
from countermark.watermark.schemes.sglang_gumbel import DEDUPLICATION, NAME, PRF, VERSIONS

PLACEHOLDER = "<redacted>"
FIELDS = (
    "context_window",
    "default_enabled",
    "enforce_all",
    "key",
    "key_b",
    "max_probability",
    "mixing_probability",
)
_MIXING = 0.5


def profile_from(config: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Engine, scheme, prf, context_width, deduplication and parameters.

    Raises `Error` on a key, an unknown or malformed setting, an unknown release, and on a mixing probability
    without a second key.
    """
    check_release("sglang", version, VERSIONS)
    # a field that is null is one that is not there, in SGLang's own reading
    config = {name: value for name, value in config.items() if value is not None or name not in FIELDS}
    settings = Settings(config, "SGLang", version, FIELDS)
    settings.refuse_key("key", PLACEHOLDER)
    settings.refuse_key("key_b", PLACEHOLDER)
    for name in ("default_enabled", "enforce_all"):
        settings.flag(name, False)
    dual = "key_b" in settings
    mixing = settings.fraction("mixing_probability", _MIXING)
    if mixing != _MIXING and not dual:
        raise Error(
            "the configuration has a mixing_probability and no second key",
            hint=f'say that there is one with "key_b": "{PLACEHOLDER}"',
            exit_code=ExitCode.NO_INPUT,
        )
    parameters: dict[str, Any] = {
        "dual_key": dual,
        "max_probability": settings.fraction("max_probability", 1.0),
    }
    if dual:
        parameters["mixing_probability"] = mixing
    return {
        "engine": {"name": "sglang", "version": version},
        "scheme": NAME,
        "prf": PRF,
        "context_width": settings.integer("context_window", 4),
        "deduplication": DEDUPLICATION,
        "parameters": parameters,
    }
