"""From inputs to sums, in decimal: each head, each measure, the effect of each input, the open questions.

A head with an empty input is open and has no amount. A measure over open heads is a sum of what is known.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Literal

from countermark.errors import Error, ExitCode
from countermark.prove.damages.heads import HEADS, MEASURES, Head, Measure, Term
from countermark.prove.damages.input_forms import FORMS, InputForm
from countermark.prove.damages.inputs import MAX_DIGITS, DamagesInputs, Figures, Range, answered

Column = Literal["low", "value", "high"]
COLUMNS: tuple[Column, ...] = ("low", "value", "high")
Pick = Callable[[str, bool], Decimal]
"""The figure of an input, given its name and whether it is deducted."""
CENT = Decimal("0.01")
MOST = Decimal(10) ** 12
"""Amounts are below it: with their cents they fit into the digits of a spreadsheet's numbers."""
_NEAR = Decimal("2e-14")
"""Relative error, with room, of a product in a spreadsheet and of its rounding: 15 digits of 53 bits."""
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, kw_only=True)
class HeadSum:
    """A head, reckoned."""

    head: Head
    terms: tuple[Range | None, ...]
    """Amount of each term, None where it lacks an input; a deducted one has its high figure first."""
    amount: Range | None
    """None: open."""
    open: tuple[str, ...]
    """Inputs that are empty."""


@dataclass(frozen=True, kw_only=True)
class MeasureSum:
    """A measure, reckoned."""

    measure: Measure
    known: Range | None
    """Sum of the heads that are known; None where none is."""
    open_heads: tuple[str, ...]

    @property
    def state(self) -> Literal["total", "of what is known", "open"]:
        """What the sum may be called."""
        if self.known is None:
            return "open"
        return "of what is known" if self.open_heads else "total"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What one input does to a measure, from its low figure to its high one, all others at their value."""

    name: str
    at_low: Decimal
    at_high: Decimal

    @property
    def change(self) -> Decimal:
        """The measure at the high figure less the measure at the low one."""
        return self.at_high - self.at_low


@dataclass(frozen=True, kw_only=True)
class Question:
    """An input that is empty."""

    form: InputForm
    heads: tuple[str, ...]
    """Titles of the heads that stay open without it."""


@dataclass(frozen=True, kw_only=True)
class Damages:
    """All sums, with what they rest on."""

    inputs: DamagesInputs
    figures: Mapping[str, Figures]
    """Inputs that are answered, by name."""
    heads: Mapping[str, HeadSum]
    measures: tuple[MeasureSum, ...]
    sensitivity: Mapping[str, tuple[Effect, ...]]
    """By measure, the largest effect first (a tornado); inputs of heads that are known."""
    questions: tuple[Question, ...]


def reckon(inputs: DamagesInputs) -> Damages:
    """All sums; raises `Error(NO_INPUT)` for a product that a spreadsheet may round to another cent."""
    try:
        figures = answered(inputs)
    except ValueError as error:
        raise Error(f"the inputs are not as expected: {error}", exit_code=ExitCode.NO_INPUT) from error
    heads = {name: _head_sum(head, figures) for name, head in HEADS.items()}
    return Damages(
        inputs=inputs,
        figures=figures,
        heads=heads,
        measures=tuple(_measure_sum(measure, heads) for measure in MEASURES),
        sensitivity={measure.name: _effects(measure, heads, figures) for measure in MEASURES},
        questions=tuple(_question(form) for name, form in FORMS.items() if name not in figures),
    )


def bears_on(damages: Damages, case_id: str) -> bool:
    """Whether the inputs are of this case, and a measure comes to more than nothing."""
    any_sum = any(one.known is not None and one.known.value > 0 for one in damages.measures)
    return damages.inputs.case == case_id and any_sum


def term_amount(term: Term, pick: Pick) -> Decimal:
    """A term, rounded; it is not negative, whether it is deducted or not."""
    figures = [pick(name, term.deducted) for name in term.factors]
    return _product(figures[0], figures[1] if len(figures) > 1 else Decimal(1), term.factors)


def head_amount(head: Head, pick: Pick) -> Decimal:
    """A head out of its inputs."""
    amounts = ((term, term_amount(term, pick)) for term in head.terms)
    total = sum((-amount if term.deducted else amount for term, amount in amounts), Decimal(0))
    if not head.share:
        return total
    return _product(total, pick(head.share, False).scaleb(-2), (head.title, head.share))


def _product(one: Decimal, other: Decimal, names: Iterable[str]) -> Decimal:
    """The product to the cent, where a spreadsheet comes to the same cent; else raises `Error(NO_INPUT)`."""
    exact = _EXACT.multiply(one, other)
    if abs(exact) >= MOST:
        raise _unfit(names, f"over {MOST:,}")
    half = CENT / 2
    to_half = abs(_EXACT.remainder(abs(exact), CENT) - half)
    digits = len(exact.normalize(_EXACT).as_tuple().digits)
    if digits > MAX_DIGITS and to_half < _EXACT.multiply(abs(exact), _NEAR):
        raise _unfit(names, "too close to half a cent")
    return exact.quantize(CENT, context=_EXACT)


def _unfit(names: Iterable[str], why: str) -> Error:
    message = f"{' times '.join(names)} is {why} for a spreadsheet to be right to the cent"
    return Error(message, hint="give figures of fewer digits", exit_code=ExitCode.NO_INPUT)


def _in_column(figures: Mapping[str, Figures], column: Column) -> Pick:
    """The head's low column takes the high figure of what is deducted, and the other way round."""
    opposite: dict[str, Column] = {"low": "high", "value": "value", "high": "low"}

    def pick(name: str, deducted: bool) -> Decimal:
        figure: Decimal = getattr(figures[name].range, opposite[column] if deducted else column)
        return figure

    return pick


