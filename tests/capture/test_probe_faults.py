"""Whatever an endpoint does, it ends in a transcript with a problem, and never in a traceback."""

from pathlib import Path

import pytest
from fake_provider import Provider
from probing import probe, transcripts, write_prompts

REPEATED = {
    "429": ("rate limit: HTTP 429 rate_limit_exceeded", True),
    "500": ("server error: HTTP 500 server_error", True),
    "503": ("server error: HTTP 503 overloaded", True),
    "cut": ("cut off", True),
    "drop": ("connection failed", True),
}
ONCE = {
    "400": ("request refused: HTTP 400 invalid_request_error", False),
    "filter400": ("content filter: HTTP 400 content_filter", False),
    "badjson": ("malformed answer: no JSON", False),
    "notjson": ("malformed answer: no JSON", False),
    "deep": ("malformed answer: no JSON", False),
    "surrogate": ("malformed answer: no JSON", False),
    "nochoices": ("malformed answer: no choices", False),
    "wrongtype": ("malformed answer: Expected `str | null`, got `int`", False),
    "huge": ("oversized answer", False),
    "gzip": ("malformed answer: compressed", False),
    "silent": ("silently cut: it ends at the limit, and says that it ended by itself", False),
    "more": ("silently cut: usage says 50 tokens", False),
    "short": ("silently cut: at 5 tokens, below the limit", False),
    "nofinish": ("silently cut: no finish reason", False),
    "empty": ("empty answer", False),
    "refusal": ("refusal", False),
    "filter": ("content filter", False),
    "tool": ("tool call", False),
    "print=fp_2": ("", False),
    "nousage": ("", False),
}


@pytest.mark.parametrize("fault", [*REPEATED, *ONCE])
def test_a_fault_becomes_a_problem(tmp_path: Path, fault: str) -> None:
    problem, repeated = {**REPEATED, **ONCE}[fault]
    write_prompts(tmp_path, "good", f"[{fault}] x")
    with Provider() as provider:
        done, summary = probe(provider, tmp_path, "--retries", "2", "--concurrency", "1")
    assert "Traceback" not in done.err
    assert transcripts(tmp_path)["p1#1"].problem.startswith(problem)
    assert bool(transcripts(tmp_path)["p1#1"].problem) is bool(problem)
    assert provider.asked[f"[{fault}] x"] == (3 if repeated else 1)
    assert summary["problems"] == ({problem.partition(":")[0]: 1} if problem else {})
    assert done.code == (11 if repeated else 0)


@pytest.mark.parametrize("fault", [*REPEATED, "errorwithin"])
def test_what_passes_is_repeated_until_it_has_passed(tmp_path: Path, fault: str) -> None:
    write_prompts(tmp_path, f"[{fault}, ok] x")
    more = ["--stream"] if fault in ("cut", "errorwithin") else []
    with Provider() as provider:
        done, summary = probe(provider, tmp_path, *more)
    assert (done.code, summary["usable"], summary["requests"]) == (0, 1, 2)


@pytest.mark.parametrize("fault", ["cut", "errorwithin"])
def test_a_stream_that_breaks_off_is_no_answer(tmp_path: Path, fault: str) -> None:
    write_prompts(tmp_path, f"[{fault}] x")
    with Provider() as provider:
        done, summary = probe(provider, tmp_path, "--stream", "--retries", "1")
    assert done.code == 11
    assert summary["problems"] == {"cut off" if fault == "cut" else "server error": 1}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("401", "HTTP 401 invalid_api_key: key refused"),
        ("quota", "HTTP 429 insufficient_quota: no quota left"),
        ("redirect=http://127.0.0.1:9/v1", "HTTP 307: sent elsewhere, which is not followed"),
    ],
)
def test_what_no_request_can_mend_ends_the_run_and_is_asked_again_later(
    tmp_path: Path, fault: str, reason: str
) -> None:
    write_prompts(tmp_path, f"[{fault}, ok] a", "b", "c")
    with Provider() as provider:
        done, summary = probe(provider, tmp_path, "--concurrency", "1")
        assert (done.code, summary["stopped"], summary["not_asked"]) == (11, reason, 3)
        assert summary["requests"] == 1
        done, summary = probe(provider, tmp_path, "--concurrency", "1")
    assert (done.code, summary["usable"]) == (0, 3)


def test_many_failures_in_a_row_end_the_run(tmp_path: Path) -> None:
    write_prompts(tmp_path, *(f"[400] {at}" for at in range(9)))
    with Provider() as provider:
        done, summary = probe(provider, tmp_path, "--concurrency", "1", "--most-failures", "4")
    assert done.code == 11
    assert sum(provider.asked.values()) == 4
    assert summary["stopped"].startswith("4 failures in a row")


def test_a_slow_trickle_meets_the_deadline(tmp_path: Path) -> None:
    write_prompts(tmp_path, "[slow] x")
    with Provider() as provider:
        _, summary = probe(provider, tmp_path, "--timeout", "0.3")
    assert (summary["problems"], summary["requests"]) == ({"deadline passed": 1}, 1)


def test_nobody_there_is_a_failed_connection_that_costs_nothing(tmp_path: Path) -> None:
    write_prompts(tmp_path, "x")
    with Provider() as provider:
        pass
    done, summary = probe(provider, tmp_path, "--retries", "1")
    assert (done.code, summary["problems"]) == (11, {"connection failed": 1})
    assert (summary["tokens_in"], summary["tokens_out"]) == (0, 0)


def test_a_changed_model_is_told_and_its_answers_are_not_used(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a", "[model=other] b", "c")
    with Provider() as provider:
        _, summary = probe(provider, tmp_path, "--concurrency", "1")
    assert transcripts(tmp_path)["p1#1"].problem == "another model: 'other', at first 'm-0613'"
    assert summary["models"] == {"m-0613": 2, "other": 1}
    assert summary["usable"] == 2


def test_a_changed_fingerprint_is_counted_and_on_request_a_problem(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a", "[print=fp_2] b")
    with Provider() as provider:
        _, summary = probe(provider, tmp_path, "--concurrency", "1", "--one-fingerprint")
    assert summary["fingerprints"] == {"fp_1": 1, "fp_2": 1}
    assert summary["problems"] == {"another fingerprint": 1}


def test_a_prompt_that_was_cut_is_seen_where_its_length_is_known(tmp_path: Path) -> None:
    write_prompts(tmp_path, {"prompt_ids": [1, 2, 3]})
    with Provider() as provider:
        # prompts of token ids cannot name a fault: the provider is told in another way
        provider.fault = "prompt"
        _, summary = probe(provider, tmp_path, "--api", "completions")
    assert transcripts(tmp_path)["p0#1"].problem == "silently cut: 3 tokens were sent, 1 of them read"
    assert summary["usable"] == 0


def test_a_stated_wait_is_kept(tmp_path: Path) -> None:
    write_prompts(tmp_path, "[429=1, ok] a")
    with Provider() as provider:
        done, _ = probe(provider, tmp_path)
    assert done.code == 0
    assert 0.9 < provider.times[1] - provider.times[0] < 5
