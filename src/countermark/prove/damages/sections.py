"""The damages as sections of a report: sums, heads, what moves them, sources, open questions."""

from collections.abc import Iterator

from countermark.prove.damages.heads import ALTERNATIVES, HEADS
from countermark.prove.damages.input_forms import FORMS
from countermark.prove.damages.plain import amount_text, figure_text, range_texts
from countermark.prove.damages.reckon import Damages
from countermark.prove.typeset.document import Items, Paragraph, Section, Table

_RANGE = ("Low", "Value", "High")
_WIDE = (0.27, 0.28, 0.16, 0.16, 0.13)
LARGEST = 3
"""Inputs of each measure in the report; the workbook has all."""
_LIMITS = (
    "These sums are reckoned from the inputs below and from nothing else. Each input is what its source "
    "says; none was measured by this report. The low column takes every input at its low end at once, the "
    "high column at its high end: these are limits, not likely values."
)


def damages_sections(damages: Damages, case_id: str) -> tuple[Section, ...]:
    """One section, with its parts; what is empty is a question, and no number stands in its place. So is
    whether inputs that name something else are of this case."""
    parts: list[Paragraph | Section] = []
    if damages.inputs.case != case_id:
        text = f"The inputs are of “{damages.inputs.case}”. Are they the inputs of case {case_id}?"
        parts.append(Paragraph(text=text, style="question"))
    parts += [_measures(damages), _heads(damages), *_sensitivity(damages), _sources(damages)]
    parts += _questions(damages)
    return (Section("Damages", tuple(parts)),)


def _measures(damages: Damages) -> Section:
    measures = damages.measures
    rows = tuple(
        (
            one.measure.title,
            " + ".join(HEADS[name].title for name in one.measure.heads),
            *range_texts(one.known),
            one.state,
        )
        for one in measures
    )
    table = Table(
        columns=("Measure", "Heads that it adds", *_RANGE, "The sum is"),
        rows=rows,
        caption=f"Amounts in {damages.inputs.currency}. {ALTERNATIVES}",
        widths=(0.2, 0.3, 0.13, 0.13, 0.13, 0.11),
        numbers=(2, 3, 4),
        questions=tuple(place for place, one in enumerate(measures) if one.state != "total"),
    )
    law = Items(tuple(f"{one.measure.title}. {one.measure.law}" for one in measures))
    return Section("Ways to reckon the damage", (Paragraph(text=_LIMITS), table, law))


def _heads(damages: Damages) -> Section:
    heads = list(damages.heads.values())
    rows = tuple((one.head.title, one.head.note, *range_texts(one.amount)) for one in heads)
    table = Table(
        columns=("Head of loss", "What it is", *_RANGE),
        rows=rows,
        caption=f"Amounts in {damages.inputs.currency}. A head that is open lacks an input.",
        widths=(0.27, 0.34, 0.13, 0.13, 0.13),
        numbers=(2, 3, 4),
        questions=tuple(place for place, one in enumerate(heads) if one.amount is None),
    )
    return Section("Heads of loss", (table,))


def _sensitivity(damages: Damages) -> Iterator[Section]:
    titles = {one.measure.name: one.measure.title for one in damages.measures}
    rows = [
        (
            titles[name],
            FORMS[effect.name].title,
            amount_text(effect.at_low),
            amount_text(effect.at_high),
            amount_text(effect.change),
        )
        for name, effects in damages.sensitivity.items()
        for effect in effects[:LARGEST]
        if effect.change
    ]
    if rows:
        columns = ("Measure", "Input", "With it at its low", "With it at its high", "Change")
        caption = (
            f"Amounts in {damages.inputs.currency}: what is known of each measure when one input moves and "
            f"all others stay at their value; the {LARGEST} that move it most. Inputs of open heads are not "
            "there."
        )
        table = Table(columns=columns, rows=tuple(rows), caption=caption, widths=_WIDE, numbers=(2, 3, 4))
        yield Section("What the sums hang on", (table,))


def _sources(damages: Damages) -> Section:
    rows = tuple(
        (
            one.form.title,
            one.form.unit_in(damages.inputs.currency),
            figure_text(one.range.low),
            figure_text(one.range.value),
            figure_text(one.range.high),
            f"{one.document}, {one.page}; {one.dated}; taken by {one.by}",
        )
        for one in damages.figures.values()
    )
    blocks = (
        (
            Table(
                columns=("Input", "Unit", *_RANGE, "Source"),
                rows=rows,
                caption=f"Prepared {damages.inputs.prepared} by {damages.inputs.by}.",
                widths=(0.2, 0.16, 0.1, 0.12, 0.1, 0.32),
                numbers=(2, 3, 4),
            ),
        )
        if rows
        else (Paragraph(text="No input has a figure: nothing was reckoned."),)
    )
    return Section("Inputs and their sources", blocks)


def _questions(damages: Damages) -> Iterator[Section]:
    if damages.questions:
        asked = tuple(
            Paragraph(
                lead=f"{one.form.title}.",
                text=f"{one.form.question} Open without it: {'; '.join(one.heads)}.",
                style="question",
            )
            for one in damages.questions
        )
        yield Section("Open questions on the sums", asked)
