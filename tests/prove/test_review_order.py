"""An opposing expert's packages: they verify as confirmatory, and the order of things was another."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from forging import forge
from log_stories import KEY_COMMITMENT, LINK, OUTSIDER, PROMPTS, SUSPECT, Story, acquisition, day, plan_of
from msgspec.structs import replace
from test_case_lies import as_confirmatory
from whole_case import attribution, options_of, told, trust_in

import countermark_verify
from countermark.errors import Error
from countermark.prove.beforehand import log_check
from countermark.prove.beforehand.results import ResultLink
from countermark.prove.custody.custody import Item
from countermark.prove.leaves import leaf_files
from countermark.prove.redacting import redact as redacting
from countermark.prove.redacting.redact import RedactOptions, redact
from countermark.prove.redacting.takes import Take
from countermark.prove.verifying.verify import verify
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.trust import runs
from countermark.trust.signing import SigningKey

Make = Callable[..., Path]
OTHER = sha256_hex(b"something else")


@pytest.fixture
def make(sealed: Callable[..., Path], tmp_path: Path, key: SigningKey) -> Make:
    def seal(story: Story, *folders: Path, **more: Any) -> Path:
        trust = trust_in(story, tmp_path, key)
        return sealed("whole", **options_of(story, tmp_path, trust=trust, attributions=list(folders), **more))

    return seal


def second(package: Path, trust: Path) -> tuple[int, str]:
    """Exit code and output of the other verifier."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = countermark_verify.main([str(package), "--trust", str(trust)])
    return code, out.getvalue()


def verdicts(package: Path, story: Story, tmp_path: Path, key: SigningKey) -> tuple[str, str, str]:
    found = verify(package, trust_in(story, tmp_path, key))
    code, text = second(package, tmp_path / "whole-trust.json")
    detail = "; ".join(
        one.detail for one in found.steps if one.name in ("log", "results") or one.outcome == "FAILED"
    )
    return found.verdict, {0: "VERIFIED", 20: "FAILED"}[code], detail + "\n" + text


def result_class(package: Path, at: int = 1) -> str:
    return json.loads((package / "data/results.json").read_bytes())["results"][at]["class"]


def test_what_is_given_was_there_before_the_plan(make: Make, tmp_path: Path, key: SigningKey) -> None:
    """The plan names the suspect's own answers as `given`: they were there when it was written."""
    story = Story(tmp_path / "story", custody=[acquisition(items=[Item("x", OTHER, 1)])])
    story.plan(plan_of(given=[PROMPTS, SUSPECT]))
    story.commit()
    story.tick(day(2), OUTSIDER)
    run = story.start()
    story.finish(run, attribution(tmp_path / "att", run.number))
    story.tick(day(12), OUTSIDER)
    assert result_class(make(story, tmp_path / "att")) == "exploratory"


def test_an_acquisition_that_is_not_named_counts_too(make: Make, tmp_path: Path, key: SigningKey) -> None:
    """custody.json says that the same bytes were there before the plan."""
    story, folder = told(tmp_path / "story")
    story.custody.insert(0, acquisition("acq-0", "2026-05-01T12:00:00Z"))
    assert result_class(make(story, folder)) == "exploratory"


def test_data_cannot_be_acquired_after_the_case_was_sealed(
    make: Make, tmp_path: Path, key: SigningKey
) -> None:
    story, folder = told(tmp_path / "story")
    story.custody[:] = [acquisition("acq-1", "2099-01-01T00:00:00Z")]
    assert result_class(make(story, folder)) == "exploratory"


def test_a_result_that_the_log_had_before_its_data(make: Make, tmp_path: Path, key: SigningKey) -> None:
    """Plan, key, run and outcome in one batch of day 2, all afterwards; the data are said to be of day 10."""
    story = Story(tmp_path / "story")
    story.plan()
    story.commit()
    run = story.start()
    story.finish(run, attribution(tmp_path / "att", run.number))
    story.tick(day(2), OUTSIDER)
    assert result_class(make(story, tmp_path / "att")) == "exploratory"


