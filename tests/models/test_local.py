"""Local models: what they say of the next token, what they sample, and which folders are refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

from countermark.errors import Error, ExitCode
from countermark.models.local import LocalModel
from models.tiny import tiny_llama


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny"))


def test_log_probs_are_those_of_the_model_alone(folder: Path) -> None:
    rows = [[1, 2, 3, 4, 5], [9], [7, 7, 7], [63, 0, 5, 6]]
    plain = LlamaForCausalLM.from_pretrained(folder)
    for row, logs in zip(rows, LocalModel.open(folder).log_probs(rows), strict=True):
        expected = torch.log_softmax(plain(torch.tensor([row])).logits[0], -1).detach().numpy()
        assert logs.shape == (len(row), 64)
        np.testing.assert_allclose(logs, expected, atol=1e-5)


def test_samples_follow_the_log_probs_and_repeat_with_their_seed(folder: Path) -> None:
    model = LocalModel.open(folder)
    (logs,) = model.log_probs([[5, 6]])
    answers = model.generate([[5, 6]] * 4000, max_tokens=1, temperature=1.0, seed=7)
    counts = np.bincount([row[0] for row in answers], minlength=64)
    expected = 4000 * np.exp(logs[-1].astype(float))
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    assert chi2 < 63 + 4 * np.sqrt(2 * 63)
    assert answers == model.generate([[5, 6]] * 4000, max_tokens=1, temperature=1.0, seed=7)
    assert answers != model.generate([[5, 6]] * 4000, max_tokens=1, temperature=1.0, seed=8)


def test_prompts_of_different_lengths_keep_their_places(folder: Path) -> None:
    model = LocalModel.open(folder)
    prompts = [[1, 2, 3], [4], [5, 6, 7]]
    together = model.generate(prompts, max_tokens=6, temperature=0.0, seed=0)
    alone = [model.generate([one], max_tokens=6, temperature=0.0, seed=0)[0] for one in prompts]
    assert together == alone
    for prompt, answer in zip(prompts, together, strict=True):
        (logs,) = model.log_probs([[*prompt, *answer[:-1]]])
        assert answer == logs[len(prompt) - 1 :].argmax(-1).tolist()


def test_an_answer_stops_before_the_id_that_ends_it(folder: Path, tmp_path: Path) -> None:
    model = LocalModel.open(folder)
    (free,) = model.generate([[1, 2]], max_tokens=8, temperature=0.0, seed=0)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [free[0]]}))
    assert LocalModel.open(tmp_path).generate([[1, 2]], max_tokens=8, temperature=0.0, seed=0) == [[]]


@pytest.mark.parametrize(
    ("row", "reason"), [([], "empty"), ([64], "outside"), ([-1], "outside"), ([1] * 65, "more than")]
)
def test_a_row_that_the_model_cannot_take_is_an_error(folder: Path, row: list[int], reason: str) -> None:
    with pytest.raises(Error, match=reason) as caught:
        list(LocalModel.open(folder).log_probs([row]))
    assert caught.value.exit_code == ExitCode.NO_INPUT


def _changed(folder: Path, to: Path, config: dict[str, Any] | None = None) -> Path:
    to.mkdir(exist_ok=True)
    fields = json.loads((folder / "config.json").read_text()) | (config or {})
    (to / "config.json").write_text(json.dumps(fields))
    (to / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    return to


def test_folders_that_are_no_usable_model(folder: Path, tmp_path: Path) -> None:
    nan = _changed(folder, tmp_path / "nan")
    weights = load_file(nan / "model.safetensors")
    weights["model.norm.weight"][3] = torch.nan
    save_file(weights, nan / "model.safetensors", metadata={"format": "pt"})
    cut = _changed(folder, tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-100])
    pickled = _changed(folder, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    quantised = _changed(folder, tmp_path / "quantised", {"quantization_config": {"quant_method": "gptq"}})
    strange = _changed(folder, tmp_path / "strange", {"model_type": "no-such", "architectures": ["NoSuch"]})
    (tmp_path / "empty").mkdir()
    reasons = {
        nan: "finite",
        cut: "no usable model",
        pickled: "no safetensors",
        quantised: "quantised",
        strange: "no usable model",
        tmp_path / "empty": r"no config\.json",
        tmp_path / "missing": r"no config\.json",
    }
    for one, reason in reasons.items():
        with pytest.raises(Error, match=reason) as caught:
            LocalModel.open(one)
        assert caught.value.exit_code == ExitCode.NO_INPUT


def _with(folder: Path, to: Path, weights: dict[str, torch.Tensor], **config: Any) -> Path:
    _changed(folder, to, config)
    save_file(weights, to / "model.safetensors", metadata={"format": "pt"})
    return to


def test_a_model_that_lacks_tensors_or_has_others_is_not_filled_up_at_random(
    folder: Path, tmp_path: Path
) -> None:
    weights = load_file(folder / "model.safetensors")
    bad = {
        "layer": (lambda name: "layers.1." not in name, {}, "9 tensors are missing"),
        "all": (lambda name: name == "lm_head.weight", {}, "20 tensors are missing"),
        "head": (lambda name: name != "lm_head.weight", {}, "1 tensors are missing"),
        "deeper": (lambda _: True, {"num_hidden_layers": 4}, "18 tensors are missing"),
        "shallower": (lambda _: True, {"num_hidden_layers": 1}, "9 tensors have no place"),
    }
    for name, (keep, config, reason) in bad.items():
        kept = {key: value for key, value in weights.items() if keep(key)}
        with pytest.raises(Error, match=reason) as caught:
            LocalModel.open(_with(folder, tmp_path / name, kept, **config))
        assert caught.value.exit_code == ExitCode.NO_INPUT
    with pytest.raises(Error, match=r"1 tensors have no place.*model\.adapter"):
        LocalModel.open(_with(folder, tmp_path / "more", weights | {"model.adapter": torch.zeros(3)}))
    del weights["lm_head.weight"]
    LocalModel.open(_with(folder, tmp_path / "tied", weights, tie_word_embeddings=True))


@pytest.mark.parametrize("ids", [{"a": 1}, [[1]], ["1"], True, 1.5])
def test_an_end_that_is_no_id_is_an_error(folder: Path, tmp_path: Path, ids: object) -> None:
    (_changed(folder, tmp_path) / "generation_config.json").write_text(json.dumps({"eos_token_id": ids}))
    with pytest.raises(Error, match="no usable model"):
        LocalModel.open(tmp_path)


def test_a_tiny_temperature_takes_the_likeliest(folder: Path) -> None:
    model = LocalModel.open(folder)
    likeliest = model.generate([[1, 2]], max_tokens=4, temperature=0.0, seed=0)
    for temperature in (1e-45, 1e-300, 1e-6):
        assert model.generate([[1, 2]], max_tokens=4, temperature=temperature, seed=3) == likeliest


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_finite_weights_that_overflow_are_an_error(folder: Path, tmp_path: Path, temperature: float) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] *= 1e38
    weights["model.norm.weight"] *= 1e38
    model = LocalModel.open(_with(folder, tmp_path / "huge", weights))
    with pytest.raises(Error, match="no finite logits"):
        list(model.log_probs([[1, 2]]))
    with pytest.raises(Error, match="no finite logits"):
        model.generate([[1, 2]], max_tokens=2, temperature=temperature, seed=0)


def test_code_beside_a_model_is_never_run(folder: Path, tmp_path: Path) -> None:
    mine = {"auto_map": {"AutoModelForCausalLM": "evil.Model", "AutoConfig": "evil.Config"}}
    one = _changed(folder, tmp_path / "evil", mine)
    (one / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    LocalModel.open(one)
    assert not (tmp_path / "ran").exists()
