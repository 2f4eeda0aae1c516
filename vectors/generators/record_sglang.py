"""Records vectors/engines/sglang.json from SGLang's own released code, on a CPU.

    python record_sglang.py UNPACKED_WHEEL… OUT_DIR

UNPACKED_WHEEL is a folder that holds `sglang/srt/sampling/watermarking/` of one release; its name is the
release ("0.5.23"). Needs torch and msgspec. What runs is the release's own detector, and for marked text its
own `WatermarkState` with the PyTorch selector: prompt tail, ring buffer, repeated contexts, coin and all.
Replaced, because they load the GPU worker: the packages' `__init__` files, and
`textseal_selector.watermark_selector_num_splits` (the size of a buffer that the CPU does not use).

The keys are test keys and protect nothing. Never run in CI; the vectors are what CI reads.
"""

import json
import random
import sys
import types
from pathlib import Path

import torch

VOCABULARY = 1000
PACKAGES = (
    "sglang",
    "sglang.srt",
    "sglang.srt.sampling",
    "sglang.kernels",
    "sglang.kernels.ops",
    "sglang.kernels.ops.sampling",
)
KEYS = ("2a", "0123456789abcdef", "ffffffffffffffff", "0x8000000000000001")


def load(folder: Path) -> dict[str, types.ModuleType]:
    """The release's modules, freshly imported."""
    for name in [name for name in sys.modules if name == "sglang" or name.startswith("sglang.")]:
        del sys.modules[name]
    for name in PACKAGES:
        module = types.ModuleType(name)
        module.__path__ = [str(folder / name.replace(".", "/"))]
        sys.modules[name] = module
    selector = types.ModuleType("sglang.kernels.ops.sampling.textseal_selector")
    selector.watermark_selector_num_splits = lambda _: 1
    sys.modules[selector.__name__] = selector
    import sglang.srt.sampling.watermarking.core as core
    import sglang.srt.sampling.watermarking.detector as detector

    return {"core": core, "detector": detector}


def marked(modules, config, length: int, seed: int, spread: float) -> list[int]:
    """An answer of a random bigram model to a prompt of 8 ids, marked by the release's own state."""
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(64, VOCABULARY, generator=generator) * spread
    state = modules["core"].WatermarkState(
        max_num_reqs=1,
        context_window=config["context_window"],
        max_contexts_per_req=4096,
        key=config["key"],
        key_b=config["key_b"],
        mixing_probability=config["mixing_probability"],
        device="cpu",
        default_enabled=True,
    )
    info = types.SimpleNamespace(
        has_watermark_candidates=True,
        max_top_k=VOCABULARY,
        top_ks=torch.tensor([VOCABULARY]),
        top_ps=torch.tensor([1.0]),
        min_ps=torch.tensor([0.0]),
        temperatures=torch.tensor([[1.0]]),
        watermark_keys=None,
        watermark_context_windows=None,
        watermark_enabled=None,
    )
    row = torch.tensor([0])
    prompt = torch.randint(0, VOCABULARY, (8,), generator=generator).tolist()
    state.init_from_prompt(row, [prompt[-config["context_window"] :]])
    ids: list[int] = []
    for _ in range(length):
        logits = table[(ids[-1] if ids else 0) % 64].unsqueeze(0).clone()
        state.force(logits, row, info)
        token = torch.multinomial(torch.softmax(logits, -1), 1, generator=generator).squeeze(-1)
        state.append(row, token)
        ids.append(int(token[0]))
    return ids


def documents(modules, config) -> dict[str, list[int]]:
    rng = random.Random(11)
    width = config["context_window"]
    return {
        "empty": [],
        "as long as the context": [rng.randrange(VOCABULARY) for _ in range(width)],
        "one id more than the context": [rng.randrange(VOCABULARY) for _ in range(width + 1)],
        "random ids": [rng.randrange(128_256) for _ in range(300)],
        "many repeated contexts": [rng.randrange(3) for _ in range(200)],
        "one phrase again and again": [11, 12, 13, 14, 15] * 30,
        "marked, little entropy": marked(modules, config, 120, 1, 6.0),
        "marked": marked(modules, config, 150, 2, 1.0),
        "marked, beyond float64": marked(modules, config, 600, 3, 0.5),
    }


