"""How often arithmetic of another precision chooses another token under our mark, on a small real model.

    OMP_NUM_THREADS=1 python benchmarks/sampling_mismatch.py MODEL_DIR

Along 64 marked answers the model runs again in float64 and bfloat16, and each position's choice is made from
those logits; and from float32 logits with noise from a float32 u of 24 bits, as vLLM's own keyed function has
it. Needs torch and transformers.
"""

import argparse

import torch
from transformers import AutoModelForCausalLM

from countermark.watermark.sampling.torch_siphash import choose_tokens, exponentials, key_words, token_hashes
from countermark.watermark.schemes.gumbel_siphash import parse_key
from threat_model import KEY, answers

WIDTH = 4
ROWS = 64


def logits(model: torch.nn.Module, ids: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """Logits that choose ids[:, WIDTH + 1:], shape (positions, vocabulary)."""
    with torch.no_grad():
        found = model.to(kind)(ids).logits[:, WIDTH:-1]
    return found.reshape(-1, found.shape[-1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    model = AutoModelForCausalLM.from_pretrained(parser.parse_args().model).eval()
    torch.manual_seed(2)
    prompts = torch.full((ROWS, 1), model.config.bos_token_id)
    ids = torch.cat([prompts, torch.from_numpy(answers(model, prompts, WIDTH))], 1)
    contexts = ids[:, 1:-1].unfold(1, WIDTH, 1).reshape(-1, WIDTH)
    words = key_words(parse_key(KEY))
    vocabulary = torch.arange(model.config.vocab_size)

    def choose(kind: torch.dtype) -> torch.Tensor:
        return choose_tokens(logits(model, ids, kind).double().softmax(-1), contexts, *words)

    reference = choose(torch.float64)
    hashes = token_hashes(contexts, vocabulary, *words)
    u = (((hashes >> 40) & (2**24 - 1)).double() + 1).div(2**24 + 1).float()
    plain = logits(model, ids, torch.float32)
    rows = {
        "float32 logits": choose(torch.float32),
        "bfloat16 logits": choose(torch.bfloat16),
        "float32 logits, noise in float32 from the full u": torch.argmax(
            plain - exponentials(hashes).log().float(), -1
        ),
        "float32 logits, noise from a u of 24 bits": torch.argmax(plain - torch.log(-torch.log(u)), -1),
    }
    print(f"{len(reference)} positions, vocabulary {len(vocabulary)}, k = {WIDTH}; against float64")
    for name, chosen in rows.items():
        print(f"  {name:50} {(chosen != reference).float().mean():8.4%}")


if __name__ == "__main__":
    main()
