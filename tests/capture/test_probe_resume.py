"""A probe that was killed goes on without asking twice, and says what was lost."""

import json
import random
import signal
import time
from pathlib import Path

from fake_provider import Provider
from probing import arguments, probe, transcripts, write_prompts

from countermark.capture.probe.journal import Answered, journal_path
from running import start

SEED = 20_260_104


def wait_until(true: object, seconds: float = 30) -> None:
    """Until a condition (a function) holds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def kill_at_hold(provider: Provider, folder: Path, prompt: str) -> None:
    """Start a probe in a process of its own, and kill it while an answer to this prompt is awaited."""
    process = start(*arguments(provider, folder, "--concurrency", "1"), folder=folder)
    wait_until(lambda: provider.asked[prompt])
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_killed_run_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a", "b", "[hold] c", "d")
    with Provider() as provider:
        kill_at_hold(provider, tmp_path, "[hold] c")
        done, summary = probe(provider, tmp_path)
        assert done.code == 11
        assert provider.asked == {"a": 1, "b": 1, "[hold] c": 1, "d": 1}
        assert summary["problems"] == {"asked, answer lost": 1}
        assert (summary["usable"], summary["not_asked"], summary["requests_now"]) == (3, 0, 1)
        assert transcripts(tmp_path)["p2#1"].problem == "asked, answer lost"
        provider.hold.set()
        done, summary = probe(provider, tmp_path, "--ask-lost-again")
    assert (done.code, summary["usable"], provider.asked["[hold] c"]) == (0, 4, 2)
    assert sorted(transcripts(tmp_path)) == ["p0#1", "p1#1", "p2#1", "p3#1"]


def test_what_was_lost_counts_against_the_cap(tmp_path: Path) -> None:
    write_prompts(tmp_path, "[hold] c")
    with Provider() as provider:
        kill_at_hold(provider, tmp_path, "[hold] c")
        _, summary = probe(provider, tmp_path)
    assert (summary["tokens_in"], summary["tokens_out"]) == (512 + 16 + len("[hold] c"), 256)


def test_killed_at_any_moment_nothing_is_asked_twice_and_nothing_that_came_is_gone(tmp_path: Path) -> None:
    prompts = [f"[pause=0.02] {at}" for at in range(60)]
    write_prompts(tmp_path, *prompts)
    draws = random.Random(SEED)
    with Provider() as provider:
        for asked in sorted(draws.sample(range(2, 50), 3)):
            process = start(*arguments(provider, tmp_path), folder=tmp_path)
            wait_until(lambda goal=asked: provider.asked.total() >= goal)
            time.sleep(draws.random() * 0.03)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        _, summary = probe(provider, tmp_path)
    assert set(provider.asked.values()) == {1}
    lost = summary["problems"].get("asked, answer lost", 0)
    assert lost <= 3 * 4
    assert summary["usable"] + lost == len(transcripts(tmp_path)) == 60


def test_a_torn_last_line_is_healed_in_both_files(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a", "b")
    out, journal = tmp_path / "t.jsonl", journal_path(tmp_path / "t.jsonl")
    with Provider() as provider:
        probe(provider, tmp_path, "--concurrency", "1")
        whole, kept = out.read_bytes(), journal.read_bytes()
        out.write_bytes(whole[:-7])
        journal.write_bytes(kept + b'{"kind":"asked","id":"p7')
        _, summary = probe(provider, tmp_path)
        assert provider.asked.total() == 2
    assert (summary["usable"], out.read_bytes(), journal.read_bytes()) == (2, whole, kept)


def test_an_answer_torn_off_in_the_journal_is_lost_and_not_asked_again(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a")
    journal = journal_path(tmp_path / "t.jsonl")
    with Provider() as provider:
        probe(provider, tmp_path)
        journal.write_bytes(journal.read_bytes()[:-9])
        _, summary = probe(provider, tmp_path)
        assert provider.asked.total() == 1
    assert summary["problems"] == {"asked, answer lost": 1}


def test_more_prompts_and_samples_go_on_and_other_parameters_do_not(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a")
    with Provider() as provider:
        probe(provider, tmp_path)
        write_prompts(tmp_path, "a", "b")
        _, summary = probe(provider, tmp_path, "--samples", "2")
        assert (summary["requests_now"], summary["usable"]) == (3, 4)
        done, _ = probe(provider, tmp_path, "--temperature", "0.5")
        assert done.code == 2
        assert "asked with another prompt or other parameters" in done.error()
        assert provider.asked.total() == 4
    with Provider() as another:
        done, _ = probe(another, tmp_path)
        assert "another endpoint" in done.error()


def test_what_failed_is_asked_again_only_when_told(tmp_path: Path) -> None:
    write_prompts(tmp_path, "[503, 503, ok] a")
    with Provider() as provider:
        _, summary = probe(provider, tmp_path, "--retries", "1")
        assert summary["problems"] == {"server error": 1}
        _, summary = probe(provider, tmp_path, "--retries", "1")
        assert (summary["problems"], provider.asked.total()) == ({"server error": 1}, 2)
        done, summary = probe(provider, tmp_path, "--retries", "1", "--ask-failed-again")
    assert (done.code, summary["usable"], summary["requests"]) == (0, 1, 3)


def test_a_file_that_is_not_ours_is_not_written_over(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a")
    (tmp_path / "t.jsonl").write_text("precious\n", encoding="utf-8")
    with Provider() as provider:
        done, _ = probe(provider, tmp_path)
        assert "has no journal" in done.error()
        assert provider.asked.total() == 0
    assert (tmp_path / "t.jsonl").read_text(encoding="utf-8") == "precious\n"


def test_a_changed_journal_is_an_error(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a")
    journal = journal_path(tmp_path / "t.jsonl")
    with Provider() as provider:
        probe(provider, tmp_path)
        lines = journal.read_bytes().splitlines(keepends=True)
        answered = json.loads(lines[2])
        assert answered["kind"] == Answered.__struct_config__.tag
        lines[2] = json.dumps({**answered, "response_sha256": "0" * 64}).encode() + b"\n"
        journal.write_bytes(b"".join(lines))
        done, _ = probe(provider, tmp_path)
        assert done.code == 3
        assert "does not have its digest" in done.error()
        journal.write_bytes(b"{}\n")
        assert probe(provider, tmp_path)[0].code == 3


def test_two_probes_do_not_write_to_one_file(tmp_path: Path) -> None:
    write_prompts(tmp_path, "[hold] a")
    with Provider() as provider:
        process = start(*arguments(provider, tmp_path), folder=tmp_path)
        wait_until(lambda: provider.asked.total())
        done, _ = probe(provider, tmp_path)
        assert "another probe writes" in done.error()
        provider.hold.set()
        process.communicate()
    assert process.returncode == 0


def test_an_interrupt_waits_for_what_is_under_way_and_keeps_it(tmp_path: Path) -> None:
    write_prompts(tmp_path, "[hold] a", "b")
    with Provider() as provider:
        process = start(*arguments(provider, tmp_path, "--concurrency", "1"), folder=tmp_path)
        wait_until(lambda: provider.asked.total())
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        provider.hold.set()
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "Traceback" not in err
        assert transcripts(tmp_path)["p0#1"].problem == ""
        _, summary = probe(provider, tmp_path)
    assert summary["usable"] == 2
    assert max(provider.asked.values()) == 1


def test_a_second_interrupt_gives_up_what_is_under_way(tmp_path: Path) -> None:
    write_prompts(tmp_path, "a", "[hold] b")
    with Provider() as provider:
        process = start(*arguments(provider, tmp_path, "--concurrency", "1"), folder=tmp_path)
        wait_until(lambda: provider.asked["[hold] b"])
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=4)
        assert process.returncode == 130
        assert "Traceback" not in err
        _, summary = probe(provider, tmp_path)
    assert summary["problems"] == {"asked, answer lost": 1}
