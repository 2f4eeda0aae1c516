"""The file of inputs (`INPUTS.yaml`): who says which figure, from which page; what is empty is a question.

Figures are decimals: text or whole numbers in the file, never binary fractions.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from countermark.prove.custody.terms import day_of
from countermark.prove.damages.input_forms import FORMS, InputForm
from countermark.prove.dossier.statements import Day, Line
from countermark.records.cause_words import without_causes
from countermark.records.strict_yaml import bad, read

INPUTS_SCHEMA_ID = "countermark/damages-inputs/v1"
FORM = "docs/damages.md"
MAX_DECIMALS = 6
_FIGURE = re.compile(rf"(?:0|[1-9][0-9]{{0,11}})(?:\.[0-9]{{1,{MAX_DECIMALS}}})?")
MAX_DIGITS = 14
"""Significant digits of a figure: what a spreadsheet's numbers hold, with one to spare."""

Figure = Annotated[str, msgspec.Meta(max_length=24)] | Annotated[int, msgspec.Meta(ge=0)] | None
Text = Annotated[str, msgspec.Meta(max_length=2000)] | None


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a figure stands."""

    document: Text = None
    page: Text | int = None
    """Page, sheet and cell, query: where in it."""


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One input: all three figures with their source, or none."""

    low: Figure = None
    value: Figure = None
    high: Figure = None
    unit: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    source: Source = Source()
    dated: Day | None = None
    """Of the source."""
    by: Text = None
    """Who took the figure from there: name and role."""


class DamagesInputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of the file."""

    schema: Literal["countermark/damages-inputs/v1"]
    case: Line
    """The case, or what the sums are about."""
    currency: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{3}\Z")]
    """ISO 4217; every amount of the file is in it."""
    prepared: Day
    """Date of the file, and of the workbook."""
    by: Line
    inputs: dict[str, Input]


@dataclass(frozen=True)
class Range:
    """Three figures, the first at most the second, that at most the third."""

    low: Decimal
    value: Decimal
    high: Decimal


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One input that is answered."""

    form: InputForm
    range: Range
    document: str
    page: str
    dated: str
    by: str


def read_inputs(path: Path) -> DamagesInputs:
    """The inputs in a file, checked; raises `Error(NO_INPUT)` for anything that is not as expected."""
    inputs = without_causes(read(path, DamagesInputs, FORM), path.name)
    try:
        answered(inputs)
        _check_day("prepared", inputs.prepared)
    except ValueError as error:
        raise bad(str(path), f"is not as expected: {error}", FORM) from error
    return inputs


def answered(inputs: DamagesInputs) -> Mapping[str, Figures]:
    """The inputs that have figures, by name in their order; raises `ValueError` with what is wrong."""
    if unknown := sorted(set(inputs.inputs) - set(FORMS)):
        raise ValueError(f"there is no input {unknown[0][:60]!r}")
    found = {}
    for name, form in FORMS.items():
        one = inputs.inputs.get(name)
        if one is not None and (figures := _figures(form, one, inputs.currency)) is not None:
            found[name] = figures
    return found


def decimals_of(figure: Decimal) -> int:
    """How many digits a figure of the file has behind its point."""
    return -int(figure.as_tuple().exponent)


def _figures(form: InputForm, one: Input, currency: str) -> Figures | None:
    unit = form.unit_in(currency)
    if one.unit != unit:
        raise ValueError(f"{form.name} is in {unit}, not in {one.unit!r}")
    given = (one.low, one.value, one.high)
    if given == (None, None, None):
        return None
    if None in given:
        raise ValueError(f"{form.name} has some of low, value, high: give all three, the same where exact")
    low, value, high = (_decimal(form, figure) for figure in given)
    if not low <= value <= high:
        raise ValueError(f"{form.name} is not in the order low, value, high")
    if form.unit == "percent" and high > 100:
        raise ValueError(f"{form.name} is over 100 percent")
    page = "" if one.source.page is None else str(one.source.page)
    document, dated, by = one.source.document or "", one.dated or "", one.by or ""
    if not all(text.strip() for text in (document, page, dated, by)):
        raise ValueError(f"{form.name} has figures and lacks its source: document, page, dated, by")
    _check_day(form.name, dated)
    figures = Range(low, value, high)
    return Figures(form=form, range=figures, document=document, page=page, dated=dated, by=by)


def _check_day(name: str, day: str) -> None:
    try:
        day_of(day)
    except ValueError:
        raise ValueError(f"{name} has a day that there is not: {day}") from None


def _decimal(form: InputForm, figure: str | int | None) -> Decimal:
    text = str(figure)
    if not _FIGURE.fullmatch(text):
        raise ValueError(
            f"{form.name} has {text[:30]!r}: digits and a point, 12 before it and 6 behind it at most"
        )
    if len(text.replace(".", "").strip("0")) > MAX_DIGITS:
        raise ValueError(f"{form.name} has a figure of over {MAX_DIGITS} digits")
    return Decimal(text)
