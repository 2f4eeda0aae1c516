"""Texts of marked teachers, and what a suspect answers, for the attribution benchmark.

Keys are test keys out of the names of teacher and mark. An answer follows a prompt of 16 ids out of the
language; the prompt is never marked.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attribution_language import VOCABULARY, Source
from attribution_models import Choose, plainly, sample
from countermark.records.transcripts import Transcript, transcript_line
from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import Engine, Profile, Tokenizer
from countermark.watermark.sampling.numpy_sampler import Sampler

Ids = NDArray[np.int64]
PROMPT, ANSWER = 16, 112
"""Ids of a text that teaches a student."""
SUSPECT_PROMPT, SUSPECT_PROMPTS, SUSPECT_ANSWER = 4, 100, 64
"""Windows that stand in any prompt are no evidence: so suspects get few and short prompts, each often."""
TEST_TEXTS = 9
"""Seed of the prompts of suspects, which nothing was trained on."""


def seed_of(*parts: object) -> int:
    """A number out of names."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def key_of(teacher: str, width: int) -> Secret:
    """The test key of a teacher for one context width."""
    name = f"attribution benchmark, no secret: {teacher} k={width}"
    return Secret(hashlib.sha256(name.encode()).hexdigest()[:32].encode())


def profile_of(teacher: str, width: int, vocabulary: int = VOCABULARY) -> Profile:
    """How a teacher marks."""
    return Profile(
        engine=Engine("countermark", "1"),
        scheme="gumbel-siphash",
        prf="siphash-2-4",
        context_width=width,
        deduplication="all",
        tokenizer=Tokenizer("ids of a benchmark", vocab_size=vocabulary),
        key_id=f"{teacher}-k{width}",
        epoch="benchmark",
    )


class Marked:
    """Sampling with our mark, for batches that begin anew whenever an answer is empty."""

    def __init__(self, profile: Profile, key: Secret, seed: int) -> None:
        self._sampler = Sampler(profile, key, np.random.default_rng(seed))
        self._answers: list[Any] = []

    def __call__(self, law: Tensor, answer: Ids) -> Ids:
        if answer.shape[1] == 0:
            self._answers = [self._sampler.start() for _ in range(len(answer))]
        return self._sampler.next_tokens(law.numpy(), self._answers)


def prompts(source: Source, count: int, *seed: int, length: int = PROMPT) -> Ids:
    """Different prompts, shape (count, length), in an order drawn with them."""
    found = source.documents(count + count // 20 + 8, length, *seed)
    first = np.sort(np.unique(found, axis=0, return_index=True)[1])[:count]
    return found[first]


def teacher_texts(model: Any, asked: Ids, mark: tuple[Profile, Secret] | None, seed: int) -> Ids:
    """Prompt and answer of every text, shape (n, PROMPT + ANSWER)."""
    choose: Choose = Marked(*mark, seed) if mark else plainly(seed)
    return np.concatenate([asked, sample([model], asked, ANSWER, choose)], axis=1)


def noised(texts: Ids, writer: Any, share: float, seed: int) -> Ids:
    """Texts in which another model has written this share of the answers' ids anew, each from what stands
    before it in the original text: a paraphrase, a token at a time."""
    import torch

    generator = np.random.default_rng(seed)
    choose, result = plainly(seed), texts.copy()
    for begin in range(0, len(texts), 64):
        block = texts[begin : begin + 64]
        with torch.inference_mode():
            laws = writer(torch.from_numpy(block)).logits[:, PROMPT - 1 : -1].softmax(-1)
        drawn = choose(laws.flatten(0, 1), block).reshape(len(block), -1)
        swap = generator.random(drawn.shape) < share
        result[begin : begin + 64, PROMPT:][swap] = drawn[swap]
    return result


def mixed(parts: list[tuple[Ids, float]], seed: int) -> Ids:
    """Texts of several corpora in these shares, as many as the first has, shuffled.

    The n-th text of every corpus answers the n-th prompt; each prompt is taken once.
    """
    count = len(parts[0][0])
    generator = np.random.default_rng(seed)
    order = generator.permutation(count)
    ends = np.round(np.cumsum([share for _, share in parts]) * count).astype(int)
    pieces = [texts[order[a:b]] for (texts, _), a, b in zip(parts, [0, *ends], ends, strict=False)]
    result = np.concatenate(pieces)
    return np.asarray(result[generator.permutation(len(result))])


def write_answers(path: Path, models: list[Any], asked: Ids, seed: int, *, count: int, length: int) -> None:
    """`count` answers of a suspect to prompts in turn, as transcripts; of several models their mean law."""
    of = np.arange(count) % len(asked)
    answers = sample(models, asked[of], length, plainly(seed))
    with path.open("wb") as stream:
        for number, answer in enumerate(answers):
            line = Transcript(
                id=f"answer-{number}",
                prompt_id=f"prompt-{of[number]}",
                prompt_ids=asked[of[number]].tolist(),
                token_ids=answer.tolist(),
                finish_reason="length",
                parameters={"temperature": 1.0, "max_tokens": length},
            )
            stream.write(transcript_line(line))
