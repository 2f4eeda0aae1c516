"""The damages workbook (XLSX): inputs with sources, heads, ranges, sensitivity, questions; live formulas.

Beside each formula stands the value that the code reckoned, so that a reader without a spreadsheet's
engine sees it too. The same inputs give the same bytes.
"""

from datetime import datetime
from io import BytesIO
from pathlib import Path

from countermark import __version__
from countermark.errors import Error
from countermark.prove.custody.terms import day_of
from countermark.prove.damages import workbook_sheets as sheets
from countermark.prove.damages.reckon import Damages
from countermark.prove.damages.workbook_page import Book, formats
from countermark.records.files import write_atomic

# a text of the file stays text, whatever it begins with: no formula and no link comes in that way
_OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}


def write_workbook(damages: Damages, path: Path) -> None:
    """Write the workbook to a file."""
    write_atomic(path, workbook_bytes(damages))


def workbook_bytes(damages: Damages) -> bytes:
    """The workbook, dated by the file of inputs; raises `Error` where the extra is not installed."""
    try:
        import xlsxwriter
    except ImportError as error:
        hint = "pip install 'countermark[report]'"
        raise Error("workbooks need the extra 'report'", hint=hint) from error
    target = BytesIO()
    with xlsxwriter.Workbook(target, _OPTIONS) as workbook:
        workbook.set_properties(
            {
                "title": f"Damages: {damages.inputs.case}",
                "author": damages.inputs.by,
                "comments": f"Made by countermark {__version__}",
                "created": datetime.combine(day_of(damages.inputs.prepared), datetime.min.time()),
            }
        )
        book = Book(workbook=workbook, damages=damages, formats=formats(workbook))
        for sheet in (
            sheets.ranges,
            sheets.inputs,
            sheets.heads,
            sheets.sensitivity,
            sheets.questions,
            sheets.about,
        ):
            sheet(book)
    return target.getvalue()
