"""The log in a package: nothing left out, nothing changed, no run of the matter kept back."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from log_stories import (
    ALLY,
    KEY_COMMITMENT,
    MATTER,
    OUTSIDER,
    Dropping,
    Story,
    day,
    lines_of,
    plan_of,
    replaced,
)

from countermark.errors import Error
from countermark.prove.beforehand.log_check import check_log, check_sealed
from countermark.prove.beforehand.log_part import files_for_case
from countermark.prove.beforehand.log_reading import read_log
from countermark.prove.beforehand.log_runs import Accounts, account
from countermark.prove.beforehand.results import NO_TRUST
from countermark.prove.package.case import LogHead
from countermark.prove.package.layout import CHECKPOINTS, ENTRIES, OPENINGS, Contents, data_of
from countermark.prove.package.trustfile import Trust
from countermark.trust.cosigned import cosigned_sizes
from countermark.trust.notes import VerifierKey
from countermark.trust.openings import read_head, read_opening


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def accounts_of(story: Story, contents: Contents | None = None) -> Accounts:
    """As a verifier with the log's key and both witnesses."""
    part = story.part()
    view = read_log(contents or story.contents(), part.head, story.trust)
    return account(view, MATTER, story.sealed)


def refused(story: Story, contents: Contents, message: str, **trust: Any) -> None:
    part = story.part()
    with pytest.raises(Error, match=message):
        account(read_log(contents, part.head, replace(story.trust, **trust)), MATTER, story.sealed)


class TestRuns:
    def test_nulls_failures_and_what_never_ended_are_all_there(self, story: Story) -> None:
        story.fixed().told()
        story.finish(story.start(), status="failed")
        story.finish(story.start(), status="interrupted")
        story.start()
        story.start("matter-8")
        story.tick(day(13), OUTSIDER)
        story.tick(day(14), OUTSIDER)
        found = accounts_of(story)
        assert [run.status for run in found.shown] == ["done", "failed", "interrupted", "without an outcome"]
        assert found.sentence(MATTER) == (
            "5 runs: 4 of matter matter-7 shown, run 2 failed, run 3 was interrupted, run 4 has no outcome, "
            "0 privileged and not disclosed, 1 of other matters; 1 analysis plan in the log, 1 of "
            "matter matter-7, each shown; its first 4 of 4 entries cosigned by "
            "university.example at 2026-06-14 12:00:00Z"
        )

    @pytest.mark.parametrize("missing", [0, 1, 2])
    def test_a_null_run_whose_result_is_left_out(self, story: Story, missing: int) -> None:
        story.fixed().told(verdict="not shown").told(verdict="not shown", n=2).told(verdict="x", n=3)
        story.attributions.pop(missing)
        refused(
            story, story.contents(), f"run {missing + 1} is done, and nothing that came out of it is in the"
        )

    @pytest.mark.parametrize("missing", [1, 2, 3])
    def test_a_null_run_whose_opening_is_dropped(self, story: Story, missing: int) -> None:
        """The sealer asks for all entries but those of one run; its heads remain."""
        story.fixed().told().told(n=2).told(n=3)
        if missing <= len(story.attributions):
            story.attributions.pop(missing - 1)
        asked = Dropping(MATTER, list(story.plans.values()), dropped=missing)
        refused(
            story, story.contents(asked), f"run {missing} is of matter {MATTER}, testifying, and is not op"
        )

    def test_a_run_that_is_given_out_as_of_another_matter(self, story: Story) -> None:
        """Its head, which fixes the tag, is in the commitment: with another one nothing opens it."""
        story.fixed().told().told(n=2)
        contents = story.contents()
        lines = lines_of(data_of(contents, OPENINGS))
        at = next(at for at, line in enumerate(lines) if b'\\"run\\":2' in line)
        head = read_head(read_opening(lines[at][:-1]).head)
        other = lines[at].replace(head.matter.encode(), b"ab" * 16)
        changed = b"".join([*lines[:at], other, *lines[at + 1 :]])
        refused(story, replaced(contents, OPENINGS, changed), "not that of its commitment")

    def test_a_run_that_was_logged_under_two_tags(self, story: Story) -> None:
        """A writer who makes tags as it likes is found as soon as both are opened."""
        story.fixed().told().told(n=2)
        view = read_log(story.contents(), story.part().head, story.trust)
        again = [
            replace(one, head=msgspec.structs.replace(one.head, matter="ab" * 16))
            if one.head.run == 2
            else one
            for one in view.opened
        ]
        with pytest.raises(Error, match="another tag than its matter elsewhere"):
            account(replace(view, opened=tuple(again)), MATTER, story.sealed)

    def test_runs_of_other_matters_stay_closed_and_are_counted(self, story: Story) -> None:
        story.fixed().told()
        story.finish(story.start("matter-8"), b"their result")
        story.tick(day(13), OUTSIDER)
        contents = story.contents()
        assert b"matter-8" not in data_of(contents, OPENINGS)
        assert (accounts_of(story, contents).others, accounts_of(story, contents).runs) == (1, 2)

    def test_where_no_run_of_the_matter_is_shown_it_says_so(self, story: Story) -> None:
        story.start("matter-8")
        story.tick(day(2), OUTSIDER)
        found = accounts_of(story)
        assert not found.known
        assert "1 of other matters or of matter-7, of which none is shown" in found.sentence(MATTER)

    def test_a_plan_of_the_matter_tells_its_runs_from_others(self, story: Story) -> None:
        story.plan()
        story.start("matter-8")
        story.tick(day(2), OUTSIDER)
        assert "0 of matter matter-7 shown" in accounts_of(story).sentence(MATTER)
        run = story.start()
        story.tick(day(3), OUTSIDER)
        hidden = Dropping(MATTER, list(story.plans.values()), dropped=run.number)
        refused(story, story.contents(hidden), "run 2 is of matter matter-7, testifying, and is not opened")

    def test_a_result_may_stand_anywhere_in_the_payload(self, story: Story) -> None:
        """What `watermark score` printed is no step of a case, and may still be there."""
        story.fixed()
        story.finish(story.start(), b"scores")
        story.tick(day(12), OUTSIDER)
        refused(story, story.contents(), "run 1 is done, and nothing that came out of it")
        story.others["data/runs/1.jsonl"] = b"scores"
        assert len(accounts_of(story).shown) == 1


