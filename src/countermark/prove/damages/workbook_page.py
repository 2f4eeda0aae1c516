"""What every sheet of the damages workbook shares: formats, heading, print set-up, formulas with values."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from countermark.prove.damages.inputs import MAX_DECIMALS, Range
from countermark.prove.damages.plain import OPEN
from countermark.prove.damages.reckon import Column, Damages
from countermark.prove.damages.workbook_formulas import COLUMN_OF, FIRST_ROW

_FONT = "Liberation Sans"
_A4 = 9
_HEAD_ROW = FIRST_ROW - 1


@dataclass(frozen=True, kw_only=True)
class Formats:
    """Cell formats by what they are for."""

    title: Any
    plain: Any
    wrapped: Any
    note: Any
    column: Any
    column_right: Any
    group: Any
    given: Sequence[Any]
    """Of inputs, by decimals."""
    money: Any
    strong_money: Any
    strong: Any
    total: Any
    """Below a line, as its name."""
    total_name: Any


@dataclass(frozen=True, kw_only=True)
class Book:
    """What a sheet needs."""

    workbook: Any
    damages: Damages
    formats: Formats


def formats(workbook: Any) -> Formats:
    """The formats, made in one workbook."""

    def make(**more: Any) -> Any:
        return workbook.add_format({"font_name": _FONT, "font_size": 9, "valign": "top"} | more)

    money = {"num_format": "#,##0.00;[Red]-#,##0.00", "align": "right"}
    given = {"align": "right", "bg_color": "#FFF9E5", "border": 1, "border_color": "#E0D8B0"}
    # as many decimals as the figure has: `0.###` would leave a bare point behind a whole number
    decimals = ["#,##0", *(f"#,##0.{'0' * count}" for count in range(1, MAX_DECIMALS + 1))]
    return Formats(
        title=make(bold=True, font_size=15),
        plain=make(),
        wrapped=make(text_wrap=True, align="left", indent=1),
        note=make(text_wrap=True, font_color="#4B5563", italic=True, align="left", indent=1),
        column=make(bold=True, bottom=2, text_wrap=True, valign="bottom", align="left", indent=1),
        column_right=make(bold=True, bottom=2, align="right", valign="bottom"),
        group=make(bold=True, bg_color="#E8ECF2", text_wrap=True, align="left", indent=1),
        given=[make(**given, num_format=one) for one in decimals],
        money=make(**money),
        strong_money=make(**money, bold=True),
        strong=make(bold=True, text_wrap=True, align="left", indent=1),
        total=make(**money, bold=True, top=1),
        total_name=make(bold=True, top=1, text_wrap=True, align="left", indent=1),
    )


def page(book: Book, name: str, title: str, text: str, widths: Sequence[float]) -> Any:
    """A sheet with its heading, set to print on A4 across, one page wide."""
    sheet, last = book.workbook.add_worksheet(name), len(widths) - 1
    for place, width in enumerate(widths):
        sheet.set_column(place, place, width, book.formats.plain)
    damages = book.damages
    sheet.write_string("A1", title, book.formats.title)
    sheet.set_row(0, 24)
    about = f"{damages.inputs.case}. Amounts in {damages.inputs.currency}. Prepared {damages.inputs.prepared}"
    sheet.write_string("A2", f"{about} by {damages.inputs.by}.", book.formats.plain)
    sheet.merge_range(2, 0, 2, last, text, book.formats.note)
    sheet.set_row(2, 12 * (1 + int(len(text) / (sum(widths) * 1.05))) + 4)
    sheet.hide_gridlines(2)
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
    sheet.set_footer("&L&8&A&R&8Page &P of &N")
    return sheet


def columns(book: Book, sheet: Any, names: Sequence[str], numbers: range) -> None:
    """The names of the columns, repeated on each page; `numbers` (from 0) are set to the right."""
    for place, name in enumerate(names):
        cell_format = book.formats.column_right if place in numbers else book.formats.column
        sheet.write_string(_HEAD_ROW - 1, place, name, cell_format)
    sheet.repeat_rows(_HEAD_ROW - 1)
    sheet.freeze_panes(_HEAD_ROW, 1)


def band(book: Book, sheet: Any, row: int, title: str, width: int) -> None:
    """A shaded line with a title."""
    sheet.write_string(row - 1, 0, title, book.formats.group)
    for place in range(1, width):
        sheet.write_blank(row - 1, place, None, book.formats.group)


def formula(sheet: Any, cell: str, text: str, cell_format: Any, value: Decimal | None) -> None:
    """A formula with the value that the code reckoned; None: open."""
    sheet.write_formula(cell, text, cell_format, OPEN if value is None else float(value))


def amount(sheet: Any, row: int, column: Column, text: str, cell_format: Any, amounts: Range | None) -> None:
    """A formula in one of the columns low, value, high."""
    value = None if amounts is None else getattr(amounts, column)
    formula(sheet, f"{COLUMN_OF[column]}{row}", text, cell_format, value)
