"""Whole packages by who would rather have them say something else, and what the verifier says of them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyrage
import pytest
from forging import forge
from log_stories import KEY_COMMITMENT, MATTER, OUTSIDER, Story, acquisition, day
from loopback_tsa import Authority, Server
from whole_case import attribution, options_of, told, trust_in

from countermark.prove.beforehand import log_check
from countermark.prove.package.timestamp import request_timestamp
from countermark.prove.verifying.verification import Verification
from countermark.prove.verifying.verify import verify
from countermark.records.canonical import canonical_json
from countermark.trust.cosigned import write_timestamp
from countermark.trust.privileged import Counsel
from countermark.trust.signing import SigningKey

RESULTS = "data/results.json"
Seal = Callable[..., Path]


@pytest.fixture
def seal_story(sealed: Seal, tmp_path: Path, key: SigningKey) -> Seal:
    def make(story: Story, *folders: Path, **more: Any) -> Path:
        trust = more.pop("trust", None) or trust_in(story, tmp_path, key)
        return sealed("whole", **options_of(story, tmp_path, trust=trust, attributions=list(folders), **more))

    return make


def failure(verification: Verification) -> tuple[int, str]:
    step = next(step for step in verification.steps if step.outcome == "FAILED")
    return step.number, step.detail


def story_with_late_key(folder: Path) -> tuple[Story, Path]:
    """The key was logged, with an old date, after the data were there."""
    story = Story(folder)
    story.plan()
    story.tick(day(2), OUTSIDER)
    story.log.append("commitment", {"commitment": KEY_COMMITMENT}, time=day(1))
    story.tick(day(11), OUTSIDER)
    run = story.start()
    story.finish(run, attribution(folder / "attribution", run.number))
    story.tick(day(12), OUTSIDER)
    return story, folder / "attribution"


def as_confirmatory(package: Path) -> dict[str, bytes]:
    """`results.json` of a package that calls its attribution confirmatory."""
    document = json.loads((package / RESULTS).read_bytes())
    entry = document["results"][1]
    entry |= {"class": "confirmatory", "heading": "Confirmatory: marks of our keys in text", "reasons": []}
    return {RESULTS: canonical_json(document)}


def test_a_back_dated_key_called_confirmatory_fails_at_step_12(
    seal_story: Seal, tmp_path: Path, key: SigningKey
) -> None:
    story, folder = story_with_late_key(tmp_path / "story")
    package, trust = seal_story(story, folder), trust_in(story, tmp_path, key)
    honest = verify(package, trust)
    assert (honest.verdict, honest.results[1].result_class) == ("VERIFIED", "exploratory")
    assert "is shown from 2026-06-11" in honest.results[1].reasons[0]
    lying = forge(package, tmp_path / "lying", key, as_confirmatory(package))
    number, sentence = failure(verify(lying, trust))
    assert number == 12
    assert sentence.startswith("attribute-1 says that it is confirmatory, and is not: the commitment ")


def test_what_is_said_to_be_exploratory_is_not_made_more_of(
    seal_story: Seal, tmp_path: Path, key: SigningKey
) -> None:
    story, folder = told(tmp_path / "story")
    package, trust = seal_story(story, folder), trust_in(story, tmp_path, key)
    document = json.loads((package / RESULTS).read_bytes())
    entry = document["results"][1]
    entry |= {"class": "exploratory", "heading": "Exploratory: text", "reasons": ["we would rather not"]}
    modest = forge(package, tmp_path / "modest", key, {RESULTS: canonical_json(document)})
    found = verify(modest, trust)
    assert (found.verdict, found.results[1].result_class) == ("VERIFIED", "exploratory")


@pytest.mark.parametrize("left_out", [1, 2])
def test_a_null_run_that_a_sealer_leaves_out_fails_at_step_11(
    seal_story: Seal, tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch, left_out: int
) -> None:
    """The first or the last of two; who seals has taken the check out of the program."""
    story = Story(tmp_path / "story").fixed()
    for number in (1, 2):
        run = story.start()
        story.finish(run, attribution(tmp_path / f"run {number}", run.number))
    story.tick(day(12), OUTSIDER)
    with monkeypatch.context() as patch:
        patch.setattr(log_check, "account", lambda *_: SimpleNamespace())
        package = seal_story(story, tmp_path / f"run {3 - left_out}", results=[])
    number, sentence = failure(verify(package, trust_in(story, tmp_path, key)))
    assert number == 11
    assert f"run {left_out} is done, and nothing that came out of it is in the package" in sentence.lower()


def test_all_runs_of_the_matter_are_kept_closed(
    seal_story: Seal, tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then no tag is known; the result itself says of which run it is."""
    story, folder = told(tmp_path / "story")
    with monkeypatch.context() as patch:
        patch.setattr("countermark.prove.beforehand.log_part.Asked.wants", lambda *_: False)
        patch.setattr("countermark.prove.sealing.seal.check_named_run", lambda *_: None)
        package = seal_story(story, folder)
    number, sentence = failure(verify(package, trust_in(story, tmp_path, key)))
    assert number == 12
    assert "attribute-1 says to be of run 1 of matter-7, which is not opened in the log" in sentence


