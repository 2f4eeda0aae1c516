"""A probe asks what it is told to, once, and keeps all of it as transcripts that can be verified again."""

import json
from pathlib import Path

import pytest
from fake_provider import Provider
from probing import arguments, probe, transcripts, write_prompts

from countermark.capture.probe.journal import Answered, Asked, journal_path, read_journal
from countermark.records.canonical import canonical_json, sha256_hex
from running import countermark

ANSWER = " w0 w1 w2 w3 w4"


@pytest.mark.parametrize("api", ["chat", "completions"])
@pytest.mark.parametrize("stream", [False, True])
def test_both_interfaces_whole_and_as_a_stream_say_the_same(tmp_path: Path, api: str, stream: bool) -> None:
    write_prompts(tmp_path, "good day", "good night")
    more = ["--api", api, "--logprobs", "2", "--token-ids", *(["--stream"] if stream else [])]
    with Provider() as provider:
        done, summary = probe(provider, tmp_path, *more)
    assert done.code == 0
    assert summary["complete"]
    assert summary["usable"] == summary["requests"] == 2
    one = transcripts(tmp_path)["p0#1"]
    assert (one.answer, one.token_ids, one.encoded) == (ANSWER, [1000, 1001, 1002, 1003, 1004], False)
    assert (one.prompt, one.prompt_id, one.finish_reason, one.problem) == ("good day", "p0", "stop", "")
    assert (one.model, one.model_asked, one.fingerprint) == ("m-0613", "m", "fp_1")
    assert one.logprobs is not None
    assert [choice.token for choice in one.logprobs] == [" w0", " w1", " w2", " w3", " w4"]
    assert one.logprobs[1].top == {" w1": -0.5, " other": -1.5}
    assert one.usage == {"prompt_tokens": one.usage["prompt_tokens"], "completion_tokens": 5}
    sent = provider.bodies[0]
    assert ("messages" in sent, "prompt" in sent) == (api == "chat", api != "chat")
    assert sent["model"] == "m"
    assert sent["logprobs"] is True if api == "chat" else sent["logprobs"] == 2
    assert sent.get("stream", False) is stream


def test_every_digest_is_that_of_bytes_in_the_journal(tmp_path: Path) -> None:
    write_prompts(tmp_path, "[500, ok] again")
    with Provider() as provider:
        probe(provider, tmp_path)
    lines = list(read_journal(journal_path(tmp_path / "t.jsonl")))
    asked = [line for line in lines if isinstance(line, Asked)]
    answered = [line for line in lines if isinstance(line, Answered)]
    assert [line.attempt for line in asked] == [line.attempt for line in answered] == [1, 2]
    assert [(line.status, line.final) for line in answered] == [(500, False), (200, True)]
    one = transcripts(tmp_path)["p0#1"]
    assert sha256_hex(asked[1].body) == one.request_sha256
    assert sha256_hex(answered[1].body) == one.response_sha256
    assert json.loads(asked[1].body) == provider.bodies[1]
    assert json.loads(answered[1].body)["choices"][0]["message"]["content"] == one.answer


