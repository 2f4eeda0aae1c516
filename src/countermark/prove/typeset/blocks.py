"""A document as the JSON that the template reads: bounded, every text printable and in breakable pieces."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from countermark.errors import Error
from countermark.prove.typeset.characters import printable
from countermark.prove.typeset.columns import characters_on_a_line, column_shares, wide_column
from countermark.prove.typeset.document import (
    Block,
    Document,
    Items,
    Paragraph,
    Picture,
    Section,
    Signature,
    Table,
)

MOST_ROWS = 1_000
"""Of one table or list; what is longer is cut, and the page says how many are left out."""
MOST_CHARACTERS = 20_000
"""Of one text; cut in the same way."""
MOST_ON_ONE_LINE, MOST_OF_MARK = 400, 60
"""Characters of a heading or a title, and of the mark in the running head."""
MOST_OF_WHOLE_ROWS = 800
"""Characters of a cell; in a table with a longer one, rows may run over pages."""
MOST_OF_WHOLE_FRAME = 1_200
"""Characters of a frame of questions; a longer one may run over pages."""
MOST_IN_ALL = 5_000_000
"""Characters of a document, all texts together."""
MOST_PICTURE_BYTES = 4_000_000
DEEPEST = 3
_LONG_WORD = re.compile(r"\S{25,}")
"""A digest, an address: a line may break anywhere in it."""
_PIECE = 12
"""Characters between two such places, outside of columns that say how many stand on a line."""
Pieces = str | list[str]
"""A text, or pieces with a place to break between two; a piece `\\n` is a new line."""


def document_blocks(document: Document) -> dict[str, Any]:
    """The document as plain JSON values. Raises `Error` where it is too large or its sections too deep."""
    blocks = {
        "title": _line(document.title),
        "subtitle": _text(document.subtitle),
        "mark": _line(document.mark, MOST_OF_MARK),
        "facts": [[_text(name), _text(value)] for name, value in document.facts],
        "contents": document.contents,
        "sections": [_section(one, 1) for one in document.sections],
    }
    if (size := _size(blocks)) > MOST_IN_ALL:
        raise Error(
            f"the document has {size:,} characters; {MOST_IN_ALL:,} can be set",
            hint="name fewer claims or results, and leave long tables to the exhibits",
        )
    return blocks


def _section(section: Section, level: int) -> dict[str, Any]:
    if level > DEEPEST:
        raise Error(f"the section {section.heading[:60]!r} is on level {level}; a document has {DEEPEST}")
    blocks: list[dict[str, Any]] = []
    for one in section.blocks:
        if isinstance(one, Section):
            blocks.append(_section(one, level + 1))
        else:
            blocks.extend(_block(one))
    return {
        "is": "section",
        "level": level,
        "heading": _pieces(_breakable(_line(section.heading))),
        "new_page": section.new_page,
        "blocks": _questions_together(blocks),
    }


def _questions_together(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Questions that follow each other stand in one frame: a frame each would fill pages with grey."""
    together: list[dict[str, Any]] = []
    for asked, group in itertools.groupby(blocks, lambda one: one.get("style") == "question"):
        found = list(group)
        whole = _size(found) < MOST_OF_WHOLE_FRAME
        one_frame = {"is": "questions", "items": found, "whole": whole}
        together += [one_frame] if asked and len(found) > 1 else found
    return together


def _block(block: Block) -> list[dict[str, Any]]:
    """The block, and a note where something of it was left out."""
    match block:
        case Paragraph():
            return [_paragraph(block.text, block.lead, block.style)]
        case Items():
            items = [_text(one) for one in block.items[:MOST_ROWS]]
            set_items = {"is": "items", "numbered": block.numbered, "items": items}
            return [set_items, *_left_out(len(block.items), "entries")]
        case Table():
            return [_table(block), *_left_out(len(block.rows), "rows")]
        case Picture():
            return [_picture(block)]
        case Signature():
            return [{"is": "signature", "who": _text(block.who)}]


