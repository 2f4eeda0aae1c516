"""Lineage of two models of 8B shape: time and peak memory of the command, one process, two cores at most.

    python benchmarks/lineage_size.py --folder FOLDER [--layers 32]

It writes two folders of random bfloat16 weights in shards (32 layers: 16 GB each; fewer if the disk has no
room, and says so) and runs `countermark attribute lineage` on them, with the digests of all files that an
attribution records. The suspect is half the reference's weights and half its own, or with `--independent` all
its own.
"""

import argparse
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

HIDDEN, UNITS, VOCABULARY, KEYS = 4096, 14336, 128256, 1024
LAYER = {
    "mlp.gate_proj": (UNITS, HIDDEN),
    "mlp.up_proj": (UNITS, HIDDEN),
    "mlp.down_proj": (HIDDEN, UNITS),
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (KEYS, HIDDEN),
    "self_attn.v_proj": (KEYS, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
}
CHUNK = 1 << 22
NORMAL = ndtri((np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.float32) * 0.02
"""A normal law by 16 bits."""
SPARE = 4 << 30


def main() -> None:
    """Write, run, measure, delete."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, required=True)
    arguments.add_argument("--layers", type=int, default=32)
    arguments.add_argument("--independent", action="store_true")
    chosen = arguments.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    layers = _room(chosen.folder, chosen.layers)
    try:
        start = time.monotonic()
        suspect = 0.0 if chosen.independent else 0.7
        for name, ours in (("reference", 1.0), ("suspect", suspect)):
            _write(chosen.folder / name, layers, ours)
        print(f"{layers} layers written in {time.monotonic() - start:.0f} s", file=sys.stderr)
        _run(chosen.folder, layers)
    finally:
        for name in ("reference", "suspect", "out"):
            shutil.rmtree(chosen.folder / name, ignore_errors=True)


def _room(folder: Path, layers: int) -> int:
    """Layers for which the disk has room."""
    each = 2 * 2 * sum(rows * columns for rows, columns in LAYER.values())
    rest = 2 * 2 * VOCABULARY * HIDDEN + SPARE
    fit = int((shutil.disk_usage(folder).free - rest) // each)
    if fit < layers:
        print(f"the disk has room for {fit} layers, not {layers}", file=sys.stderr)
    return min(fit, layers)


def _write(folder: Path, layers: int, ours: float) -> None:
    folder.mkdir(exist_ok=True)
    shards: dict[str, dict[str, tuple[int, int]]] = {"embed": {"model.embed_tokens": (VOCABULARY, HIDDEN)}}
    for layer in range(layers):
        shards[str(layer)] = {f"model.layers.{layer}.{name}": shape for name, shape in LAYER.items()}
    where = {}
    for number, tensors in enumerate(shards.values()):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        _shard(folder / file, tensors, number, ours)
        where |= {f"{name}.weight": file for name in tensors}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    config = {
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": UNITS,
        "num_hidden_layers": layers,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": VOCABULARY,
    }
    (folder / "config.json").write_text(json.dumps(config))


def _shard(path: Path, tensors: dict[str, tuple[int, int]], seed: int, ours: float) -> None:
    header, at = {}, 0
    for name, shape in tensors.items():
        size = 2 * shape[0] * shape[1]
        header[f"{name}.weight"] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        for chunk in _numbers(at // 2, seed, ours):
            stream.write(chunk.tobytes())


def _numbers(count: int, seed: int, ours: float) -> Iterator[NDArray[np.uint16]]:
    """bfloat16 bits of normal draws: `ours` times those of the reference, the rest other draws."""
    first, second = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        values = np.float32(ours) * NORMAL[first.integers(0, 1 << 16, size, dtype=np.uint16)]
        if ours < 1:
            rest = np.float32((1 - ours**2) ** 0.5)
            values += rest * NORMAL[second.integers(0, 1 << 16, size, dtype=np.uint16)]
        yield (values.view(np.uint32) >> 16).astype(np.uint16)


def _run(folder: Path, layers: int) -> None:
    line = [sys.executable, "-m", "countermark", "attribute", "lineage", "--json", "--no-exit-codes"]
    line += ["--reference", str(folder / "reference"), "--suspect", str(folder / "suspect")]
    line += ["--out", str(folder / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    start = time.monotonic()
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    seconds = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak, processor = used.ru_maxrss / (1 << 20), used.ru_utime + used.ru_stime
    answer = json.loads(done.stdout)
    figures = {one["name"]: round(one["log10_p_value"], 1) for one in answer["tests"]}
    print(f"layers {layers}, units compared a layer {answer['parameters']['most_units']:,}")
    print(f"{seconds:.0f} s, of the processor {processor:.0f} s")
    print(f"peak memory {peak:.2f} GiB (mapped pages of the files included)")
    print(f"verdict: {answer['verdict']}; log10 p: {figures}")


if __name__ == "__main__":
    main()
