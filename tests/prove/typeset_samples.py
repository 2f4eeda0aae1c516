"""Documents to set: a short one with every block, and one whose every text is hostile."""

import hashlib
from datetime import UTC, date, datetime
from itertools import pairwise

from countermark.prove.typeset.document import (
    Document,
    Items,
    Paragraph,
    Picture,
    Section,
    Signature,
    Table,
)
from countermark.prove.typeset.pictures import bars, intervals, timeline

DATED = datetime(2026, 7, 1, 12, 0, 1, tzinfo=UTC)
MARKUP = (
    '#panic("x") $ x $ *bold* _it_ <label> @ref `raw` "quoted" \'single\' \\u{41} -- --- ~ [cont] {code} '
    '// comment /* c */ #import "@preview/x:1.0.0" https://example.org/a/long/path?with=query&and=more#part'
)
ODD = (
    "null \x00 bell \x07 escape \x1b[31m tab\t override \u202e abc \u2066 zero\u200bwidth soft\u00adhyphen "
    "lone \ud800 private \ue000 unassigned \U000e0fff line\u2028separator"
)
SCRIPTS = "العربية עברית 漢字 かな 한국어 Русский Ελληνικά ðéñ Tiếng Việt e\u0301 ไทย 🙂"
WORDS = "These accounts opened within nine days and asked at the same hours for the same kind of answer. "
PICTURES = (
    bars(["network 1", "network 2"], [24811, 12.5], "accounts"),
    intervals(["genuine", "mixed"], [0, 0.1], [0.01, 0.2], [0.05, 0.4], "share of trials in error"),
    timeline([(date(2026, 5, 1), "Key committed"), (date(2026, 6, 10), "First request")]),
)


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def document(*sections: Section, mark: str = "", title: str = "A title", contents: bool = False) -> Document:
    return Document(title=title, dated=DATED, mark=mark, contents=contents, sections=sections)


def table(rows: int, questions: tuple[int, ...] = ()) -> Table:
    return Table(
        columns=("No.", "What it is", "SHA-256", "Requests"),
        rows=tuple((str(at), f"Account network {at}", digest(at), f"{at * 1373:,}") for at in range(rows)),
        caption="Exhibits and their digests",
        mono=(2,),
        numbers=(3,),
        questions=questions,
    )


def every_block() -> Document:
    pictures = (Picture(svg=svg, caption="What it shows.", alternative="In words.") for svg in PICTURES)
    return Document(
        title="Report on account networks",
        subtitle="For the court",
        dated=DATED,
        mark="Draft for counsel",
        facts=(("Case", "CASE-1"), ("Package", digest(1))),
        contents=True,
        sections=(
            Section(
                "Summary",
                (
                    Paragraph(text=WORDS * 3),
                    Paragraph(text="Whose accounts are these?", style="question"),
                    Paragraph(lead="Not checked.", text="Nobody checked the signers.", style="warning"),
                    Paragraph(text=WORDS, style="note"),
                    Items((WORDS, "two")),
                    Items((WORDS, "two"), numbered=True),
                ),
            ),
            Section("Findings", (Section("Networks", (table(60, (2, 9)), *pictures)),), new_page=True),
            Section("To sign", (Signature(who="Jane Doe, counsel"),)),
        ),
    )


def hostile() -> Document:
    """Every text of every block is markup, unprintable, or in a script that no font has."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="40"><text y="20">{SCRIPTS}</text></svg>'
    )
    texts = (MARKUP, ODD, SCRIPTS, "x" * 400)
    blocks = (
        *(Paragraph(text=one, lead=two, style="question") for one, two in pairwise(texts)),
        Items(texts),
        Table(columns=texts, rows=(texts, texts[::-1]), caption=MARKUP, mono=(1,), questions=(1,)),
        Picture(svg=svg.encode(), caption=ODD, alternative=MARKUP + ODD),
        Signature(who=f"{MARKUP}\nsecond line"),
    )
    return Document(
        title=f"{MARKUP}\n{ODD}",
        subtitle=ODD,
        dated=DATED,
        mark=SCRIPTS,
        facts=((MARKUP, ODD), ("y" * 300, "z" * 300)),
        contents=True,
        sections=(Section(MARKUP, blocks), Section("second" * 30, (Section(ODD, (Section(SCRIPTS, ()),)),))),
    )
