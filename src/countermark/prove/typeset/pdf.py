"""A document set as PDF/A-2b (ISO 19005-2) by typst: the same document gives the same bytes.

Only the template is typst; the document reaches it as JSON, so that no text can be an instruction. Only fonts
inside `typst` are used, whatever the machine has, and the template names no package: nothing is fetched.
"""

import json
from datetime import timedelta
from pathlib import Path

from countermark.errors import Error
from countermark.prove.typeset.blocks import document_blocks
from countermark.prove.typeset.document import Document

TEMPLATE = Path(__file__).with_name("template.typ")


def to_pdf(document: Document) -> bytes:
    """The document as PDF/A-2b, dated `document.dated` to the second.

    Raises `Error` where `typst` is not installed, the document is too large, or a picture cannot be set.
    """
    if document.dated.utcoffset() != timedelta(0):
        raise ValueError("a document is dated in UTC")
    try:
        import typst
    except ModuleNotFoundError:
        raise Error("a PDF needs the package typst", hint="pip install 'countermark[report]'") from None
    blocks = document_blocks(document) | {"dated": list(document.dated.timetuple()[:6])}
    try:
        pdf = typst.compile(
            TEMPLATE,
            root=TEMPLATE.parent,
            sys_inputs={"document": json.dumps(blocks)},
            ignore_system_fonts=True,
            pdf_standards=["a-2b"],
            timestamp=int(document.dated.timestamp()),
        )
    except typst.TypstError as failed:
        raise Error(
            f"the document cannot be set: {str(failed).splitlines()[0][:200]}",
            hint="a picture that is no plain SVG is the likely cause",
        ) from None
    if not isinstance(pdf, bytes):
        raise TypeError("typst gives one file")
    return pdf
