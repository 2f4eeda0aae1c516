"""Record what transformers 5.23.0 itself computes on a CPU (torch 2.13.0): green lists, detector, SynthID.

    python vectors/generators/record_transformers.py      # writes vectors/engines/transformers-*.json

Keys are test keys. The random model that generates marked text is made here, from a seed.
"""

import hashlib
import json
import random
from pathlib import Path

import torch
import transformers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    SynthIDTextWatermarkingConfig,
    SynthIDTextWatermarkLogitsProcessor,
    WatermarkDetector,
    WatermarkingConfig,
    WatermarkLogitsProcessor,
)

FOLDER = Path(__file__).parent.parent / "engines"
KEYS = [15485863, 1, 2**32 + 5, 9_007_199_254_740_993, 2**63 - 25]
SYNTHID_KEYS = [654, 400, 836, 123, 340, 443, 597, 160, 57, 29, 590, 639, 13, 715, 468, 990, 966, 226]
WIDE_KEYS = [(0x9E3779B97F4A7C15 * (i + 3)) % 2**63 for i in range(10)]
VOCABULARY = 512


def write(name: str, fields: dict[str, object], lists: dict[str, list[object]]) -> None:
    """One case a line, so that changes show."""
    head = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in fields.items()]
    body = [
        f"{json.dumps(key)}: [\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]"
        for key, cases in lists.items()
    ]
    (FOLDER / name).write_text("{\n" + ",\n".join(head + body) + "\n}\n")


def model() -> LlamaForCausalLM:
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=None,
        pad_token_id=0,
        initializer_range=0.3,
    )
    return LlamaForCausalLM(config).eval()


def generated(llama: LlamaForCausalLM, mark: object, tokens: int) -> list[int]:
    torch.manual_seed(11)
    prompt = torch.tensor([[5, 17, 300, 44, 8, 91]])
    out = llama.generate(prompt, watermarking_config=mark, do_sample=True, max_new_tokens=tokens, top_k=0)
    return out[0, prompt.shape[1] :].tolist()


def green_lists() -> list[object]:
    cases: list[object] = []
    shapes = [("lefthash", 1), ("lefthash", 3), ("selfhash", 1), ("selfhash", 2), ("selfhash", 4)]
    for vocabulary, ratio in [(64, 0.25), (1000, 0.5), (32000, 0.25), (128256, 0.25)]:
        for seeding, width in shapes:
            for key in KEYS[: 5 if vocabulary < 32000 else 2]:
                processor = WatermarkLogitsProcessor(
                    vocabulary,
                    "cpu",
                    ratio,
                    2.0,
                    hashing_key=key,
                    seeding_scheme=seeding,
                    context_width=width,
                )
                rng = random.Random(f"{vocabulary} {key} {seeding} {width}")
                context = [rng.randrange(vocabulary) for _ in range(5)]
                ids = sorted(processor._get_greenlist_ids(torch.tensor(context)).tolist())
                digest = hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()
                cases.append(
                    {"vocab_size": vocabulary, "greenlist_ratio": ratio, "key": key, "seeding": seeding,
                     "context_width": width, "context": context, "size": len(ids), "first": ids[:12],
                     "sha256": digest}
                )  # fmt: skip
    return cases


def detections(llama: LlamaForCausalLM) -> list[object]:
    cases: list[object] = []
    shapes = [("lefthash", 1, 0.25), ("lefthash", 3, 0.25), ("lefthash", 1, 0.5), ("selfhash", 1, 0.25),
              ("selfhash", 4, 0.25)]  # fmt: skip
    for seeding, width, ratio in shapes:
        for key in (KEYS[0], KEYS[3]):
            mark = WatermarkingConfig(
                greenlist_ratio=ratio, bias=4.0, hashing_key=key, seeding_scheme=seeding, context_width=width
            )
            rng = random.Random(f"{key} {seeding} {width}")
            documents = {
                "random": [rng.randrange(VOCABULARY) for _ in range(150)],
                "repeated": [rng.randrange(VOCABULARY) for _ in range(12)] * 10,
                "zeros": [0, 0, 0, 3, 0, 3, 0, 0, 9, 2],
                "shortest": [rng.randrange(2, VOCABULARY) for _ in range(width + 1)],
                "too short": [rng.randrange(2, VOCABULARY) for _ in range(width)],
                "marked": generated(llama, mark, 150),
            }
            if width == 1 and seeding == "lefthash":
                documents["underflows"] = greenest(mark, 700)
            for name, ids in documents.items():
                for unique in (False, True):
                    cases.append(detection(llama, mark, name, ids, unique))
    return cases