def _range(amount: Callable[[Pick], Decimal], figures: Mapping[str, Figures]) -> Range:
    low, value, high = (amount(_in_column(figures, column)) for column in COLUMNS)
    return Range(low, value, high)


def _head_sum(head: Head, figures: Mapping[str, Figures]) -> HeadSum:
    missing = tuple(name for name in head.inputs if name not in figures)
    terms = (
        # the default binds each term as it comes, and mypy gives a lambda's default no type
        _range(lambda pick, term=term: term_amount(term, pick), figures)  # type: ignore[misc]
        if all(name in figures for name in term.factors)
        else None
        for term in head.terms
    )
    amount = None if missing else _range(lambda pick: head_amount(head, pick), figures)
    return HeadSum(head=head, terms=tuple(terms), amount=amount, open=missing)


def _measure_sum(measure: Measure, heads: Mapping[str, HeadSum]) -> MeasureSum:
    known = [amount for name in measure.heads if (amount := heads[name].amount) is not None]
    return MeasureSum(
        measure=measure,
        known=Range(*(sum(getattr(one, column) for one in known) for column in COLUMNS)) if known else None,
        open_heads=tuple(name for name in measure.heads if heads[name].amount is None),
    )


def _effects(
    measure: Measure, heads: Mapping[str, HeadSum], figures: Mapping[str, Figures]
) -> tuple[Effect, ...]:
    known = [heads[name].head for name in measure.heads if heads[name].amount is not None]
    names = dict.fromkeys(name for head in known for name in head.inputs)
    base = _in_column(figures, "value")

    def measure_with(name: str, figure: Decimal) -> Decimal:
        def pick(other: str, deducted: bool) -> Decimal:
            return figure if other == name else base(other, deducted)

        return sum((head_amount(head, pick) for head in known), Decimal(0))

    ranges = {name: figures[name].range for name in names}
    effects = [
        Effect(name=name, at_low=measure_with(name, one.low), at_high=measure_with(name, one.high))
        for name, one in ranges.items()
    ]
    return tuple(sorted(effects, key=lambda effect: -abs(effect.change)))


def _question(form: InputForm) -> Question:
    heads = tuple(head.title for head in HEADS.values() if form.name in head.inputs)
    return Question(form=form, heads=heads)
