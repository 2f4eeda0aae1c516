"""The cost cap holds: with many requests at a time, with repetitions, without usage, over several runs."""

from decimal import Decimal
from pathlib import Path

import pytest
from fake_provider import Provider
from probing import probe, transcripts, write_prompts

# a million for a million tokens: the cap counts tokens
PRICES = ("--price-in", "1000000", "--price-out", "1000000", "--overhead-tokens", "10")
LIMIT = 20
WORST = 10 + 16 + LIMIT
"""Of a chat with an empty prompt: overhead, one message, the answer."""


def worst(prompt: str) -> int:
    """Most tokens that a prompt and its answer may have."""
    return WORST + len(prompt)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_the_cap_holds_and_is_used_up(tmp_path: Path, concurrency: int) -> None:
    prompts = [f"[pause=0.01] prompt {at:02}" for at in range(40)]
    write_prompts(tmp_path, *prompts)
    cap = 400
    more = [*PRICES, "--max-tokens", str(LIMIT), "--cost-cap", str(cap), "--concurrency", str(concurrency)]
    with Provider() as provider:
        done, summary = probe(provider, tmp_path, *more)
    assert done.code == 11
    assert summary["stopped"] == "the cost cap"
    spent = Decimal(summary["spent"])
    assert sum(provider.billed) == spent <= cap
    assert spent + worst(prompts[0]) > cap
    assert 0 < summary["not_asked"] == 40 - summary["usable"]


def test_a_request_that_could_cost_too_much_is_never_sent(tmp_path: Path) -> None:
    write_prompts(tmp_path, "abcd")
    more = [*PRICES, "--max-tokens", str(LIMIT)]
    with Provider() as provider:
        done, summary = probe(provider, tmp_path, *more, "--cost-cap", str(worst("abcd") - 1))
        assert (done.code, summary["requests"], provider.asked.total()) == (11, 0, 0)
        done, summary = probe(provider, tmp_path, *more, "--cost-cap", str(worst("abcd")))
        assert (done.code, provider.asked.total()) == (0, 1)


def test_what_failed_on_the_way_counts_with_its_worst_case(tmp_path: Path) -> None:
    prompts = [f"[{fault}] x" for fault in ("500, ok", "cut, ok", "429, ok", "nousage")]
    write_prompts(tmp_path, *prompts)
    with Provider() as provider:
        _, summary = probe(provider, tmp_path, *PRICES, "--max-tokens", str(LIMIT), "--cost-cap", "10000")
    answered = sum(sum(one.usage.values()) for one in transcripts(tmp_path).values())
    # the refusal (429) is free, and the answer without usage has its worst case
    assert Decimal(summary["spent"]) == answered + sum(map(worst, [prompts[0], prompts[1], prompts[3]]))


def test_repetitions_do_not_break_the_cap(tmp_path: Path) -> None:
    write_prompts(tmp_path, *(f"[cut, cut, cut, ok] {at}" for at in range(20)))
    more = [*PRICES, "--max-tokens", str(LIMIT), "--cost-cap", "500", "--concurrency", "6"]
    with Provider() as provider:
        done, summary = probe(provider, tmp_path, *more)
    assert done.code == 11
    assert sum(provider.billed) <= Decimal(summary["spent"]) <= 500


def test_a_later_run_counts_what_earlier_ones_spent(tmp_path: Path) -> None:
    prompts = [f"prompt {at:02}" for at in range(20)]
    write_prompts(tmp_path, *prompts)
    more = [*PRICES, "--max-tokens", str(LIMIT)]
    with Provider() as provider:
        _, first = probe(provider, tmp_path, *more, "--cost-cap", "100")
        _, second = probe(provider, tmp_path, *more, "--cost-cap", "100")
        assert second["requests_now"] == 0
        assert second["spent"] == first["spent"]
        _, third = probe(provider, tmp_path, *more, "--cost-cap", "160")
        assert sum(provider.billed) == Decimal(third["spent"]) <= 160
        assert third["usable"] > first["usable"]
        assert max(provider.asked.values()) == 1


def test_an_endpoint_that_charges_more_than_the_worst_case_ends_the_run(tmp_path: Path) -> None:
    write_prompts(tmp_path, "[overcharge] a", "b")
    more = [*PRICES, "--cost-cap", "5000", "--concurrency", "1"]
    with Provider() as provider:
        done, summary = probe(provider, tmp_path, *more)
    assert done.code == 11
    assert summary["requests"] == 1
    assert "more than its worst case" in summary["stopped"]


def test_money_is_exact(tmp_path: Path) -> None:
    write_prompts(tmp_path, *(f"{at}" for at in range(10)))
    prices = ["--price-in", "0.1", "--price-out", "0.7", "--cost-cap", "1"]
    with Provider() as provider:
        _, summary = probe(provider, tmp_path, *prices)
    tokens_in, tokens_out = summary["tokens_in"], summary["tokens_out"]
    assert (tokens_in, tokens_out) == (50, 50)
    assert Decimal(summary["spent"]) == Decimal("0.00004")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--cost-cap", "5"], "--cost-cap needs --price-in and --price-out"),
        (["--cost-cap", "NaN", *PRICES], "no amount like 12.50"),
        (["--cost-cap", "-1", *PRICES], "--cost-cap is -1"),
    ],
)
def test_a_cap_that_could_not_hold_is_refused(tmp_path: Path, more: list[str], message: str) -> None:
    write_prompts(tmp_path, "a")
    with Provider() as provider:
        done, _ = probe(provider, tmp_path, *more)
    assert done.code == 2
    assert message in done.error()
    assert not (tmp_path / "t.jsonl").exists()
