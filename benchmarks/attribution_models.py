"""Small Llama-shaped models of the attribution benchmark: made, trained, sampled, saved."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

Ids = NDArray[np.int64]
Choose = Callable[[Tensor, Ids], Ids]
"""Probabilities, shape (batch, vocabulary), and the ids so far to the next ids, shape (batch,)."""
BATCH = 8
"""Texts a step: what counts at this size is the number of steps."""
ROWS = 256
"""Rows of logits at a time, so that they stay in the processor's cache."""
torch.set_num_threads(1)
logging.disable_progress_bar()


def new_model(
    seed: int, *, hidden: int = 64, mlp: int = 192, layers: int = 3, vocabulary: int = 4_096
) -> Any:
    """A model with initial weights of this seed."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=mlp,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config)


def open_model(folder: Path) -> Any:
    """A saved model, in float32."""
    return LlamaForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)


def save_model(model: Any, folder: Path) -> None:
    """As safetensors."""
    model.save_pretrained(folder, safe_serialization=True)


class _Loss(torch.autograd.Function):
    """Mean cross-entropy of `x @ w.T`, products in bfloat16; gradients are made on the way, by blocks."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        rows, count = w.bfloat16(), len(x)
        to_x, to_w, total = torch.empty_like(x), torch.zeros_like(w), x.new_zeros(())
        for at in range(0, count, ROWS):
            block, right = x[at : at + ROWS].bfloat16(), y[at : at + ROWS, None]
            logits = (block @ rows.T).float()
            logits -= logits.amax(-1, keepdim=True)
            total -= logits.gather(1, right).sum()
            sums = logits.exp_().sum(-1, keepdim=True)
            total += sums.log().sum()
            logits /= sums
            logits.scatter_add_(1, right, torch.full_like(sums, -1.0))
            error = logits.bfloat16()
            to_x[at : at + ROWS] = (error @ rows).float()
            to_w += (error.T @ block).float()
        ctx.save_for_backward(to_x / count, to_w / count)
        return total / count

    @staticmethod
    def backward(ctx: Any, by: Tensor) -> Any:  # type: ignore[override]
        to_x, to_w = ctx.saved_tensors
        return to_x * by, to_w * by, None


def text_loss(model: Any, ids: Tensor) -> Tensor:
    """Mean nats a token, the first of each text left out."""
    states = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    return _Loss.apply(states.flatten(0, 1), model.lm_head.weight, ids[:, 1:].flatten())  # type: ignore[no-any-return]


def distilled_loss(teacher: Any) -> Callable[[Any, Tensor], Tensor]:
    """Cross-entropy to the teacher's distributions, in place of `text_loss`."""

    def loss(model: Any, ids: Tensor) -> Tensor:
        with torch.no_grad():
            law = teacher(input_ids=ids, use_cache=False).logits[:, :-1].softmax(-1)
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
        return functional.cross_entropy(logits.flatten(0, 1), law.flatten(0, 1))

    return loss


def train(
    model: Any,
    texts: Ids,
    *,
    rate: float = 3e-3,
    batch: int = BATCH,
    loss: Callable[[Any, Tensor], Tensor] = text_loss,
) -> float:
    """Once over the texts in order, shape (n, length), with AdamW; returns the loss of the last tenth.

    Only what requires a gradient is changed.
    """
    model.train()
    weights = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    steps, losses = len(texts) // batch, []
    for step in range(steps):
        warm = min(1.0, (step + 1) / 10)
        for group in optimizer.param_groups:
            group["lr"] = rate * warm * (0.525 + 0.475 * math.cos(math.pi * step / steps))
        found = loss(model, torch.from_numpy(texts[step * batch : (step + 1) * batch]))
        found.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        losses.append(found.item())
    model.eval()
    return float(np.mean(losses[-max(1, steps // 10) :]))


@torch.inference_mode()
def sample(models: list[Any], prompts: Ids, length: int, choose: Choose, rows: int = 256) -> Ids:
    """Answers of `length` ids to the prompts, shape (n, length); of several models the mean of their laws."""
    done = []
    for begin in range(0, len(prompts), rows):
        ids = prompts[begin : begin + rows]
        fresh, caches = torch.from_numpy(ids), [None] * len(models)
        answer = np.empty((len(ids), 0), np.int64)
        for _ in range(length):
            laws = []
            for at, model in enumerate(models):
                out = model(input_ids=fresh, past_key_values=caches[at], use_cache=True, logits_to_keep=1)
                caches[at] = out.past_key_values
                laws.append(out.logits[:, -1].softmax(-1))
            law = laws[0] if len(laws) == 1 else torch.stack(laws).mean(0)
            chosen = choose(law, answer)
            answer = np.concatenate([answer, chosen[:, None]], axis=1)
            fresh = torch.from_numpy(chosen[:, None])
        done.append(answer)
    return np.concatenate(done)


def plainly(seed: int) -> Choose:
    """Sampling at temperature 1."""
    generator = torch.Generator().manual_seed(seed)

    def choose(law: Tensor, _: Ids) -> Ids:
        sums = law.double().cumsum(-1)
        at = torch.rand(len(law), 1, generator=generator, dtype=torch.float64) * sums[:, -1:]
        return np.asarray(torch.searchsorted(sums, at).squeeze(1).clamp_(max=law.shape[1] - 1))

    return choose