def _paragraph(text: str, lead: str = "", style: str = "plain") -> dict[str, Any]:
    return {"is": "paragraph", "style": style, "lead": _text(lead), "text": _text(text)}


def _left_out(count: int, what: str) -> list[dict[str, Any]]:
    if count <= MOST_ROWS:
        return []
    words = (
        f"The first {MOST_ROWS:,} of {count:,} {what} are printed here; {count - MOST_ROWS:,} are left out."
    )
    return [_paragraph(words, style="note")]


def _table(table: Table) -> dict[str, Any]:
    columns = len(table.columns)
    if any(len(row) != columns for row in table.rows) or len(table.widths) not in (0, columns):
        raise ValueError("every row has a cell a column, and widths one a column")
    widths = table.widths or (column_shares(table) if table.mono else ())
    mono = {column: characters_on_a_line(widths, column) for column in table.mono}
    return {
        "is": "table",
        "caption": _text(table.caption),
        "columns": [_text(one) for one in table.columns],
        "widths": list(widths),
        "mono": list(table.mono),
        "numbers": list(table.numbers),
        "said_in": wide_column(widths),
        "whole_rows": all(len(cell) <= MOST_OF_WHOLE_ROWS for row in table.rows for cell in row),
        "questions": sorted(row for row in set(table.questions) if row < MOST_ROWS),
        "rows": [_row(row, mono) for row in table.rows[:MOST_ROWS]],
    }


def _row(row: Sequence[str], mono: Mapping[int, int]) -> list[Pieces]:
    return [_mono(cell, mono[at]) if at in mono else _text(cell) for at, cell in enumerate(row)]


def _picture(picture: Picture) -> dict[str, Any]:
    if len(picture.svg) > MOST_PICTURE_BYTES:
        raise Error(
            f"a picture has {len(picture.svg):,} bytes; {MOST_PICTURE_BYTES:,} can be set",
            hint="leave the picture to the exhibits",
        )
    # letters that no font has would make the file invalid; their code points are text in SVG, too
    svg = printable(picture.svg.decode("utf-8", "replace").replace("\t", " "))
    return {
        "is": "picture",
        "svg": svg,
        "caption": _text(picture.caption),
        "alternative": _line(picture.alternative, MOST_CHARACTERS),
    }


def _cut(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]} … ({len(text) - MOST_CHARACTERS:,} more characters are left out)"


def _line(text: str, most: int = MOST_ON_ONE_LINE) -> str:
    line = printable(text[: most + 1], one_line=True)
    return line if len(line) <= most else f"{line[: most - 2]} …"


def _text(text: str) -> Pieces:
    """The text with places to break inside long words and at new lines."""
    return _pieces(_breakable(printable(_cut(text))))


def _mono(text: str, on_a_line: int) -> Pieces:
    """The text to be broken only where a line is full: every place to break at takes time."""
    lines = printable(_cut(text)).split("\n")
    return _pieces("\n".join(_broken(line, on_a_line) for line in lines))


_BREAK = "\x00"
"""Between pieces while a text is taken apart; no printable text holds it."""


def _breakable(text: str) -> str:
    return _LONG_WORD.sub(lambda word: _broken(word[0], _PIECE), text)


def _broken(word: str, size: int) -> str:
    return _BREAK.join(word[at : at + size] for at in range(0, len(word), size))


def _pieces(text: str) -> Pieces:
    if _BREAK not in text and "\n" not in text:
        return text
    pieces = []
    for number, line in enumerate(text.split("\n")):
        pieces.extend([] if number == 0 else ["\n"])
        pieces.extend(piece for piece in line.split(_BREAK) if piece)
    return pieces


def _size(value: Any) -> int:
    """Characters of all texts below, pictures apart."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(_size(one) for name, one in value.items() if name != "svg")
    return sum(map(_size, value)) if isinstance(value, list) else 0
