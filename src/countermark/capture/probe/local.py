"""A local Hugging Face folder in place of an endpoint: the same journal and transcripts, nothing goes out."""

import asyncio
import secrets
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np

from countermark.capture.probe.bodies import Ask
from countermark.capture.probe.exchange import Exchange
from countermark.capture.probe.options import ProbeOptions
from countermark.errors import Error
from countermark.models.local import LocalModel
from countermark.records.canonical import file_sha256
from countermark.watermark.tokens import load_tokenizer

_LEAST_LOG_PROB = -9999.0
"""In place of minus infinity, which JSON does not have; endpoints write the same."""


class LocalTransport:
    """Answers as a completions endpoint with token ids would."""

    def __init__(self, options: ProbeOptions) -> None:
        folder = Path(options.endpoint)
        self._model = LocalModel.open(folder)
        self._called = f"{folder.resolve().name} sha256:{_digest(folder)[:16]}"
        # by content: a folder may move, and one whose weights were changed is another
        self.name = f"local:{self._called}"
        tokenizer = options.tokenizer or self._model.tokenizer
        self._tokenizer = None if tokenizer is None else load_tokenizer(tokenizer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def send(self, ask: Ask) -> Exchange:
        """One answer, made in a thread so that an interrupt is heard."""
        begin = time.monotonic()
        try:
            content, status = await asyncio.to_thread(self._answer, ask), 200
        except Error:
            content, status = {"error": {"code": "prompt_refused"}}, 400
        headers = {"content-type": "application/json"}
        seconds = round(time.monotonic() - begin, 4)
        return Exchange(status, headers, msgspec.json.encode(content), "", seconds)

    def _answer(self, ask: Ask) -> dict[str, Any]:
        body = msgspec.json.decode(ask.body)
        prompt = body["prompt"]
        if isinstance(prompt, str):
            if self._tokenizer is None:
                raise Error("text needs a tokenizer")
            prompt = self._tokenizer.encode(prompt).ids  # special tokens too, as servers do
        # without a seed each request has a fresh one, as at an endpoint; it stands in the answer
        seed = body.get("seed", secrets.randbits(31))
        limit = body["max_tokens"]
        temperature = body["temperature"]
        ids = self._model.generate([prompt], max_tokens=limit, temperature=temperature, seed=seed)[0]
        choice: dict[str, Any] = {
            "index": 0,
            "text": "" if self._tokenizer is None else self._tokenizer.decode(ids),
            "token_ids": ids,
            "prompt_token_ids": prompt,
            "finish_reason": "stop" if len(ids) < limit else "length",
        }
        if "logprobs" in body and ids:
            choice["logprobs"] = self._log_probs(prompt, ids, body["logprobs"])
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(ids)}
        return {"model": self._called, "choices": [choice], "usage": usage, "seed": seed}

    def _log_probs(self, prompt: list[int], ids: list[int], top: int) -> dict[str, Any]:
        """The shape of completions; the law of token i stands in the row of what precedes it."""
        rows = next(iter(self._model.log_probs([[*prompt, *ids]])))[len(prompt) - 1 : -1]
        rows = np.maximum(np.minimum(rows, 0.0), _LEAST_LOG_PROB)
        best = np.argsort(-rows, axis=1, kind="stable")[:, :top]
        return {
            "tokens": [self._name(token) for token in ids],
            "token_logprobs": [float(row[token]) for row, token in zip(rows, ids, strict=True)],
            "top_logprobs": [
                {self._name(int(token)): float(row[token]) for token in tokens}
                for row, tokens in zip(rows, best, strict=True)
            ],
        }

    def _name(self, token: int) -> str:
        name = None if self._tokenizer is None else self._tokenizer.id_to_token(token)
        return f"token_id:{token}" if name is None else str(name)


def _digest(folder: Path) -> str:
    """Of the weights and the configuration, so that a changed folder is another model."""
    digest = sha256()
    for path in sorted([*folder.glob("*.safetensors"), folder / "config.json"]):
        digest.update(path.name.encode() + b"\0" + file_sha256(path).encode() + b"\n")
    return digest.hexdigest()
