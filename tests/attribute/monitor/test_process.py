"""A key's e-process: pairs once over all batches, kill and resume, calibration, and what it finds."""

import math
import re
import stat
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from attribute.marked_worlds import key_of
from attribute.monitor.making import VOCABULARY, WIDTH, batch, marked
from countermark.attribute.monitor import process as processing
from countermark.attribute.monitor.process import Monitored, add_batch, result
from countermark.attribute.monitor.state import State, read_state
from countermark.errors import Error
from countermark.trust.keyfiles import Secret
from watermark_samples import KEY, own_profile, random_ids


def monitored(key: str = KEY) -> Monitored:
    return Monitored(own_profile(WIDTH, VOCABULARY), Secret(key.encode()))


def log10_p(state: State) -> float:
    value = result(state, 0.01, announced=False)["log10_p_value"]
    assert isinstance(value, float)
    return value


def test_a_marked_suspect_is_found_and_another_key_is_not(tmp_path: Path) -> None:
    for at in range(3):
        path = batch(tmp_path / f"{at}.jsonl", [marked(at, 150)])
        ours = add_batch(tmp_path / "ours", monitored(), path)
        other = add_batch(tmp_path / "other", monitored("ff" * 16), path)
    answer = result(ours, 0.01, announced=False)
    assert answer["decision"] == f"not independent of key {answer['key_id']}"
    assert log10_p(ours) < -20
    assert result(other, 0.01, announced=False)["decision"] == "not shown"
    assert log10_p(other) > -1
    assert [one["pairs"] for one in answer["batches"]] == [150, 150, 150]


def test_pairs_count_once_over_all_batches(tmp_path: Path) -> None:
    ids = marked(1, 200)
    once = add_batch(tmp_path / "s", monitored(), batch(tmp_path / "a.jsonl", [ids]))
    again = add_batch(tmp_path / "s", monitored(), batch(tmp_path / "b.jsonl", [ids, ids[20:90]]))
    assert len(again.seen) == len(once.seen)
    assert again.log10_e == once.log10_e
    assert again.head.batches[1].pairs == 0
    part = add_batch(tmp_path / "s", monitored(), batch(tmp_path / "c.jsonl", [ids + marked(2, 50)]))
    assert part.head.batches[2].pairs == 50 + 2 * WIDTH - WIDTH  # windows over the seam are new too


def test_the_order_and_the_cut_of_batches_do_not_matter(tmp_path: Path) -> None:
    parts = [marked(at, 80) for at in range(3)]
    for at, ids in enumerate(parts):
        apart = add_batch(tmp_path / "apart", monitored(), batch(tmp_path / f"{at}.jsonl", [ids]))
    whole = add_batch(tmp_path / "whole", monitored(), batch(tmp_path / "all.jsonl", parts[::-1]))
    assert whole.log10_e == pytest.approx(apart.log10_e)


def test_windows_that_stand_in_the_prompt_are_left_out(tmp_path: Path) -> None:
    ids = marked(1, 100)
    path = batch(tmp_path / "a.jsonl", [ids], prompt_ids=[int(one) for one in ids[:60]])
    assert (
        add_batch(tmp_path / "s", monitored(), path).head.batches[0].pairs == 102 - 60 - 6
    )  # six overlap the quotation and the four ids after it


def test_what_a_model_mends_in_a_quotation_is_not_bet_on(tmp_path: Path) -> None:
    ids = marked(1, 100)
    typos = [1 if at % 8 == 4 else int(one) for at, one in enumerate(ids)]
    path = batch(tmp_path / "a.jsonl", [ids, marked(2, 50)], prompt_ids=typos)
    assert add_batch(tmp_path / "s", monitored(), path).head.batches[0].pairs == 50


def test_selfhash_with_prompts_is_refused(tmp_path: Path) -> None:
    """Its lists hang on single ids of a window, which windows of prompts do not tell."""
    key = key_of("selfhash")
    path = batch(tmp_path / "a.jsonl", [[*range(1, 40)]], prompt_ids=[1, 2, 3])
    with pytest.raises(Error, match="selfhash"):
        add_batch(tmp_path / "s", Monitored(key.profile, key.secret), path)
    path = batch(tmp_path / "b.jsonl", [[*range(1, 40)]])
    assert add_batch(tmp_path / "s", Monitored(key.profile, key.secret), path).head.batches[0].pairs


def test_windows_of_a_prompt_count_in_no_later_answer_either(tmp_path: Path) -> None:
    ids = marked(1, 100)
    first = batch(tmp_path / "a.jsonl", [marked(2, 50)], prompt_ids=[int(one) for one in ids[:60]])
    add_batch(tmp_path / "s", monitored(), first)
    later = add_batch(tmp_path / "s", monitored(), batch(tmp_path / "b.jsonl", [ids]))
    assert later.head.batches[1].pairs == 102 - 60  # quotations are of the prompts of a batch


def test_a_batch_that_stands_in_the_state_changes_nothing(tmp_path: Path) -> None:
    path = batch(tmp_path / "a.jsonl", [marked(1, 50)])
    add_batch(tmp_path / "s", monitored(), path)
    before = (tmp_path / "s").read_bytes()
    add_batch(tmp_path / "s", monitored(), path)
    assert (tmp_path / "s").read_bytes() == before
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600


def test_a_killed_run_resumes_as_if_nothing_had_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [batch(tmp_path / f"{at}.jsonl", [marked(at, 50)]) for at in range(2)]
    add_batch(tmp_path / "s", monitored(), paths[0])

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(processing, "write_state", killed)
        with pytest.raises(KeyboardInterrupt):
            add_batch(tmp_path / "s", monitored(), paths[1])
    resumed = add_batch(tmp_path / "s", monitored(), paths[1])
    for path in paths:
        straight = add_batch(tmp_path / "straight", monitored(), path)
    assert resumed.head == straight.head
    np.testing.assert_array_equal(resumed.seen, straight.seen)