CHANGES: dict[str, tuple[str, Callable[[list[bytes]], list[bytes]], str]] = {
    "the last batch is left out": (ENTRIES, lambda rows: rows[:-1], "1 entries of the log, and says 2"),
    "a batch is changed": (
        ENTRIES,
        lambda rows: [rows[0].replace(b"2026", b"2025"), rows[1]],
        "not a check",
    ),
    "a batch twice": (ENTRIES, lambda rows: [*rows, rows[-1]], "has batch number 1"),
    "an opening is left out": (
        OPENINGS,
        lambda rows: rows[:2] + rows[3:],
        "line 3: an opening is not that",
    ),
    "the last opening is left out": (OPENINGS, lambda rows: rows[:-1], "number 7 is missing"),
    "openings are swapped": (
        OPENINGS,
        lambda rows: [rows[1], rows[0], *rows[2:]],
        "line 1: an opening is",
    ),
    "an opening too many": (OPENINGS, lambda rows: [*rows, rows[-1]], "more lines than the log has"),
    "no line feed": (OPENINGS, lambda rows: [*rows[:-1], rows[-1][:-1]], "does not end in a line feed"),
    "no opening": (OPENINGS, lambda rows: [b"{}\n", *rows[1:]], "line 1: a line is no opening"),
}


FILES: dict[str, tuple[str, bytes | None, str]] = {
    "no entries": (ENTRIES, None, "entries.jsonl is missing"),
    "no openings": (OPENINGS, None, "openings.jsonl is missing"),
    "no last checkpoint": (CHECKPOINTS + "2.note", None, "no checkpoint of all 2 entries"),
    "a checkpoint by another name": (CHECKPOINTS + "3.note", b"x", "3.note"),
    "no note": (CHECKPOINTS + "2.note", b"x\n", "2.note: "),
    "a timestamp beside none": (CHECKPOINTS + "0.tsr", b"x", "0.tsr stands beside no checkpoint"),
    "no timestamp": (CHECKPOINTS + "1.tsr", b"x", "1.tsr: "),
    "another file": ("data/log/note.txt", b"x", "note.txt does not belong to a log"),
    "another checkpoint": (CHECKPOINTS + "01.note", b"x", "01.note does not belong to a log"),
}


