"""Our sampler against plain sampling and transformers' SynthID, one thread, same logits, same run.

    OMP_NUM_THREADS=1 python benchmarks/sampler.py [--vocabulary 128256] [--batch 16]

Figures wanted at vocabulary 128,256 and batch 16 on CPU: at most 1.3 times softmax and multinomial, at most a
twentieth of SynthID at depth 30. Without torch and transformers their rows are left out. On a CUDA device the
choice at marked positions is timed against a decode step of an 8B-shaped model.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import Engine, Profile, Tokenizer
from countermark.watermark.sampling.numpy_sampler import Sampler, softmax_weights

try:
    import torch
except ImportError:
    torch = None

WIDTH = 4
DEPTH = 30
KEY = Secret(b"000102030405060708090a0b0c0d0e0f")


def profile() -> Profile:
    """Of our scheme with k = 4."""
    return Profile(
        engine=Engine("countermark", "1"),
        scheme="gumbel-siphash",
        prf="siphash-2-4",
        context_width=WIDTH,
        deduplication="single_turn",
        tokenizer=Tokenizer("benchmark"),
        key_id="benchmark",
        epoch="benchmark",
    )


def once_ms(step: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    step()
    return 1e3 * (time.perf_counter() - start)


def medians_ms(steps: dict[str, Callable[[], object]], repeats: int = 15) -> dict[str, float]:
    """Median milliseconds of each step, turn by turn so that a busy machine is busy for all of them.

    A step over a second is called three times.
    """
    first = {name: once_ms(step) for name, step in steps.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(repeats):
        for name, step in steps.items():
            if turn < 3 or first[name] < 1e3:
                times[name].append(once_ms(step))
    return {name: statistics.median(values) for name, values in times.items()}


def ours(logits: np.ndarray) -> Callable[[], object]:
    """Softmax and choice at positions that are all marked: their contexts do not repeat."""
    generator = np.random.default_rng(2)
    sampler = Sampler(profile(), KEY, generator)
    answers = [sampler.start() for _ in logits]
    for answer in answers:
        answer.ids.extend(generator.integers(0, logits.shape[1], WIDTH).tolist())

    return lambda: sampler.next_tokens(softmax_weights(logits), answers)


def numpy_plain(logits: np.ndarray) -> Callable[[], object]:
    """Softmax, cumulated sums and a search: the usual draw without torch."""
    generator = np.random.default_rng(3)

    def step() -> object:
        sums = np.cumsum(softmax_weights(logits), axis=1, dtype=np.float64)
        draws = generator.random(len(logits)) * sums[:, -1]
        return [np.searchsorted(row, draw, side="right") for row, draw in zip(sums, draws, strict=True)]

    return step


def torch_plain(logits: np.ndarray) -> Callable[[], object]:
    """torch.multinomial(torch.softmax(…), 1)."""
    tensor = torch.from_numpy(logits)
    return lambda: torch.multinomial(torch.softmax(tensor, -1), 1)


def synthid(logits: np.ndarray) -> Callable[[], object] | None:
    """transformers' SynthIDTextWatermarkLogitsProcessor at depth 30, then softmax and multinomial."""
    try:
        from transformers import SynthIDTextWatermarkLogitsProcessor
    except ImportError:
        return None
    processor = SynthIDTextWatermarkLogitsProcessor(
        ngram_len=WIDTH + 1,
        keys=list(range(1, DEPTH + 1)),
        sampling_table_size=2**16,
        sampling_table_seed=0,
        context_history_size=1024,
        device=torch.device("cpu"),
    )
    tensor = torch.from_numpy(logits)
    ids = torch.zeros((len(logits), 1), dtype=torch.long)

    def step() -> object:
        nonlocal ids
        chosen = torch.multinomial(torch.softmax(processor(ids, tensor), -1), 1)
        ids = torch.cat([ids, chosen], 1)
        return chosen

    return step


def cuda(batch: int, vocabulary: int) -> None:
    """Share of a decode step of an 8B-shaped model (32 layers, width 4096, MLP 14336, 8 of 32 KV heads)."""
    if torch is None or not torch.cuda.is_available():
        print("no CUDA device: the share of a decode step was not measured")
        return
    from countermark.watermark.prf.siphash import key_words
    from countermark.watermark.sampling.torch_siphash import choose_tokens

    device = torch.device("cuda")
    shapes = [(4096, 6144), (4096, 4096), (4096, 28672), (14336, 4096)]
    layers = [[torch.randn(s, device=device, dtype=torch.bfloat16) for s in shapes] for _ in range(32)]
    head = torch.randn(4096, vocabulary, device=device, dtype=torch.bfloat16)
    hidden = {rows: torch.randn(batch, rows, device=device, dtype=torch.bfloat16) for rows in (4096, 14336)}
    contexts = torch.randint(0, vocabulary, (batch, WIDTH), device=device)
    logits = torch.randn(batch, vocabulary, device=device)
    words = key_words(bytes(range(16)))
    choose = torch.compile(choose_tokens)

    def decode() -> None:
        for layer in layers:
            for weight in layer:
                hidden[weight.shape[0]] @ weight
        hidden[4096] @ head
        torch.cuda.synchronize()

    def mark() -> None:
        choose(torch.softmax(logits, -1), contexts, *words)
        torch.cuda.synchronize()

    step, choice = medians_ms({"decode": decode, "mark": mark}).values()
    print(
        f"CUDA: matrix products of a decode step {step:.2f} ms, choice {choice:.3f} ms: {choice / step:.2%}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocabulary", type=int, default=128_256)
    parser.add_argument("--batch", type=int, default=16)
    asked = parser.parse_args()
    shape = (asked.batch, asked.vocabulary)
    for spread in (1.0, 3.0):
        logits = np.random.default_rng(1).standard_normal(shape, np.float32) * np.float32(spread)
        steps = {"ours": ours(logits), "softmax + draw, numpy": numpy_plain(logits)}
        if torch is not None:
            torch.set_num_threads(1)
            steps["softmax + multinomial, torch CPU"] = torch_plain(logits)
            if (processor := synthid(logits)) is not None:
                steps[f"SynthID depth {DEPTH}, transformers"] = processor
        rows = medians_ms(steps)
        print(f"logits of standard deviation {spread:g}, vocabulary {asked.vocabulary}, batch {asked.batch}")
        for name, milliseconds in rows.items():
            print(f"  {name:36} {milliseconds:9.2f} ms   ours is {rows['ours'] / milliseconds:7.4f} of it")
    cuda(asked.batch, asked.vocabulary)


if __name__ == "__main__":
    main()
