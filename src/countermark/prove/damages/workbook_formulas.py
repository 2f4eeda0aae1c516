"""Where each figure stands in the workbook, and the formulas that reckon with it.

The formulas come from the same heads and measures as the code. A formula whose cells are empty gives the
text `open`, never 0; every product is rounded where the code rounds it.
"""

from collections.abc import Callable, Mapping, Sequence

from countermark.prove.damages.heads import HEADS, MEASURES, Head, Measure, Term
from countermark.prove.damages.input_forms import GROUPS
from countermark.prove.damages.plain import OPEN
from countermark.prove.damages.reckon import COLUMNS, Column

Cell = Callable[[str, bool], str]
"""The cell of an input, given its name and whether it is deducted."""
INPUTS, HEADS_SHEET = "Inputs", "Heads"
FIRST_ROW = 6
"""First row below the head of each sheet, from 1."""
COLUMN_OF: Mapping[Column, str] = dict(zip(COLUMNS, "CDE", strict=True))
"""Low, value and high stand in the same columns of `Inputs`, `Heads` and `Ranges`."""
_OPPOSITE: Mapping[Column, Column] = {"low": "high", "value": "value", "high": "low"}


def _input_rows() -> dict[str, int]:
    rows, row = {}, FIRST_ROW
    for forms in GROUPS.values():
        row += 1  # the title of the group
        for form in forms:
            rows[form.name] = row
            row += 1
    return rows


def _head_rows() -> dict[str, int]:
    """Row of the title of each head; its terms, its share and its amount follow, then an empty row."""
    rows, row = {}, FIRST_ROW
    for name, head in HEADS.items():
        rows[name] = row
        row += 1 + len(head.terms) + bool(head.share) + 1 + 1
    return rows


INPUT_ROWS: Mapping[str, int] = _input_rows()
HEAD_ROWS: Mapping[str, int] = _head_rows()


def amount_row(head: Head) -> int:
    """Row of the amount of a head."""
    return HEAD_ROWS[head.name] + 1 + len(head.terms) + bool(head.share)


def input_cell(name: str, column: Column) -> str:
    """An input, from any sheet."""
    return f"{INPUTS}!${COLUMN_OF[column]}${INPUT_ROWS[name]}"


def head_cell(name: str, column: Column) -> str:
    """The amount of a head, from any sheet."""
    return f"{HEADS_SHEET}!${COLUMN_OF[column]}${amount_row(HEADS[name])}"


def in_column(column: Column) -> Cell:
    """Cells of one column; what is deducted has its high figure in the low column."""
    return lambda name, deducted: input_cell(name, _OPPOSITE[column] if deducted else column)


def term_formula(term: Term, column: Column) -> str:
    """A line of a head."""
    cells = [in_column(column)(name, term.deducted) for name in term.factors]
    return _unless_empty(cells, _term(term, in_column(column)))


def share_formula(head: Head, column: Column) -> str:
    """The share of a head, as it stands among the inputs."""
    cell = input_cell(head.share, column)
    return _unless_empty([cell], cell)


def head_formula(head: Head, column: Column) -> str:
    """The amount of a head, out of the lines above it."""
    letter, first = COLUMN_OF[column], HEAD_ROWS[head.name] + 1
    lines = [f"{letter}{first + place}" for place in range(len(head.terms))]
    total = _signed(head, lines)
    if head.share:
        share = f"{letter}{first + len(lines)}"
        return _unless_empty([*lines, share], f"ROUND(ROUND({total},2)*{share}/100,2)")
    return _unless_empty(lines, f"ROUND({total},2)")


def measure_formula(measure: Measure, column: Column) -> str:
    """The sum of the heads that are known; texts in cells are passed over by SUM."""
    cells = ",".join(head_cell(name, column) for name in measure.heads)
    return f'=IF(COUNT({cells})=0,"{OPEN}",ROUND(SUM({cells}),2))'


def state_formula(measure: Measure) -> str:
    """What the sum may be called."""
    count = f"COUNT({','.join(head_cell(name, 'value') for name in measure.heads)})"
    return f'=IF({count}=0,"{OPEN}",IF({count}<{len(measure.heads)},"of what is known","total"))'


def effect_formula(measure: Measure, name: str, column: Column) -> str:
    """The measure with one input at its low or high figure, all others at their value."""
    value = in_column("value")
    touched = [HEADS[head] for head in measure.heads if name in HEADS[head].inputs]
    changed = input_cell(name, column)

    def cell(other: str, deducted: bool) -> str:
        return changed if other == name else value(other, deducted)

    known = ",".join(head_cell(head.name, "value") for head in touched)
    others = [head_cell(head, "value") for head in measure.heads if HEADS[head] not in touched]
    parts = [f"SUM({','.join(others)})"] if others else []
    parts += [f"IF(ISNUMBER({head_cell(head.name, 'value')}),{_amount(head, cell)},0)" for head in touched]
    return f'=IF(OR(COUNT({changed})=0,COUNT({known})=0),"{OPEN}",ROUND({"+".join(parts)},2))'


def change_formula(row: int) -> str:
    """What an input does to a measure, from its low figure to its high one."""
    return f'=IF(COUNT(B{row}:C{row})<2,"{OPEN}",ROUND(C{row}-B{row},2))'


def order_formula(row: int, first: int, last: int) -> str:
    """The place of a change among those of its measure, by size; texts are not counted."""
    changes, size = f"D${first}:D${last}", f"ABS(D{row})"
    larger = f'COUNTIF({changes},">"&{size})+COUNTIF({changes},"<"&-{size})'
    return f'=IF(ISNUMBER(D{row}),1+{larger},"")'


def answer_formula(name: str) -> str:
    """Whether an input is there."""
    row = INPUT_ROWS[name]
    return f'=IF(COUNT({INPUTS}!$C${row}:$E${row})=3,"answered","{OPEN}")'


def measure_inputs(measure: Measure) -> list[str]:
    """The inputs of a measure, each once, in order."""
    return list(dict.fromkeys(name for head in measure.heads for name in HEADS[head].inputs))


def _term(term: Term, cell: Cell) -> str:
    return f"ROUND({'*'.join(cell(name, term.deducted) for name in term.factors)},2)"


def _amount(head: Head, cell: Cell) -> str:
    """A head in one formula."""
    total = _signed(head, [_term(term, cell) for term in head.terms])
    if head.share:
        return f"ROUND(ROUND({total},2)*{cell(head.share, False)}/100,2)"
    return f"ROUND({total},2)"


def _signed(head: Head, lines: Sequence[str]) -> str:
    signs = ("-" if term.deducted else "+" for term in head.terms)
    return "".join(sign + line for sign, line in zip(signs, lines, strict=True)).removeprefix("+")


def _unless_empty(cells: Sequence[str], formula: str) -> str:
    return f'=IF(COUNT({",".join(cells)})<{len(cells)},"{OPEN}",{formula})'


def sensitivity_rows() -> dict[tuple[str, int], int]:
    """Row of each line of `Sensitivity`, by measure and place; the measure's title stands above its first."""
    rows, row = {}, FIRST_ROW
    for measure in MEASURES:
        row += 1
        for place in range(len(measure_inputs(measure))):
            rows[measure.name, place] = row
            row += 1
        row += 1
    return rows
