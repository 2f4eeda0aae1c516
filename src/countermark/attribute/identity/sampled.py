"""A reference that is run here: its answers to the suspect's prompts, and how likely it finds any answer.

The suspect's answers and the sampled ones go through the same steps, so that the law of both stays the same
under the null: with a tokenizer each answer becomes text and is encoded again, since an endpoint's text does
not say which tokens were chosen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from countermark.attribute.identity.answers import LONG, MOST_POSITIONS, Answer, Side, shown_names
from countermark.attribute.identity.paired import MOST_PROMPTS, FloatArray, Pair, doubts
from countermark.errors import Error, ExitCode
from countermark.models.local import LocalModel
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.watermark.tokens import load_tokenizer

NEUTRAL: dict[str, Any] = {
    "top_p": 1.0,
    "top_k": 0.0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "min_p": 0.0,
}
NEUTRAL |= {"repetition_penalty": 1.0, "n": 1.0, "logit_bias": {}}
"""Settings that change nothing, and are so allowed."""
Ids = tuple[int, ...]


class SampledReference:
    """A local model, `samples` answers of it to each prompt, drawn by a recorded seed."""

    def __init__(self, folder: Path, *, samples: int, seed: int) -> None:
        self._model = LocalModel.open(folder)
        self._samples, self._seed = samples, seed
        path = self._model.tokenizer
        self._tokenizer: Any = None if path is None else load_tokenizer(path)
        self._sampled: dict[str, list[list[int]]] = {}
        self.vocab_size = self._model.vocab_size

    def pairs(self, suspect: Side) -> tuple[list[Pair], list[str]]:
        """As `paired.pairs_of`; the answers have ids only, of this model's tokenizer.

        Raises `Error` where the suspect's prompts or answers cannot be put into this model's tokens, or the
        transcripts do not say how they were sampled.
        """
        temperature, most, problems = _sampling(suspect.settings)
        asked: list[tuple[Any, Ids, list[Answer]]] = []
        for prompt, answers in (suspect.by_ids or suspect.by_text).items():
            ids = self._prompt(prompt, suspect.chat)
            if ids and len(ids) + most <= self._model.max_length and len(asked) < MOST_PROMPTS:
                asked.append((prompt, ids, answers))
        if not asked:
            what = f"prompt and {most:,} tokens of answer do not fit into the reference model"
            raise Error(what, exit_code=ExitCode.NO_INPUT)
        pairs = []
        for _, ids, answers in asked:
            ours = self._answers(ids, most, temperature)
            room = self._model.max_length - len(ids)
            pairs.append(
                Pair(
                    ids,
                    [self._canonical(None, row, room) for row in ours],
                    [replace(self._canonical(one.text, one.ids, room), line=one.line) for one in answers],
                )
            )
        if suspect.told:
            problems.append(
                f"suspect: {suspect.told:,} lines were left out for what they answer, and no reference's are"
            )
        return pairs, [*suspect.problems, *problems, *doubts(pairs, suspect.settings)]

    def scores(self, prompt: Ids, answers: Sequence[Answer]) -> FloatArray:
        """Mean log rank of an answer's tokens, 0 where each is the likeliest (Zhu et al. 2025).

        Equal answers have equal scores, whatever the rounding: each is scored once.
        """
        distinct = list(dict.fromkeys(one.ids or () for one in answers))
        scored = [ids for ids in distinct if ids]
        values = dict(zip(scored, self._log_ranks(prompt, scored), strict=True))
        return np.array([values.get(one.ids or (), 0.0) for one in answers])

    def _log_ranks(self, prompt: Ids, answers: Sequence[Ids]) -> Iterator[float]:
        room = self._model.max_length - len(prompt) + 1
        answers = [ids[:room] for ids in answers]
        rows = [[*prompt, *ids][:-1] for ids in answers]
        for ids, logs in zip(answers, self._model.log_probs(rows), strict=True):
            of_answer = logs[len(prompt) - 1 :]
            own = np.take_along_axis(of_answer, np.array(ids)[:, None], axis=1)
            yield float(np.log1p((of_answer > own).sum(axis=1)).mean())

    def _answers(self, prompt: Ids, most: int, temperature: float) -> list[list[int]]:
        """Samples for one prompt, by a seed of its own: other prompts change nothing, and every suspect and
        control is held against the same ones."""
        key = sha256_hex(canonical_json([prompt, most, temperature]))
        if key not in self._sampled:
            seed = (self._seed ^ int(key[:32], 16)) >> 65
            rows = [prompt] * self._samples
            self._sampled[key] = self._model.generate(
                rows, max_tokens=most, temperature=temperature, seed=seed
            )
        return self._sampled[key]

    def _prompt(self, prompt: Any, chat: bool) -> Ids:
        if isinstance(prompt, tuple):
            return prompt
        if chat:
            hint = "give transcripts of the reference, asked the same way"
            raise Error("a chat cannot be put to a folder", hint=hint, exit_code=ExitCode.NO_INPUT)
        if self._tokenizer is None:
            hint = "give prompt_ids, or put tokenizer.json into the folder"
            raise Error("the reference has no tokenizer", hint=hint, exit_code=ExitCode.NO_INPUT)
        return tuple(self._tokenizer.encode(prompt).ids)

    def _canonical(self, text: str | None, ids: Sequence[int] | None, room: int) -> Answer:
        if self._tokenizer is not None:
            if ids is not None:
                self._check(ids)
                text = self._tokenizer.decode(list(ids), skip_special_tokens=True)
            text = (text or "")[:MOST_POSITIONS].strip()
            ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        elif ids is None:
            hint = "give token_ids, or put tokenizer.json into the folder"
            raise Error("the reference has no tokenizer", hint=hint, exit_code=ExitCode.NO_INPUT)
        self._check(ids)
        ends = self._model.end_ids
        end = next((at for at, token in enumerate(ids) if token in ends), len(ids))
        cut = tuple(ids[:end])[: min(room, MOST_POSITIONS)]
        return Answer(None, cut, sha256_hex(canonical_json(cut)), len(cut) >= LONG)

    def _check(self, ids: Sequence[int]) -> None:
        if max(ids, default=0) >= self.vocab_size:
            hint = "the token ids are of another tokenizer; give answers as text"
            message = f"a token id is outside the reference's vocabulary of {self.vocab_size:,}"
            raise Error(message, hint=hint, exit_code=ExitCode.NO_INPUT)


def _sampling(settings: dict[str, Any]) -> tuple[float, int, list[str]]:
    """Temperature, most tokens, problems."""
    for name in ("temperature", "max_tokens"):
        if not isinstance(settings.get(name), float) or not 0 <= settings[name] <= MOST_POSITIONS:
            message = f"the suspect's transcripts do not say a usable {name}"
            hint = "capture probe records it; or give transcripts of the reference"
            raise Error(message, hint=hint, exit_code=ExitCode.NO_INPUT)
    odd = sorted(
        name
        for name, value in settings.items()
        if name not in ("temperature", "max_tokens") and (name not in NEUTRAL or value != NEUTRAL[name])
    )
    problems = [f"the reference cannot be sampled with {shown_names(odd)} here"] if odd else []
    return settings["temperature"], max(1, int(settings["max_tokens"])), problems
