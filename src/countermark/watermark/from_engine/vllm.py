"""Profile fields from the JSON of vLLM's `--watermark-config` (config/watermarking.py, 0.30.0 to 0.33.0).

vLLM 0.30.0 and 0.31.0 mark with alpha 0.1 where nothing is said, and detect with 0.2: a statistic of other
weights than the profile's. There a configuration that leaves alpha open is refused.
"""

from collections.abc import Mapping
from typing import Any

from countermark.errors import Error
from countermark.watermark.from_engine.settings import Settings, check_release
from countermark.watermark.schemes.vllm_gumbel import DUAL_NAME, NAME, PRF, SCOPES, VERSIONS

DEFAULT_ALPHA = {version: (0.1, 0.2 if version in ("0.30.0", "0.31.0") else 0.1) for version in VERSIONS}
"""By release: alpha of the generator (`WatermarkConfig`) and of `DualKeyGumbelWatermarkDetector`."""
SCHEMES = {"gumbel": NAME, "dual_key_gumbel": DUAL_NAME}
FIELDS = (
    "algorithm",
    "allow_target_only_watermarking",
    "alpha",
    "context_width",
    "deduplicate_contexts",
    "deduplicate_contexts_max_history",
    "key",
    "prf",
)
_MAX_HISTORY = 1 << 31


def profile_from(config: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Engine, scheme, prf, context_width, deduplication and parameters; `deduplicate_contexts_max_history`
    is 0 for vLLM's null, the whole answer.

    Raises `Error` on a key, an unknown or malformed setting, an unknown release, and on drift.
    """
    check_release("vllm", version, VERSIONS)
    settings = Settings(config, "vLLM", version, FIELDS)
    settings.refuse_key("key")
    settings.choice("prf", "philox", ("philox",))
    scheme = SCHEMES[settings.choice("algorithm", "gumbel", SCHEMES)]
    history = 0
    if config.get("deduplicate_contexts_max_history", 0) is not None:
        history = settings.integer("deduplicate_contexts_max_history", 8192, high=_MAX_HISTORY)
    parameters: dict[str, Any] = {
        "deduplicate_contexts_max_history": history,
        "allow_target_only_watermarking": settings.flag("allow_target_only_watermarking", False),
    }
    if scheme == DUAL_NAME:
        parameters["alpha"] = settings.fraction("alpha", _default_alpha(version, "alpha" in settings))
    return {
        "engine": {"name": "vllm", "version": version},
        "scheme": scheme,
        "prf": PRF,
        "context_width": settings.integer("context_width", 4),
        "deduplication": settings.choice("deduplicate_contexts", "single_turn", SCOPES),
        "parameters": parameters,
    }


def _default_alpha(version: str, stated: bool) -> float:
    generator, detector = DEFAULT_ALPHA[version]
    if generator != detector and not stated:
        raise Error(
            f"the configuration leaves alpha open: vLLM {version} marks with {generator} and detects with "
            f"{detector}",
            hint='say which the server used: "alpha": … in the configuration',
        )
    return generator
