"""Plans and files of runs in a package: every plan of the matter is there, and no file is of another run."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from log_stories import MATTER, OUTSIDER, Dropping, Story, day, plan_of
from test_log_in_package import accounts_of, refused

from countermark.errors import Error
from countermark.prove.beforehand.log_runs import account


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


class TestFiles:
    @pytest.mark.parametrize("name", ["data/runs/2.jsonl", "data/runs/1.other", "data/runs/3.jsonl"])
    def test_below_runs_stands_nothing_but_what_came_out_of_that_run(self, story: Story, name: str) -> None:
        story.fixed()
        story.finish(story.start(), b"scores")
        story.finish(story.start("matter-8"), b"of another matter")
        story.tick(day(12), OUTSIDER)
        story.others["data/runs/1.jsonl"] = b"scores"
        story.others[name] = b"of another matter"
        refused(story, story.contents(), f"{name} came out of no such run of matter matter-7 that is shown")


class TestPlans:
    def test_twenty_plans_of_which_one_is_shown(self, story: Story) -> None:
        for number in range(1, 21):
            story.plan(plan_of(f"plan-{number}"))
        story.commit()
        story.tick(day(2), OUTSIDER)
        for _ in range(5):
            story.tick(day(3), OUTSIDER)
        found = accounts_of(story)
        assert len(found.plans_shown) == found.plans == 20
        story.plans = {"plan-7": story.plans["plan-7"]}
        refused(
            story,
            story.contents(),
            "plan plan-1 of 20.* is of matter matter-7, and its file is not in the package",
        )

    def test_a_plan_that_is_not_opened(self, story: Story) -> None:
        story.plan(plan_of("SECOND"))
        story.fixed().told()
        hidden = Dropping(MATTER, list(story.plans.values()), dropped="SECOND")
        refused(
            story, story.contents(hidden), "entry 0 of the log is a plan of matter matter-7 and is not op"
        )

    def test_a_plan_of_another_matter_is_counted_and_no_more(self, story: Story) -> None:
        story.plan(plan_of("THEIRS", matter="matter-8"))
        del story.plans["THEIRS"]
        story.fixed().told()
        found = accounts_of(story)
        assert (found.plans, found.plans_shown) == (2, ("PLAN",))

    def test_a_plan_with_the_tag_of_another_matter(self, story: Story) -> None:
        """Whoever gives a plan another tag than the runs of its matter have is found once it is opened."""
        story.fixed().told()
        view = story.view().log
        assert view is not None
        opened = tuple(
            replace(one, head=msgspec.structs.replace(one.head, matter="ab" * 16))
            if one.head.kind == "analysis-plan"
            else one
            for one in view.opened
        )
        with pytest.raises(Error, match="has another tag than its matter elsewhere"):
            account(replace(view, opened=opened), MATTER, story.sealed)
