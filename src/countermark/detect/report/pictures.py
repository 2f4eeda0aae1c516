"""The pictures of a campaign: members over time, their network, their signals beside ordinary accounts.

Members are always the solid, strong colour and ordinary accounts the dashed or pale one, so that neither
colour vision nor a colour printer is needed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from countermark.detect.report.layout import Layout, lay_out
from countermark.detect.report.model import CampaignPage, Signal
from countermark.detect.report.svg import (
    INK,
    MEMBERS,
    MUTED,
    ORDINARY,
    PAGE,
    canvas,
    inline,
    style,
    thousands,
)
from countermark.detect.report.wording import number, plural, printable, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 430
"""Points; the page shows a picture between 320 and 540 pixels wide."""
MOST_SIGNALS = 12
MEMBER_Q = 0.05
"""An account is drawn filled when its own q-value is at most this."""
_NODE: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 6.5, "clip_on": False}


def over_time(page: CampaignPage, name: str) -> Markup:
    """Active members, their requests, and requests per active account against ordinary ones; all per day."""
    with style():
        figure = canvas(WIDTH, 370)
        active, requests, rate = figure.subplots(3, 1, sharex=True)
        figure.subplots_adjust(left=0.085, right=0.985, top=0.93, bottom=0.075, hspace=0.5)
        days = range(len(page.days))
        _area(active, page.active_members_per_day, f"Members active a day (of {len(page.members):,})")
        _area(requests, page.requests_per_day, "Their requests a day")
        marker = "o" if len(days) < 2 else None
        rate.plot(
            days, page.ordinary_requests_per_account_day, color=ORDINARY, linestyle=(0, (3, 2)), marker=marker
        )
        rate.plot(days, _rates(page), color=MEMBERS, linewidth=2, marker=marker)
        rate.set_title("Requests a day of one active account")
        thousands(rate)
        _day_ticks(rate, page.days)
        return inline(figure, name, _over_time_in_words(page))


def hours(page: CampaignPage, name: str) -> Markup:
    """Share of the requests in each hour of the day (UTC), members against ordinary accounts."""
    with style():
        figure = canvas(WIDTH, 190)
        axes = figure.subplots()
        figure.subplots_adjust(left=0.085, right=0.985, top=0.88, bottom=0.19)
        hour = np.arange(25)
        for values, look in (
            (page.ordinary_hours, {"color": ORDINARY, "linestyle": (0, (3, 2))}),
            (page.member_hours, {"color": MEMBERS, "linewidth": 2}),
        ):
            axes.step(hour, [100 * value for value in (*values, values[-1])], where="post", **look)
        axes.set_title("Requests by hour of the day, %")
        axes.set_xticks(range(0, 25, 6), ["0 h", "6 h", "12 h", "18 h", "24 h UTC"])
        axes.get_xticklabels()[-1].set_horizontalalignment("right")
        axes.set_xlim(0, 24)
        thousands(axes)
        quiet = sum(value < 0.01 for value in page.member_hours)
        words = f"Members' requests by hour of the day: {plural(quiet, 'hour')} with less than 1% of them."
        return inline(figure, name, words)


def network(page: CampaignPage, name: str) -> tuple[Markup, Layout]:
    """The strongest links between the members, and the part of the network that was drawn."""
    layout = lay_out(page.edges)
    with style():
        figure = canvas(WIDTH, 370)
        axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
        axes.set_axis_off()
        axes.set_aspect("equal")
        axes.set_xlim(-1.08, 1.08)
        axes.set_ylim(-1.08, 1.08)
        _draw_edges(axes, layout)
        shown = np.array([page.members[node].member_q <= MEMBER_Q for node in layout.nodes], dtype=bool)
        axes.plot(
            *layout.place[~shown].T,
            markerfacecolor=PAGE,
            markeredgecolor=MEMBERS,
            markeredgewidth=1.4,
            **_NODE,
        )
        axes.plot(
            *layout.place[shown].T,
            markerfacecolor=MEMBERS,
            markeredgecolor=PAGE,
            markeredgewidth=0.8,
            **_NODE,
        )
        words = f"Network of {plural(len(layout.nodes), 'member')} and {plural(len(layout.ends), 'link')}."
        return inline(figure, name, words), layout


def signals(page: CampaignPage, name: str) -> Markup:
    """A pair of bars a signal, members over ordinary accounts; every signal has a scale of its own."""
    shown = list(page.signals[:MOST_SIGNALS])
    with style():
        figure = canvas(WIDTH, 46 * len(shown) + 8)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, 1.32)
        axes.set_ylim(len(shown), -0.08)
        for row, signal in enumerate(shown):
            _signal_bars(axes, row, signal)
        return inline(figure, name, _signals_in_words(shown))


def _area(axes: "Axes", values: Sequence[int], title: str) -> None:
    axes.stairs(values, np.arange(len(values) + 1) - 0.5, fill=True, color=MEMBERS)
    axes.set_title(title)
    thousands(axes)


def _day_ticks(axes: "Axes", days: Sequence[str]) -> None:
    """First and last day and up to two between them, so that full dates fit."""
    ticks = sorted({round(part * (len(days) - 1)) for part in (0, 1 / 2, 1)}) if days else []
    axes.set_xticks(ticks, [printable(days[tick])[:10] for tick in ticks])
    axes.set_xlim(-0.6, max(len(days), 1) - 0.4)
    if len(ticks) > 1:
        axes.get_xticklabels()[0].set_horizontalalignment("left")
        axes.get_xticklabels()[-1].set_horizontalalignment("right")


def _rates(page: CampaignPage) -> list[float]:
    pairs = zip(page.requests_per_day, page.active_members_per_day, strict=True)
    return [requests / active if active else 0.0 for requests, active in pairs]


def _draw_edges(axes: "Axes", layout: Layout) -> None:
    """Three widths by weight, each one compound path: a path an edge would make the page too large."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    crowding = min(1.0, 25 / max(len(layout.ends), 1) ** 0.5)
    relative = layout.weights / max(layout.weights.max(initial=0.0), 1e-300)
    looks = ((-1, 1 / 3, 0.6, 0.3), (1 / 3, 2 / 3, 1.0, 0.4), (2 / 3, 1, 1.4, 0.55))
    for above, upto, width, alpha in looks:
        part = layout.ends[(relative > above) & (relative <= upto)]
        path = Path(layout.place[part].reshape(-1, 2), np.tile([Path.MOVETO, Path.LINETO], len(part)))
        look = {"edgecolor": MUTED, "linewidth": width * max(crowding, 0.5), "alpha": alpha * crowding}
        axes.add_patch(PathPatch(path, fill=False, clip_on=False, **look))


