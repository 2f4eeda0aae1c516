"""Records vectors/joint-check/vllm-text.json: texts of a real model, marked by vLLM's own released code.

    python record_vllm_text.py UNPACKED_WHEEL MODEL OUT_DIR

UNPACKED_WHEEL is as in record_vllm.py, which loads it. MODEL is the folder `stories260k` (Llama of 260,000
parameters on TinyStories by A. Karpathy, MIT, in Hugging Face's form); its tokenizer.json is copied beside
the vector. Needs torch and transformers.

The release's own `WatermarkConfig`, PRF and `GumbelWatermarker` choose every marked token from the model's
logits, on the CPU: `_sample_watermarked` in its plain form, not its GPU kernel. Contexts and skipped
positions are built as `GPUWatermarkSampler` says. Unmarked draws come from torch's generator. What is kept is
the text that the tokenizer makes of the ids, as a server's client would get it, and nothing else of the ids
but whether the text gives the same ones again.

The keys are test keys and protect nothing. Never run in CI; the vector is what CI reads.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from record_vllm import create, load

KEYS = {"alpha": 0x1111_2222_3333_4444, "beta": 0x5EED_5EED_5EED_5EED, "gamma": 0x0F0F_1E1E_2D2D_3C3C}
LENGTH = 500
"""Tokens of a text: the model's context is 512."""
PROMPT = "Once upon a time"
TEMPERATURE = 1.0


@torch.no_grad()
def story(model, prompt: list[int], choose, length: int) -> list[int]:
    """Ids of an answer; `choose(logits, ids)` takes the next token."""
    ids: list[int] = []
    past, given = None, torch.tensor([prompt])
    while len(ids) < length:
        out = model(given, past_key_values=past, use_cache=True)
        past, logits = out.past_key_values, out.logits[:, -1].float() / TEMPERATURE
        logits[:, :3] = -torch.inf  # no end, no unknown piece: every text has the same length
        ids.append(choose(logits, ids))
        given = torch.tensor([ids[-1:]])
    return ids


def chooser(modules, config, seed: int):
    """A marking `choose`; without a config an unmarked one."""
    generator = torch.Generator().manual_seed(seed)

    def draw(logits):
        return torch.multinomial(torch.softmax(logits, -1), 1, generator=generator).squeeze(-1)

    if config is None:
        return lambda logits, _: int(draw(logits))
    watermarker, width = create(modules, config), config.context_width
    seen: set[tuple[int, ...]] = set()

    def choose(logits, ids):
        context = tuple(([-1] * width + ids)[-width:])
        skip = context in seen
        seen.add(context)
        sample = watermarker.sample(logits, torch.tensor([context]), draw, torch.tensor([skip]))
        return int(sample.token_ids[0])

    return choose


def main(wheel: str, model_folder: str, out: str) -> None:
    """Write the vector and the tokenizer beside it."""
    from tokenizers import Tokenizer
    from transformers import LlamaForCausalLM

    torch.set_num_threads(1)
    modules = load(Path(wheel))
    model = LlamaForCausalLM.from_pretrained(model_folder).eval()
    tokenizer = Tokenizer.from_file(str(Path(model_folder) / "tokenizer.json"))
    prompt = tokenizer.encode(PROMPT).ids
    make = modules["config"].WatermarkConfig
    texts = []
    for marked_by, seed in (("alpha", 1), ("beta", 2), ("beta", 3), ("gamma", 4), (None, 5)):
        config = None if marked_by is None else make(key=KEYS[marked_by])
        ids = story(model, prompt, chooser(modules, config, seed), LENGTH)
        text = tokenizer.decode(ids)
        again = tokenizer.encode(text, add_special_tokens=False).ids
        texts.append({"marked_by": marked_by, "text": text, "ids_come_back": again == ids})
        print(marked_by, again == ids, len(ids), len(again), text[:100].replace("\n", " "))
    default = make(key=1)
    content = {
        "engine": "vllm",
        "version": Path(wheel).name,
        "generator": "vectors/generators/record_vllm_text.py",
        "model": "stories260k, A. Karpathy, MIT",
        "config": {
            name: getattr(default, name) for name in ("algorithm", "context_width", "deduplicate_contexts")
        },
        "keys": {name: hex(key) for name, key in KEYS.items()},
        "texts": texts,
    }
    Path(out, "vllm-text.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    shutil.copyfile(Path(model_folder) / "tokenizer.json", Path(out, "vllm-text.tokenizer.json"))


if __name__ == "__main__":
    main(*sys.argv[1:])