def greenest(mark: WatermarkingConfig, tokens: int) -> list[int]:
    """A walk from green token to green token."""
    processor = mark.construct_processor(VOCABULARY, "cpu")
    rng, ids = random.Random(3), [7]
    lists: dict[int, list[int]] = {}
    for _ in range(tokens):
        last = ids[-1]
        if last not in lists:
            lists[last] = processor._get_greenlist_ids(torch.tensor([last])).tolist()
        ids.append(rng.choice(lists[last]))
    return ids


def detection(
    llama: LlamaForCausalLM, mark: WatermarkingConfig, name: str, ids: list[int], unique: bool
) -> dict[str, object]:
    detector = WatermarkDetector(
        llama.config, "cpu", mark, ignore_repeated_ngrams=unique, max_cache_size=4096
    )
    case: dict[str, object] = {
        "name": name, "key": mark.hashing_key, "greenlist_ratio": mark.greenlist_ratio,
        "seeding": mark.seeding_scheme, "context_width": mark.context_width,
        "ignore_repeated_ngrams": unique, "ids": ids,
    }  # fmt: skip
    try:
        out = detector(torch.tensor([ids]), return_dict=True)
    except ValueError:
        return case | {"refused": True}
    return case | {
        "num_tokens_scored": int(out.num_tokens_scored[0]), "num_green_tokens": int(out.num_green_tokens[0]),
        "z_score": float(out.z_score[0]), "p_value": float(out.p_value[0]),
    }  # fmt: skip


def bits(tensor: torch.Tensor) -> str:
    return "".join(str(int(value)) for value in tensor.flatten())


def synthid(llama: LlamaForCausalLM) -> list[object]:
    cases: list[object] = []
    shapes = [(SYNTHID_KEYS, 5, 65536, 0, 1024), (WIDE_KEYS, 3, 65536, 5, 8), (WIDE_KEYS[:4], 2, 1024, 9, 3)]
    for keys, ngram_len, size, seed, history in shapes:
        options = {"ngram_len": ngram_len, "keys": keys, "sampling_table_size": size,
                   "sampling_table_seed": seed, "context_history_size": history}  # fmt: skip
        processor = SynthIDTextWatermarkLogitsProcessor(**options, device=torch.device("cpu"))
        rng = random.Random(ngram_len)
        documents = {
            "random": [rng.randrange(VOCABULARY) for _ in range(60)],
            "repeated": [rng.randrange(2, VOCABULARY) for _ in range(9)] * 5,
            "shortest": [rng.randrange(VOCABULARY) for _ in range(ngram_len)],
            "marked": generated(llama, SynthIDTextWatermarkingConfig(**options), 120),
        }
        for name, ids in documents.items():
            row, eos = torch.tensor([ids]), ids[len(ids) // 2]
            cases.append(
                {"name": name, **options, "ids": ids,
                 "g_values": [bits(values) for values in processor.compute_g_values(row)[0]],
                 "context_repetition_mask": bits(processor.compute_context_repetition_mask(row)),
                 "eos_token_id": eos, "eos_token_mask": bits(processor.compute_eos_token_mask(row, eos))}
            )  # fmt: skip
    return cases


def main() -> None:
    head: dict[str, object] = {
        "engine": "transformers", "version": transformers.__version__, "torch": torch.__version__,
        "device": "cpu", "generator": "vectors/generators/record_transformers.py", "vocab_size": VOCABULARY,
    }  # fmt: skip
    llama = model()
    lists = {"green_lists": green_lists(), "detections": detections(llama)}
    write("transformers-green-list.json", head, lists)
    table = torch.randint(0, 2, (64,), generator=torch.Generator().manual_seed(0))
    write("transformers-synthid.json", head | {"table_head": bits(table)}, {"documents": synthid(llama)})


if __name__ == "__main__":
    main()