def cases(modules) -> list[dict[str, object]]:
    configs = [
        {"key": KEYS[0], "key_b": None, "mixing_probability": 0.5, "context_window": 4},
        {"key": KEYS[1], "key_b": None, "mixing_probability": 0.5, "context_window": 1},
        {"key": KEYS[3], "key_b": None, "mixing_probability": 0.5, "context_window": 7},
        {"key": KEYS[1], "key_b": KEYS[2], "mixing_probability": 0.5, "context_window": 4},
        {"key": KEYS[3], "key_b": KEYS[0], "mixing_probability": 0.9, "context_window": 2},
    ]
    rows = []
    for config in configs:
        detector = modules["detector"].WatermarkDetector(
            config["key"],
            key_b=config["key_b"],
            mixing_probability=config["mixing_probability"],
            context_window=config["context_window"],
        )
        for name, ids in documents(modules, config).items():
            rows.append(row(name, config, ids, detector.detect_tokens(ids).combined))
    detector = modules["detector"].WatermarkDetector(KEYS[0])
    rng = random.Random(13)
    long = [rng.randrange(256) for _ in range(4400)]
    rows.append(
        row("more contexts than SGLang marks", configs[0], long, detector.detect_tokens(long).combined)
    )
    return rows


def row(name, config, ids, found) -> dict[str, object]:
    return {
        "name": name,
        **config,
        "ids": ids,
        "num_contexts": found.num_contexts,
        "score": found.score,
        "p_value": found.p_value,
        "log_p_value": found.log_p_value,
    }


def hashes(modules) -> list[dict[str, object]]:
    """The keyed function: context hashes, outcomes under a key, coins under two."""
    detector = modules["detector"]
    rng = random.Random(5)
    rows = []
    for width in (1, 2, 3, 4, 5, 16, 64):
        key_a, key_b = rng.choice(KEYS), rng.choice(KEYS)
        a, b = detector.parse_watermark_key(key_a), detector.parse_watermark_key(key_b)
        ids = [rng.randrange(1 << 18) for _ in range(width + 12)]
        contexts = [detector.hash_context(ids[at - width : at]) for at in range(width, len(ids))]
        pairs = list(zip(contexts, ids[width:], strict=True))
        rows.append(
            {
                "key": key_a,
                "key_b": key_b,
                "context_window": width,
                "ids": ids,
                "contexts": contexts,
                "outcomes": [detector.watermark_hash(a, context, token) for context, token in pairs],
                "coins": [detector.position_coin(a, b, context) for context in contexts],
            }
        )
    return rows


def write(path: Path, content: dict[str, object]) -> None:
    """One case a line, so that a difference can be read."""
    lines = []
    for key, value in content.items():
        if isinstance(value, list):
            rows = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in value)
            lines.append(f" {json.dumps(key)}: [\n{rows}\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main(folders: list[str], out: str) -> None:
    torch.set_num_threads(1)
    outcomes = {}
    for folder in map(Path, folders):
        modules = load(folder)
        outcomes[folder.name] = {"hashes": hashes(modules), "detections": cases(modules)}
    newest = Path(folders[-1]).name
    header = {
        "engine": "sglang",
        "generator": "vectors/generators/record_sglang.py",
        "keys": "test keys; they protect nothing",
        "torch": torch.__version__,
        "version": newest,
        "same_outcome_in": [name for name, outcome in outcomes.items() if outcome == outcomes[newest]],
    }
    write(Path(out) / "sglang.json", {**header, **outcomes[newest]})


if __name__ == "__main__":
    main(sys.argv[1:-1], sys.argv[-1])
