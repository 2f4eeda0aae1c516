"""Runs in a process of its own: vLLM's watermarking package on the CPU, with stand-ins for what it imports.

    python vllm_stub.py ROOT VECTORS    prints a JSON object of what was found

ROOT holds the patched `vllm/config/watermarking.py` and `vllm/v1/watermarking`; no other part of vLLM runs.
"""

import json
import math
import sys
import types
from pathlib import Path

import torch
from pydantic.dataclasses import dataclass


def package(name: str, **members: object) -> None:
    """A stand-in module."""
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module


class Counter:
    """Of prometheus_client, as far as it is used."""

    def __init__(self, name, text, labels):
        self.seen = {}

    def labels(self, reason):
        self.reason = reason
        return self

    def inc(self):
        self.seen[self.reason] = self.seen.get(self.reason, 0) + 1


def load(root: Path) -> None:
    """Make the package importable without vllm/__init__.py, Triton and the model runner."""
    logger = types.SimpleNamespace(warning_once=lambda *a, **k: None)
    for name in ("vllm", "vllm.v1", "vllm.config"):
        package(name, __path__=[str(root / name.replace(".", "/"))])
    for name in ("vllm.v1.worker", "vllm.v1.worker.gpu", "vllm.v1.worker.gpu.sample"):
        package(name, __path__=[])
    package("vllm.v1.worker.gpu.sample.gumbel", gumbel_sample=None)
    package("vllm.logger", init_logger=lambda name: logger)
    package(
        "vllm.config.utils",
        config=lambda cls=None, **k: dataclass(cls, **k) if cls else lambda one: dataclass(one, **k),
    )
    if "prometheus_client" not in sys.modules:
        package("prometheus_client", Counter=Counter)


def refused(config: type, **settings: object) -> str:
    """The message of a configuration error, empty where there is none."""
    try:
        config(**settings)
    except ValueError as error:
        return str(error)
    return ""


def windows_found(vectors: Path) -> bool:
    """Whether all integers and scores are those of the vectors."""
    from vllm.v1.watermarking import create_prf

    for entry in json.loads((vectors / "windows.json").read_text()):
        prf = create_prf("siphash", int(entry["key"], 16))
        context, token = torch.tensor([entry["context"]]), torch.tensor([[entry["token"]]])
        found = prf.hashes(context, token).item() & (2**64 - 1)
        score = prf.token_scores(context, token).item()
        u = prf.uniform(context, token)
        same = math.isclose(score, entry["score"], rel_tol=1e-14, abs_tol=1e-300)
        if f"{found:016x}" != entry["h"] or not same or u.dtype != torch.float32 or not 0 < u.item() < 1:
            return False
    return True


def choices_found(vectors: Path) -> list[bool]:
    """Whether each chosen token is that of the vectors, from float32 logits."""
    from vllm.v1.watermarking import GumbelWatermarker

    out = []
    for entry in json.loads((vectors / "choices.json").read_text()):
        marker = GumbelWatermarker(int(entry["key"], 16), len(entry["context"]), "siphash")
        logits = torch.tensor([entry["probabilities"]]).log()
        out.append(marker.sample(logits, torch.tensor([entry["context"]])).token_ids.item() == entry["token"])
    return out


def detected(vectors: Path) -> list[list[float]]:
    """Scored tokens, score and p-value of the documents that stand in full."""
    from vllm.v1.watermarking import GumbelWatermarkDetector

    out = []
    for entry in json.loads((vectors / "documents.json").read_text()):
        if len(entry.get("bodies", ())) == 1:
            detector = GumbelWatermarkDetector(int(entry["key"], 16), entry["k"], prf="siphash")
            result = detector.detect(entry["bodies"][0])
            out.append([result.num_scored_tokens, result.score, result.p_value])
    return out


def float32_mismatches(trials: int = 400, vocabulary: int = 8_000) -> float:
    """Share of tokens that noise from the float32 u would choose differently, for logits of deviation 2."""
    from vllm.v1.watermarking import create_prf

    torch.manual_seed(1)
    prf = create_prf("siphash", 2**127 + 12345)
    tokens, differ = torch.arange(vocabulary), 0
    for _ in range(trials):
        logits, context = torch.randn(1, vocabulary) * 2, torch.randint(0, vocabulary, (1, 4))
        ours = torch.argmax(logits + prf.gumbel_noise(context, tokens))
        theirs = torch.argmax(logits + super(type(prf), prf).gumbel_noise(context, tokens))
        differ += int(ours != theirs)
    return differ / trials


def configurations(folder: Path) -> dict[str, str]:
    """Messages of configurations that are refused, and of those that are not."""
    from vllm.config.watermarking import WatermarkConfig

    key, file = bytes(range(16)).hex(), folder / "key"
    file.write_text(key + "\n")
    file.chmod(0o600)
    good = {"prf": "siphash", "deduplicate_contexts": "all", "deduplicate_contexts_max_history": None}
    cases = {
        "hex": good | {"key": key},
        "file": good | {"key_file": str(file)},
        "philox": {"key": 7},
        "philox too long": {"key": 2**64},
        "philox hex": {"key": "0x10"},
        "short": good | {"key": key[:30]},
        "no hex": good | {"key": "z" * 32},
        "none": good,
        "both": good | {"key": key, "key_file": str(file)},
        "dual": good | {"key": key, "algorithm": "dual_key_gumbel"},
        "single turn": good | {"key": key, "deduplicate_contexts": "single_turn"},
        "short history": good | {"key": key, "deduplicate_contexts_max_history": 8192},
        "target only": good | {"key": key, "allow_target_only_watermarking": True},
        "wide": good | {"key": key, "context_width": 65},
    }
    out = {name: refused(WatermarkConfig, **settings) for name, settings in cases.items()}
    out["equal"] = str(WatermarkConfig(**cases["hex"]).key == WatermarkConfig(**cases["file"]).key)
    out["shown"] = repr(WatermarkConfig(**cases["hex"]))
    file.chmod(0o644)
    return out | {"open file": refused(WatermarkConfig, **cases["file"])}


def main() -> None:
    """Print what was found."""
    root, vectors = Path(sys.argv[1]), Path(sys.argv[2])
    load(root)
    from vllm.config.watermarking import WatermarkConfig
    from vllm.v1.watermarking import create_watermarker, refusals

    config = WatermarkConfig(
        key="00" * 15 + "01",
        prf="siphash",
        deduplicate_contexts="all",
        deduplicate_contexts_max_history=None,
    )
    try:
        refusals.refuse("beam search")
    except ValueError as error:
        message = str(error)
    found = {
        "windows": windows_found(vectors),
        "choices": choices_found(vectors),
        "documents": detected(vectors),
        "factory": [create_watermarker(config).prf.version, create_watermarker(config).context_width],
        "float32_mismatches": float32_mismatches(),
        "configurations": configurations(root),
        "refused": message,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
