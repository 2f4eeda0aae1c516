"""A local language model in Hugging Face's folder form, run on the processor.

The folder is data: safetensors only, no code of its own, nothing fetched. What transformers does not know as
an architecture of its own is refused.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countermark.errors import Error, ExitCode, MissingExtra

FloatArray = NDArray[np.float32]
MAX_CONFIG_BYTES = 1 << 20
BATCH_TOKENS = 1 << 14
"""Tokens in one forward pass."""
BATCH_LOGITS = 1 << 26
"""Logits in one forward pass, 256 MiB as float32."""
LEAST_TEMPERATURE = 1e-5
"""Below it the likeliest token is taken, as vLLM does: a quotient of logits would overflow."""


class LocalModel:
    """A causal model, its vocabulary's size, and how many tokens it takes at once."""

    def __init__(self, model: Any, end_ids: frozenset[int], tokenizer: Path | None) -> None:
        self._model = model
        self.vocab_size = int(model.config.vocab_size)
        """Number of logits."""
        self.max_length = int(getattr(model.config, "max_position_embeddings", 0) or 2048)
        """Prompt and answer together, in tokens."""
        self.end_ids = end_ids
        """Ids that end an answer."""
        self.tokenizer = tokenizer
        """Its `tokenizer.json`, or None."""

    @classmethod
    def open(cls, folder: Path) -> "LocalModel":
        """Load a folder; `Error` unless it is whole, of a known architecture, unquantised and finite."""
        config = read_config(folder)
        if not any(folder.glob("*.safetensors")):
            raise unusable(folder, "it holds no safetensors", "convert it with safetensors first")
        if "quantization_config" in config:
            hint = "serve it where its own kernels run, and probe the endpoint"
            raise unusable(folder, "its weights are quantised, and it cannot be run here", hint)
        torch, transformers = _libraries()
        try:
            model, loading = transformers.AutoModelForCausalLM.from_pretrained(
                folder,
                output_loading_info=True,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                attn_implementation="eager",
            )
        # transformers and safetensors raise many kinds for a folder that is not what it says
        except Exception as error:
            raise unusable(folder, str(error).partition("\n")[0][:200]) from None
        _check_whole(folder, loading)
        if not all(bool(torch.isfinite(one).all()) for one in model.parameters()):
            raise unusable(folder, "a weight is not a finite number")
        model.eval()
        tokenizer = folder / "tokenizer.json"
        return cls(model, _end_ids(folder, model), tokenizer if tokenizer.is_file() else None)

    def log_probs(self, rows: Sequence[Sequence[int]]) -> Iterator[FloatArray]:
        """For every row of token ids, in order, shape (len(row), vocabulary): natural logs of the
        probabilities of the next token; entry i is of the token after `row[: i + 1]`.

        One at a time, since many do not fit into memory. Raises `Error` for an empty or too long row, for
        an id outside the vocabulary, and where the model overflows.
        """
        import torch

        for batch in self._batches(rows):
            longest = max(map(len, batch))
            ids = torch.zeros((len(batch), longest), dtype=torch.int64)
            for at, row in enumerate(batch):
                ids[at, : len(row)] = torch.tensor(row)
            with torch.inference_mode():  # what is padded on the right is seen by nobody on its left
                logs = torch.log_softmax(_numbers(self._model(ids).logits), -1)
            for at, row in enumerate(batch):
                yield logs[at, : len(row)].numpy()

    def generate(
        self, prompts: Sequence[Sequence[int]], *, max_tokens: int, temperature: float, seed: int
    ) -> list[list[int]]:
        """Sample an answer to every prompt, without the id that ends it; the same for the same arguments.

        A temperature below `LEAST_TEMPERATURE` takes the likeliest token. Raises `Error` as `log_probs` does,
        and where prompt and answer together are too long.
        """
        import torch

        generator = torch.Generator().manual_seed(seed & ((1 << 63) - 1))
        answers: list[list[int]] = [[] for _ in prompts]
        by_length: dict[int, list[int]] = {}
        for at, prompt in enumerate(prompts):
            self._check(prompt, max_tokens)
            by_length.setdefault(len(prompt), []).append(at)
        for length, places in sorted(by_length.items()):
            size = max(1, min(BATCH_TOKENS // (length + max_tokens), BATCH_LOGITS // self.vocab_size))
            for start in range(0, len(places), size):
                chosen = places[start : start + size]
                ids = torch.tensor([list(prompts[at]) for at in chosen])
                sampled = self._sample(ids, max_tokens, temperature, generator)
                for at, row in zip(chosen, sampled, strict=True):
                    answers[at] = row
        return answers

    def _sample(self, ids: Any, max_tokens: int, temperature: float, generator: Any) -> list[list[int]]:
        import torch

        ends = self.end_ids
        rows: list[list[int]] = [[] for _ in range(len(ids))]
        live, past = [True] * len(ids), None
        with torch.inference_mode():
            for _ in range(max_tokens):
                out = self._model(ids, past_key_values=past, use_cache=True)
                past, logits = out.past_key_values, _numbers(out.logits[:, -1])
                if temperature >= LEAST_TEMPERATURE:
                    weights = torch.softmax(logits / temperature, -1)
                    ids = torch.multinomial(weights, 1, generator=generator)
                else:
                    ids = logits.argmax(-1, keepdim=True)
                for at, token in enumerate(ids[:, 0].tolist()):
                    live[at] = live[at] and token not in ends
                    if live[at]:
                        rows[at].append(token)
                if not any(live):
                    break
        return rows

    def _batches(self, rows: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
        """Rows in order, as many as fit into one pass."""
        batch: list[Sequence[int]] = []
        longest = 0
        for row in rows:
            self._check(row, 0)
            longest = max(longest, len(row))
            tokens = longest * (len(batch) + 1)
            if batch and (tokens > BATCH_TOKENS or tokens * self.vocab_size > BATCH_LOGITS):
                yield batch
                batch, longest = [], len(row)
            batch.append(row)
        if batch:
            yield batch

    def _check(self, row: Sequence[int], more: int) -> None:
        problem = ""
        if not len(row):
            problem = "an empty row has no next token"
        elif len(row) + more > self.max_length:
            problem = f"{len(row) + more:,} tokens are more than the model's {self.max_length:,}"
        elif min(row) < 0 or max(row) >= self.vocab_size:
            problem = f"a token id is outside the model's vocabulary of {self.vocab_size:,}"
        if problem:
            hint = "is it the model's own tokenizer?" if "outside" in problem else ""
            raise Error(problem, hint=hint, exit_code=ExitCode.NO_INPUT)


def _check_whole(folder: Path, loading: dict[str, Any]) -> None:
    """What a file lacks transformers draws at random, and what it has no place for is left out: neither is
    the model that somebody gave. Heads tied to the embeddings are not missing."""
    for what, names in (
        ("are missing", loading["missing_keys"]),
        ("have no place in it", loading["unexpected_keys"]),
        ("have another shape", loading["mismatched_keys"]),
    ):
        if names:
            reason = f"{len(names):,} tensors {what} ({str(min(names))[:200]})"
            raise unusable(folder, reason, "config.json and the safetensors are of two models")


def _end_ids(folder: Path, model: Any) -> frozenset[int]:
    given = getattr(model.generation_config, "eos_token_id", None)
    ids = given if isinstance(given, list) else [] if given is None else [given]
    if not all(type(one) is int for one in ids):
        raise unusable(folder, "its eos_token_id is neither an id nor a list of ids")
    return frozenset(ids)


def _numbers(logits: Any) -> Any:
    """Logits as float32; finite weights may still overflow on the way to them."""
    import torch

    logits = logits.float()
    if not bool((logits.amax(-1) < torch.inf).all()):  # false for NaN, too, which amax passes on
        raise Error("the model gives no finite logits", exit_code=ExitCode.NO_INPUT)
    return logits


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a model's folder, bounded in size; values are not checked."""
    path = folder / "config.json"
    if not folder.is_dir() or not path.is_file():
        hint = "a folder with config.json and safetensors"
        raise unusable(folder, "there is no config.json", hint)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_CONFIG_BYTES + 1)
        config = json.loads(data) if len(data) <= MAX_CONFIG_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        raise unusable(folder, f"its config.json cannot be read: {error}") from None
    if not isinstance(config, dict):
        raise unusable(folder, "its config.json is no object, or over 1 MiB")
    return config


def unusable(folder: Path, reason: str, hint: str = "") -> Error:
    """What is said of a folder that is no usable model."""
    return Error(f"{folder} is no usable model: {reason}", hint=hint, exit_code=ExitCode.NO_INPUT)


def check_can_run() -> None:
    """Raise `MissingExtra` where what runs a model is not installed."""
    _libraries()


def _libraries() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError:
        raise MissingExtra("running a model needs torch", "torch") from None
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return torch, transformers
