"""Records vectors/engines/vllm-*.json from vLLM's own released code, on a CPU.

    python record_vllm.py UNPACKED_WHEEL… OUT_DIR

UNPACKED_WHEEL is a folder that holds `vllm/` as one release's wheel unpacks, or only these of its files:
`vllm/config/watermarking.py` and `vllm/v1/watermarking/`. Each folder's name is the release ("0.33.0"). Needs
torch and pydantic. What runs is the release's own `WatermarkConfig`, key derivation, PRF, watermarkers and
detectors. Replaced, because they load the GPU worker: the packages' `__init__` files, `vllm.logger`,
`vllm.config.utils.config` (a plain pydantic dataclass here), and
`vllm.v1.worker.gpu.sample.gumbel.gumbel_sample` (a Triton kernel: the *unmarked* draws come from torch's
generator here). Contexts of marked text are built as `GPUWatermarkSampler._get_contexts` says: ids of the
answer alone, -1 before its first token.

The keys are test keys and protect nothing. Never run in CI; the vectors are what CI reads.
"""

import inspect
import json
import math
import random
import sys
import types
from pathlib import Path

import pydantic
import torch

VOCABULARY = 1000
PACKAGES = (
    "vllm",
    "vllm.config",
    "vllm.v1",
    "vllm.v1.worker",
    "vllm.v1.worker.gpu",
    "vllm.v1.worker.gpu.sample",
)
KEYS = (0, 42, 0x0123456789ABCDEF, 2**64 - 1)


def load(folder: Path) -> dict[str, types.ModuleType]:
    """The release's modules, freshly imported."""
    for name in [name for name in sys.modules if name == "vllm" or name.startswith("vllm.")]:
        del sys.modules[name]
    for name in PACKAGES:
        module = types.ModuleType(name)
        module.__path__ = [str(folder / name.replace(".", "/"))]
        sys.modules[name] = module
    logger = types.ModuleType("vllm.logger")
    logger.init_logger = lambda _: types.SimpleNamespace(warning_once=lambda *_, **__: None)
    utils = types.ModuleType("vllm.config.utils")
    utils.config = pydantic.dataclasses.dataclass
    sampler = types.ModuleType("vllm.v1.worker.gpu.sample.gumbel")
    sampler.gumbel_sample = None
    for module in (logger, utils, sampler):
        sys.modules[module.__name__] = module
    import vllm.config.watermarking as config
    import vllm.v1.watermarking.gumbel as gumbel
    import vllm.v1.watermarking.prfs.philox as philox

    return {"config": config, "gumbel": gumbel, "philox": philox}


def defaults(modules: dict[str, types.ModuleType]) -> dict[str, object]:
    """What the release fills in, by where it does so."""
    config = modules["config"].WatermarkConfig(key=1)
    names = [name for name in type(config).__dataclass_fields__ if name != "key"]
    gumbel = modules["gumbel"]
    found: dict[str, object] = {"WatermarkConfig": {name: getattr(config, name) for name in names}}
    for name in ("GumbelWatermarkDetector", "DualKeyGumbelWatermarkDetector", "DualKeyGumbelWatermarker"):
        parameters = inspect.signature(getattr(gumbel, name).__init__).parameters.values()
        found[name] = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
    return found


def integers(modules, key: int, ids: list[int], width: int) -> dict[str, object]:
    """PRF outputs of every window of the padded document: 32-bit words, and the float32 uniforms."""
    philox = modules["philox"]
    prf = philox.PhiloxPRF(key)
    padded = [-1] * width + ids
    contexts = torch.tensor([padded[i : i + width] for i in range(len(ids))], dtype=torch.int64)
    tokens = torch.tensor(ids, dtype=torch.int64).unsqueeze(-1)
    uniforms = prf.uniform(contexts, tokens).squeeze(-1)
    to_uniform, philox.uint32_to_uniform = philox.uint32_to_uniform, lambda words: words
    try:
        raw = prf.uniform(contexts, tokens).squeeze(-1)
    finally:
        philox.uint32_to_uniform = to_uniform
    return {
        "key": hex(key),
        "context_width": width,
        "ids": ids,
        "words": raw.tolist(),
        "uniforms": [float(u) for u in uniforms],
    }