def _signal_bars(axes: "Axes", row: int, signal: Signal) -> None:
    largest = max(
        (value for value in (signal.members_value, signal.ordinary_value) if value is not None), default=0
    )
    axes.text(0, row + 0.22, printable(signal.name)[:60], color=INK)
    for value, top, colour, label in (
        (signal.members_value, row + 0.31, MEMBERS, INK),
        (signal.ordinary_value, row + 0.57, ORDINARY, MUTED),
    ):
        length = value / largest if value is not None and largest > 0 else 0.0
        axes.barh(top, max(length, 0.003), height=0.22, align="edge", color=colour)
        axes.text(
            length + 0.015,
            top + 0.12,
            printable(quantity(value, signal.unit))[:24],
            va="center",
            color=label,
            fontsize=10,
        )


def _over_time_in_words(page: CampaignPage) -> str:
    if not page.days:
        return "No days to show."
    peak = int(np.argmax(page.active_members_per_day))
    calls, active = sum(page.requests_per_day), sum(page.active_members_per_day)
    return (
        f"{page.days[0]} to {page.days[-1]}: {plural(calls, 'request')}; "
        f"most members active on {page.days[peak]} ({page.active_members_per_day[peak]:,}); "
        f"{number(calls / max(active, 1))} requests a day of an active member, "
        f"{number(float(np.mean(page.ordinary_requests_per_account_day)))} of an ordinary account."
    )


def _signals_in_words(shown: Sequence[Signal]) -> str:
    pairs = (
        f"{signal.name}: members {quantity(signal.members_value, signal.unit)}, "
        f"ordinary accounts {quantity(signal.ordinary_value, signal.unit)}"
        for signal in shown
    )
    return "; ".join(pairs) + "."
