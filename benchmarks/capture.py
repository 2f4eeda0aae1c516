"""Capture of LiteLLM rows of 2 kB on one core: seconds, rows a second, peak memory, share of JSON parsing.

    python benchmarks/capture.py [ROWS]

The log is made once under .cache/ (2 kB a row: a system prompt, a user turn of some 900 bytes in one of 200
templates or free text, a response). Target for 1,000,000 rows: under 60 s and under 1.5 GB.
"""

import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import msgspec

CACHE = Path(".cache")
ROW_BYTES = 2_048
ACCOUNTS = 5_000
WORDS = [
    "".join(letters)
    for letters in zip(
        "abcdefghijklmnop" * 40, "aeiou" * 128, "lmnrst" * 107, "aeiou" * 128, "bdgkp" * 128, strict=False
    )
]


def sentence(generator: random.Random, characters: int) -> str:
    """Random words of so many characters in all."""
    return " ".join(generator.choices(WORDS, k=characters // 6))[:characters]


def row(number: int, generator: random.Random, templates: list[str]) -> bytes:
    """One record of LiteLLM's log, ROW_BYTES long."""
    account = generator.randrange(ACCOUNTS)
    prompt = sentence(generator, 900)
    if number % 2:
        prompt = generator.choice(templates).format(prompt[:400], number)
    record = {
        "id": f"chatcmpl-{generator.getrandbits(96):024x}",
        "trace_id": f"{generator.getrandbits(64):016x}",
        "call_type": "acompletion",
        "status": "success",
        "startTime": 1_767_225_600 + number * 0.35,
        "endTime": 1_767_225_603 + number * 0.35,
        "model": generator.choice(["large", "small"]),
        "prompt_tokens": 200,
        "completion_tokens": generator.randrange(1_000),
        "metadata": {
            "user_api_key_user_id": f"user-{account}",
            "user_api_key_hash": f"{account:064x}",
            "requester_ip_address": f"10.{account % 250}.{account // 250}.{generator.randrange(1, 250)}",
            "user_agent": "sdk/1.0 python/3.11",
        },
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": prompt},
        ],
        "model_parameters": {"temperature": 0.7, "max_tokens": 1_024},
        "response": "",
    }
    text = json.dumps(record)
    filler = sentence(generator, ROW_BYTES)[: max(0, ROW_BYTES - 1 - len(text))]
    return (text[:-2] + filler + '"}\n').encode()


def make_log(path: Path, rows: int) -> None:
    """Write the log when it is not there."""
    if path.exists():
        return
    path.parent.mkdir(exist_ok=True)
    generator = random.Random(1)
    templates = [sentence(generator, 300) + ' "{}" and number {}' for _ in range(200)]
    with path.with_suffix(".partial").open("wb") as stream:
        for number in range(rows):
            stream.write(row(number, generator, templates))
    path.with_suffix(".partial").rename(path)


def seconds(work: object) -> float:
    """CPU seconds that a call takes."""
    started = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - started


def main() -> None:
    """Make the log, capture it, compare with bare JSON passes."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    log = CACHE / f"litellm-{rows}.jsonl"
    make_log(log, rows)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from countermark.capture.formats import litellm
    from countermark.capture.run import CaptureOptions, capture_logs

    with tempfile.TemporaryDirectory() as folder:
        options = CaptureOptions(
            [str(log)], Path(folder) / "events", hash_key=Path(folder) / "keys.json", threads=1
        )
        wall = time.perf_counter()
        cpu = seconds(lambda: capture_logs(options))
        wall = time.perf_counter() - wall
        size = sum(path.stat().st_size for path in options.out.iterdir())
        shutil.rmtree(options.out)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def parse(decode: object) -> None:
        with log.open("rb") as stream:
            for line in stream:
                decode(line)  # type: ignore[operator]

    ours = seconds(lambda: parse(litellm._decoder.decode))
    print(f"{rows:,} rows, {log.stat().st_size / 1e9:.2f} GB; EVENTS {size / 1e6:.0f} MB")
    print(f"capture: {wall:.1f} s wall, {cpu:.1f} s CPU, {rows / cpu:,.0f} rows/s, peak {peak / 1e9:.2f} GB")
    print(f"JSON parsing (typed, as capture does it): {ours:.1f} s, {ours / cpu:.0%} of capture")
    for name, decode in (("msgspec, untyped", msgspec.json.decode), ("json.loads", json.loads)):
        bare = seconds(lambda decode=decode: parse(decode))
        print(f"bare pass with {name}: {bare:.1f} s; capture takes {cpu / bare:.1f} times as long")


if __name__ == "__main__":
    main()
