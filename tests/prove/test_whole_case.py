"""Confirmatory or exploratory, from the log to the verifier's answer; what was left out or dated back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from log_stories import ALLY, OUTSIDER, Story, day
from whole_case import LINK, attribution, options_of, told, trust_in

from countermark.errors import Error, ExitCode
from countermark.prove.verifying.verification import Verification
from countermark.prove.verifying.verify import verify
from countermark.trust.checkpoints import Checkpoint, sign_checkpoint
from countermark.trust.signing import SigningKey

Sealed = Callable[..., Path]


def said(verification: Verification) -> dict[str, str]:
    return {step.name: step.detail for step in verification.steps if step.outcome in ("ok", "FAILED")}


def failed_at(verification: Verification) -> str | None:
    return next((step.name for step in verification.steps if step.outcome == "FAILED"), None)


@pytest.fixture
def seal_story(sealed: Sealed, tmp_path: Path, key: SigningKey) -> Callable[..., tuple[Path, Any]]:
    def make(story: Story, folder: Path, **more: Any) -> tuple[Path, Any]:
        trust = trust_in(story, tmp_path, key)
        options = options_of(story, tmp_path, trust=trust, attributions=[folder], **more)
        return sealed("whole", **options), trust

    return make


def test_what_was_fixed_before_is_confirmatory(seal_story: Callable, tmp_path: Path) -> None:
    package, trust = seal_story(*told(tmp_path / "story"))
    verification = verify(package, trust)
    assert verification.verdict == "VERIFIED", said(verification)
    detect, attributed = verification.results
    assert (detect.result_class, attributed.reasons) == ("exploratory", ())
    assert attributed.result_class == "confirmatory"
    assert attributed.heading.startswith("Confirmatory: ")
    assert attributed.reasons == ()
    assert (verification.runs.logged, verification.runs.shown, verification.runs.privileged) == (1, 1, 0)
    said_of = "1 result is exploratory, 1 confirmatory; of 1 plan of the matter 1 is named by a result."
    assert said(verification)["results"] == said_of
    assert verify(package).verdict == "INTACT, SIGNER NOT CHECKED"
    assert [step.name for step in verify(package).steps if step.outcome == "NOT CHECKED"] == [
        "signers",
        "log",
        "results",
    ]


def test_the_same_case_gives_the_same_bytes(
    sealed: Sealed, seal_story: Callable, tmp_path: Path, key: SigningKey
) -> None:
    story, folder = told(tmp_path / "story")
    options = options_of(story, tmp_path, trust=trust_in(story, tmp_path, key), attributions=[folder])
    assert sealed("one.zip", **options).read_bytes() == sealed("two.zip", **options).read_bytes()


def test_without_an_outside_witness_nothing_is_confirmatory(seal_story: Callable, tmp_path: Path) -> None:
    story = Story(tmp_path / "story")
    story.plan()
    story.commit()
    story.tick(day(2), ALLY)
    run = story.start()
    story.finish(run, attribution(tmp_path / "att", run.number))
    story.tick(day(12), ALLY)
    package, trust = seal_story(story, tmp_path / "att")
    verification = verify(package, trust)
    assert verification.verdict == "VERIFIED"
    assert verification.results[1].result_class == "exploratory"
    assert verification.results[1].reasons


def test_a_verifier_who_does_not_know_the_witness_refuses_confirmatory(
    seal_story: Callable, tmp_path: Path, key: SigningKey
) -> None:
    story, folder = told(tmp_path / "story")
    package, _ = seal_story(story, folder)
    trust = trust_in(story, tmp_path, key, witnesses=[])
    verification = verify(package, trust)
    assert failed_at(verification) == "results"
    assert "says that it is confirmatory" in said(verification)["results"]


@pytest.mark.parametrize("late", ["plan", "key", "data"])
def test_what_was_written_after_is_exploratory(seal_story: Callable, tmp_path: Path, late: str) -> None:
    """A plan after the run, a key dated back, data from before the plan: sealed, and said to be so."""
    story = Story(tmp_path / "story")
    if late != "plan":
        story.plan()
    if late != "key":
        story.commit()
    story.tick(day(11 if late == "data" else 2), OUTSIDER)
    run = story.start()
    if late == "plan":
        story.plan()
    if late == "key":
        story.commit()
    story.finish(run, attribution(tmp_path / "att", run.number))
    story.tick(day(12), OUTSIDER)
    package, trust = seal_story(story, tmp_path / "att")
    verification = verify(package, trust)
    assert verification.verdict == "VERIFIED", said(verification)
    assert verification.results[1].result_class == "exploratory"
    assert verification.results[1].reasons


def test_a_null_run_that_nobody_shows_is_not_sealed(seal_story: Callable, tmp_path: Path) -> None:
    story = Story(tmp_path / "story").fixed()
    first, second = story.start(), story.start()
    story.finish(first, attribution(tmp_path / "null", first.number))
    story.finish(second, attribution(tmp_path / "att", second.number))
    story.tick(day(12), OUTSIDER)
    with pytest.raises(Error, match="run 1") as caught:
        seal_story(story, tmp_path / "att")
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_a_forked_log_is_found_by_a_checkpoint_that_somebody_kept(
    seal_story: Callable, tmp_path: Path, key: SigningKey
) -> None:
    story, folder = told(tmp_path / "story")
    package, _ = seal_story(story, folder)
    log_key = SigningKey.load(story.folder / "log.key")
    size = len(story.book.public)
    for other in (
        Checkpoint(story.trust.key.name, size, bytes(32)),
        Checkpoint(story.trust.key.name, 1, b"x" * 32),
    ):
        trust = trust_in(story, tmp_path, key, checkpoints=[sign_checkpoint(other, log_key)])
        assert failed_at(verify(package, trust)) == "log"
    same = trust_in(story, tmp_path, key, checkpoints=[story.book.public.checkpoint()])
    assert verify(package, same).verdict == "VERIFIED"
    unknown = trust_in(story, tmp_path, key, logs=[])
    assert failed_at(verify(package, unknown)) == "log"


def test_without_a_trust_file_all_is_sealed_as_exploratory(
    sealed: Sealed, tmp_path: Path, key: SigningKey
) -> None:
    story, folder = told(tmp_path / "story")
    package = sealed("whole", **options_of(story, tmp_path, attributions=[folder]))
    verification = verify(package, trust_in(story, tmp_path, key))
    assert verification.verdict == "VERIFIED", said(verification)
    assert {one.reasons for one in verification.results} == {("no trust file was given",)}
    assert LINK.result == verification.results[1].result
