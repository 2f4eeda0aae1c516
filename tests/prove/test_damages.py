"""Sums: each head against arithmetic by hand, ranges, alternatives, sensitivity, and what stays open."""

import json
import random
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from damages_samples import Three, inputs_of, random_figures, typical, write_inputs
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import Error, ExitCode
from countermark.prove.damages.heads import HEADS, MEASURES, Head
from countermark.prove.damages.input_forms import FORMS
from countermark.prove.damages.inputs import Range, read_inputs
from countermark.prove.damages.plain import to_dict
from countermark.prove.damages.reckon import Damages, reckon
from countermark.prove.damages.sections import damages_sections
from countermark.prove.typeset.document import Paragraph, Section, Table

ALL = {name: typical(name) for name in FORMS}
EXACT = {
    "input-tokens": ("100", "200", "300"),
    "output-tokens": ("10", "20", "30"),
    "cost-per-million-input": ("0.5", "1", "2"),
    "cost-per-million-output": ("3", "4", "5.005"),
    "amounts-paid": ("50", "60", "70"),
}


def known(damages: Damages, head: str) -> Range:
    amount = damages.heads[head].amount
    assert amount is not None
    return amount


def by_hand(head: Head, figures: dict[str, Three], column: int) -> Fraction:
    """In fractions, each product to the cent, half up: another arithmetic than the code's."""

    def cents(value: Fraction) -> Fraction:
        whole = (abs(value) * 100 + Fraction(1, 2)).__floor__()
        return Fraction(whole if value >= 0 else -whole, 100)

    total = Fraction(0)
    for term in head.terms:
        at = 2 - column if term.deducted else column
        product = Fraction(1)
        for name in term.factors:
            product *= Fraction(figures[name][at])
        total += cents(product) * (-1 if term.deducted else 1)
    return cents(total * Fraction(figures[head.share][column]) / 100) if head.share else total


def test_the_service_less_what_was_paid() -> None:
    amount = known(reckon(inputs_of(EXACT)), "served-at-cost")
    # 100·0.5 + 10·3 - 70; 200·1 + 20·4 - 60; 300·2 + 30·5.005 - 50
    assert amount == Range(Decimal("10.00"), Decimal("220.00"), Decimal("700.15"))


def test_half_a_cent_goes_up_also_below_zero() -> None:
    figures = {"lost-sales": ("0.10", "0.10", "0.10"), "lost-sales-margin": ("5", "15", "25")}
    amount = known(reckon(inputs_of(figures)), "lost-sales")
    assert amount == Range(Decimal("0.01"), Decimal("0.02"), Decimal("0.03"))


@given(st.integers(0, 2**32))
def test_each_head_is_what_fractions_say(seed: int) -> None:
    figures = random_figures(random.Random(seed))
    try:
        damages = reckon(inputs_of(figures))
    except Error:
        return
    for name, head in HEADS.items():
        if set(head.inputs) <= set(figures):
            amount = known(damages, name)
            found = [Fraction(one) for one in (amount.low, amount.value, amount.high)]
            assert found == [by_hand(head, figures, column) for column in range(3)]
            assert found == sorted(found)
        else:
            assert damages.heads[name].amount is None
            assert set(damages.heads[name].open) == set(head.inputs) - set(figures)


@pytest.mark.parametrize("missing", list(FORMS))
def test_an_empty_input_leaves_its_heads_open_and_no_others(missing: str) -> None:
    damages = reckon(inputs_of({name: three for name, three in ALL.items() if name != missing}))
    for name, one in damages.heads.items():
        assert (one.amount is None) == (missing in HEADS[name].inputs)
    for one in damages.measures:
        waits = [name for name in one.measure.heads if missing in HEADS[name].inputs]
        assert one.open_heads == tuple(waits)
        expected = "open" if len(waits) == len(one.measure.heads) else "of what is known"
        assert one.state == (expected if waits else "total")
    (question,) = damages.questions
    assert question.form.name == missing
    assert set(question.heads) == {head.title for head in HEADS.values() if missing in head.inputs}


def test_no_number_stands_for_what_is_open() -> None:
    plain = to_dict(reckon(inputs_of({})))
    assert {json.dumps(one["amount"]) for one in plain["heads"]} == {"null"}
    assert {json.dumps(one["known"]) for one in plain["measures"]} == {"null"}
    assert all(effects == [] for effects in plain["sensitivity"].values())


def test_measures_add_their_heads_and_nothing_adds_measures() -> None:
    damages = reckon(inputs_of(ALL))
    for one in damages.measures:
        assert one.known is not None
        assert one.known.value == sum(known(damages, name).value for name in one.measure.heads)
    heads = {measure.name: set(measure.heads) for measure in MEASURES}
    assert not heads["own-loss-at-cost"] & heads["gain"]
    assert heads["licence"] == {"licence-fee"}
    assert "remediation-investigative" not in heads["cfaa-loss"]
    assert not any({"served-at-cost", "served-at-list"} <= one for one in heads.values())


