"""Matplotlib figures as inline SVG that takes its colours from the page, so that light, dark and print work.

The object API only (no pyplot, no global figure); the same figure always gives the same bytes.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from countermark.detect.report.wording import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE, MEMBERS, ORDINARY, PAGE = (f"#{n:02x}{n:02x}{n:02x}" for n in range(1, 7))
"""Stand-ins, each replaced by the page's CSS colour of that name."""
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    RULE: "rule",
    MEMBERS: "members",
    ORDINARY: "ordinary",
    PAGE: "page",
}
_COLOUR = re.compile(r"(fill|stroke): (#0[1-6]0[1-6]0[1-6])")
_LONG_DECIMAL = re.compile(r"(\d+\.\d)\d+")
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_POINTS_PER_INCH = 72
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "countermark",
    "path.simplify": False,
    "text.parse_math": False,
    "text.color": INK,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "ytick.major.size": 0,
}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's defaults and the report's style while the block runs, whatever the user's settings."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def canvas(width: float, height: float) -> "Figure":
    """An empty figure of `width` by `height` in points; it has to be made and drawn within `style`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / _POINTS_PER_INCH, height / _POINTS_PER_INCH), dpi=_POINTS_PER_INCH)


def thousands(axes: "Axes") -> None:
    """Few, short tick labels on the y axis (`20k`), from zero."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def _short(value: float) -> str:
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:g}"


def inline(figure: "Figure", name: str, alternative: str) -> Markup:
    """The figure as an `<svg>` element; `name` keeps its ids apart from those of other pictures."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # the text is set by the reader's browser, which has fonts of its own
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(stream, format="svg", transparent=True, metadata=_NO_METADATA)
    text = stream.getvalue().decode()
    text = text[text.index("<svg") : text.rindex("</svg>")]
    opening, body = text.split(">", 1)
    box = re.search(r'viewBox="([\d. ]+)"', opening)
    body = re.sub(r"<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>", "", body)
    body = body.replace("xlink:href", "href")
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'href="#|url\(#', lambda match: f"{match[0]}{name}-", body)
    body = _COLOUR.sub(lambda match: f"{match[1]}: var(--{_VARIABLES.get(match[2], 'ink')})", body)
    body = re.sub(r' (?:d|x|y|transform)="[^"]*"', lambda match: _LONG_DECIMAL.sub(r"\1", match[0]), body)
    view = box[1] if box else "0 0 1 1"
    opening = f'<svg viewBox="{view}" role="img" aria-label="{escape(printable(alternative))}">'
    return Markup(opening + body + "</svg>")  # noqa: S704 - matplotlib escapes the text that it writes
