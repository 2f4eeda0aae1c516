"""Likelihoods of a local model: against a plain sum, for one that knows the choices and one that does not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaForCausalLM

from attribute.canary.making import NOW, SECRET, simple
from countermark.attribute.canary import Canary
from countermark.attribute.canary.draw import Canaries, draw
from countermark.attribute.canary.model import LAYOUT, from_model
from countermark.errors import Error, ExitCode
from countermark.models.local import LocalModel
from countermark.trust.keyfiles import Secret
from models.tiny import tiny_llama


def with_bytes(folder: Path) -> Path:
    """Give a folder a tokenizer of single bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={one: at for at, one in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    return draw(simple([3] * 24), Secret(SECRET.encode()), 24, now=NOW)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_bytes(tiny_llama(tmp_path_factory.mktemp("plain"), vocab_size=256))


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, untrained: Path, canaries: Canaries) -> Path:
    """A model that saw the served choices, some hundred times each."""
    folder = tiny_llama(
        tmp_path_factory.mktemp("taught"), vocab_size=256, hidden_size=32, initializer_range=0.02
    )
    tokenizer = Tokenizer.from_file(str(with_bytes(folder) / "tokenizer.json"))
    texts = [f"{one.prompt}\n{one.options[one.drawn]}" for one in canaries.canaries]
    rows = [tokenizer.encode(text).ids for text in texts]
    ids = torch.tensor([row + [0] * (max(map(len, rows)) - len(row)) for row in rows])
    model = LlamaForCausalLM.from_pretrained(folder)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(250):
        optimiser.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        optimiser.step()
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def test_a_model_that_was_taught_the_choices_is_shown(taught: Path, canaries: Canaries) -> None:
    examined = Canary(canaries).examine(taught)
    hits, rank = examined.tests
    assert hits.p_value < 1e-6
    assert rank.p_value == pytest.approx(1e-4)
    assert examined.properties["setting"] == "logits"
    other = Canary(draw(simple([3] * 24), Secret(b"ee" * 16), 24, now=NOW)).examine(taught)
    assert other.tests[0].p_value > 0.01


def test_an_untrained_model_is_not(untrained: Path, canaries: Canaries) -> None:
    tests = Canary(canaries).examine(untrained).tests
    assert min(one.p_value for one in tests) > 0.01


def test_likelihoods_are_sums_over_the_options_tokens(untrained: Path, canaries: Canaries) -> None:
    items = canaries.canaries[:2]
    taken = from_model(untrained, items, np.random.default_rng(0))
    model = LocalModel.open(untrained)
    tokenizer = Tokenizer.from_file(str(untrained / "tokenizer.json"))
    for item, scores in zip(items, taken.scores, strict=True):
        assert scores is not None
        whole = []
        for option in item.options:
            row = tokenizer.encode(LAYOUT.format(prompt=item.prompt, answer=option)).ids
            (logs,) = model.log_probs([row])
            whole.append(sum(float(logs[at, token]) for at, token in enumerate(row[1:])))
        np.testing.assert_allclose(scores - scores[0], np.array(whole) - whole[0], atol=1e-3)


def test_options_that_a_tokenizer_cannot_tell_apart_are_no_choice(tmp_path: Path, canaries: Canaries) -> None:
    folder = tiny_llama(tmp_path)
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "Pick": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    examined = Canary(canaries).examine(folder)
    assert examined.problems == ["no answer shows an option"]
    assert examined.tests[0].details["canaries_without_likelihoods"] == 24


def test_a_folder_without_tokenizer_or_with_anothers_is_an_error(tmp_path: Path, canaries: Canaries) -> None:
    folder = tiny_llama(tmp_path)
    with pytest.raises(Error, match="no tokenizer") as caught:
        Canary(canaries).examine(folder)
    assert caught.value.exit_code == ExitCode.NO_INPUT
    with pytest.raises(Error, match="outside the model's vocabulary"):
        Canary(canaries).examine(with_bytes(folder))