def test_sensitivity_moves_one_input_and_the_largest_is_first() -> None:
    damages = reckon(inputs_of(ALL))
    for measure in MEASURES:
        effects = damages.sensitivity[measure.name]
        assert [abs(one.change) for one in effects] == sorted(
            (abs(one.change) for one in effects), reverse=True
        )
        for effect in effects:
            low, _, high = ALL[effect.name]
            for at, moved in ((effect.at_low, low), (effect.at_high, high)):
                other = {name: (three[1],) * 3 for name, three in ALL.items()}
                other[effect.name] = (moved,) * 3
                again = reckon(inputs_of(other))  # type: ignore[arg-type]  # three of one
                expected = next(one.known for one in again.measures if one.measure == measure)
                assert expected is not None
                assert at == expected.value


def test_more_paid_means_less_lost() -> None:
    effects = reckon(inputs_of(EXACT)).sensitivity["own-loss-at-cost"]
    (paid,) = (one for one in effects if one.name == "amounts-paid")
    assert (paid.at_low, paid.at_high, paid.change) == (Decimal(230), Decimal(210), Decimal(-20))


def test_paid_beyond_the_cost_goes_below_zero() -> None:
    amount = known(reckon(inputs_of(EXACT | {"amounts-paid": ("900", "900", "900")})), "served-at-cost")
    assert amount.high == Decimal("-149.85")


def hours(figure: str, rate: str) -> dict[str, Three]:
    none = ("0", "0", "0")
    return {
        "technical-hours": (figure,) * 3,
        "technical-rate": (rate,) * 3,
        "technical-other-cost": none,
    }  # type: ignore[return-value]  # three of one


@pytest.mark.parametrize(
    ("figure", "rate", "says"),
    [
        ("999999999999", "99999.5", "over 1,000,000,000,000"),
        ("7128638.683", "881.819308", "too close to half a cent"),  # 6286171230.425091364
    ],
)
def test_what_a_spreadsheet_may_round_elsewhere_is_refused(figure: str, rate: str, says: str) -> None:
    with pytest.raises(Error, match="technical-hours times technical-rate") as raised:
        reckon(inputs_of(hours(figure, rate)))
    assert raised.value.exit_code == ExitCode.NO_INPUT
    assert says in raised.value.message


def test_exactly_half_a_cent_is_no_trouble() -> None:
    damages = reckon(inputs_of(hours("100000000.01", "0.5")))
    assert known(damages, "remediation-technical").value == Decimal("50000000.01")


def texts(section: Section) -> list[str]:
    found = [section.heading]
    for block in section.blocks:
        if isinstance(block, Section):
            found += texts(block)
        elif isinstance(block, Table):
            found += [*block.columns, block.caption, *(cell for row in block.rows for cell in row)]
        elif isinstance(block, Paragraph):
            found += [block.lead, block.text]
        else:
            found += getattr(block, "items", ())
    return found


def test_the_report_shows_each_gap_as_a_question() -> None:
    missing = {"amounts-paid", "labelling-price"}
    damages = reckon(inputs_of({name: three for name, three in ALL.items() if name not in missing}))
    (section,) = damages_sections(damages, "CASE-1")
    said = texts(section)
    for name in missing:
        assert any(FORMS[name].question in one for one in said)
    assert "of what is known" in said
    tables = [block for part in section.blocks if isinstance(part, Section) for block in part.blocks]
    measures = next(one for one in tables if isinstance(one, Table) and one.columns[0] == "Measure")
    assert measures.questions == (0, 1, 2)
    gain = next(one.known for one in damages.measures if one.measure.name == "gain")
    assert gain is not None
    assert f"{gain.value:,.2f}" in said


def test_inputs_of_another_case_are_asked_about() -> None:
    sums = reckon(inputs_of(ALL))
    assert not any("inputs of case" in one for one in texts(damages_sections(sums, "CASE-1")[0]))
    assert any(
        one == "The inputs are of “CASE-1”. Are they the inputs of case CASE-2?"
        for one in texts(damages_sections(sums, "CASE-2")[0])
    )


def test_a_report_without_inputs_has_no_amount_at_all() -> None:
    (section,) = damages_sections(reckon(inputs_of({})), "CASE-1")
    tables = [block for part in section.blocks if isinstance(part, Section) for block in part.blocks]
    cells = [cell for one in tables if isinstance(one, Table) for row in one.rows for cell in row]
    assert "open" in cells
    assert not any(cell.replace(",", "").replace(".", "").isdigit() for cell in cells)


def test_the_same_file_gives_the_same_sums(tmp_path: Path) -> None:
    path = write_inputs(tmp_path / "inputs.yaml", ALL)
    assert to_dict(reckon(read_inputs(path))) == to_dict(reckon(inputs_of(ALL)))
