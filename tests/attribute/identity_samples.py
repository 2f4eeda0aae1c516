"""Endpoints for the tests of identity: answers of a small local model, as transcripts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from countermark.models.local import LocalModel
from countermark.records.transcripts import Transcript, transcript_line
from models.tiny import tiny_llama

TOKENS = 8
PROMPTS = tuple(tuple(int(one) for one in row) for row in np.random.default_rng(0).integers(0, 64, (24, 3)))


def model_folder(folder: Path, seed: int = 0, noise: float = 0.0, **changes: Any) -> Path:
    """A tiny model of little entropy; with `noise` its weights are rounded as if to few bits: the size of a
    step, as a share of the largest weight of each row."""
    import torch
    from safetensors.torch import load_file, save_file

    folder.mkdir(exist_ok=True)
    tiny_llama(folder, seed, initializer_range=0.7, **changes)
    if noise:
        path = folder / "model.safetensors"
        tensors = load_file(path)
        for name, tensor in tensors.items():
            if tensor.ndim == 2:
                step = tensor.abs().amax(1, keepdim=True) * noise
                tensors[name] = torch.round(tensor / step) * step
        save_file(tensors, path, metadata={"format": "pt"})
    return folder


def answers(
    folder: Path,
    *,
    seed: int,
    each: int = 1,
    temperature: float = 1.0,
    prompts: Sequence[Sequence[int]] = PROMPTS,
) -> list[Transcript]:
    """`each` answers to every prompt, each with the id of its call."""
    rows = [list(one) for one in prompts for _ in range(each)]
    sampled = LocalModel.open(folder).generate(rows, max_tokens=TOKENS, temperature=temperature, seed=seed)
    return [
        line(at, row, ids, temperature, headers={"x-request-id": f"{folder.name}-{seed}-{at}"})
        for at, (row, ids) in enumerate(zip(rows, sampled, strict=True))
    ]


def line(at: int, prompt: list[int], ids: list[int], temperature: float = 1.0, **changes: Any) -> Transcript:
    fields: dict[str, Any] = {
        "id": f"{at}",
        "prompt_ids": prompt,
        "token_ids": ids,
        "finish_reason": "length",
        "parameters": {"temperature": temperature, "max_tokens": TOKENS},
    }
    return Transcript(**{**fields, **changes})


def written(path: Path, lines: Sequence[Transcript]) -> Path:
    path.write_bytes(b"".join(map(transcript_line, lines)))
    return path