def test_a_timestamp_of_the_log_instead_of_a_witness(
    seal_story: Seal, tmp_path: Path, key: SigningKey
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command")
    (tmp_path / "tsa").mkdir()
    authority = Authority(tmp_path / "tsa")
    after = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    story = Story(tmp_path / "story", custody=[acquisition(started=after)])
    story.plan()
    story.commit()
    story.tick(day(2))
    story.cosign(day(2))
    with Server(authority.reply) as url:
        stamp = request_timestamp(url, story.book.public.checkpoint().encode())
    write_timestamp(story.book.public.folder, 1, stamp.response)
    run = story.start()
    story.finish(run, attribution(tmp_path / "att", run.number))
    story.tick(day(12))
    known = trust_in(story, tmp_path, key, witnesses=[], tsa_roots=[authority.root_pem])
    package = seal_story(story, tmp_path / "att", trust=known)
    found = verify(package, known)
    assert (found.verdict, found.results[1].result_class) == ("VERIFIED", "confirmatory")
    assert "timestamped under CN=root of tsa" in next(one.detail for one in found.steps if one.name == "log")
    unknown = trust_in(story, tmp_path, key, witnesses=[])
    number, sentence = failure(verify(package, unknown))
    assert number == 12
    assert "cosigned by a known witness outside the alliance, or timestamped by an accepted" in sentence
    other = story.book.public.folder / "cosigned" / "1.tsr"
    changed = {"data/log/checkpoints/2.tsr": other.read_bytes()}
    swapped = forge(package, tmp_path / "swapped", key, changed)
    assert failure(verify(swapped, known))[0] == 11


def test_privileged_runs_are_counted_and_stay_undisclosed(
    seal_story: Seal, tmp_path: Path, key: SigningKey
) -> None:
    counsel = Counsel.read(str(pyrage.x25519.Identity.generate().to_public()))
    story = Story(tmp_path / "story").fixed()
    secret = story.start(counsel=counsel)
    story.finish(secret, b"what counsel was told", counsel=counsel)
    run = story.start()
    story.finish(run, attribution(tmp_path / "att", run.number))
    story.start("matter-8")
    story.tick(day(12), OUTSIDER)
    story.tick(day(13), OUTSIDER)
    package = seal_story(story, tmp_path / "att")
    found = verify(package, trust_in(story, tmp_path, key))
    assert found.verdict == "VERIFIED"
    assert found.results[1].result_class == "confirmatory"
    (log,) = (step.detail for step in found.steps if step.name == "log")
    assert f"1 of matter {MATTER} shown, 1 privileged and not disclosed, 1 of other matters" in log
    assert found.runs is not None
    assert (found.runs.logged, found.runs.shown, found.runs.privileged) == (3, 1, 1)
    openings = (package / "data/log/openings.jsonl").read_text()
    assert "matter-8" not in openings


def test_other_canaries_than_were_committed_to_are_refused_by_both_verifiers(
    seal_story: Seal, tmp_path: Path, key: SigningKey
) -> None:
    """The plan names one commitment; `attribution.json` says that another set was tested."""
    story = Story(tmp_path / "story").fixed()
    run, folder = story.start(), tmp_path / "att"
    attribution(folder, run.number)
    content = json.loads((folder / "attribution.json").read_bytes())
    content["parameters"]["commitment"] = "ab" * 32
    (folder / "attribution.json").write_bytes(canonical_json(content))
    story.finish(run, canonical_json(content))
    story.tick(day(12), OUTSIDER)
    package, trust = seal_story(story, folder), trust_in(story, tmp_path, key)
    assert verify(package, trust).results[1].result_class == "exploratory"
    lying = forge(package, tmp_path / "lying", key, as_confirmatory(package))
    number, sentence = failure(verify(lying, trust))
    assert (number, "which hypothesis H1 does not name" in sentence) == (12, True)
    command = [sys.executable, "-m", "countermark_verify", str(lying)]
    command += ["--trust", str(tmp_path / "whole-trust.json")]
    other = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (other.returncode, "FAILED at step 12" in other.stdout) == (20, True), other.stdout + other.stderr
