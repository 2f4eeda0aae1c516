"""`config.json` of a checkpoint: the few numbers that are needed, checked; anything else is ignored.

Code that a configuration names (`auto_map`) is never looked at.
"""

import json
from pathlib import Path
from typing import Any

from countermark.errors import Error, ExitCode

MAX_BYTES = 4_000_000
_NUMBERS = {
    "hidden_size": ("hidden_size", "n_embd", "d_model"),
    "intermediate_size": ("intermediate_size", "n_inner", "ffn_dim"),
    "num_hidden_layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "num_attention_heads": ("num_attention_heads", "n_head"),
    "num_key_value_heads": ("num_key_value_heads",),
    "head_dim": ("head_dim",),
    "vocab_size": ("vocab_size",),
}
"""Our name of a number, and the names that architectures have for it."""
MOST = 10_000_000
_PARTS = ("text_config", "llm_config", "language_config")


def read_config(folder: Path) -> dict[str, Any]:
    """The numbers present, `model_type`, and `quantization_config` as it stands (of JSON types only).

    Raises `Error` where the file is missing, no JSON object, or holds a number out of bounds.
    """
    path = folder / "config.json"
    hint = "a Hugging Face folder has config.json and model.safetensors"
    try:
        if not path.is_file():  # a pipe would keep us waiting for ever
            raise Error(f"{folder} has no config.json", hint=hint, exit_code=ExitCode.NO_INPUT)
        if path.stat().st_size > MAX_BYTES:
            raise Error(f"config.json is larger than {MAX_BYTES:,} bytes", exit_code=ExitCode.NO_INPUT)
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise Error(f"config.json cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    except (ValueError, RecursionError):
        raise Error("config.json is no JSON", exit_code=ExitCode.NO_INPUT) from None
    if not isinstance(value, dict):
        raise Error("config.json is no JSON object", exit_code=ExitCode.NO_INPUT)
    inner: dict[str, Any] = next((value[part] for part in _PARTS if isinstance(value.get(part), dict)), {})
    return _checked({**value, **inner})


def _checked(value: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name, aliases in _NUMBERS.items():
        number = next((value[alias] for alias in aliases if value.get(alias) is not None), None)
        if number is None:
            continue
        if type(number) is not int or not 1 <= number <= MOST:
            raise Error(f"config.json: {name} is not between 1 and {MOST:,}", exit_code=ExitCode.NO_INPUT)
        config[name] = number
    kind = value.get("model_type")
    config["model_type"] = kind[:40] if isinstance(kind, str) else ""
    quantization = value.get("quantization_config") or value.get("compression_config")
    config["quantization_config"] = quantization if isinstance(quantization, dict) else {}
    return config
