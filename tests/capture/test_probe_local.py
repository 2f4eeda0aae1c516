"""A local Hugging Face folder is probed like an endpoint."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from probing import transcripts, write_prompts

from running import Done, countermark

pytest.importorskip("torch")
from countermark.models.local import LocalModel
from models.tiny import tiny_llama, word_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny"))


def probe(model: Path, folder: Path, *more: str | Path) -> tuple[Done, dict[str, Any]]:
    base = ["capture", "probe", "--endpoint", model, "--model", "tiny", "--max-tokens", "6"]
    base += ["--prompts", folder / "prompts.jsonl", "--out", folder / "t.jsonl", "--json"]
    done = countermark(*base, *more)
    return done, json.loads(done.out) if done.out else {}


def test_token_ids_and_logprobs_are_the_models_own(tmp_path: Path, folder: Path) -> None:
    write_prompts(tmp_path, {"prompt_ids": [1, 2, 3]}, {"prompt_ids": [4]})
    done, summary = probe(folder, tmp_path, "--samples", "2", "--logprobs", "3")
    assert (done.code, summary["usable"], summary["planned"]) == (0, 4, 4)
    kept = transcripts(tmp_path)
    assert kept["p0#1"].token_ids != kept["p0#2"].token_ids
    one = kept["p0#1"]
    assert one.prompt_ids == [1, 2, 3]
    assert one.token_ids is not None
    assert one.logprobs is not None
    (logs,) = LocalModel.open(folder).log_probs([[1, 2, 3, *one.token_ids]])
    expected = [logs[2 + at, token] for at, token in enumerate(one.token_ids)]
    np.testing.assert_allclose([choice.logprob for choice in one.logprobs], expected, atol=1e-5)
    best = np.sort(logs[2])[::-1][:3]
    np.testing.assert_allclose(sorted(one.logprobs[0].top.values(), reverse=True), best, atol=1e-5)
    assert one.model.startswith(f"{folder.name} sha256:")


def test_a_second_run_asks_nothing_and_another_folder_is_refused(tmp_path: Path, folder: Path) -> None:
    write_prompts(tmp_path, {"prompt_ids": [1, 2, 3]})
    probe(folder, tmp_path)
    whole = (tmp_path / "t.jsonl").read_bytes()
    _, summary = probe(folder, tmp_path)
    assert summary["requests_now"] == 0
    assert (tmp_path / "t.jsonl").read_bytes() == whole
    other = tiny_llama(tmp_path / folder.name, seed=1)
    assert "another endpoint" in probe(other, tmp_path)[0].error()


def test_another_run_has_other_answers_unless_it_is_seeded(tmp_path: Path, folder: Path) -> None:
    answers = []
    for name, more in (("one", ()), ("two", ()), ("seeded", ("--seed", "7")), ("again", ("--seed", "7"))):
        (tmp_path / name).mkdir()
        write_prompts(tmp_path / name, {"prompt_ids": [1, 2, 3]}, {"prompt_ids": [9]})
        probe(folder, tmp_path / name, *more)
        answers.append([one.token_ids for one in transcripts(tmp_path / name).values()])
    assert answers[0] != answers[1]
    assert answers[2] == answers[3]


def test_text_is_put_to_a_folder_as_a_server_would_with_special_tokens(tmp_path: Path) -> None:
    word_tokenizer(tiny_llama(tmp_path / "m"))
    write_prompts(tmp_path, "w5 w6")
    probe(tmp_path / "m", tmp_path, "--tokenizer", tmp_path / "m" / "tokenizer.json")
    one = transcripts(tmp_path)["p0#1"]
    assert (one.prompt_ids, one.prompt_encoded) == ([1, 5, 6], False)


def test_a_prompt_that_the_model_cannot_take_is_a_problem(tmp_path: Path, folder: Path) -> None:
    write_prompts(tmp_path, {"prompt_ids": [1]}, {"prompt_ids": [10_000]}, {"prompt": "no tokenizer"})
    done, summary = probe(folder, tmp_path)
    assert (done.code, summary["usable"]) == (0, 1)
    assert summary["problems"] == {"request refused": 2}


def test_what_an_endpoint_has_and_a_folder_has_not_is_refused(tmp_path: Path, folder: Path) -> None:
    write_prompts(tmp_path, "a")
    assert probe(folder, tmp_path, "--top-p", "0.5")[0].code == 2
    assert probe(folder, tmp_path, "--stream")[0].code == 2
    (tmp_path / "empty").mkdir()
    assert probe(tmp_path / "empty", tmp_path)[0].code == 3