def test_samples_have_ids_and_seeds_of_their_own(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a", "b")
    with Provider() as provider:
        probe(provider, tmp_path, "--samples", "3", "--seed", "7", "--concurrency", "1")
    assert list(transcripts(tmp_path)) == ["p0#1", "p1#1", "p0#2", "p1#2", "p0#3", "p1#3"]
    seeds = [body["seed"] for body in provider.bodies]
    assert len(set(seeds)) == 6
    asked = [(f"p{at}", sample) for sample in (1, 2, 3) for at in (0, 1)]
    assert seeds == [int(sha256_hex(canonical_json([7, *one]))[:8], 16) >> 1 for one in asked]


def test_parameters_are_sent_and_kept_as_sent(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a")
    more = ["--temperature", "0.25", "--top-p", "0.5", "--max-tokens", "3"]
    with Provider() as provider:
        _, summary = probe(provider, tmp_path, *more, "--max-tokens-field", "max_completion_tokens")
    assert provider.bodies[0]["max_completion_tokens"] == 3
    one = transcripts(tmp_path)["p0#1"]
    assert one.parameters == {"max_completion_tokens": 3, "temperature": 0.25, "top_p": 0.5}
    assert (one.finish_reason, one.problem, one.answer) == ("length", "", " w0 w1 w2")
    assert summary["limited"] == 1


def test_a_prefill_begins_the_answer_in_each_style(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a", {"prompt": "b", "prefill": "Well"})
    for style, extra in (
        ("vllm", {"add_generation_prompt": False, "continue_final_message": True}),
        ("plain", {}),
    ):
        folder = tmp_path / style
        folder.mkdir()
        (folder / "prompts.jsonl").write_bytes((tmp_path / "prompts.jsonl").read_bytes())
        with Provider() as provider:
            probe(provider, folder, "--prefill", "Sure", "--prefill-style", style, "--concurrency", "1")
        body = provider.bodies[0]
        assert body["messages"][-1] == {"role": "assistant", "content": "Sure"}
        assert provider.bodies[1]["messages"][-1]["content"] == "Well"
        assert {name: body[name] for name in extra} == extra
        assert transcripts(folder)["p0#1"].prompt == "a\nSure"


def test_completions_take_text_with_prefill_or_token_ids(tmp_path: Path) -> None:
    write_prompts(tmp_path, {"prompt": "Once ", "prefill": "upon"}, {"prompt_ids": [5, 6, 7]})
    with Provider() as provider:
        done, _ = probe(provider, tmp_path, "--api", "completions", "--concurrency", "1")
    assert done.code == 0
    assert [body["prompt"] for body in provider.bodies] == ["Once upon", [5, 6, 7]]
    assert transcripts(tmp_path)["p1#1"].prompt_ids == [5, 6, 7]


def test_a_text_file_has_a_prompt_a_line(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("first\n\n{second}\n", encoding="utf-8")
    with Provider() as provider:
        line = arguments(provider, tmp_path)
        line[line.index("--prompts") + 1] = tmp_path / "p.txt"
        assert countermark(*line).code == 0
    assert {one.prompt for one in transcripts(tmp_path).values()} == {"first", "{second}"}
    assert set(transcripts(tmp_path)) == {"line-1#1", "line-3#1"}


def test_people_read_what_is_missing(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a", "[429] b")
    with Provider() as provider:
        done = countermark(*arguments(provider, tmp_path, "--retries", "1"))
    assert done.code == 11
    assert "1 usable answers of 2 requests" in done.out
    assert "not used, rate limit: 1" in done.out
    assert "model m-0613: 1" in done.out


def test_answers_are_encoded_where_the_endpoint_gives_no_ids(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = {f"w{at}": at for at in range(5)} | {"day": 5, "[UNK]": 6}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    write_prompts(tmp_path, "day w3")
    with Provider() as provider:
        _, summary = probe(provider, tmp_path, "--tokenizer", tmp_path / "tokenizer.json")
    one = transcripts(tmp_path)["p0#1"]
    assert (one.prompt_ids, one.token_ids, one.encoded) == ([5, 3], [0, 1, 2, 3, 4], True)
    assert one.prompt_encoded
    assert summary["encoded"] == 1


def test_no_more_requests_at_a_time_than_told(tmp_path: Path) -> None:
    write_prompts(tmp_path, *(f"[pause=0.05] {at}" for at in range(9)))
    with Provider() as provider:
        probe(provider, tmp_path, "--concurrency", "3")
    assert provider.most_at_once == 3


def test_the_rate_holds_for_repetitions_too(tmp_path: Path) -> None:
    write_prompts(tmp_path, "[429, ok] a", "b", "c")
    with Provider() as provider:
        probe(provider, tmp_path, "--rate", "600")
    gaps = [later - earlier for earlier, later in zip(provider.times, provider.times[1:], strict=False)]
    assert len(gaps) == 3
    assert sum(gaps) > 0.27
