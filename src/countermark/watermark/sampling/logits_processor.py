"""Our mark in `transformers` generation (checked with 5.23.0).

    decoding = MarkedDecoding(profile, key)
    model.generate(**inputs, do_sample=True, temperature=0.8, top_p=0.95, custom_generate=decoding)
    decoding.counts

`generate` applies the processors in `logits_processor=[…]` before temperature, top-k and top-p
(generation/utils.py, `_get_logits_processor`), and a processor sees neither whether tokens are sampled at
all nor how long the prompt is. So the processor is not for that list, and refuses to work there:
`custom_generate` is handed the finished list and the configuration, appends the processor at the end and
runs the ordinary sampling loop.
"""

from typing import Any

import numpy as np
import torch
from torch import BoolTensor, FloatTensor, LongTensor
from transformers import LogitsProcessor, LogitsProcessorList
from transformers.generation.configuration_utils import GenerationConfig, GenerationMode
from transformers.generation.stopping_criteria import StoppingCriteriaList

from countermark.errors import Error
from countermark.trust.keyfiles import Secret
from countermark.watermark.prf import siphash
from countermark.watermark.profile import Profile
from countermark.watermark.sampling import torch_siphash
from countermark.watermark.sampling.answers import Answer, Counts
from countermark.watermark.schemes.gumbel_siphash import GumbelSiphash, parse_key

_NO_MARK = {
    GenerationMode.BEAM_SEARCH: "beam search",
    GenerationMode.BEAM_SAMPLE: "beam sampling",
    GenerationMode.GROUP_BEAM_SEARCH: "beam search",
    GenerationMode.CONSTRAINED_BEAM_SEARCH: "beam search",
    GenerationMode.CONTRASTIVE_SEARCH: "contrastive search",
    GenerationMode.DOLA_GENERATION: "DoLa decoding",
    GenerationMode.ASSISTED_GENERATION: "assisted decoding",
}


class SipHashLogitsProcessor(LogitsProcessor):
    """Last of the processors: at a marked position only the chosen token keeps a finite score."""

    def __init__(self, width: int, key: bytes, counts: Counts) -> None:
        self._width = width
        self._key = key
        self._counts = counts
        self._answers: list[Answer] = []
        self._prompt = self._steps = -1
        self.live: list[bool] = []
        """Rows that have not stopped; what is appended to the others is padding and is not counted."""

    def start(self, rows: int, prompt_length: int) -> None:
        """Begin a batch; `prompt_length` is that of the padded prompts, the same for all rows."""
        self._answers = [Answer(self._width) for _ in range(rows)]
        self._prompt, self._steps = prompt_length, 0
        self.live = [True] * rows

    def __call__(self, input_ids: LongTensor, scores: FloatTensor) -> FloatTensor:
        """Scores of shape (batch, vocabulary) after all other processors; rows sampled normally stay."""
        self._take_new(input_ids)
        contexts = {
            row: context
            for row, answer in enumerate(self._answers)
            if self.live[row] and (context := answer.next_context(self._counts)) is not None
        }
        if not contexts:
            return scores
        rows = torch.tensor(list(contexts), device=scores.device)
        only = torch.full_like(scores[rows], -torch.inf)
        only.scatter_(1, self._choose(scores[rows], list(contexts.values()))[:, None], 0.0)
        return scores.index_copy(0, rows, only)

    def _choose(self, scores: FloatTensor, contexts: list[tuple[int, ...]]) -> LongTensor:
        """Marked tokens of these rows, shape (rows,): by numba on the CPU, by torch elsewhere."""
        if not torch.isfinite(scores.amax(-1)).all():
            raise Error("a row of logits has no finite entry, or one that is no number")
        weights = torch.softmax(scores.to(torch.float64), -1)
        if scores.device.type != "cpu":
            marks = torch.tensor(contexts, device=scores.device)
            return torch_siphash.choose_tokens(weights, marks, *torch_siphash.key_words(self._key))
        words, domain = siphash.key_words(self._key), siphash.domain_word(self._width)
        states = [siphash.context_state(np.array(one, np.uint64), *words, domain) for one in contexts]
        rows = np.arange(len(contexts))
        return torch.from_numpy(siphash.choose_tokens(weights.numpy(), np.stack(states), rows, self._width))

    def _take_new(self, input_ids: LongTensor) -> None:
        """Append what was sampled since the last call: nothing at first, then one token a row."""
        if self._prompt < 0:
            raise self._counts.refuse(
                "logits before temperature, top-k and top-p",
                "pass a MarkedDecoding as custom_generate, and nothing in logits_processor",
            )
        if input_ids.shape != (len(self._answers), self._prompt + self._steps):
            raise self._counts.refuse("text that was not sampled token by token", "use ordinary sampling")
        if self._steps:
            for answer, token in zip(self._answers, input_ids[:, -1].tolist(), strict=True):
                answer.append(token)
        self._steps += 1


class _Watched(StoppingCriteriaList):
    """Stopping criteria that remember which rows have stopped, and count the tokens before they did."""

    def __init__(self, criteria: StoppingCriteriaList, live: list[bool]) -> None:
        super().__init__(criteria)
        self._live = live
        self.tokens = 0

    def __call__(self, input_ids: LongTensor, scores: FloatTensor, **kwargs: Any) -> BoolTensor:
        stopped = super().__call__(input_ids, scores, **kwargs)
        self.tokens += sum(self._live)
        for row, stops in enumerate(stopped.tolist()):
            self._live[row] &= not stops
        return stopped


class MarkedDecoding:
    """A decoding loop for `generate(custom_generate=…)` that marks what it samples and counts the rest.

    Raises `Error` for beams, contrastive search and assisted decoding; `do_sample=False` runs unmarked and is
    counted. One object serves one call at a time.
    """

    def __init__(self, profile: Profile, key: Secret) -> None:
        GumbelSiphash().check(profile)
        self.counts = Counts()
        self._processor = SipHashLogitsProcessor(profile.context_width, parse_key(key), self.counts)

    def __call__(
        self,
        model: Any,
        input_ids: LongTensor,
        logits_processor: LogitsProcessorList,
        stopping_criteria: StoppingCriteriaList,
        generation_config: GenerationConfig,
        **model_kwargs: Any,
    ) -> Any:
        """What `generate` calls with everything prepared; returns what its sampling loop returns."""
        mode = generation_config.get_generation_mode()
        if mode in _NO_MARK:
            raise self.counts.refuse(_NO_MARK[mode], "sample with num_beams=1, or generate without the mark")
        other = any("watermark" in type(one).__name__.lower() for one in logits_processor)
        if generation_config.watermarking_config is not None or other:
            raise self.counts.refuse(
                "text that carries another mark", "leave watermarking_config and other marks' processors out"
            )
        self._processor.start(*input_ids.shape)
        watched = _Watched(stopping_criteria, self._processor.live)
        if mode is GenerationMode.SAMPLE:
            logits_processor = LogitsProcessorList([*logits_processor, self._processor])
        result = model._sample(input_ids, logits_processor, watched, generation_config, **model_kwargs)
        if mode is GenerationMode.GREEDY_SEARCH:
            self.counts.greedy += watched.tokens
        return result