def marked(modules, config, length: int, seed: int, spread: float) -> list[int]:
    """An answer of a random bigram model, marked by the release's own watermarker."""
    watermarker = create(modules, config)
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(64, VOCABULARY, generator=generator) * spread
    width = config.context_width

    def draw(logits):
        return torch.multinomial(torch.softmax(logits, -1), 1, generator=generator).squeeze(-1)

    ids: list[int] = []
    seen: set[tuple[int, ...]] = set()
    for _ in range(length):
        context = tuple(([-1] * width + ids)[-width:])
        skip = config.deduplicate_contexts != "none" and context in seen
        skip |= config.deduplicate_contexts == "all" and len(ids) < width
        seen.add(context)
        logits = table[(ids[-1] if ids else 0) % 64].unsqueeze(0)
        sample = watermarker.sample(logits, torch.tensor([context]), draw, torch.tensor([skip]))
        ids.append(int(sample.token_ids[0]))
    return ids


def create(modules, config):
    gumbel = modules["gumbel"]
    if config.algorithm == "gumbel":
        return gumbel.GumbelWatermarker(config.key, config.context_width, config.prf)
    return gumbel.DualKeyGumbelWatermarker(config.key, config.context_width, config.prf, config.alpha)


def documents(modules, config) -> dict[str, list[int]]:
    rng = random.Random(7)
    width = config.context_width
    return {
        "empty": [],
        "one id": [5],
        "shorter than the context": [rng.randrange(VOCABULARY) for _ in range(max(width - 1, 1))],
        "random ids": [rng.randrange(128_256) for _ in range(300)],
        "many repeated contexts": [rng.randrange(3) for _ in range(200)],
        "one phrase again and again": [11, 12, 13, 14, 15] * 30,
        "marked, little entropy": marked(modules, config, 120, 1, 6.0),
        "marked": marked(modules, config, 150, 2, 1.0),
        "marked, beyond float64": marked(modules, config, 600, 3, 0.5),
    }


def cases(modules) -> list[dict[str, object]]:
    make = modules["config"].WatermarkConfig
    configs = [
        make(key=KEYS[1]),
        make(key=KEYS[2], context_width=1),
        make(key=KEYS[3], context_width=6, deduplicate_contexts="all"),
        make(key=KEYS[2], algorithm="dual_key_gumbel", alpha=0.1),
        make(key=KEYS[1], algorithm="dual_key_gumbel", alpha=0.25, context_width=2),
        make(key=KEYS[0], algorithm="dual_key_gumbel", alpha=0.5),
        make(key=KEYS[1], algorithm="dual_key_gumbel", alpha=0.0),
    ]
    rows = []
    for config in configs:
        gumbel = modules["gumbel"]
        dual = config.algorithm == "dual_key_gumbel"
        detector = (
            gumbel.DualKeyGumbelWatermarkDetector(config.key, config.context_width, alpha=config.alpha)
            if dual
            else gumbel.GumbelWatermarkDetector(config.key, config.context_width)
        )
        for name, ids in documents(modules, config).items():
            found = detector.detect(ids)
            rows.append(
                {
                    "name": name,
                    "algorithm": config.algorithm,
                    "key": hex(config.key),
                    "context_width": config.context_width,
                    "deduplicate_contexts": config.deduplicate_contexts,
                    "alpha": config.alpha if dual else None,
                    "ids": ids,
                    "num_scored_tokens": found.num_scored_tokens,
                    "score": found.score,
                    "p_value": found.p_value,
                    "log10_p_value": math.log10(found.p_value) if found.p_value > 0 else None,
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
    header = {
        "engine": "vllm",
        "generator": "vectors/generators/record_vllm.py",
        "keys": "test keys; they protect nothing",
        "torch": torch.__version__,
    }
    by_release: dict[str, dict[str, object]] = {}
    outcomes = {}
    for folder in map(Path, folders):
        modules = load(folder)
        by_release[folder.name] = defaults(modules)
        rng = random.Random(3)
        prf = [
            integers(modules, key, [rng.randrange(1 << 18) for _ in range(24)], width)
            for key, width in zip((*KEYS, 9, 10), (1, 2, 3, 4, 5, 16), strict=True)
        ]
        derive = modules["config"].derive_watermark_key
        derived = [
            {"key": hex(key), "domain": domain, "derived": hex(derive(key, domain.encode()))}
            for key in KEYS
            for domain in ("key_a", "key_b")
        ]
        outcomes[folder.name] = {"derived_keys": derived, "prf": prf, "detections": cases(modules)}
    newest = Path(folders[-1]).name
    same = [version for version, outcome in outcomes.items() if outcome == outcomes[newest]]
    write(Path(out) / "vllm.json", {**header, "version": newest, "same_outcome_in": same, **outcomes[newest]})
    write(Path(out) / "vllm-defaults.json", {**header, "releases": by_release})


if __name__ == "__main__":
    main(sys.argv[1:-1], sys.argv[-1])
