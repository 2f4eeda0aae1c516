"""A document as PDF: the same bytes, every text as it is, marks on every page, bounds that are said."""

import os
import re
import subprocess
import sys
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typeset_samples import MARKUP, SCRIPTS, WORDS, digest, document, every_block, hostile, table

from countermark.errors import Error
from countermark.prove.typeset import blocks, characters
from countermark.prove.typeset.characters import printable
from countermark.prove.typeset.document import Document, Items, Paragraph, Picture, Section, Table
from countermark.prove.typeset.pdf import TEMPLATE, to_pdf

OTHER_ENVIRONMENT = {"TZ": "Asia/Tokyo", "PYTHONPATH": os.pathsep.join(sys.path), "LANG": "de_DE.UTF-8"}


def pages(pdf: bytes, *, between_lines: str = " ") -> list[str]:
    """The text of every page, its lines joined."""
    opened = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_range().replace("\r\n", between_lines) for page in opened]
    finally:
        opened.close()


def letters(text: str) -> str:
    """Without spaces: where a line breaks is the typesetter's."""
    return re.sub(r"\s", "", text)


def one_paragraph(text: str) -> Document:
    return document(Section("A heading", (Paragraph(text=text),)))


@pytest.mark.parametrize("one", [every_block(), hostile()], ids=["every block", "hostile"])
def test_the_same_document_gives_the_same_bytes_in_another_process(one: Document, tmp_path: Path) -> None:
    name = "hostile" if one == hostile() else "every_block"
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import typeset_samples; "
        "from countermark.prove.typeset.pdf import to_pdf; "
        f"open('out.pdf', 'wb').write(to_pdf(typeset_samples.{name}()))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=OTHER_ENVIRONMENT)
    assert (tmp_path / "out.pdf").read_bytes() == to_pdf(one)


def test_title_date_and_language_are_in_the_file() -> None:
    with pikepdf.open(BytesIO(to_pdf(every_block()))) as pdf:
        assert str(pdf.docinfo.Title) == "Report on account networks"
        assert str(pdf.docinfo.CreationDate).startswith("D:20260701120001")
        assert str(pdf.Root.Lang) == "en"
        with pdf.open_metadata() as xmp:
            assert (xmp["pdfaid:part"], xmp["pdfaid:conformance"]) == ("2", "B")
            assert xmp["dc:title"] == "Report on account networks"


def test_the_mark_the_title_and_the_page_number_stand_on_every_page() -> None:
    texts = pages(to_pdf(every_block()))
    assert len(texts) >= 3
    for number, text in enumerate(texts, 1):
        assert "Draft for counsel" in text
        assert "Report on account networks" in text
        assert f"Page {number} of {len(texts)}" in text


def test_a_table_repeats_its_head_and_gives_whole_digests() -> None:
    pdf = to_pdf(document(Section("A heading", (table(120), Paragraph(text=digest(120))))))
    texts = pages(pdf)
    assert len(texts) >= 3
    assert all("What it is" in text and "SHA-256" in text for text in texts)
    whole = "".join(pages(pdf, between_lines=""))  # only the end of a line stands within a digest
    assert all(digest(at) in whole for at in range(121))


def test_no_heading_ends_a_page() -> None:
    for lines in range(24, 44):  # the heading comes to every height near the foot
        filling = Items(("line",) * lines)
        text = pages(
            to_pdf(document(Section("First", (filling,)), Section("HEAD", (Paragraph(text=WORDS),))))
        )
        assert ["HEAD" in one for one in text] == ["These accounts" in one for one in text], lines


def test_a_row_stays_on_one_page_unless_it_is_long() -> None:
    cell = " ".join(["word"] * 70)
    for lines in range(1, 9):  # the rows come to several heights at the foot
        rows = Table(columns=("a", "b"), rows=tuple((f"BEGIN{at} {cell} END{at}", cell) for at in range(30)))
        for text in pages(to_pdf(document(Section("A heading", (Items(("line",) * lines), rows))))):
            assert re.findall(r"BEGIN(\d+)", text) == re.findall(r"END(\d+)", text)
    long = Table(columns=("a",), rows=((" ".join(["word"] * 3_000) + " END",),))
    texts = pages(to_pdf(document(Section("A heading", (long,)))))
    assert len(texts) > 2
    assert "END" in texts[-1]


def test_gaps_are_said_to_be_open_questions() -> None:
    question = Paragraph(text="Whose are they?", style="question")
    [text] = pages(to_pdf(document(Section("A heading", (question, table(3, questions=(1,)))))))
    assert text.count("Open question") == 2
    assert text.index("Open question") < text.index("Whose are they?")
    assert re.search(r"Account network 0.*Open question.*Account network 1.*Account network 2", text)


def test_pictures_have_their_words() -> None:
    with pikepdf.open(BytesIO(to_pdf(every_block()))) as pdf:
        alternatives = [
            str(one.Alt) for one in pdf.objects if isinstance(one, pikepdf.Dictionary) and "/Alt" in one
        ]
    assert alternatives.count("In words.") == 3


@pytest.mark.parametrize("text", [MARKUP, "<b>&amp;</b> ${x} %s {{y}} \\n fi ff -- 'a' \"b\"", "a\nb"])
def test_a_text_prints_as_it_is(text: str) -> None:
    assert letters(text) in letters("".join(pages(to_pdf(one_paragraph(text)))))