class TestWholeness:
    def test_what_is_there(self, story: Story) -> None:
        story.fixed().told()
        contents = story.contents()
        sizes = {name.removeprefix(CHECKPOINTS) for name in contents if name.startswith(CHECKPOINTS)}
        assert sizes == {"1.note", "2.note"}
        shown = [read_opening(line[:-1]) for line in lines_of(data_of(contents, OPENINGS))]
        kinds = [read_head(one.head).kind for one in shown if one.entry]
        assert kinds == ["analysis-plan", "commitment", "run-start", "run-outcome"]

    @pytest.mark.parametrize("name", CHANGES)
    def test_lines_changed(self, story: Story, name: str) -> None:
        story.fixed().told()
        file, change, message = CHANGES[name]
        contents = story.contents()
        changed = b"".join(change(lines_of(data_of(contents, file))))
        refused(story, replaced(contents, file, changed), message)

    @pytest.mark.parametrize("name", FILES)
    def test_files_changed(self, story: Story, name: str) -> None:
        story.fixed().told()
        file, data, message = FILES[name]
        refused(story, replaced(story.contents(), file, data), message)

    def test_a_longer_log_than_is_said(self, story: Story) -> None:
        story.fixed().told()
        with pytest.raises(Error, match="a checkpoint of more entries than the package has"):
            read_log(story.contents(), LogHead(story.part().head.origin, 1), story.trust)

    def test_another_key_of_the_log(self, story: Story) -> None:
        story.fixed().told()
        other = VerifierKey(story.trust.key.name, OUTSIDER.key.public)
        refused(story, story.contents(), "signed by none of the known keys", key=other, witnesses=())

    def test_a_checkpoint_of_another_size_under_its_name(self, story: Story) -> None:
        story.fixed().told()
        contents = story.contents()
        one = data_of(contents, CHECKPOINTS + "1.note")
        refused(story, replaced(contents, CHECKPOINTS + "2.note", one), "is a checkpoint of 1 entries")


class TestForks:
    def test_a_log_forked_before_the_kept_checkpoint(self, story: Story, tmp_path: Path) -> None:
        """The log showed one head to somebody who kept it, and another log of that name to the court."""
        other = Story(tmp_path / "fork")
        other.log.append("note", {"text": "what the court is not to see"})
        other.tick(day(2), OUTSIDER)
        story.fixed().told()
        kept = (other.book.public.checkpoint(),)
        message = "the log was forked: checkpoint 1 of the trust file is of its first 1 entries"
        refused(story, story.contents(), message, checkpoints=kept)
        other.tick(day(3))
        refused(story, story.contents(), message.replace("1 entries", "2"), checkpoints=(_note(other),))

    def test_checkpoints_that_agree(self, story: Story) -> None:
        notes = [story.fixed().book.public.checkpoint()]
        story.told()
        notes.append(story.book.public.checkpoint())
        view = read_log(story.contents(), story.part().head, replace(story.trust, checkpoints=tuple(notes)))
        assert view.known_size == 2

    def test_a_package_that_ends_before_a_known_checkpoint_says_so(self, story: Story) -> None:
        story.fixed().told()
        contents, part = story.contents(), story.part()
        story.tick(day(20))
        trust = replace(trust_of(story), checkpoints=(story.book.public.checkpoint(),))
        checked = check_log(contents, case_of(part.head), trust, story.sealed)
        assert checked.sentence.startswith(
            "2 entries of 3 that are known of member-a.example/log.public, the last of 2026-06-12 12:00:00Z"
        )