def test_the_largest_value_so_far_decides(tmp_path: Path) -> None:
    add_batch(tmp_path / "s", monitored(), batch(tmp_path / "a.jsonl", [marked(1, 60)]))
    later = add_batch(tmp_path / "s", monitored(), batch(tmp_path / "b.jsonl", [random_ids(1, 3000)]))
    assert later.log10_e < later.head.largest_log10_e == later.head.batches[0].log10_e
    assert log10_p(later) == pytest.approx(-later.head.largest_log10_e)


def test_a_key_that_shows_nothing_loses_at_most_a_factor_of_nine(tmp_path: Path) -> None:
    path = batch(tmp_path / "a.jsonl", [random_ids(1, 100_000).tolist()])
    assert -math.log10(9) - 1e-9 <= add_batch(tmp_path / "s", monitored(), path).log10_e < 0


def test_over_keys_no_level_is_reached_more_often_than_stated(tmp_path: Path) -> None:
    """One text, habits and all, under 150 keys and two looks each; one-sided 99%."""
    paths = [batch(tmp_path / f"{at}.jsonl", [random_ids(at, 60, 8).tolist()]) for at in range(2)]
    values = []
    for at in range(150):
        state = tmp_path / f"s{at}"
        for path in paths:
            last = add_batch(state, monitored(f"{at + 1:032x}"), path)
        values.append(last.head.largest_log10_e)
    for alpha in (0.5, 0.2, 0.05):
        reached = sum(value >= -math.log10(alpha) for value in values)
        assert beta.ppf(0.01, max(reached, 1), 150 - reached + 1) <= alpha


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"{}", b"\x00" * 100, b"{}\n", b"[" * 100_000 + b"\n", b"1e999\n" + b"\x00" * 8]
)
def test_a_state_that_is_none_is_one_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Error, match="no state"):
        read_state(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb'"largest_log10_e":[^,]+', b'"largest_log10_e":1e300'),
        (rb'"largest_log10_e":[^,]+', b'"largest_log10_e":1e999'),
        (rb'"logs":[^,]+', b'"logs":[300'),
        (rb'"bets":[^,]+,', b'"bets":['),
        (rb'"log10_e":[^,}]+', b'"log10_e":0'),
        (rb"\n.", b"\n"),
    ],
)
def test_a_state_whose_figures_cannot_be_is_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "s"
    add_batch(path, monitored(), batch(tmp_path / "a.jsonl", [marked(1, 50)]))
    good = path.read_bytes()
    changed = re.sub(old, new, good, count=1, flags=re.DOTALL)
    assert changed != good
    path.write_bytes(changed)
    with pytest.raises(Error, match="no state"):
        read_state(path)


def test_a_prompt_known_as_text_alone_needs_the_tokenizer(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "marked text"}]
    for at, fields in enumerate(
        ({"prompt": "marked text"}, {"messages": chat}, {"prompt": "a", "prompt_ids": []})
    ):
        with pytest.raises(Error, match="no tokenizer") as caught:
            add_batch(
                tmp_path / "s", monitored(), batch(tmp_path / f"{at}.jsonl", [marked(1, 100)], **fields)
            )
        assert "prompt_ids" in (caught.value.hint or "")
    assert read_state(tmp_path / "s") is None


def test_an_echo_of_a_chat_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = marked(1, 100)
    monkeypatch.setattr(processing.Tokens, "encode", lambda _, text: np.array(list(map(int, text.split()))))
    half = [" ".join(map(str, part)) for part in (ids[:30], ids[30:])]
    chat = [{"role": "system", "content": half[0]}, {"role": "user", "content": half[1]}]
    path = batch(tmp_path / "a.jsonl", [ids, marked(2, 50)], messages=chat)
    first = add_batch(tmp_path / "s", monitored(), path).head.batches[0]
    assert (first.pairs, first.without_prompt) == (50, 0)


def test_answers_without_any_prompt_are_counted(tmp_path: Path) -> None:
    state = add_batch(
        tmp_path / "s", monitored(), batch(tmp_path / "a.jsonl", [marked(1, 50), marked(2, 50)])
    )
    assert result(state, 0.01, announced=False)["without_prompt"] == 2


def test_a_state_of_another_key_or_name_is_refused(tmp_path: Path) -> None:
    path = batch(tmp_path / "a.jsonl", [marked(1, 50)])
    add_batch(tmp_path / "s", monitored(), path)
    with pytest.raises(Error, match="another key"):
        add_batch(tmp_path / "s", monitored("ff" * 16), path)
    with pytest.raises(Error, match="another name"):
        add_batch(tmp_path / "s", monitored(), path, name="other")
    (tmp_path / "s").chmod(0o644)
    with pytest.raises(Error, match="read by others"):
        add_batch(tmp_path / "s", monitored(), path)


def test_a_batch_without_a_pair_is_an_error_and_leaves_no_state(tmp_path: Path) -> None:
    for at, answers in enumerate([[], [[1]], [[9999, 1, 2, 3]]]):
        with pytest.raises(Error):
            add_batch(tmp_path / "s", monitored(), batch(tmp_path / f"{at}.jsonl", answers))
    refused = batch(tmp_path / "r.jsonl", [marked(1, 50)], problem="refused")
    with pytest.raises(Error, match="no pair"):
        add_batch(tmp_path / "s", monitored(), refused)
    assert read_state(tmp_path / "s") is None