@settings(max_examples=40)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=6))
def test_any_text_is_set_and_none_is_lost(texts: list[str]) -> None:
    rows = tuple((text, text) for text in texts)
    cells = Table(columns=("plain", "mono"), rows=rows, mono=(1,))
    blocks_of_all = (*(Paragraph(text=text, lead=text) for text in texts), Items(tuple(texts)), cells)
    one = Document(title=texts[0], dated=document().dated, sections=(Section(texts[-1], blocks_of_all),))
    printed = letters("".join(pages(to_pdf(one))))
    for text in texts:
        if not re.search(
            "[\u05d0-\u05f4]", text
        ):  # a reader gives letters from right to left in its own order
            assert letters(printable(text)) in printed


@given(st.text())
def test_nothing_unseen_is_printable_and_nothing_is_left_out(text: str) -> None:
    import unicodedata

    printed = printable(text, one_line=True)
    assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for one in printed)
    undone = re.sub(r"\[U\+([0-9A-F]{4,6})\]", lambda found: chr(int(found[1], 16)), printed)
    kept = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    assert undone == re.sub(r"\[U\+([0-9A-F]{4,6})\]", lambda found: chr(int(found[1], 16)), kept)


def test_what_no_font_has_prints_as_its_code_point() -> None:
    [text] = pages(to_pdf(one_paragraph(f"\x00\u202e {SCRIPTS}")))
    for seen in ("[U+0000][U+202E]", "[U+6F22][U+5B57]", "[U+0627]", "Русский", "Ελληνικά", "Tiếng Việt"):
        assert seen in text


@pytest.mark.parametrize("lead", [False, True], ids=["regular", "bold"])
def test_every_printable_character_has_a_letter_in_the_fonts(lead: bool) -> None:
    every = "".join(
        chr(code) for code in range(0x20, 0x3000) if printable(chr(code)) == chr(code) and code != 0x5B
    )
    assert len(every) > 1_000
    cells = Table(columns=("mono",), rows=((every,),), mono=(0,))
    words = Paragraph(text="" if lead else every, lead=every if lead else "")
    to_pdf(document(Section("A heading", (words, cells))))  # PDF/A allows no letter that a font lacks


def test_a_character_without_a_letter_would_be_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(characters, "_OTHER", re.compile("(?!)"))
    with pytest.raises(Error, match="cannot be set"):
        to_pdf(one_paragraph("\u6f22"))


def test_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MOST_ROWS", 5)
    monkeypatch.setattr(blocks, "MOST_CHARACTERS", 80)
    parts = (table(9, questions=(1, 8)), Items(("entry",) * 7), Paragraph(text="x" * 90))
    text = " ".join(pages(to_pdf(document(Section("A heading", parts)))))
    assert "The first 5 of 9 rows are printed here; 4 are left out." in text
    assert "The first 5 of 7 entries are printed here; 2 are left out." in text
    assert "(10 more characters are left out)" in text
    assert "Account network 5" not in text


def test_too_large_a_document_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MOST_IN_ALL", 1_000)
    with pytest.raises(Error, match=r"has [\d,]+ characters; 1,000 can be set"):
        to_pdf(every_block())


def test_a_picture_that_cannot_be_set_is_an_error() -> None:
    def with_picture(svg: bytes) -> Document:
        return document(Section("A heading", (Picture(svg=svg, caption="", alternative=""),)))

    with pytest.raises(Error, match="cannot be set"):
        to_pdf(with_picture(b"no picture"))
    with pytest.raises(Error, match="a picture has 4,000,001 bytes"):
        to_pdf(with_picture(b" " * 4_000_001))


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
NESTED = "".join(f'<g id="a{at + 1}">{f"""<use href="#a{at}"/>""" * 10}</g>' for at in range(8))
ENTITIES = "".join(f'<!ENTITY a{at + 1} "{f"&a{at};" * 10}">' for at in range(9))
HOSTILE_PICTURES = {
    "file by its path": f'{SVG}<image href="/etc/hostname" width="9" height="9"/></svg>',
    "file above the template": f'{SVG}<image href="../../../../../README.md" width="9" height="9"/></svg>',
    "file by a link": f'{SVG}<image href="file:///etc/hostname" width="9" height="9"/></svg>',
    "network": f'{SVG}<image href="http://127.0.0.1:9/a.png" width="9" height="9"/></svg>',
    "entities": f'<!DOCTYPE svg [<!ENTITY a0 "x">{ENTITIES}]>{SVG}<text>&a9;</text></svg>',
    "nested uses": f'{SVG}<defs><g id="a0"><path d="M0 0"/></g>{NESTED}</defs><use href="#a8"/></svg>',
}


@pytest.mark.parametrize("what", HOSTILE_PICTURES)
def test_a_picture_reads_no_file_no_network_and_does_not_grow(what: str) -> None:
    picture = Picture(svg=HOSTILE_PICTURES[what].encode(), caption="", alternative="")
    with pytest.raises(Error, match="cannot be set: failed to"):
        to_pdf(document(Section("A heading", (picture,))))


def test_a_date_without_a_zone_and_a_fourth_level_are_refused() -> None:
    naive = Document(title="", dated=datetime(2026, 7, 1), sections=())
    with pytest.raises(ValueError, match="UTC"):
        to_pdf(naive)
    deep = Section("1", (Section("2", (Section("3", (Section("4", ()),)),)),))
    with pytest.raises(Error, match="level 4"):
        to_pdf(document(deep))


def test_without_typst_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(Error) as caught:
        to_pdf(one_paragraph("text"))
    assert caught.value.hint == "pip install 'countermark[report]'"


def test_the_template_fetches_and_reads_nothing() -> None:
    code = re.sub(r"//.*", "", TEMPLATE.read_text(encoding="utf-8"))
    assert not re.findall(r"#?import\b|#?include\b|@\w|\bread\(|\beval\(|\bplugin\(", code)
