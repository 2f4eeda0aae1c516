"""Files of damages inputs for tests, and what a spreadsheet makes of a workbook."""

import csv
import random
import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import yaml

from countermark.prove.damages.input_forms import FORMS
from countermark.prove.damages.inputs import INPUTS_SCHEMA_ID, DamagesInputs

SOFFICE = shutil.which("soffice")
_TYPICAL = {
    "million tokens": ("31000.25", "32145.123456", "33000"),
    "CURRENCY per million tokens": ("0.55", "1.25", "3.75"),
    "CURRENCY": ("100000", "250000.55", "400000"),
    "percent": ("20", "35.5", "60"),
    "hours": ("100", "120.5", "160"),
    "CURRENCY per hour": ("90", "120.75", "150"),
    "person-months": ("12", "30", "60"),
    "CURRENCY per person-month": ("15000", "21000", "30000"),
    "items": ("100000", "250000", "400000"),
    "CURRENCY per item": ("0.5", "1.2", "2.05"),
}
Three = tuple[str, str, str]


def typical(name: str) -> Three:
    """Figures as they may be."""
    return _TYPICAL[FORMS[name].unit]


def document(figures: Mapping[str, Three], currency: str = "USD") -> dict[str, Any]:
    """A file with these figures, as data; what is not among them is empty."""
    inputs: dict[str, dict[str, Any]] = {
        name: {"unit": form.unit_in(currency)} for name, form in FORMS.items()
    }
    for name, three in figures.items():
        source = {"source": {"document": "ledger export", "page": "sheet 2, row 4"}}
        who = {"dated": "2026-06-30", "by": "Ann Example"}
        inputs[name] |= dict(zip(("low", "value", "high"), three, strict=True)) | source | who
    head = {"schema": INPUTS_SCHEMA_ID, "case": "CASE-1", "currency": currency}
    return head | {"prepared": "2026-07-01", "by": "Ann Example, finance", "inputs": inputs}


def inputs_of(figures: Mapping[str, Three]) -> DamagesInputs:
    """The same as a record."""
    return msgspec.convert(document(figures), DamagesInputs)


def write_inputs(path: Path, figures: Mapping[str, Three], **changes: Any) -> Path:
    """The same as a file."""
    path.write_text(yaml.safe_dump(document(figures) | changes, sort_keys=False, allow_unicode=True))
    return path


def random_figures(draw: random.Random) -> dict[str, Three]:
    """Figures of all sizes; many products end on half a cent, and some inputs are empty."""
    return {name: _three(draw, name) for name in FORMS if draw.random() > 0.04}


def _three(draw: random.Random, name: str) -> Three:
    if FORMS[name].unit == "percent":
        most, decimals = draw.choice([10, 100]), draw.choice([0, 1, 1, 2])
    elif FORMS[name].unit == "CURRENCY":
        most, decimals = 10 ** draw.randint(2, 9), 2
    else:
        most, decimals = 10 ** draw.randint(1, 5), draw.choice([0, 1, 2, 2, 3])
    units = (draw.randint(0, most * 10**decimals) for _ in range(3))
    # a last digit of 5 makes ties: 0.5 times a cent, 12.5 percent of a cent
    units = (min(one // 10 * 10 + 5, most * 10**decimals) if draw.random() < 0.5 else one for one in units)
    low, value, high = (f"{Decimal(one).scaleb(-decimals):f}" for one in sorted(units))
    return low, value, high


def with_wrong_values(workbook: bytes) -> bytes:
    """The same workbook, every value beside a formula replaced: who shows another one has recalculated."""
    target = BytesIO()
    with zipfile.ZipFile(BytesIO(workbook)) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            data = source.read(name)
            if name.startswith("xl/worksheets/"):
                data = re.sub(rb'(?: t="str")?(><f>[^<]*</f>)<v>[^<]*</v>', rb"\1<v>987654321</v>", data)
            copy.writestr(name, data)
    return target.getvalue()


_ALWAYS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""
"""Recalculate each workbook when it is loaded."""
_EVERY_SHEET = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"
"""Comma, quote, UTF-8, from line 1, values as they are (not as shown), a file a sheet."""


BATCH = 200
"""Workbooks for one LibreOffice; of 1,000 in one command it leaves out those after some 250, without a "
"word."""


def recalculated(workbooks: Sequence[Path], folder: Path) -> None:
    """Let LibreOffice recalculate workbooks: `NAME-SHEET.csv` in `folder`, for each sheet of each."""
    profile = folder / "profile"
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_ALWAYS)
    command = [str(SOFFICE), f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to"]
    command += [_EVERY_SHEET, "--outdir", str(folder)]
    for start in range(0, len(workbooks), BATCH):
        batch = [str(path) for path in workbooks[start : start + BATCH]]
        subprocess.run(
            [*command, *batch], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=900
        )


def cells(folder: Path, name: str, sheet: str) -> list[list[str]]:
    """The rows of a sheet."""
    with (folder / f"{name}-{sheet}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))
