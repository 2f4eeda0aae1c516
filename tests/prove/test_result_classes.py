"""Confirmatory or exploratory: each condition alone makes the difference, and says so."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from log_stories import (
    ALLY,
    KEY_COMMITMENT,
    LINK,
    OUTSIDER,
    PROMPTS,
    SUSPECT,
    Story,
    acquisition,
    day,
    plan_of,
)

from countermark.errors import Error
from countermark.prove.beforehand.log_view import LogView
from countermark.prove.beforehand.plans import encode_plan
from countermark.prove.beforehand.results import (
    NO_TRUST,
    ResultLink,
    check_classes,
    check_form,
    classify,
    encode_results,
    results_of,
)
from countermark.prove.custody.custody import Custody, Item
from countermark.records.canonical import sha256_hex


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_all_in_order_is_confirmatory(story: Story) -> None:
    found = story.fixed().told().result()
    assert (found.class_, found.reasons, found.run) == ("confirmatory", [], 1)
    assert found.heading == "Confirmatory: marks of our keys in text"


def test_a_result_without_a_link_is_exploratory_and_says_what_is_missing(story: Story) -> None:
    story.fixed().told()
    detect, text = results_of(story.view())
    assert [detect.result, text.result] == ["detect", "attribute-1"]
    assert (text.class_, text.run) == ("exploratory", 1)
    assert text.reasons == ["no analysis plan was named for it", "no acquisition of its data was named"]
    assert detect.heading == "Exploratory: account networks in the access log"
    assert "no run in the log has this result as its outcome" in detect.reasons


def test_a_back_dated_key(story: Story) -> None:
    """Its entry, and even its own time, are older than the data; that it was there is shown afterwards."""
    story.plan()
    story.tick(day(2), OUTSIDER)
    story.log.append("commitment", {"commitment": plan_of().hypotheses[0].commitments[0]}, time=day(1))
    story.tick(day(11), OUTSIDER)
    found = story.told().result()
    assert found.class_ == "exploratory"
    (reason,) = found.reasons
    assert reason.startswith("the commitment ")
    assert "is shown from 2026-06-11 12:00:00Z (cosigned by university.example)" in reason
    assert reason.endswith("the acquisition acq-1 began at 2026-06-10 12:00:00Z, no later")


def test_a_package_that_says_confirmatory_nevertheless(story: Story) -> None:
    story.plan()
    story.commit()
    story.tick(day(11), OUTSIDER)
    story.told()
    view = story.view()
    honest = results_of(view, [LINK])
    assert [one.class_ for one in honest] == ["exploratory", "exploratory"]
    entries = _entries(encode_results(honest), view)
    check_classes(view, entries)
    entries[1] |= {"class": "confirmatory", "heading": "Confirmatory: x", "reasons": []}
    with pytest.raises(
        Error, match="attribute-1 says that it is confirmatory, and is not: the plan PLAN is sh"
    ):
        check_classes(view, entries)


def test_exploratory_is_not_made_more_of(story: Story) -> None:
    story.fixed().told()
    view = story.view()
    entries = _entries(encode_results(results_of(view, [LINK])), view)
    entries[1] |= {"class": "exploratory", "heading": "Exploratory: x", "reasons": ["we say so"]}
    check_classes(view, entries)


def test_a_plan_written_after_the_run(story: Story) -> None:
    story.commit()
    story.tick(day(2), OUTSIDER)
    run = story.start()
    story.plan()
    story.finish(run, story.attribute(run))
    story.tick(day(3), OUTSIDER)
    assert story.result().reasons == [
        "run 1 was started, entry 1 of the log, before the plan PLAN was logged, entry 2",
        "its run is shown to have ended by 2026-06-03 12:00:00Z, and the acquisition acq-1 began at"
        " 2026-06-10 12:00:00Z",
    ]


def test_a_plan_written_after_the_acquisition(story: Story) -> None:
    story.commit()
    story.tick(day(2), OUTSIDER)
    story.plan()
    story.tick(day(11), OUTSIDER)
    (reason,) = story.told().result().reasons
    assert reason.startswith("the plan PLAN is shown from 2026-06-11 12:00:00Z")


def test_a_plan_changed_after_it_was_logged(story: Story) -> None:
    story.fixed().told()
    story.plans["PLAN"] = encode_plan(plan_of(alpha=0.05))
    assert "the plan PLAN was changed: entry 0 of the log holds another text of it" in story.result().reasons


def test_allied_members_alone_show_no_time(story: Story) -> None:
    story.plan()
    story.commit()
    story.tick(day(2), ALLY)
    found = story.told().result()
    assert len(found.reasons) == 2  # of the plan and of the key: shown from day 12, by the next checkpoint
    assert all("2026-06-12" in reason for reason in found.reasons)
    story = Story(story.folder / "again", batch=4)
    story.plan()
    story.commit()
    run = story.start()
    story.finish(run, story.attribute(run))
    story.tick(day(2), ALLY)
    assert story.result().reasons[0] == (
        "only members of the alliance cosigned a checkpoint over the plan PLAN, and they alone show no time"
    )


def test_an_outsider_beside_an_ally_counts_from_the_later_of_both(story: Story) -> None:
    story.plan()
    story.commit()
    story.tick(day(2), OUTSIDER)
    story.cosign(day(11), ALLY)
    assert all("is shown from 2026-06-11" in reason for reason in story.told().result().reasons)


def test_nobody_cosigned(story: Story) -> None:
    story.plan()
    story.commit()
    run = story.start()
    story.finish(run, story.attribute(run))
    story.tick(day(2))
    reasons = story.result().reasons
    assert len(reasons) == 2
    assert all(one.startswith("no checkpoint over the ") for one in reasons)


@pytest.mark.parametrize(
    ("offset", "class_"),
    [(0.0, "exploratory"), (1.0, "exploratory"), (-0.5, "confirmatory"), (1e300, "exploratory")],
)
def test_the_clock_offset_is_taken_off(story: Story, offset: float, class_: str) -> None:
    """An acquisition in the very second of the cosignature was not later; by a slow clock it was."""
    story.custody = [acquisition(started="2026-06-02T12:00:00Z", offset=offset)]
    assert story.fixed().told().result().class_ == class_


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "another matter": (
        {"matter": "matter-8"},
        "the plan PLAN is of matter matter-8, and the case of matter m",
    ),
    "another test": (
        {"test": "canary hits"},
        "hypothesis H1 asks for the test 'canary hits', which did not de",
    ),
    "not a deciding test": (
        {"test": "rank among decoy keys"},
        "hypothesis H1 asks for the test 'rank among d",
    ),
    "another level": ({"alpha": 0.05}, "it was decided at level 0.01, and hypothesis H1 says 0.05"),
    "another key": (
        {"commitments": ["ab" * 32]},
        "the commitment abababababababab… is in no opened entry of",
    ),
    "prompts not given": ({"given": []}, "its input prompts, "),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_plan_of_something_else(story: Story, name: str) -> None:
    changes, expected = CHANGES[name]
    story.plan(plan_of(**changes))
    story.commit()
    story.tick(day(2), OUTSIDER)
    (reason,) = story.told().result().reasons
    assert reason.startswith(expected)


LINKS: dict[str, tuple[dict[str, Any], str]] = {
    "no plan in the package": ({"plan": "OTHER"}, "the plan OTHER is not in the package"),
    "no such hypothesis": ({"hypothesis": "H2"}, "the plan PLAN has no hypothesis H2"),
    "no hypothesis": ({"hypothesis": ""}, "no hypothesis of PLAN was named"),
    "no such acquisition": (
        {"acquisitions": ["acq-1", "acq-9"]},
        "the acquisition acq-9 is not in custody.json",
    ),
    "no acquisition": ({"acquisitions": []}, "no acquisition of its data was named"),
    "no such run": ({"run": 9}, "the start of run 9 is not opened in the log"),
    "a run that failed": ({"run": 2}, "run 2 is logged as failed"),
    "a run of something else": ({"run": 3}, "the outcome of run 3 in the log is another than this result"),
    "a run of another matter": ({"run": 4}, "the start of run 4 is not opened in the log"),
}


@pytest.mark.parametrize("name", LINKS)
def test_a_link_to_something_else(story: Story, name: str) -> None:
    story.fixed().told()
    story.finish(story.start(), status="failed")
    story.others["data/other.json"] = b"other"
    story.finish(story.start(), b"other")
    story.start("matter-8")
    story.tick(day(13), OUTSIDER)
    changes, expected = LINKS[name]
    link = ResultLink(**{field: getattr(LINK, field) for field in LINK.__struct_fields__} | changes)
    assert expected in story.result(link).reasons


def test_canaries_that_nobody_committed_to_before(story: Story) -> None:
    """The plan names one set, and another was tested."""
    story.plan(plan_of(test="canary hits"))
    story.commit()
    story.tick(day(2), OUTSIDER)
    tests = [{"name": "canary hits", "decides": True}]
    story.told(kind="canary", tests=tests, parameters={"commitment": "ab" * 32})
    assert story.result().reasons == [
        "what was tested has the commitment abababababababab…, which hypothesis H1 does not name"
    ]
    story.attributions.clear()
    story.told(kind="canary", tests=tests, parameters={"commitment": KEY_COMMITMENT})
    assert story.result().reasons == []


def test_data_that_no_acquisition_has(story: Story) -> None:
    story.custody = [acquisition(items=[])]
    (reason,) = story.fixed().told().result().reasons
    assert reason.startswith(f"its input suspect, {SUSPECT[:16]}… is an item of no acquisition")


def test_a_key_less_hypothesis_needs_no_commitment(story: Story) -> None:
    story.plan(plan_of(test="within-prompt MMD", keyed=False, commitments=[]))
    story.tick(day(2), OUTSIDER)
    story.told(tests=[{"name": "within-prompt MMD", "decides": True}], kind="identity")
    assert story.result().reasons == []


def test_networks_are_confirmed_against_the_captured_sources(story: Story) -> None:
    story.custody[:] = [acquisition(items=[Item("gateway.jsonl", sha256_hex(b"raw log"), 7)])]
    story.plan(plan_of(test="campaigns", keyed=False, commitments=[], given=[]))
    story.tick(day(2), OUTSIDER)
    run = story.start()
    story.finish(run, story.names["data/findings/findings.json"])
    story.tick(day(12), OUTSIDER)
    link = ResultLink(result="detect", plan="PLAN", hypothesis="H1", acquisitions=["acq-1"])
    assert story.result(link).reasons == []


def test_without_a_trust_file_there_is_one_reason(story: Story) -> None:
    view = replace(story.fixed().told().view(), log=None, no_log=NO_TRUST)
    assert classify(view, LINK).reasons == [NO_TRUST]


def test_without_a_log_every_condition_on_it_says_so(story: Story) -> None:
    view = replace(story.fixed().told().view(), log=None)
    found = classify(view, LINK)
    assert found.reasons == [
        "the case has no log, so that nothing shows since when the plan PLAN was there",
        "the case has no log, so that nothing shows since when the key was there",
    ]


def test_what_was_taken_out_shows_nothing(story: Story) -> None:
    """A redaction of what a class hangs on leaves nothing to hold it against."""
    view = story.fixed().told().view()
    plan = view.documents["data/plans/PLAN.json"]
    for name in ("test", "alpha", "commitments", "given"):
        hypothesis = plan["hypotheses"][0] | {name: None}
        taken = dict(view.documents) | {"data/plans/PLAN.json": plan | {"hypotheses": [hypothesis]}}
        assert classify(replace(view, documents=taken), LINK).reasons != []
    custody = Custody(acquisitions=[acquisition(started=None, ended=None)])
    late = "when the acquisition acq-1 began is not shown"
    assert classify(replace(view, custody=custody), LINK).reasons == [late]


def test_a_run_that_a_result_names_is_shown(story: Story) -> None:
    """Else a log could keep all runs of the matter closed, and nobody knew which they are."""
    story.fixed().told()
    view = story.view()
    entries = _entries(encode_results(results_of(view)), view)
    closed = tuple(replace(one, entry=None) for one in view.log.opened) if view.log else ()
    hidden = replace(view, log=LogView("x", 2, closed))
    with pytest.raises(Error, match="attribute-1 says to be of run 1 of matter-7, which is not opened"):
        check_classes(hidden, entries)


FORMS: dict[str, Any] = {
    "a heading of the other class": {"heading": "Confirmatory: text"},
    "no reasons though exploratory": {"reasons": []},
    "confirmatory with reasons": {"class": "confirmatory", "heading": "Confirmatory: text"},
    "a class that is none": {"class": "probable"},
    "a field too many": {"verdict": "sure"},
    "another result": {"result": "scan"},
    "a run that is no number": {"run": "1"},
}


@pytest.mark.parametrize("name", FORMS)
def test_the_form_of_results(story: Story, name: str) -> None:
    story.fixed().told()
    view = story.view()
    entries = _entries(encode_results(results_of(view)), view)
    entries[1] |= FORMS[name]
    document = {"schema": "countermark/results/v1", "results": entries}
    with pytest.raises(Error, match=r"results\.json"):
        check_form(document, view.steps)


def test_links_that_fit_no_result(story: Story) -> None:
    view = story.fixed().told().view()
    with pytest.raises(Error, match="attribute-2 is no result"):
        results_of(view, [ResultLink(result="attribute-2")])
    with pytest.raises(Error, match="named twice"):
        results_of(view, [LINK, LINK])


def test_prompts_may_be_acquired_or_given(story: Story) -> None:
    story.plan(plan_of(given=[]))
    story.commit()
    story.tick(day(2), OUTSIDER)
    items = acquisition().items
    story.custody = [acquisition(), acquisition("acq-2", items=[replace_item(items[0])])]
    story.told()
    both = ResultLink(result="attribute-1", plan="PLAN", hypothesis="H1", acquisitions=["acq-1", "acq-2"])
    assert story.result(both).reasons == []
    assert len(story.result().reasons) == 1


def replace_item(item: Any) -> Any:
    return type(item)("prompts.jsonl", PROMPTS, item.bytes)


def _entries(data: bytes, view: Any) -> list[dict[str, Any]]:
    import msgspec

    return [dict(one) for one in check_form(msgspec.json.decode(data), view.steps)]
