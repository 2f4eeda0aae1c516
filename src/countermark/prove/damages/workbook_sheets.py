"""The sheets of the damages workbook, one function each."""

from decimal import Decimal
from typing import Any

from countermark.prove.damages.heads import ALTERNATIVES, HEADS, MEASURES, Measure, Term
from countermark.prove.damages.input_forms import FORMS, GROUPS, InputForm
from countermark.prove.damages.inputs import Figures, decimals_of
from countermark.prove.damages.reckon import COLUMNS, HeadSum
from countermark.prove.damages.workbook_formulas import (
    COLUMN_OF,
    FIRST_ROW,
    HEAD_ROWS,
    INPUT_ROWS,
    answer_formula,
    change_formula,
    effect_formula,
    head_formula,
    measure_formula,
    measure_inputs,
    order_formula,
    sensitivity_rows,
    share_formula,
    state_formula,
    term_formula,
)
from countermark.prove.damages.workbook_page import Book, amount, band, columns, formula, page

_RANGE = ("Low", "Value", "High")
ROUNDING = (
    "Every product of two figures is rounded to the hundredth of the currency, half up, where it is formed; "
    "sums are sums of such amounts. The low column takes every input at its low figure at once (what is "
    "deducted at its high one), the high column the other way round: the ends of a range are limits, not "
    "likely values."
)
EMPTY = (
    "A yellow cell that is empty is an open question. A head with an open question is open, and no number "
    "stands in its place; a sum over open heads is called a sum of what is known. Yellow cells are the only "
    "ones to type into: everything else follows from them."
)
ONE_AT_A_TIME = (
    "Each line moves one input from its low figure to its high one and leaves all others at their value. "
    "Lines stand in the order that their effect had when the workbook was written; the column Order is live."
)
LIMITS = (
    "This workbook reckons; it finds nothing. What a figure shows, and whether a head is owed, is for the "
    "sources, the witnesses and the court. Interest, exemplary damages, statutory damages, costs and taxes "
    "are not reckoned."
)
ASKED = "Each input with the question that it answers and the heads that wait for it."


def inputs(book: Book) -> None:
    """Every input with its source; the only cells to type into."""
    sheet = page(book, "Inputs", "Inputs and their sources", EMPTY, [33, 24, 13, 13, 13, 28, 16, 11, 22])
    names = ["Input", "Unit", *_RANGE, "Source: document", "Where in it", "Dated", "Taken by"]
    columns(book, sheet, names, range(2, 5))
    for title, forms in GROUPS.items():
        band(book, sheet, INPUT_ROWS[forms[0].name] - 1, title, len(names))
        for form in forms:
            _input(book, sheet, form, book.damages.figures.get(form.name))


def _input(book: Book, sheet: Any, form: InputForm, figures: Figures | None) -> None:
    row, wrapped = INPUT_ROWS[form.name], book.formats.wrapped
    sheet.write_string(f"A{row}", form.title, wrapped)
    sheet.write_string(f"B{row}", form.unit_in(book.damages.inputs.currency), wrapped)
    for column in COLUMNS:
        cell = f"{COLUMN_OF[column]}{row}"
        if figures is None:
            sheet.write_blank(cell, None, book.formats.given[0])
        else:
            figure: Decimal = getattr(figures.range, column)
            sheet.write_number(cell, float(figure), book.formats.given[decimals_of(figure)])
    if figures is not None:
        texts = (figures.document, figures.page, figures.dated, figures.by)
        for letter, text in zip("FGHI", texts, strict=True):
            sheet.write_string(f"{letter}{row}", text, wrapped)


def heads(book: Book) -> None:
    """Each head of loss, line by line."""
    sheet = page(book, "Heads", "Heads of loss", ROUNDING, [58, 50, 17, 17, 17])
    columns(book, sheet, ["Line", "How", *_RANGE], range(2, 5))
    for one in book.damages.heads.values():
        _head(book, sheet, one)


def _head(book: Book, sheet: Any, one: HeadSum) -> None:
    head, row, formats = one.head, HEAD_ROWS[one.head.name], book.formats
    band(book, sheet, row, head.title, 5)
    for term, amounts in zip(head.terms, one.terms, strict=True):
        row += 1
        sheet.write_string(f"A{row}", _line(term), formats.wrapped)
        sheet.write_string(f"B{row}", _how(term), formats.note)
        for column in COLUMNS:
            amount(sheet, row, column, term_formula(term, column), formats.money, amounts)
    if head.share:
        row += 1
        figures = book.damages.figures.get(head.share)
        sheet.write_string(f"A{row}", f"times: {FORMS[head.share].title}", formats.wrapped)
        sheet.write_string(f"B{row}", "percent of the sum above", formats.note)
        for column in COLUMNS:
            share = figures.range if figures else None
            amount(sheet, row, column, share_formula(head, column), formats.money, share)
    row += 1
    sheet.write_string(f"A{row}", head.title, formats.total_name)
    sheet.write_string(f"B{row}", head.note, formats.note)
    for column in COLUMNS:
        amount(sheet, row, column, head_formula(head, column), formats.total, one.amount)


