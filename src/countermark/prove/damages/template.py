"""An empty file of inputs, with what each asks as a comment."""

from countermark.prove.damages.input_forms import GROUPS, InputForm
from countermark.prove.damages.inputs import INPUTS_SCHEMA_ID

_HEAD = """\
# Inputs of the damages workbook. What is left empty is printed as an open question, and no number stands
# in its place. A figure needs all of low, value and high (the same where it is exact) and its source.
# Figures: digits and a point; 12 digits before it and 6 behind it at most. 0 is a figure like any other.
schema: {schema}
case: {case}
currency: {currency}
prepared: {prepared}
by: Name and role of who prepared this file
inputs:
"""
_INPUT = """\
  # {question}
  {name}:
    low:
    value:
    high:
    unit: {unit}
    source:
      document:
      page:
    dated:
    by:
"""


def template(case: str, currency: str, prepared: str) -> str:
    """The text of the file; it can be read as it is."""
    head = _HEAD.format(schema=INPUTS_SCHEMA_ID, case=case, currency=currency, prepared=prepared)
    parts = [head]
    for title, forms in GROUPS.items():
        parts.append(f"\n  # --- {title}\n")
        parts += [_input(form, currency) for form in forms]
    return "".join(parts)


def _input(form: InputForm, currency: str) -> str:
    return _INPUT.format(question=form.question, name=form.name, unit=form.unit_in(currency))