class TestTimes:
    def test_the_earliest_checkpoint_that_covers_it_counts(self, story: Story) -> None:
        story.plan()
        story.commit()
        story.tick(day(2))
        story.tick(day(4), ALLY)
        story.tick(day(5), OUTSIDER)
        story.told()
        view = story.view().log
        assert view is not None
        assert {str(view.shown_at(one)) for one in view.opened[:2]} == {str(view.shown[3])}
        assert view.shown[3].time == day(5)
        assert view.shown_time(view.opened[0].number) == day(5)
        assert not view.allied_only(view.opened[0])

    def test_with_a_trust_file_only_what_dates_something_goes_in(self, story: Story) -> None:
        story.fixed()
        for number in range(3, 9):
            story.tick(day(number), OUTSIDER)
        story.told()
        part = files_for_case(story.folder / "log", story.asked, trust=trust_of(story))
        names = [name for name in part.files if name.startswith(CHECKPOINTS)]
        assert names == [f"{CHECKPOINTS}{size}.note" for size in (8, 1)]
        assert cosigned_sizes(story.book.public.folder) == [1, 2, 3, 4, 5, 6, 7, 8]

    def test_what_waits_for_a_batch_is_told(self, story: Story) -> None:
        story.fixed()
        run = story.start()
        story.finish(run, story.attribute(run))
        assert story.part().waiting == 2
        assert story.result().reasons == ["the start of run 1 is not opened in the log"]


class TestSealing:
    def test_who_seals_without_a_trust_file(self, story: Story) -> None:
        story.fixed().told()
        found = check_sealed(story.contents(), story.part(), MATTER, story.sealed, None)
        assert (found.view, found.no_log) == (None, NO_TRUST)
        assert len(found.accounts.shown) == 1

    def test_who_seals_with_one_of_another_log(self, story: Story) -> None:
        story.fixed().told()
        trust = replace(trust_of(story), logs=())
        found = check_sealed(story.contents(), story.part(), MATTER, story.sealed, trust)
        assert found.no_log == "the trust file has no key of the log member-a.example/log.public"
        with pytest.raises(Error, match="the trust file has no key of the log"):
            check_log(story.contents(), case_of(story.part().head), trust, story.sealed)

    def test_what_no_verifier_could_take_is_not_sealed(self, story: Story) -> None:
        story.fixed().told()
        with pytest.raises(Error, match="run 1 is done, and nothing that came out of it"):
            check_sealed(story.contents(), story.part(), MATTER, {}, trust_of(story))

    def test_no_public_log(self, story: Story) -> None:
        with pytest.raises(Error, match="there is no public log"):
            files_for_case(story.folder / "log", story.asked, public=story.folder / "nowhere")

    def test_a_case_without_a_log_has_no_files_of_one(self, story: Story) -> None:
        story.fixed()
        assert check_log({}, case_of(None), trust_of(story), {}).view is None
        with pytest.raises(Error, match="the case has no log"):
            check_log(story.contents(), case_of(None), trust_of(story), {})

    def test_plans_of_the_matter_are_shown_also_when_nothing_rests_on_them(self, story: Story) -> None:
        story.plan(plan_of("FIRST"))
        story.plan(plan_of("SECOND", matter="matter-8"))
        story.fixed().told()
        story.tick(day(13), OUTSIDER)
        del story.plans["SECOND"]
        view = story.view().log
        assert view is not None
        assert [entry.payload["plan_id"] for _, entry in view.entries("analysis-plan")] == ["FIRST", "PLAN"]
        assert "3 analysis plans in the log, 2 of matter matter-7, each shown" in accounts_of(story).sentence(
            MATTER
        )

    def test_commitments_that_no_plan_names_stay_closed(self, story: Story) -> None:
        story.fixed()
        story.commit("cd" * 32)
        story.told()
        story.tick(day(13))
        view = story.view().log
        assert view is not None
        assert [entry.payload["commitment"] for _, entry in view.entries("commitment")] == [KEY_COMMITMENT]


class Case:
    """The two fields of a case that the log hangs on."""

    matter = MATTER

    def __init__(self, log: LogHead | None) -> None:
        self.log = log


def case_of(head: LogHead | None) -> Any:
    return Case(head)


def trust_of(story: Story) -> Trust:
    return Trust(
        signers={},
        threshold=1,
        tsa_roots=(),
        cases=frozenset(),
        keys={},
        logs=(story.trust.key,),
        witnesses=story.trust.witnesses,
    )


def _note(story: Story) -> str:
    return story.book.public.checkpoint()