def _line(term: Term) -> str:
    names = " × ".join(FORMS[name].title for name in term.factors)
    return f"less: {names}" if term.deducted else names


def _how(term: Term) -> str:
    if term.deducted:
        return "taken off; its high figure in the low column"
    return " × ".join(FORMS[name].unit.replace("CURRENCY", "money") for name in term.factors)


def ranges(book: Book) -> None:
    """The measures: what may be added, from low to high."""
    sheet = page(book, "Ranges", "Ways to reckon the damage", ALTERNATIVES, [26, 34, 15, 15, 15, 15, 58])
    names = ["Measure", "Adds", *_RANGE, "The sum is", "What allows it, and what is against it"]
    columns(book, sheet, names, range(2, 5))
    for row, one in enumerate(book.damages.measures, FIRST_ROW):
        sheet.set_row(row - 1, max(26, 12 * (2 + len(one.measure.law) // 64)))
        sheet.write_string(f"A{row}", one.measure.title, book.formats.strong)
        adds = " + ".join(HEADS[name].title for name in one.measure.heads)
        sheet.write_string(f"B{row}", adds, book.formats.wrapped)
        for column in COLUMNS:
            amount(
                sheet, row, column, measure_formula(one.measure, column), book.formats.strong_money, one.known
            )
        sheet.write_formula(f"F{row}", state_formula(one.measure), book.formats.wrapped, one.state)
        sheet.write_string(f"G{row}", one.measure.law, book.formats.note)


def sensitivity(book: Book) -> None:
    """What each input does to each measure, one at a time."""
    sheet = page(book, "Sensitivity", "Sensitivity", ONE_AT_A_TIME, [56, 22, 22, 26, 9])
    names = ["Input", "With it at its low", "With it at its high", "Change", "Order"]
    columns(book, sheet, names, range(1, 5))
    for measure in MEASURES:
        _effects(book, sheet, measure)


def _effects(book: Book, sheet: Any, measure: Measure) -> None:
    rows, formats = sensitivity_rows(), book.formats
    effects = {effect.name: effect for effect in book.damages.sensitivity[measure.name]}
    names = [*effects, *(name for name in measure_inputs(measure) if name not in effects)]
    first, last = rows[measure.name, 0], rows[measure.name, len(names) - 1]
    band(book, sheet, first - 1, measure.title, 5)
    changes = [abs(effect.change) for effect in effects.values()]
    for place, name in enumerate(names):
        row, effect = rows[measure.name, place], effects.get(name)
        sheet.write_string(f"A{row}", FORMS[name].title, formats.wrapped)
        low, high = effect_formula(measure, name, "low"), effect_formula(measure, name, "high")
        formula(sheet, f"B{row}", low, formats.money, effect.at_low if effect else None)
        formula(sheet, f"C{row}", high, formats.money, effect.at_high if effect else None)
        formula(sheet, f"D{row}", change_formula(row), formats.money, effect.change if effect else None)
        rank = 1 + changes.index(abs(effect.change)) if effect else ""
        sheet.write_formula(f"E{row}", order_formula(row, first, last), formats.plain, rank)
    bar = {"type": "data_bar", "bar_color": "#9DB8E0", "bar_solid": True, "data_bar_2010": True}
    sheet.conditional_format(f"D{first}:D{last}", bar)


def questions(book: Book) -> None:
    """What is open, and what waits for it."""
    sheet = page(book, "Questions", "Open questions", ASKED, [34, 76, 12, 60])
    columns(book, sheet, ["Input", "Question", "State", "Heads that need it"], range(0))
    wrapped = book.formats.wrapped
    for row, (name, form) in enumerate(FORMS.items(), FIRST_ROW):
        waiting = "; ".join(head.title for head in HEADS.values() if name in head.inputs)
        sheet.set_row(row - 1, 24)
        sheet.write_string(f"A{row}", form.title, wrapped)
        sheet.write_string(f"B{row}", form.question, wrapped)
        state = "answered" if name in book.damages.figures else "open"
        sheet.write_formula(f"C{row}", answer_formula(name), book.formats.strong, state)
        sheet.write_string(f"D{row}", waiting, wrapped)


def about(book: Book) -> None:
    """How to read the workbook."""
    sheet = page(book, "About", "About this workbook", LIMITS, [26, 110])
    texts = {
        "Inputs": EMPTY,
        "Heads": ROUNDING,
        "Ranges": ALTERNATIVES,
        "Sensitivity": ONE_AT_A_TIME,
        "Questions": ASKED,
        "Formulas": "Every sum is a live formula. The value beside it is the one that countermark reckoned "
        "in decimal from the same figures; a spreadsheet that recalculates comes to the same cent.",
        "Law": "The references are working notes from public sources, with the date of each decision. They "
        "are no legal advice; counsel decides which measure a claim allows.",
    }
    for row, (name, text) in enumerate(texts.items(), FIRST_ROW):
        sheet.set_row(row - 1, 12 * (1 + len(text) // 115) + 6)
        sheet.write_string(f"A{row}", name, book.formats.strong)
        sheet.write_string(f"B{row}", text, book.formats.wrapped)
