"""Tiny Llama-shaped models made in the test: an unmarked reference, students of its marked texts."""

from pathlib import Path
from typing import Any

import numpy as np

from attribute.marked_worlds import VOCABULARY, own_key
from countermark.attribute.keyed import Key
from countermark.watermark.sampling.numpy_sampler import Sampler

LENGTH = 64
FIRST = 1


def new_model(seed: int, vocabulary: int = VOCABULARY) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2 * LENGTH,
        bos_token_id=FIRST,
        eos_token_id=0,
        initializer_range=0.35,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config).eval()


def written(model: Any, count: int, seed: int, key: Key | None = None) -> Any:
    """Texts after the first id, shape (count, LENGTH), marked under a key where one is given."""
    import torch

    generator = np.random.default_rng(seed)
    marking = key or own_key()
    sampler = Sampler(marking.profile, marking.secret, generator)
    answers = [sampler.start() for _ in range(count)]
    ids, past, out = torch.full((count, 1), FIRST), None, [np.full(count, FIRST)]
    with torch.inference_mode():
        for _ in range(LENGTH - 1):
            step = model(input_ids=ids, past_key_values=past, use_cache=True)
            past, weights = step.past_key_values, torch.softmax(step.logits[:, -1].double(), -1).numpy()
            weights[:, 0] = 0  # no text ends early
            if key is not None:
                chosen = sampler.next_tokens(weights, answers)
            else:
                sums = np.cumsum(weights, 1)
                chosen = (sums < generator.random((count, 1)) * sums[:, -1:]).sum(1)
            out.append(np.asarray(chosen))
            ids = torch.from_numpy(out[-1].astype(np.int64)).reshape(count, 1)
    return np.stack(out, 1)


def student_of(model: Any, rows: Any, steps: int, seed: int) -> Any:
    """The model trained further on these texts."""
    import copy

    import torch

    student, generator = copy.deepcopy(model).train(), np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(student.parameters(), lr=3e-3)
    for _ in range(steps):
        batch = torch.from_numpy(rows[generator.integers(0, len(rows), 16)].astype(np.int64))
        logits = student(input_ids=batch, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(
            logits[:, :-1].reshape(-1, logits.shape[-1]), batch[:, 1:].reshape(-1)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return student.eval()


def saved(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder
