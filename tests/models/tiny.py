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


def word_tokenizer(folder: Path, begin: bool = True) -> None:
    """Write `tokenizer.json` into a folder: w0 to w63, with w1 in front of every text if `begin`."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordLevel({f"w{at}": at for at in range(64)}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if begin:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="w1 $A", pair="w1 $A $B", special_tokens=[("w1", 1)]
        )
    tokenizer.save(str(folder / "tokenizer.json"))
