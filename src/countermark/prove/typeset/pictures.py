"""Pictures of plain numbers as SVG: bars, intervals and dated events, for paper and without colour.

Letters are outlines, so that a picture prints alike everywhere; the same numbers give the same bytes.
"""

import io
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from countermark.prove.typeset.characters import printable

MOST_ROWS = 60
"""Of one picture: what has more belongs into a table."""
_INK, _MUTED, _RULE = "#1a1a1a", "#595959", "#c8c8c8"
_WIDTH = 6.2
"""Inches: the text between the margins of a page."""
_ROW, _FRAME = 0.27, 0.75
"""Inches of height that a row takes, and that title and axis take."""
_LONGEST_LABEL = 52
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "countermark",  # the same picture has the same bytes
    "svg.fonttype": "path",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.color": _INK,
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _INK,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "xtick.color": _MUTED,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "ytick.major.size": 0,
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def bars(labels: Sequence[str], values: Sequence[float], axis: str) -> bytes:
    """A bar a label, the first on top, each with its value; `axis` says what is counted.

    Raises `ValueError` for values that are not finite or below 0, for unequal lengths, and for none or more
    than `MOST_ROWS`.
    """
    _check(labels, values)
    if any(value < 0 for value in values):
        raise ValueError("a bar has no length below 0")
    from matplotlib.ticker import MaxNLocator

    def draw(axes: Any) -> None:
        drawn = axes.barh(range(len(values)), values, height=0.62, color=_MUTED)
        axes.bar_label(drawn, [_number(value) for value in values], padding=3, color=_INK)
        axes.set_xlim(0, 1.12 * max(*values, 1e-9))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.xaxis.set_major_formatter(lambda value, _: _number(value))

    return _drawn(labels, axis, draw)


def intervals(
    labels: Sequence[str], low: Sequence[float], mid: Sequence[float], high: Sequence[float], axis: str
) -> bytes:
    """A line from low to high with a dot at mid, a label each; raises `ValueError` as `bars` does."""
    for values in (low, mid, high):
        _check(labels, values)
    if any(not a <= b <= c for a, b, c in zip(low, mid, high, strict=True)):
        raise ValueError("an interval is low <= mid <= high")

    def draw(axes: Any) -> None:
        rows = range(len(mid))
        axes.hlines(rows, low, high, color=_INK, linewidth=1.6)
        for ends in (low, high):
            axes.plot(ends, rows, "|", color=_INK, markersize=7, markeredgewidth=1.4, clip_on=False)
        axes.plot(mid, rows, "o", color=_INK, markersize=5, clip_on=False)

    return _drawn(labels, axis, draw)


def timeline(events: Sequence[tuple[date, str]]) -> bytes:
    """Events by date from top to bottom, each on a scale of time; raises `ValueError` as `bars` does.

    A time of day is taken as it stands: give all of them in UTC.
    """
    ordered = sorted(events, key=lambda event: (_days(event[0]), event[1]))
    labels = [f"{day.isoformat()[:10]}  {what}" for day, what in ordered]
    at = [_days(day) for day, _ in ordered]
    _check(labels, at)

    def draw(axes: Any) -> None:
        axes.hlines(range(len(at)), at[0], at, color=_RULE, linewidth=1)
        axes.plot(at, range(len(at)), "D", color=_INK, markersize=5, clip_on=False)
        ticks = sorted({int(at[0]), int((at[0] + at[-1]) / 2), int(at[-1])})
        axes.set_xticks(ticks, [date.fromordinal(tick).isoformat() for tick in ticks])
        spread = max(at[-1] - at[0], 1.0)
        axes.set_xlim(at[0] - 0.04 * spread, at[-1] + 0.04 * spread)

    return _drawn(labels, "", draw)


def _days(day: date) -> float:
    seconds = day.hour * 3600 + day.minute * 60 + day.second if isinstance(day, datetime) else 0
    return day.toordinal() + seconds / 86_400


def _check(labels: Sequence[str], values: Sequence[float]) -> None:
    if not 0 < len(values) == len(labels) <= MOST_ROWS:
        raise ValueError(f"a picture has 1 to {MOST_ROWS} rows, with a label and a value each")
    if not all(map(math.isfinite, values)):
        raise ValueError("a picture is of finite numbers")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"


def _label(text: str) -> str:
    text = printable(text, one_line=True)
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 2]} …"


def _drawn(labels: Sequence[str], axis: str, draw: Callable[[Any], None]) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    stream = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the user's settings are
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(_WIDTH, _FRAME + _ROW * len(labels)), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.set_yticks(range(len(labels)), [_label(one) for one in labels])
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlabel(_label(axis))
        figure.savefig(stream, format="svg", metadata=_NO_METADATA)
    return stream.getvalue()
