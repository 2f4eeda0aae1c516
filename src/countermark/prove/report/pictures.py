"""Pictures of findings from plain figures, each with the same in words; none shows more than is claimed."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from countermark.prove.custody.terms import day_of
from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.proficiency import Proficiency, Samples, rate
from countermark.prove.report.words import counted, listed, said
from countermark.prove.typeset.document import Picture
from countermark.records.attributions import Attribution, Test, rounded_up
from countermark.stats.binomial import clopper_pearson

MOST_CONTROLS = 9
MOST_EVENTS = 30


def sizes_picture(campaigns: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """Accounts of each group, in the order of the table; nothing for one, or where a size was taken out."""
    from countermark.prove.typeset.pictures import bars

    names = [f"group {number}" for number in range(1, len(campaigns) + 1)]
    sizes = [one["size"] for one in campaigns if isinstance(one.get("size"), int)]
    if len(campaigns) < 2 or len(sizes) < len(campaigns):
        return []
    words = listed([f"{size:,} in {name}" for name, size in zip(names, sizes, strict=True)])
    return [
        Picture(
            svg=bars(names, sizes, "accounts"),
            caption="Accounts of each group.",
            alternative=f"Bars: {words}.",
        )
    ]


def controls_picture(one: Attribution) -> list[Picture]:
    """The result beside its negative controls, as far as a p-value is claimed."""
    from countermark.prove.typeset.pictures import bars

    own = _strength([test for test in one.tests if test.decides])
    panel = [(each.name, _strength([test for test in each.tests if test.decides])) for each in one.controls]
    rows = [("this result", own), *sorted(panel, key=lambda row: -row[1])[:MOST_CONTROLS]]
    if own <= 0 or len(rows) < 2:
        return []
    near = f"the {len(rows) - 1} of {len(panel)} unrelated samples that came closest"
    axis = "the longer, the more unusual"
    return [
        Picture(
            svg=bars([name for name, _ in rows], [value for _, value in rows], axis),
            caption=f"How unusual the result is beside {near}, each test alone: 2 stands for p = 0.01, 4 for"
            " p = 0.0001. A bar ends at the calibrated level.",
            alternative=f"Bars: the result reaches {_at_most(own)}; of"
            f" {counted(len(panel), 'unrelated sample')} the smallest has {_at_most(rows[1][1])}.",
        )
    ]


def _at_most(strength: float) -> str:
    """The p-value of a bar in words, rounded up: a figure in print is never below the calibrated level."""
    return f"p of at most {rounded_up(10**-strength):.2g}"


def _strength(tests: Sequence[Test]) -> float:
    """Minus the logarithm (base 10) of the smallest p-value, as far as it is claimed; 0 without a test."""
    levels = [max(test.p_value, test.calibrated_to) for test in tests]
    return max(-math.log10(min(levels)), 0.0) if levels and min(levels) > 0 else 0.0


def rates_picture(found: Proficiency) -> list[Picture]:
    """Rates of the blind trials with their limits."""
    from countermark.prove.typeset.pictures import intervals

    rows = list(_rates(found))
    if not rows:
        return []
    labels = [label for label, _ in rows]
    limits = [_limits(samples) for _, samples in rows]
    low, mid, high = ([100 * values[at] for values in limits] for at in range(3))
    words = listed([f"{label}, {rate(samples)}" for label, samples in rows])
    return [
        Picture(
            svg=intervals(labels, low, mid, high, "per cent"),
            caption="Rates of the blind trials with exact 95% limits.",
            alternative=f"Intervals: {words}.",
        )
    ]


def _rates(found: Proficiency) -> Iterator[tuple[str, list[Samples]]]:
    """Label and samples of each rate that has any."""
    for procedure in found.procedures():
        trials = found.of(procedure)
        for label, samples in (
            ("unrelated called positive", [one.unrelated for one in trials]),
            ("related missed", [one.related for one in trials]),
        ):
            if any(one.n for one in samples):
                yield f"{procedure}: {label}", samples


def _limits(samples: Sequence[Samples]) -> tuple[float, float, float]:
    """Lower limit, rate, upper limit."""
    n, wrong = sum(one.n for one in samples), sum(one.wrong for one in samples)
    low, high = clopper_pearson(wrong, n)
    return low, wrong / n, high


def timeline_picture(dossier: Dossier) -> list[Picture]:
    """What happened when, as the records say it."""
    from countermark.prove.typeset.pictures import timeline

    events = sorted(dict.fromkeys(_events(dossier)))
    if len(events) < 2:
        return []
    shown = events[:MOST_EVENTS]
    rest = (
        f" {counted(len(events) - len(shown), 'later event')} left out." if len(events) > len(shown) else ""
    )
    return [
        Picture(
            svg=timeline(shown),
            caption=f"What happened when, by the clocks of those who recorded it.{rest}",
            alternative=f"Events: {listed([f'{day} {what}' for day, what in shown])}.",
        )
    ]


def _events(dossier: Dossier) -> Iterator[tuple[date, str]]:
    seen = dossier.findings.get("events") or {}
    yield from _event(seen.get("first_ts"), "first request in the log")
    yield from _event(seen.get("last_ts"), "last request in the log")
    for one in dossier.terms:
        yield from _event(one.effective, f"terms in force: {said(one.id)} {said(one.version)}")
    for when in dossier.committed.values():
        yield from _event(when, "commitment to a key shown")
    for acquired in dossier.custody.acquisitions:
        yield from _event(acquired.started, f"{said(acquired.id)}: {said(acquired.what)}")
    for hold in dossier.custody.holds:
        yield from _event(hold.started, f"legal hold {said(hold.id)}")
    for run in dossier.runs:
        yield from _event(run.started, f"run {run.number}: {run.kind}")
    if dossier.sealed:
        yield from _event(dossier.case.created, "sealed")


def _event(when: object, what: str) -> Iterator[tuple[date, str]]:
    try:
        yield day_of(str(when)[:10]), what
    except ValueError:
        return  # taken out, or a run that stays closed
