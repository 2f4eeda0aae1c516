"""A document as plain blocks: what reports and drafts are made of, and what sets them as PDF/A.

No markup stands in a text: what came from a case can never be taken for an instruction to the typesetter.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """One paragraph."""

    text: str
    lead: str = ""
    """Set in bold before it."""
    style: Literal["plain", "note", "warning", "question"] = "plain"
    """`question` is an open question (a gap); `warning` stands in a frame."""


@dataclass(frozen=True)
class Items:
    """A list of short texts."""

    items: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of texts under column names; it may run over pages, and its head then stands on each."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    widths: tuple[float, ...] = ()
    """Shares of the width, one a column; empty: by content."""
    mono: tuple[int, ...] = ()
    """Columns (from 0) in a typewriter face, broken anywhere: digests, ids."""
    numbers: tuple[int, ...] = ()
    """Columns set to the right."""
    questions: tuple[int, ...] = ()
    """Rows (from 0) that are gaps, and are set as such."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture with what it shows in words, for those who do not see it."""

    svg: bytes
    caption: str
    alternative: str


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A line to sign on."""

    who: str
    """`Name and role`, under the line."""


@dataclass(frozen=True)
class Section:
    """A heading with blocks and sections below it; three levels at most."""

    heading: str
    blocks: "tuple[Block | Section, ...]"
    new_page: bool = False


Block = Paragraph | Items | Table | Picture | Signature


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole document."""

    title: str
    subtitle: str = ""
    dated: datetime
    """UTC; the date of the document and of the PDF, so that the same case gives the same bytes."""
    mark: str = ""
    """On every page: `Draft for counsel`, `Working paper: not sealed`."""
    facts: tuple[tuple[str, str], ...] = ()
    """Name and value, under the title."""
    contents: bool = False
    """Whether a table of contents stands before the first section."""
    sections: tuple[Section, ...]
