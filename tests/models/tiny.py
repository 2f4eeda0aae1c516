"""A small Llama-shaped model with random weights, made in the test."""

from pathlib import Path
from typing import Any


def tiny_llama(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """Write such a model as safetensors into a folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes: dict[str, Any] = {
        "vocab_size": 64,
        "hidden_size": 16,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "initializer_range": 0.3,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    torch.manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(**{**sizes, **changes}))
    model.save_pretrained(folder, safe_serialization=True)
    return folder
