"""Findings of a scan and of attributions: verdict, tests with their nulls, controls, other explanations."""

from collections.abc import Iterator
from typing import Any

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.report.explanations import explanations_of
from countermark.prove.report.pictures import controls_picture
from countermark.prove.report.results import Result, answer, keys_of
from countermark.prove.report.sure import UNCLAIMED
from countermark.prove.report.words import (
    claimed,
    claimed_of,
    counted,
    exhibits,
    figure,
    listed,
    short,
)
from countermark.prove.typeset.document import Block, Items, Paragraph, Section, Table
from countermark.records.attributions import Attribution, Control, Test, rounded_up

MOST_TESTS = 40
MOST_ITEMS = 20
KEY_IS_NOT_SOURCE = (
    "The source is not the key. The result says that the text is not independent of this key, and"
    " nothing about who wrote it or how it came about."
)


def scan_section(result: Result, dossier: Dossier) -> Section:
    """Marks of our keys in a corpus."""
    scan = dossier.scan or {}
    blocks: list[Block | Section] = [
        Paragraph(lead="Answer.", text=answer(result, dossier)),
        Paragraph(text=KEY_IS_NOT_SOURCE, style="note"),
        Paragraph(
            lead="Tested.",
            text=f"What holds if there is nothing: {short(scan.get('null') or 'not shown')}. Questions"
            f" asked together: {figure(scan.get('family'))}, at the level {figure(scan.get('alpha'))} for"
            f" all (Holm's correction). {UNCLAIMED}",
        ),
        _pooled(scan),
    ]
    if scan.get("weak"):
        text = f"The engine's keyed function is weak: {short(scan['weak'])}."
        blocks.append(Paragraph(text=text, style="warning"))
    blocks += _common(result, dossier)
    return Section(result.heading, tuple(blocks))


def _pooled(scan: dict[str, Any] | Any) -> Table:
    rows = [
        (
            str(one.get("key") or scan.get("key_id") or "not shown"),
            figure(one.get("scored_tokens")),
            {True: "passes", False: "does not pass"}.get(one.get("passes"), "not shown"),
        )
        for one in scan.get("pooled") or ()
    ]
    documents = f"Single documents that pass: {figure(scan.get('documents_passing'))}."
    return Table(
        columns=("Key", "Tokens scored", "Whole corpus"),
        rows=tuple(rows[:MOST_TESTS]),
        caption=documents,
        mono=(0,),
        numbers=(1,),
    )


def attribution_section(result: Result, dossier: Dossier, one: Attribution) -> Section:
    """One attribution."""
    blocks: list[Block | Section] = [Paragraph(lead="Answer.", text=answer(result, dossier))]
    if keys_of(result, dossier):
        blocks.append(Paragraph(text=KEY_IS_NOT_SOURCE, style="note"))
    if one.reasons:
        blocks += [
            Paragraph(lead="What limits it.", text=""),
            Items(tuple(map(short, one.reasons[:MOST_ITEMS]))),
        ]
    if one.conclusions:
        blocks.append(_conclusions(one))
    if one.tests:
        blocks.append(_tests(one.tests))
    if power := _power(one):
        blocks.append(Paragraph(lead="What could have been shown.", text=power))
    blocks += list(_validity(one))
    blocks += list(_controls(one))
    blocks += _common(result, dossier)
    return Section(result.heading, tuple(blocks))


def _conclusions(one: Attribution) -> Table:
    rows = [
        (row.subject, short(row.verdict), claimed_of(row, one.tests)) for row in one.conclusions[:MOST_TESTS]
    ]
    family = f"{counted(one.family, 'question')} at the level {one.alpha:g}"
    family += " for all together (Holm's correction)." if one.family > 1 else "."
    return Table(
        columns=("Key or reference", "Verdict", "Claimed"),
        rows=tuple(rows),
        caption=family,
        widths=(0.35, 0.45, 0.2),
        mono=(0,),
    )


def _tests(tests: list[Test]) -> Table:
    rows = [
        (
            test.name if test.decides else f"{test.name} (for information)",
            short(test.null),
            f"{test.n:,}",
            claimed(test.reported),
            f"{test.law} ({'exact' if test.exact else 'a bound or calibration'})",
            f"{rounded_up(test.calibrated_to):.2g}" if test.calibrated_to < 1 else "not calibrated",
        )
        for test in tests[:MOST_TESTS]
    ]
    return Table(
        columns=("Test", "Null: what holds if there is nothing", "Pieces", "Claimed", "Law", "Calibrated to"),
        rows=tuple(rows),
        caption="Each test alone, before correction. Below the calibrated level nothing smaller is claimed.",
        widths=(0.18, 0.27, 0.09, 0.13, 0.2, 0.13),
        numbers=(2,),
    )


def _power(one: Attribution) -> str:
    least = one.minimum_detectable
    if not least:
        return ""
    how = f" ({short(least['model'], 200)})" if isinstance(least.get("model"), str) else ""
    share = least.get("share")
    if isinstance(share, int | float) and share <= 1:
        return f"The smallest share that this sample could have shown is {share:.2g}{how}."
    if "share" in least:
        return f"At this sample size no share could have been shown{how}."
    return f"The smallest effect that this sample could have shown: {short(least, 300)}."


def _validity(one: Attribution) -> Iterator[Block]:
    if one.not_validated:
        text = f"The test was not validated at {listed([short(text, 100) for text in one.not_validated])}."
        yield Paragraph(text=f"Not validated here. {text}", style="warning")


def _controls(one: Attribution) -> Iterator[Block]:
    if not one.controls:
        return
    loud = [control for control in one.controls if passes(control, one.alpha)]
    untested = sum(bool(control.problem) for control in one.controls)
    quiet = len(one.controls) - len(loud) - untested
    text = (
        f"{counted(len(one.controls), 'unrelated sample')} went through the same test: {quiet:,} stayed quiet"
    )
    text += f", {untested:,} could not be tested" if untested else ""
    text += f", {len(loud):,} came out below the level" if loud else ""
    yield Paragraph(lead="Negative controls.", text=f"{text}.")
    yield from controls_picture(one)


def passes(control: Control, alpha: float) -> bool:
    """Whether a deciding test of a control is below the level by itself."""
    return any(test.decides and test.p_value <= alpha for test in control.tests)


def _common(result: Result, dossier: Dossier) -> list[Block | Section]:
    """Why it is exploratory, other explanations, and the exhibits that go with it."""
    blocks: list[Block | Section] = []
    if result.reasons:
        blocks.append(Paragraph(lead="Why it is exploratory.", text=""))
        blocks.append(Items(tuple(short(one) for one in result.reasons)))
    if others := explanations_of(result):
        blocks.append(Paragraph(lead="Other explanations.", text="The same result also comes about by:"))
        blocks.append(Items(tuple(others)))
    ledger = exhibits(one.number for one in dossier.of_kind("key-exposure"))
    if ledger and not set(keys_of(result, dossier)).isdisjoint(one.key_id for one in dossier.exposures):
        text = f"How far keys and outputs are out stands in {ledger} and in the section on method."
        blocks.append(Paragraph(lead="Exposure of the key.", text=text))
    return blocks
