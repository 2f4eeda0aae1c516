"""What an observer of marked text without the key can do, by context width, on a small real model.

    OMP_NUM_THREADS=1 python benchmarks/threat_model.py MODEL_DIR

MODEL_DIR is a Hugging Face causal language model; the figures in spec/gumbel-siphash.md are of a Llama of
260,000 parameters with 512 tokens trained on TinyStories (llama2.c). Needs torch and transformers. It prints:

- retries: 100 answers to one prompt: distinct ones, self-BLEU (Zhu et al. 2018, "Texygen", BLEU-4 of each
  against the others), retries until two agree on their first 16 tokens (median over shuffled orders);
- forgery: a collector of N answers to different prompts keeps, by context, the token that followed most often
  where the context stood first, and writes 200-token texts that use it wherever it is fluent (a probability
  over 2% in a model of the collector's own, here the best case for it: the same weights);
  the table shows log10 p of one such text and of 16 pooled, and last of 16 answers that are truly marked.
"""

import argparse
import math
import statistics
from collections import Counter, defaultdict

import numpy as np
import torch
from transformers import AutoModelForCausalLM, LogitsProcessor

from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import Engine, Profile, Tokenizer
from countermark.watermark.sampling.logits_processor import MarkedDecoding
from countermark.watermark.schemes.base import Marks
from countermark.watermark.schemes.gumbel_siphash import GumbelSiphash

WIDTHS = (1, 2, 4)
LENGTH = 200
RETRIES = 100
COLLECTED = (1, 3, 10, 30, 100, 300)
FORGERIES = 16
FLUENT = 0.02
KEY = Secret(b"8f3a61c27e04d95b10aa77b6e2c5390d")


def profile(width: int) -> Profile:
    """Of our scheme."""
    return Profile(
        engine=Engine("countermark", "1"),
        scheme="gumbel-siphash",
        prf="siphash-2-4",
        context_width=width,
        deduplication="single_turn",
        tokenizer=Tokenizer("benchmark"),
        key_id="benchmark",
        epoch="benchmark",
    )


def answers(model, prompts: torch.Tensor, width: int, length: int = LENGTH, processors=()) -> np.ndarray:
    """Generated ids at temperature 1, shape (rows, length); width 0 is without a mark."""
    out = []
    for part in prompts.split(100):
        decoding = MarkedDecoding(profile(width), KEY) if width else None
        ids = model.generate(
            part,
            attention_mask=torch.ones_like(part),
            do_sample=True,
            top_k=0,
            max_new_tokens=length,
            min_new_tokens=length,
            eos_token_id=None,
            pad_token_id=0,
            custom_generate=decoding,
            logits_processor=list(processors),
        )
        out.append(ids[:, part.shape[1] :].numpy())
    return np.concatenate(out)


def log10_p(texts: np.ndarray, width: int) -> float:
    """Of the distinct pairs of some texts, shape (texts, length)."""
    scorer = GumbelSiphash().bind(profile(width), KEY)
    found = np.unique(np.concatenate([scorer.marks(row.astype(np.int64)).values for row in texts]))
    return scorer.judge(Marks(found, found, np.zeros(len(found), np.int64))).log_p / math.log(10)


def self_bleu(texts: list[tuple[int, ...]]) -> float:
    """Mean BLEU-4 of each text against all others; all have one length, so there is no brevity penalty."""
    logs = np.zeros(len(texts))
    for n in range(1, 5):
        counts = [Counter(zip(*(text[i:] for i in range(n)), strict=False)) for text in texts]
        first, second = Counter(), Counter()
        for one in counts:
            for gram, count in one.items():
                low, high = sorted((count, first[gram]))
                first[gram], second[gram] = high, max(second[gram], low)
        for at, one in enumerate(counts):
            hits = sum(
                min(count, second[gram] if count == first[gram] else first[gram])
                for gram, count in one.items()
            )
            logs[at] += math.log(max(hits, 1e-9) / sum(one.values())) / 4
    return float(np.exp(logs).mean())


def until_equal(texts: list[tuple[int, ...]], length: int = 16) -> float:
    """Median number of retries until two answers agree on their first tokens; inf where half never do."""
    generator, found = np.random.default_rng(1), []
    for _ in range(200):
        seen, needed = set(), math.inf
        for number, at in enumerate(generator.permutation(len(texts)), 1):
            start = texts[at][:length]
            if start in seen:
                needed = number
                break
            seen.add(start)
        found.append(needed)
    return statistics.median(found)


def learn(texts: np.ndarray, width: int) -> dict[tuple[int, ...], int]:
    """Context -> the token that followed most often where the context stood first in an answer."""
    followed: dict = defaultdict(Counter)
    for text in texts.tolist():
        seen = set()
        for at in range(width, len(text)):
            context = tuple(text[at - width : at])
            if context not in seen:
                seen.add(context)
                followed[context][text[at]] += 1
    return {context: counts.most_common(1)[0][0] for context, counts in followed.items()}


class Forge(LogitsProcessor):
    """Takes the learnt token wherever it is fluent."""

    def __init__(self, learnt: dict, width: int, prompt: int) -> None:
        self.learnt, self.width, self.prompt = learnt, width, prompt

    def __call__(self, input_ids, scores):
        if input_ids.shape[1] < self.prompt + self.width:
            return scores
        likely = torch.softmax(scores, -1)
        for row, ids in enumerate(input_ids[:, -self.width :].tolist()):
            token = self.learnt.get(tuple(ids))
            if token is not None and likely[row, token] > FLUENT:
                scores[row] = -torch.inf
                scores[row, token] = 0
        return scores


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    model = AutoModelForCausalLM.from_pretrained(parser.parse_args().model).eval()
    torch.manual_seed(1)
    start = torch.full((max(COLLECTED) + FORGERIES, 1), model.config.bos_token_id)
    prompts = torch.cat([start, torch.from_numpy(answers(model, start, 0, 12))], 1)
    fresh, collected = prompts[-FORGERIES:], prompts[: max(COLLECTED)]
    print("k        distinct of 100  self-BLEU  retries until two agree on 16 tokens  median log10 p of one")
    for width in (*WIDTHS, 0):
        rows = [tuple(row) for row in answers(model, fresh[:1].expand(RETRIES, -1), width).tolist()]
        own = statistics.median(log10_p(np.array([row]), width or 4) for row in rows)
        print(
            f"{width or 'no mark':<8} {len(set(rows)):>15} {self_bleu(rows):>10.3f} {until_equal(rows):>37}"
            f" {own:>21.1f}",
            flush=True,
        )
    print("\nforged 200-token texts: log10 p of one (median) / of 16 pooled, by answers collected")
    print("k        " + "".join(f"{count:>16}" for count in COLLECTED) + f"{'truly marked':>17}")
    for width in WIDTHS:
        texts, cells = answers(model, collected, width), []
        for count in COLLECTED:
            forge = Forge(learn(texts[:count], width), width, fresh.shape[1])
            forged = answers(model, fresh, 0, processors=[forge])
            one = statistics.median(log10_p(row[None], width) for row in forged)
            cells.append(f"{one:.1f} / {log10_p(forged, width):.1f}")
        one = statistics.median(log10_p(row[None], width) for row in texts[:FORGERIES])
        cells.append(f"{one:.1f} / {log10_p(texts[:FORGERIES], width):.1f}")
        print(f"{width:<8} " + " ".join(f"{cell:>15}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
