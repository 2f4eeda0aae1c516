"""Pictures of the attribution benchmark: QQ plots with exact bands, and p against tokens and share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import beta

INK, BAND = "#20242b", "#d5dae1"
COLOURS = ("#b3261e", "#1f5fa8", "#2e7d4f", "#8a5a00", "#6a3fa0", "#00788a")
MARKERS = "osD^vP"
STYLE: Any = {
    "svg.hashsalt": "countermark",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
}
Points = Sequence[tuple[float, float]]


def qq(path: Path, series: Mapping[str, Sequence[float]], title: str) -> None:
    """Ordered p-values of each series against uniform ones; the band holds each ordered uniform with 99%.

    The k-th of n uniform values is Beta(k, n - k + 1) (the law behind Clopper & Pearson 1934). A valid test
    stays on or above the diagonal's band.
    """

    def draw(axes: Any) -> None:
        most = max(map(len, series.values()))
        expected, low, high = band(most)
        axes.fill_between(expected, low, high, color=BAND, linewidth=0, label=f"99% of uniform, n={most}")
        axes.plot([1 / (most + 1), 1], [1 / (most + 1), 1], color=INK, linewidth=0.8)
        for at, (name, values) in enumerate(series.items()):
            ordered = np.sort(np.asarray(values, dtype=float))
            places = np.arange(1, len(ordered) + 1) / (len(ordered) + 1)
            style = {"marker": MARKERS[at % 6], "color": COLOURS[at % 6], "markersize": 3.2}
            axes.plot(places, ordered, linestyle="none", label=f"{name} (n={len(ordered)})", **style)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("expected p under the null")
        axes.set_ylabel("p")
        axes.set_title(title)
        axes.legend(fontsize=8)

    save(path, draw)


def band(n: int, level: float = 0.99) -> tuple[Any, Any, Any]:
    """Expected ordered uniform values, shape (n,), and the limits that hold each with this probability."""
    places = np.arange(1, n + 1)
    tail = (1 - level) / 2
    return (
        places / (n + 1),
        beta.ppf(tail, places, n - places + 1),
        beta.ppf(1 - tail, places, n - places + 1),
    )


def curves(
    path: Path,
    series: Mapping[str, Points],
    *,
    title: str,
    across: str,
    levels: Sequence[float] = (),
    log_x: bool = True,
) -> None:
    """Log10 p (down is stronger) against tokens or share; dashed lines at `levels` of log10 p."""

    def draw(axes: Any) -> None:
        for at, (name, points) in enumerate(series.items()):
            x, y = zip(*sorted(points), strict=True)
            axes.plot(x, y, marker=MARKERS[at % 6], color=COLOURS[at % 6], markersize=5, label=name)
        for level in levels:
            axes.axhline(level, color=INK, linestyle=(0, (3, 2)), linewidth=0.8)
        if log_x:
            axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=10)
        axes.set_ylim(1, 1.3 * min(y for points in series.values() for _, y in points))
        axes.set_xlabel(across)
        axes.set_ylabel("log10 p")
        axes.set_title(title)
        axes.legend(fontsize=8)

    save(path, draw)


def save(path: Path, draw: Any) -> None:
    """An SVG file; the same picture has the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        draw(figure.subplots())
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