def test_a_clock_that_is_a_year_off_moves_no_data(make: Make, tmp_path: Path, key: SigningKey) -> None:
    story, folder = told(tmp_path / "story")
    story.custody[:] = [acquisition("acq-1", "2026-05-01T12:00:00Z", offset=-40 * 86400.0)]
    assert result_class(make(story, folder)) == "exploratory"


def test_a_result_of_no_data(make: Make, tmp_path: Path, key: SigningKey) -> None:
    """`inputs` is empty, so that all of them are in the acquisitions."""
    story = Story(tmp_path / "story", custody=[acquisition(items=[])]).fixed()
    run = story.start()
    attribution(tmp_path / "att", run.number)
    path = tmp_path / "att" / "attribution.json"
    path.write_bytes(canonical_json(json.loads(path.read_bytes()) | {"inputs": {}}))
    story.finish(run, path.read_bytes())
    story.tick(day(12), OUTSIDER)
    assert result_class(make(story, tmp_path / "att")) == "exploratory"


def test_a_plan_that_is_not_shown_may_have_asked_otherwise(
    make: Make, tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two plans of the matter were logged; who seals shows the one that fits what came out."""
    from countermark.prove.beforehand.log_part import Asked

    story = Story(tmp_path / "story")
    story.plan(plan_of("OTHER", alpha=0.001))
    del story.plans["OTHER"]
    story.fixed()
    run = story.start()
    story.finish(run, attribution(tmp_path / "att", run.number))
    story.tick(day(12), OUTSIDER)
    wants = Asked.wants
    hidden = lambda self, entry: wants(self, entry) and entry.payload.get("plan_id") != "OTHER"  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr(Asked, "wants", hidden)
        patch.setattr(log_check, "account", lambda *_: SimpleNamespace())
        package = make(story, tmp_path / "att")
    first, other, text = verdicts(package, story, tmp_path, key)
    assert (first, other, result_class(package)) != ("VERIFIED", "VERIFIED", "confirmatory"), text


def test_one_hypothesis_is_answered_once(make: Make, tmp_path: Path, key: SigningKey) -> None:
    """Three runs of one hypothesis, each called confirmatory at its whole level."""
    story = Story(tmp_path / "story").fixed()
    for number in (1, 2, 3):
        run = story.start()
        story.finish(run, attribution(tmp_path / f"att{number}", run.number))
    story.tick(day(12), OUTSIDER)
    links = [
        ResultLink(result=f"attribute-{n}", plan="PLAN", hypothesis="H1", acquisitions=["acq-1"])
        for n in (1, 2, 3)
    ]
    package = make(story, *(tmp_path / f"att{n}" for n in (1, 2, 3)), results=links)
    assert [result_class(package, n) for n in (1, 2, 3)].count("confirmatory") <= 1


def test_a_file_that_two_runs_share_shows_neither(
    make: Make, tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A null run's outcome lists a picture that another run made byte for byte; its answer is left out."""
    story = Story(tmp_path / "story").fixed()
    null = story.start()
    attribution(tmp_path / "att", 2)
    picture = sha256_hex((tmp_path / "att" / "controls.svg").read_bytes())
    runs.finish(story.log, null, "done", {"attribution.json": OTHER, "controls.svg": picture})
    run = story.start()
    story.finish(run, (tmp_path / "att" / "attribution.json").read_bytes())
    story.tick(day(12), OUTSIDER)
    with monkeypatch.context() as patch:
        patch.setattr(log_check, "account", lambda *_: SimpleNamespace())
        package = make(story, tmp_path / "att")
    first, other, text = verdicts(package, story, tmp_path, key)
    assert (first, other) == ("FAILED", "FAILED"), text


def test_a_digest_that_is_empty_is_that_of_no_file(
    make: Make, tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seal has no digest of custody.json; the outcome of a run that nobody shows has none either."""
    story = Story(tmp_path / "story").fixed()
    with monkeypatch.context() as patch:  # whoever writes the log has taken the check out of the program
        patch.setattr(runs, "_check_digests", lambda *_: None)
        runs.finish(story.log, story.start(), "done", {"attribution.json": ""})
    run = story.start()
    story.finish(run, attribution(tmp_path / "att", 2))
    story.tick(day(12), OUTSIDER)
    with monkeypatch.context() as patch:
        patch.setattr(log_check, "account", lambda *_: SimpleNamespace())
        package = make(story, tmp_path / "att")
    first, other, text = verdicts(package, story, tmp_path, key)
    assert (first, other) == ("FAILED", "FAILED"), text


def test_the_log_has_the_acquisition_before_the_plan(make: Make, tmp_path: Path, key: SigningKey) -> None:
    """Its record is entry 0 and shown on day 1, a day before the plan; its own `started` says day 10."""
    story = Story(tmp_path / "story")
    story.log.append("acquisition", {"id": "acq-1", "sha256": story.custody[0].digest})
    story.tick(day(1), OUTSIDER)
    story.fixed()
    run = story.start()
    story.finish(run, attribution(tmp_path / "att", run.number))
    story.tick(day(12), OUTSIDER)
    assert result_class(make(story, tmp_path / "att")) == "exploratory"


def test_both_say_what_is_not_shown(make: Make, tmp_path: Path, key: SigningKey) -> None:
    """A run that failed, the time of the last batch, and a longer log that somebody else knows."""
    story, folder = told(tmp_path / "story")
    story.finish(story.start(), status="failed")
    story.tick(day(13), OUTSIDER)
    package = make(story, folder)
    story.tick(day(20), OUTSIDER)
    trust_in(story, tmp_path, key, checkpoints=[story.book.public.checkpoint()])
    code, text = second(package, tmp_path / "whole-trust.json")
    assert code == 0
    assert [word for word in ("failed", "2026-06-13", "of 4") if word not in text] == [], text


def redacted(package: Path, out: Path, key: SigningKey, name: str, *pointers: str, **more: Any) -> Path:
    what = [Take(ground="privilege", name=name, pointers=pointers)]
    with pytest.MonkeyPatch.context() as patch:  # whoever redacts has taken the check out of the program
        patch.setattr(leaf_files.Chooser, "stays", lambda _, pointer: leaf_files.is_kept(pointer))
        patch.setattr(redacting, "_check_verifies", lambda *_: None)
        redact(
            RedactOptions(
                package=package,
                out=out,
                keys=[key],
                what=what,
                why="x",
                allow_elsewhere=True,
                keep_attachments=True,
                **more,
            )
        )
    return out


def test_taking_out_a_commitment_makes_nothing_confirmatory(
    make: Make, tmp_path: Path, key: SigningKey
) -> None:
    """The hypothesis names a key that was never in the log; both places are taken out."""
    story = Story(tmp_path / "story")
    story.plan(plan_of(commitments=[KEY_COMMITMENT, OTHER]))
    story.commit()
    story.tick(day(2), OUTSIDER)
    run = story.start()
    story.finish(run, attribution(tmp_path / "att", run.number))
    story.tick(day(12), OUTSIDER)
    package = make(story, tmp_path / "att")
    assert result_class(package) == "exploratory"
    changed = as_confirmatory(package)
    changed["data/results.json"] = changed["data/results.json"].replace(f', "{OTHER}"'.encode(), b"")
    lying = forge(package, tmp_path / "lying", key, changed)
    assert verdicts(lying, story, tmp_path, key)[:2] == ("FAILED", "FAILED")
    left = redacted(lying, tmp_path / "left", key, "data/plans/PLAN.json", "/hypotheses/0/commitments/1")
    first, other, text = verdicts(left, story, tmp_path, key)
    assert (first, other) == ("FAILED", "FAILED"), text


def test_both_say_the_same_where_the_id_of_a_plan_is_out(make: Make, tmp_path: Path, key: SigningKey) -> None:
    story, folder = told(tmp_path / "story")
    package = make(story, folder)
    left = redacted(package, tmp_path / "left", key, "data/plans/PLAN.json", "/plan_id")
    first, other, text = verdicts(left, story, tmp_path, key)
    assert first == other, text


def test_a_redaction_is_no_older_than_its_case(make: Make, tmp_path: Path, key: SigningKey) -> None:
    story, folder = told(tmp_path / "story")
    left = redacted(
        make(story, folder),
        tmp_path / "left",
        key,
        "data/custody.json",
        "/acquisitions/0/by",
        created=day(1).replace(year=2001),
    )
    first, other, text = verdicts(left, story, tmp_path, key)
    assert (first, other) == ("FAILED", "FAILED"), text


def test_stopping_and_multiplicity_stay(make: Make, tmp_path: Path, key: SigningKey) -> None:
    """A result stays confirmatory when what it was to be judged by is taken out of its plan."""
    story, folder = told(tmp_path / "story")
    left = redacted(
        make(story, folder),
        tmp_path / "left",
        key,
        "data/plans/PLAN.json",
        "/stopping",
        "/multiplicity",
        "/exclusions",
        "/hypotheses/0/null",
    )
    first, other, text = verdicts(left, story, tmp_path, key)
    assert (first, other) == ("FAILED", "FAILED"), text


def test_what_a_plan_is_judged_by_is_not_taken_out(make: Make, tmp_path: Path, key: SigningKey) -> None:
    """Where nobody has changed the program, the redaction says so itself."""
    story, folder = told(tmp_path / "story")
    what = [Take(ground="privilege", name="data/plans/PLAN.json", pointers=("/stopping",))]
    options = RedactOptions(
        package=make(story, folder), out=tmp_path / "left", keys=[key], what=what, why="x"
    )
    with pytest.raises(Error, match="the verification hangs on these fields"):
        redact(options)


@pytest.mark.parametrize(
    ("started", "right"), [("2026-07-01T12:05:00Z", True), ("2026-07-01T12:05:01Z", False)]
)
def test_data_do_not_begin_after_the_case_was_made(
    make: Make, tmp_path: Path, key: SigningKey, started: str, right: bool
) -> None:
    """The case is of noon of 1 July; nobody outside has seen when the run ended."""
    story = Story(tmp_path / "story", custody=[acquisition(started=started)]).fixed()
    run = story.start()
    story.finish(run, attribution(tmp_path / "att", run.number))
    story.tick(day(12))
    package = make(story, tmp_path / "att")
    assert (result_class(package) == "confirmatory") is right
    lying = forge(package, tmp_path / "lying", key, as_confirmatory(package))
    wanted = "VERIFIED" if right else "FAILED"
    first, other, text = verdicts(lying, story, tmp_path, key)
    assert (first, other) == (wanted, wanted), text


@pytest.mark.parametrize("named", [True, False])
def test_the_first_answer_counts(make: Make, tmp_path: Path, key: SigningKey, named: bool) -> None:
    """The second run is called confirmatory, and the first names its hypothesis, or none: it has its test
    and its data all the same. A run that began before the plan was logged answers nothing."""
    story = Story(tmp_path / "story", custody=[])
    run = story.start()
    story.finish(run, attribution(tmp_path / "att1", run.number, "inconclusive"))
    story.tick(day(1), OUTSIDER)
    story.custody.append(acquisition())
    story.fixed()
    for number in (2, 3):
        run = story.start()
        story.finish(run, attribution(tmp_path / f"att{number}", run.number))
    story.tick(day(12), OUTSIDER)
    links = [replace(LINK, result=f"attribute-{number}") for number in ((2, 3) if named else (3,))]
    package = make(story, *(tmp_path / f"att{n}" for n in (1, 2, 3)), results=links)
    classes = [result_class(package, n) for n in (1, 2, 3)]
    assert classes == ["exploratory", "confirmatory" if named else "exploratory", "exploratory"]
    document = json.loads((package / "data/results.json").read_bytes())
    assert "run 2, of attribute-2, answered hypothesis H1 before" in document["results"][3]["reasons"]
    heading = {"heading": "Confirmatory: text", "class": "confirmatory", "reasons": []}
    document["results"][3] |= heading
    changed: dict[str, bytes | None] = {"data/results.json": canonical_json(document)}
    first, other, text = verdicts(forge(package, tmp_path / "x", key, changed), story, tmp_path, key)
    assert (first, other) == ("FAILED", "FAILED"), text
    assert "answered its hypothesis before" in text
