"""The widths of a table's columns, and how many letters of the typewriter face stand on a line of one."""

import itertools
from collections.abc import Sequence

from countermark.prove.typeset.document import Table

_TEXT_WIDTH = 158.0 / 25.4 * 72
"""Points between the margins of `template.typ`: A4 without 26 mm on each side."""
_INSET = 10.0
"""Points that a cell leaves free, left and right together."""
_ADVANCE = 7.6 * 0.6021
"""Points that a letter takes: size in the template by the advance of DejaVu Sans Mono."""
_WIDEST = 34
"""Characters above which a text does not make its column wider: it takes more lines."""
_SAMPLE = 200
"""Rows that are looked at."""


def column_shares(table: Table) -> tuple[float, ...]:
    """Shares of the width by content: as wide as the longest word needs, and the texts up to a bound."""
    rows = [table.columns, *itertools.islice(table.rows, _SAMPLE)]
    return tuple(float(_width(cells)) for cells in zip(*rows, strict=True))


def _width(cells: Sequence[str]) -> int:
    words = (word for cell in cells for word in cell.split())
    longest_word = max((min(len(word), _WIDEST) for word in words), default=0)
    return 2 + max(longest_word, min(max(map(len, cells)), _WIDEST))


def wide_column(widths: Sequence[float]) -> int:
    """The first column with room for the words `Open question`; the first where widths are by content."""
    return next((at for at, share in enumerate(widths) if share >= sum(widths) / 7), 0)


def characters_on_a_line(widths: Sequence[float], column: int) -> int:
    """Letters of the typewriter face on a line of the column; one at the least."""
    width = _TEXT_WIDTH * widths[column] / sum(widths)
    return max(1, int((width - _INSET) / _ADVANCE))
