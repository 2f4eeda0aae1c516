"""What the power table is measured on: a model folder of transformers, and a small language of our own.

Each generates whole answers with a mark and gives their token ids, shape (answers, length).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import Profile
from countermark.watermark.sampling.numpy_sampler import Sampler

GREEN_KEY = 15485863
SYNTHID_KEYS = np.random.default_rng(30).integers(0, 1 << 62, 30).tolist()


class Language(Protocol):
    """Something that can answer."""

    name: str
    vocabulary: int

    def answers(
        self, mark: Profile, key: Secret, count: int, length: int, temperature: float
    ) -> tuple[np.ndarray, float]:
        """Ids of marked answers, and the entropy of a token in nats before the mark."""
        ...


def transformers_config(mark: Profile) -> Any:
    """The engine's own configuration of a mark; None for ours."""
    import transformers

    if mark.scheme == "transformers-green-list":
        return transformers.WatermarkingConfig(
            greenlist_ratio=mark.parameters["gamma"],
            bias=mark.parameters["delta"],
            hashing_key=GREEN_KEY,
            seeding_scheme=mark.parameters["seeding"],
            context_width=mark.context_width,
        )
    if mark.scheme == "transformers-synthid":
        return transformers.SynthIDTextWatermarkingConfig(
            ngram_len=mark.context_width + 1,
            keys=SYNTHID_KEYS,
            context_history_size=mark.parameters["context_history_size"],
        )
    return None


class ModelFolder:
    """A model of transformers, answering from its start token with the engine's own `generate`."""

    def __init__(self, folder: Path) -> None:
        import torch
        import transformers

        torch.set_num_threads(1)
        transformers.logging.set_verbosity_error()
        self._model = transformers.AutoModelForCausalLM.from_pretrained(folder)
        self.name, self.vocabulary = folder.name, self._model.config.vocab_size

    def answers(
        self, mark: Profile, key: Secret, count: int, length: int, temperature: float
    ) -> tuple[np.ndarray, float]:
        """See `Language`; the end of a text is not allowed before the whole length."""
        import torch

        from countermark.watermark.sampling.logits_processor import MarkedDecoding

        torch.manual_seed(5)
        config = transformers_config(mark)
        prompt = torch.full((count, 1), self._model.config.bos_token_id)
        extra: dict[str, Any] = (
            {"watermarking_config": config} if config else {"custom_generate": MarkedDecoding(mark, key)}
        )
        out = self._model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=True,
            temperature=temperature,
            top_k=0,
            top_p=1.0,
            min_new_tokens=length,
            max_new_tokens=length,
            pad_token_id=self._model.config.eos_token_id,
            **extra,
        )
        with torch.no_grad():
            logits = self._model(out[:8, :-1]).logits / temperature
        return out[:, 1:].numpy().astype(np.int64), float(
            torch.distributions.Categorical(logits=logits).entropy().mean()
        )


class ZipfLanguage:
    """After every two tokens, all tokens in an order of their own with Zipf's weights rank^-s.

    The entropy of a token is that of the weights, the same everywhere, and s sets it.
    """

    vocabulary = 1_024

    def __init__(self, exponent: float) -> None:
        self._exponent = exponent
        self.name = f"Zipf s={exponent:g}"
        self._ranks = np.arange(self.vocabulary)

    def weights(self, temperature: float) -> np.ndarray:
        """Probabilities by rank, shape (vocabulary,)."""
        weights = (self._ranks + 1.0) ** (-self._exponent / temperature)
        return weights / weights.sum()

    def next_weights(self, last: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Probabilities by token after two ids a row, shape (rows, vocabulary).

        Token t has rank (a t + b) mod V with odd a and b hashed from the two ids.
        """
        mixed = (last[:, 0] * 1_000_003 + last[:, 1] + 1) * 0x9E3779B1 & 0xFFFFFFFF
        step, shift = (mixed >> 7) | 1, mixed >> 13
        return weights[(step[:, None] * self._ranks + shift[:, None]) & (self.vocabulary - 1)]

    def answers(
        self, mark: Profile, key: Secret, count: int, length: int, temperature: float
    ) -> tuple[np.ndarray, float]:
        """See `Language`; every answer begins after two ids of its own."""
        weights = self.weights(temperature)
        ids = np.concatenate(
            [
                np.random.default_rng(6).integers(0, self.vocabulary, (count, 2)),
                np.zeros((count, length), int),
            ],
            1,
        )
        choose = self._own(mark, key, count) if mark.scheme == "gumbel-siphash" else self._engine(mark)
        for at in range(2, length + 2):
            ids[:, at] = choose(ids[:, 2:at], self.next_weights(ids[:, at - 2 : at], weights))
        return ids[:, 2:], float(-(weights * np.log(weights)).sum())

    def _own(self, mark: Profile, key: Secret, count: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        sampler = Sampler(mark, key, np.random.default_rng(7))
        answers = [sampler.start() for _ in range(count)]
        return lambda _, weights: sampler.next_tokens(weights, answers)

    def _engine(self, mark: Profile) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """transformers' processor before a plain draw."""
        import torch

        torch.manual_seed(8)
        processor = transformers_config(mark).construct_processor(self.vocabulary, "cpu")

        def choose(before: np.ndarray, weights: np.ndarray) -> np.ndarray:
            # a first id that stands for the prompt's last: the processors need one
            ids = torch.from_numpy(np.pad(before, ((0, 0), (1, 0)), constant_values=1))
            scores = processor(ids, torch.from_numpy(np.log(weights)).float())
            return torch.multinomial(torch.softmax(scores, -1), 1)[:, 0].numpy()

        return choose
