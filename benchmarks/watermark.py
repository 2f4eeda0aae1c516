"""How fast marks are read, one core, beside the detectors of others in the same run.

    OMP_NUM_THREADS=1 python benchmarks/watermark.py [--only one,keys,pool]

Token ids are Zipf's over a vocabulary of 128,256, most windows of them distinct. Every figure is the median
of runs, by the processor's time of one thread. Peers that are not installed are said so
(`watermark_peers` says how to have them). docs/watermark-benchmarks.md holds the tables.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from countermark.stats import gamma
from countermark.trust.keyfiles import Secret
from countermark.watermark.key_pools import read_key_pool, score_key_pool
from countermark.watermark.prf.siphash import domain_word, gumbel_statistics, pack_windows
from countermark.watermark.profile import Engine, Profile, Tokenizer
from countermark.watermark.scoring import Detector, Document
from tables import table
from watermark_peers import peers

VOCABULARY = 128_256
WIDTH = 4
TARGET_SMALL, TARGET_LARGE = 20e6, 8e6
TARGET_KEYS, TARGET_POOL = 40.0, 180.0
TARGET_PEER, TARGET_GREEN = 30, 1_000

PROFILE = Profile(
    engine=Engine("countermark", "1"),
    scheme="gumbel-siphash",
    prf="siphash-2-4",
    context_width=WIDTH,
    deduplication="all",
    tokenizer=Tokenizer("ids of a benchmark", vocab_size=VOCABULARY),
    key_id="benchmark",
    epoch="benchmark",
)


def zipf_ids(count: int, seed: int = 1) -> np.ndarray:
    """Ids of P(rank r) ~ 1/(r + 2.7), ranks dealt to ids at random."""
    generator = np.random.default_rng(seed)
    weights = 1 / (np.arange(VOCABULARY) + 2.7)
    ranks = np.searchsorted(np.cumsum(weights) / weights.sum(), generator.random(count))
    return generator.permutation(VOCABULARY)[np.minimum(ranks, VOCABULARY - 1)].astype(np.int64)


def seconds(work: Callable[[], object], runs: int) -> float:
    """Median of CPU seconds over runs, after one that is not counted."""
    taken = []
    for _ in range(runs + 1):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return statistics.median(taken[1:])


def rate(value: float) -> str:
    """Tokens a second, cut and not rounded to three digits."""
    digits = max(0, len(str(int(value))) - 3)
    return f"{int(value) // 10**digits * 10**digits:,}"


def one_key() -> None:
    """One key with de-duplication, and the peers."""
    detector = Detector.open(PROFILE, Secret(b"000102030405060708090a0b0c0d0e0f"))
    small, rows = 0.0, []
    for count, runs, target in ((100_000, 15, TARGET_SMALL), (10_000_000, 7, TARGET_LARGE)):
        body = Document(zipf_ids(count))
        score = detector.score([body])
        speed = count / seconds(lambda body=body: detector.score([body]), runs)
        small = small or speed
        name = f"gumbel-siphash k={WIDTH}, {count:,} tokens, {score.evidence.scored:,} distinct"
        rows.append([name, rate(speed), f"{speed / target:.2f} of {rate(target)}", ""])
        _say(rows[-1])
    fastest, green = 0.0, 0.0
    for peer in peers(zipf_ids(100_000), VOCABULARY):
        if peer.score is None:
            rows.append([f"{peer.name}: not installed ({peer.missing})", "", "", ""])
            continue
        speed = peer.tokens / seconds(peer.score, 3)
        rows.append([f"{peer.name}, {peer.tokens:,} tokens", rate(speed), "", f"{int(small / speed):,}"])
        _say(rows[-1])
        fastest = max(fastest, speed)
        green = max(green, speed if "green list" in peer.name else 0.0)
    print(table(["one key, with de-duplication", "tokens/s", "target", "ours is faster by"], rows))
    if fastest:
        print(f"\nFastest peer: ours is {small / fastest:.0f} times as fast (target {TARGET_PEER}).")
    if green:
        print(f"Fastest green list: ours is {small / green:,.0f} times as fast (target {TARGET_GREEN:,}).")


def many_keys() -> None:
    """1,000 keys over a million tokens; a million keys over 2,000 tokens."""
    rows = []
    generator = np.random.default_rng(2)
    keys = [Secret(generator.bytes(16).hex().encode()) for _ in range(1_000)]
    body = [Document(zipf_ids(1_000_000))]
    taken = _once(lambda: score_key_pool(PROFILE, keys, body))
    rows.append(["1,000 keys over 1,000,000 tokens", *_pair_rate(1e9, taken), f"{TARGET_KEYS:.0f} s"])
    _say(rows[-1])
    numbers = generator.integers(0, 1 << 64, (1_000_000, 2), dtype=np.uint64)
    words = pack_windows(zipf_ids(2_000).astype(np.uint64), WIDTH)

    def score_numbers() -> object:
        statistics_ = gumbel_statistics(words, numbers, domain_word(WIDTH))
        return gamma.log_sf(statistics_, words.shape[1])

    taken = _once(score_numbers)
    what = "1,000,000 keys as numbers over 2,000 tokens, with p-values"
    rows.append([what, *_pair_rate(2e9, taken), f"{TARGET_POOL:.0f} s"])
    _say(rows[-1])
    print(table(["many keys", "seconds", "pairs/s", "target"], rows))


def pool_file() -> None:
    """The same million keys out of a pool file, each with its own result."""
    generator = np.random.default_rng(2)
    body = [Document(zipf_ids(2_000))]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pool"
        path.touch(mode=0o600)
        lines = (f'{{"account":"a{i}","key":"{generator.bytes(16).hex()}"}}\n' for i in range(1_000_000))
        path.write_text("".join(lines))
        started = time.process_time()
        pool = read_key_pool(path)
        read = time.process_time() - started
        rows.append(["reading a pool file of 1,000,000 keys", f"{read:.1f}", "", ""])
        taken = _once(lambda: score_key_pool(PROFILE, pool.keys, body))
        what = "scoring it over 2,000 tokens, a result a key"
        rows.append([what, *_pair_rate(2e9, taken), ""])
        rows.append(["both", *_pair_rate(2e9, read + taken), f"{TARGET_POOL:.0f} s"])
    print(table(["key pool", "seconds", "pairs/s", "target"], rows))


def _once(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _pair_rate(pairs: float, taken: float) -> tuple[str, str]:
    return f"{taken:.1f}", rate(pairs / taken)


def _say(row: list[str]) -> None:
    print(" ".join(row), file=sys.stderr, flush=True)


PARTS = {"one": one_key, "keys": many_keys, "pool": pool_file}


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    chosen = parser.parse_args().only.split(",")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for name in chosen:
        PARTS[name]()
        print()


if __name__ == "__main__":
    main()
