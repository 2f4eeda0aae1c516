"""The workbook's own formulas, recalculated by LibreOffice, come to the same cents as the code."""

import random
import re
import zipfile
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from damages_samples import (
    SOFFICE,
    cells,
    inputs_of,
    random_figures,
    recalculated,
    typical,
    with_wrong_values,
)

from countermark.errors import Error
from countermark.prove.damages.heads import HEADS
from countermark.prove.damages.input_forms import FORMS
from countermark.prove.damages.reckon import CENT, COLUMNS, Damages, reckon
from countermark.prove.damages.workbook import workbook_bytes
from countermark.prove.damages.workbook_formulas import FIRST_ROW, INPUT_ROWS, amount_row, sensitivity_rows

COUNTS = [100, pytest.param(1000, marks=pytest.mark.soak)]
needs_libreoffice = pytest.mark.skipif(
    SOFFICE is None, reason="LibreOffice (soffice) is not installed; `make libreoffice` installs it"
)


def drawn(count: int) -> list[Damages]:
    """Sums of random inputs; a draw that is refused (a product next to half a cent) is drawn again."""
    draw = random.Random(20260701)
    found: list[Damages] = []
    refused = 0
    while len(found) < count:
        try:
            found.append(reckon(inputs_of(random_figures(draw))))
        except Error:
            refused += 1
    assert refused <= count / 50
    return found


def same(text: str, amount: Decimal | None) -> bool:
    """Whether a cell shows an amount to the cent, or the word."""
    if amount is None or text == "open":
        return amount is None and text == "open"
    return abs(Decimal(repr(float(text))) - amount) < CENT / 1000


def differences(damages: Damages, folder: Path, name: str) -> list[str]:
    """Each cell that is not what the code says."""
    heads, ranges, moved = (cells(folder, name, sheet) for sheet in ("Heads", "Ranges", "Sensitivity"))
    found = []
    for one in damages.heads.values():
        row = heads[amount_row(one.head) - 1]
        for place, column in enumerate(COLUMNS, 2):
            if not same(row[place], getattr(one.amount, column) if one.amount else None):
                found.append(f"{name} {one.head.name} {column}: {row[place]}, not {one.amount}")
    for row, measure in zip(ranges[FIRST_ROW - 1 :], damages.measures, strict=True):
        known = [getattr(measure.known, column) if measure.known else None for column in COLUMNS]
        if row[5] != measure.state or not all(map(same, row[2:5], known)):
            found.append(f"{name} {measure.measure.name}: {row[2:6]}, not {known}")
        effects = damages.sensitivity[measure.measure.name]
        sizes = [abs(effect.change) for effect in effects]
        for place, effect in enumerate(effects):
            line = moved[sensitivity_rows()[measure.measure.name, place] - 1]
            expected = [effect.at_low, effect.at_high, effect.change]
            rank = 1 + sum(size > abs(effect.change) for size in sizes)
            if not all(map(same, line[1:4], expected)) or line[4] != str(rank):
                found.append(f"{name} {measure.measure.name} {effect.name}: {line}, not {expected}")
    return found


@needs_libreoffice
@pytest.mark.parametrize("count", COUNTS)
def test_libreoffice_comes_to_the_same_cents(tmp_path: Path, count: int) -> None:
    sums = drawn(count)
    paths = [tmp_path / f"w{number}.xlsx" for number in range(count)]
    for path, damages in zip(paths, sums, strict=True):
        path.write_bytes(with_wrong_values(workbook_bytes(damages)))
    recalculated(paths, tmp_path)
    found = [
        sentence
        for path, damages in zip(paths, sums, strict=True)
        for sentence in differences(damages, tmp_path, path.stem)
    ]
    assert found == []


@needs_libreoffice
def test_a_wrong_formula_would_be_seen(tmp_path: Path) -> None:
    damages = reckon(inputs_of({name: typical(name) for name in FORMS}))
    workbook = with_wrong_values(workbook_bytes(damages))
    cell = f"Inputs!$D${INPUT_ROWS['technical-rate']}".encode()
    other = f"Inputs!$C${INPUT_ROWS['technical-rate']}".encode()
    target = BytesIO()
    with zipfile.ZipFile(BytesIO(workbook)) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            copy.writestr(name, source.read(name).replace(cell, other))
    (tmp_path / "w.xlsx").write_bytes(target.getvalue())
    recalculated([tmp_path / "w.xlsx"], tmp_path)
    assert any("remediation-technical value" in one for one in differences(damages, tmp_path, "w"))


def sheets(workbook: bytes) -> dict[str, str]:
    """XML of each sheet."""
    with zipfile.ZipFile(BytesIO(workbook)) as archive:
        names = [name for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
        return {name: archive.read(name).decode() for name in names}


def test_every_amount_is_a_formula_and_inputs_alone_are_numbers() -> None:
    damages = reckon(inputs_of({name: typical(name) for name in FORMS}))
    numbers = {
        name: re.findall(r'<c r="[A-Z]+\d+" s="\d+"><v>', text)
        for name, text in sheets(workbook_bytes(damages)).items()
    }
    assert sorted(map(len, numbers.values())) == [0, 0, 0, 0, 0, 3 * len(FORMS)]


def test_values_beside_formulas_are_those_of_the_code() -> None:
    damages = reckon(inputs_of({name: typical(name) for name in FORMS if name != "amounts-paid"}))
    text = "".join(sheets(workbook_bytes(damages)).values())
    amount = damages.heads["avoided-development"].amount
    assert amount is not None
    row = amount_row(HEADS["avoided-development"])
    assert re.search(rf'<c r="D{row}" [^>]*><f>[^<]*</f><v>{float(amount.value)!r}</v>', text)
    row = amount_row(HEADS["served-at-cost"])
    assert re.search(rf'<c r="D{row}" [^>]*t="str"><f>[^<]*</f><v>open</v>', text)


def test_the_same_inputs_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    damages = reckon(inputs_of({name: typical(name) for name in FORMS}))
    once = workbook_bytes(damages)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    assert workbook_bytes(damages) == once
    with zipfile.ZipFile(BytesIO(once)) as archive:
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert "2026-07-01T00:00:00Z" in archive.read("docProps/core.xml").decode()


def test_an_empty_input_is_an_empty_cell(tmp_path: Path) -> None:
    text = "".join(sheets(workbook_bytes(reckon(inputs_of({})))).values())
    row = INPUT_ROWS["licence-rate"]
    for letter in "CDE":
        assert re.search(rf'<c r="{letter}{row}" s="\d+"/>', text)
    assert set(re.findall(r"</f><v>([^<]*)</v>", text)) == {"open", ""}


def test_a_text_of_the_file_is_never_a_formula() -> None:
    named = inputs_of({"lost-sales": ("1", "2", "3")})
    figures = named.inputs["lost-sales"]
    hostile = '=HYPERLINK("https://x.example","y")'
    named = msgspec.structs.replace(
        named,
        case=hostile,
        by="+1+1",
        inputs=named.inputs | {"lost-sales": msgspec.structs.replace(figures, by="@SUM(1)")},
    )
    workbook = workbook_bytes(reckon(named))
    with zipfile.ZipFile(BytesIO(workbook)) as archive:
        assert not any("rels" in name and "sheet" in name for name in archive.namelist())
    formulas = re.findall(r"<f>([^<]*)</f>", "".join(sheets(workbook).values()))
    assert len(formulas) > 100
    assert not any("HYPERLINK" in one or "SUM(1)" in one or one.startswith("1+1") for one in formulas)
