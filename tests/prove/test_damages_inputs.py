"""The file of inputs: figures are decimals with a source, an empty one is a question, nothing is guessed."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from damages_samples import document, typical, write_inputs
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import Error, ExitCode
from countermark.prove.damages.heads import MEASURES
from countermark.prove.damages.input_forms import FORMS
from countermark.prove.damages.inputs import DamagesInputs, answered, read_inputs
from countermark.prove.damages.reckon import reckon
from countermark.prove.damages.template import template
from countermark.records.strict_yaml import parse

ALL = {name: typical(name) for name in FORMS}


def test_the_template_reads_and_asks_every_question(tmp_path: Path) -> None:
    path = tmp_path / "inputs.yaml"
    path.write_text(template("CASE-1", "EUR", "2026-07-01"))
    damages = reckon(read_inputs(path))
    assert [one.form.name for one in damages.questions] == list(FORMS)
    assert all(one.question in path.read_text() for one in FORMS.values())
    assert {one.state for one in damages.measures} == {"open"}


def test_figures_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = write_inputs(tmp_path / "inputs.yaml", ALL | {"amounts-paid": ("0", "0.10", "12.345678")})
    figures = answered(read_inputs(path))
    assert list(figures) == list(FORMS)
    paid = figures["amounts-paid"].range
    assert (paid.low, paid.value, paid.high) == (Decimal(0), Decimal("0.10"), Decimal("12.345678"))


@given(st.decimals(0, 10**8, places=4), st.decimals(0, 10**8, places=4), st.decimals(0, 10**8, places=4))
def test_a_decimal_goes_through_yaml_unchanged(one: Decimal, two: Decimal, three: Decimal) -> None:
    low, value, high = sorted((one, two, three))
    texts = (f"{low:f}", f"{value:f}", f"{high:f}")
    data = yaml.safe_dump(document({"lost-sales": texts})).encode()
    read = answered(parse(data, DamagesInputs, "x", "y"))["lost-sales"].range
    assert (read.low, read.value, read.high) == (low, value, high)


def changed(name: str = "lost-sales", **fields: Any) -> dict[str, Any]:
    whole = document({name: ("1", "2", "3")})
    whole["inputs"][name] |= fields
    return whole


@pytest.mark.parametrize(
    ("whole", "says"),
    [
        (changed(low=None), "some of low, value, high"),
        (changed(value="0"), "order low, value, high"),
        (changed(high="1e9"), "digits and a point"),
        (changed(high="-3"), "digits and a point"),
        (changed(high="3,5"), "digits and a point"),
        (changed(high="NaN"), "digits and a point"),
        (changed(high="03"), "digits and a point"),
        (changed(high="٣"), "digits and a point"),
        (changed(high="3.1234567"), "digits and a point"),
        (changed(high="1234567890123"), "digits and a point"),
        (changed(high="123456789012.345"), "over 14 digits"),
        (changed(high=-3), "inputs"),
        (changed(unit="EUR"), "is in USD, not in 'EUR'"),
        (changed(by=None), "lacks its source"),
        (changed(dated=None), "lacks its source"),
        (changed(source={"document": "ledger"}), "lacks its source"),
        (changed(source={"document": " ", "page": "1"}), "lacks its source"),
        (changed(dated="2026-02-30"), "a day that there is not"),
        (changed(extra="1"), "unknown field"),
        (changed("licence-rate", high="101", unit="percent"), "over 100 percent"),
        (document({}) | {"currency": "usd"}, "currency"),
        (document({}) | {"prepared": "2026-13-01"}, "a day that there is not"),
        (document({}) | {"schema": "countermark/damages-inputs/v2"}, "schema"),
        (document({}) | {"inputs": {"goodwill": {"unit": "USD"}}}, "no input 'goodwill'"),
    ],
)
def test_what_cannot_be_is_one_error(tmp_path: Path, whole: dict[str, Any], says: str) -> None:
    path = tmp_path / "inputs.yaml"
    path.write_text(yaml.safe_dump(whole, allow_unicode=True))
    with pytest.raises(Error, match=says) as raised:
        read_inputs(path)
    assert raised.value.exit_code == ExitCode.NO_INPUT
    assert "\n" not in raised.value.message


def test_half_a_letter_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "inputs.yaml"
    path.write_text(yaml.safe_dump(document({})).replace("case: CASE-1", 'case: "a\\ud800"'))
    with pytest.raises(Error, match="half a letter") as raised:
        read_inputs(path)  # else no JSON, workbook or line could be written of it
    assert raised.value.exit_code == ExitCode.NO_INPUT


def test_a_binary_fraction_is_text_and_stays_exact(tmp_path: Path) -> None:
    path = tmp_path / "inputs.yaml"
    text = yaml.safe_dump(document({"lost-sales": ("7", "8", "9")}))
    path.write_text(text.replace("'7'", "0.1").replace("'8'", "0.2").replace("'9'", "0.3"))
    figures = answered(read_inputs(path))["lost-sales"].range
    assert figures.low + figures.value == figures.high


def test_a_missing_entry_is_a_question_too(tmp_path: Path) -> None:
    whole = document({})
    del whole["inputs"]["licence-rate"]
    path = tmp_path / "inputs.yaml"
    path.write_text(yaml.safe_dump(whole))
    assert "licence-rate" in [one.form.name for one in reckon(read_inputs(path)).questions]


def test_the_page_names_every_input_and_measure() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "damages.md").read_text()
    assert [name for name in FORMS if f"`{name}`" not in page] == []
    for case in ("Syntel v. TriZetto", "Moxie Pest Control v. Nielsen", "Van Buren", "Motorola v. Hytera"):
        assert case in page
        assert any(case in measure.law for measure in MEASURES)
