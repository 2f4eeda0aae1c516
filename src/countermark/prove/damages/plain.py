"""Sums as texts and as plain data: amounts with two decimals, in the currency of the file."""

from decimal import Decimal
from typing import Any

from countermark.prove.damages.heads import ALTERNATIVES
from countermark.prove.damages.inputs import Range
from countermark.prove.damages.reckon import Damages

DAMAGES_SCHEMA_ID = "countermark/damages/v1"
OPEN = "open"


def amount_text(amount: Decimal) -> str:
    """`1,234.50`, with a minus where it is below zero."""
    return f"{amount:,.2f}"


def figure_text(figure: Decimal) -> str:
    """A figure as it was given, with commas between thousands."""
    return f"{figure:,f}"


def range_texts(amounts: Range | None) -> tuple[str, str, str]:
    """Low, value and high; `open` where there are none."""
    if amounts is None:
        return (OPEN, OPEN, OPEN)
    return (amount_text(amounts.low), amount_text(amounts.value), amount_text(amounts.high))


def to_dict(damages: Damages) -> dict[str, Any]:
    """As plain data; amounts are decimal texts, null where open."""
    return {
        "case": damages.inputs.case,
        "currency": damages.inputs.currency,
        "prepared": damages.inputs.prepared,
        "by": damages.inputs.by,
        "heads": [
            {
                "name": name,
                "title": one.head.title,
                "amount": _range(one.amount),
                "open_inputs": list(one.open),
            }
            for name, one in damages.heads.items()
        ],
        "measures": [
            {
                "name": one.measure.name,
                "title": one.measure.title,
                "kind": one.measure.kind,
                "heads": list(one.measure.heads),
                "state": one.state,
                "known": _range(one.known),
                "open_heads": list(one.open_heads),
                "law": one.measure.law,
            }
            for one in damages.measures
        ],
        "alternatives": ALTERNATIVES,
        "sensitivity": {
            name: [
                {
                    "input": effect.name,
                    "at_low": str(effect.at_low),
                    "at_high": str(effect.at_high),
                    "change": str(effect.change),
                }
                for effect in effects
            ]
            for name, effects in damages.sensitivity.items()
        },
        "questions": [
            {"input": one.form.name, "question": one.form.question, "heads": list(one.heads)}
            for one in damages.questions
        ],
    }


def _range(amounts: Range | None) -> dict[str, str] | None:
    if amounts is None:
        return None
    return {"low": str(amounts.low), "value": str(amounts.value), "high": str(amounts.high)}
