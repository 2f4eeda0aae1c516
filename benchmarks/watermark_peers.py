"""Detectors of others over the same token ids, where they are installed; what each does is said beside it.

- transformers: `pip install 'countermark[torch]'`
- TextSeal: `pip install textseal`
- vLLM: installed, or COUNTERMARK_VLLM_SOURCE naming a folder in which its wheel was unpacked (its
  watermarking package needs torch alone; what it imports from the rest of vLLM is filled in here)
"""

import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

Score = Callable[[], object]


@dataclass(frozen=True)
class Peer:
    """One detector over one body of ids."""

    name: str
    tokens: int
    """So many are scored in a call; slow detectors get fewer."""
    deduplicates: bool
    score: Score | None
    """None where it is not installed."""
    missing: str = ""


def peers(ids: np.ndarray, vocabulary: int) -> Iterator[Peer]:
    """Every peer over as many of `ids` as it gets through in a few seconds."""
    torch = _module("torch")
    if torch is not None:
        torch.set_num_threads(1)
    yield from _green_lists(torch, ids, vocabulary)
    yield _synthid(torch, ids[:100_000])
    yield from _textseal(torch, ids[:50_000])
    yield _vllm(torch, ids[:50_000])


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unpacked"


def _green_lists(torch: Any, ids: np.ndarray, vocabulary: int) -> Iterator[Peer]:
    transformers = _module("transformers") if torch is not None else None
    for scheme, width, count, size in (
        ("lefthash", 1, 4_000, vocabulary),
        ("lefthash", 1, 10_000, 32_000),
        ("selfhash", 4, 300, vocabulary),
    ):
        name = f"transformers green list, {scheme} k={width}, vocabulary {size:,}"
        if transformers is None:
            yield Peer(name, 0, True, None, "pip install 'countermark[torch]'")
            continue
        config = transformers.WatermarkingConfig(
            greenlist_ratio=0.25, bias=2.0, hashing_key=15485863, seeding_scheme=scheme, context_width=width
        )
        model = transformers.PretrainedConfig(vocab_size=size, bos_token_id=1, is_encoder_decoder=False)
        batch = torch.tensor(ids[:count] % size)[None]

        def score(config: Any = config, model: Any = model, batch: Any = batch) -> object:
            # a new detector a call: it keeps the n-grams that it has scored
            detector = transformers.WatermarkDetector(model, "cpu", config, ignore_repeated_ngrams=True)
            return detector(batch)

        yield Peer(f"{name} ({transformers.__version__})", count, True, score)


def _synthid(torch: Any, ids: np.ndarray) -> Peer:
    transformers = _module("transformers") if torch is not None else None
    name = "transformers SynthID, depth 30, with repetition mask, texts of 500"
    if transformers is None:
        return Peer(name, 0, True, None, "pip install 'countermark[torch]'")
    keys = np.random.default_rng(3).integers(0, 1 << 16, 30).tolist()
    config = transformers.SynthIDTextWatermarkingConfig(ngram_len=5, keys=keys)
    processor = config.construct_processor(128_256, "cpu")
    # it goes through time in Python and through the batch in torch, so a batch of short texts suits it best
    batch = torch.tensor(ids).reshape(-1, 500)

    def score() -> object:
        values = processor.compute_g_values(batch)
        mask = processor.compute_context_repetition_mask(batch)
        return (values * mask[..., None]).sum()

    return Peer(f"{name} ({transformers.__version__})", len(ids), True, score)


def _textseal(torch: Any, ids: np.ndarray) -> Iterator[Peer]:
    """Its detector goes token by token; `score_tokens` hashes at once what it has told apart."""
    found = importlib.util.find_spec("textseal") if torch is not None else None
    if found is not None and found.origin:  # the detector alone, without what its generator imports
        _bare_packages(Path(found.origin).parents[1], "textseal", "textseal.posthoc")
    core = _module("textseal.common.watermark.core") if found else None
    detectors = _module("textseal.posthoc.detector") if found else None
    if core is None or detectors is None:
        yield Peer("TextSeal, k=4", 0, True, None, "pip install textseal")
        return
    arguments = core.WatermarkConfig(ngram=4, scoring_method="v2")

    class Tokenizer:
        vocab_size = 128_256
        add_special_tokens = True

        def encode(self, text: list[int], **_: Any) -> list[int]:
            return text

        def decode(self, tokens: list[int]) -> list[int]:
            return tokens

    detector = detectors.build_detector(Tokenizer(), arguments)
    some = ids[:10_000].tolist()
    version = _version("textseal")
    yield Peer(
        f"TextSeal detector, k=4, v2 de-duplication ({version})",
        len(some),
        True,
        lambda: detector.get_scores_by_t([some], scoring_method="v2", seen_windows=set()),
    )
    batch = torch.tensor(ids)
    yield Peer(
        f"TextSeal score_tokens, k=4, v2 de-duplication ({version})",
        len(ids),
        True,
        lambda: core.score_tokens(batch, arguments),
    )


def _vllm(torch: Any, ids: np.ndarray) -> Peer:
    name = "vLLM GumbelWatermarkDetector, k=4, single_turn de-duplication"
    try:
        module = vllm_gumbel() if torch is not None else None
    except ImportError:
        module = None
    if module is None:
        return Peer(name, 0, True, None, "COUNTERMARK_VLLM_SOURCE=FOLDER of an unpacked wheel")
    tokens = ids.tolist()
    detector = module.GumbelWatermarkDetector(key=0x1234567, context_width=4)
    return Peer(f"{name} ({_version('vllm')})", len(tokens), True, lambda: detector.detect(tokens))


def vllm_gumbel() -> Any:
    """vLLM's `vllm.v1.watermarking.gumbel`, without the rest of vLLM where only its source is there."""
    source = os.environ.get("COUNTERMARK_VLLM_SOURCE")
    if source and "vllm" not in sys.modules:
        _bare_packages(Path(source), "vllm", "vllm.config", "vllm.v1")
        _stand_in("vllm.logger", init_logger=logging.getLogger)
        _stand_in("vllm.config.utils", config=lambda plain: plain)
        _stand_in("vllm.v1.worker.gpu.sample.gumbel", gumbel_sample=None)
    return importlib.import_module("vllm.v1.watermarking.gumbel")


def _bare_packages(root: Path, *names: str) -> None:
    """Packages whose modules can be imported and whose own `__init__` does not run."""
    for name in names:
        package = ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")))]
        sys.modules[name] = package


def _stand_in(name: str, **content: Any) -> None:
    module = ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module
