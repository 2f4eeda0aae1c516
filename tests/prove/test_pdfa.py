"""Documents are PDF/A-2b by veraPDF; files spoiled in one way each are not: the check is seen to fail."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from typeset_samples import document, every_block, hostile, table
from verapdf import needs_verapdf, rules_broken

from countermark.prove.typeset.document import Section
from countermark.prove.typeset.pdf import to_pdf

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = {
    "every block": every_block(),
    "hostile": hostile(),
    "one line": document(Section("A heading", ())),
    "long table": document(Section("A heading", (table(300),))),
}

SAMPLES = {path.name: path for path in sorted((ROOT / "docs" / "samples").glob("*.pdf"))}


def first_font(pdf: pikepdf.Pdf) -> pikepdf.Object:
    return next(iter(pdf.pages[0].Resources.Font.as_dict().values())).DescendantFonts[0]


def with_device_colour(pdf: pikepdf.Pdf) -> None:
    del pdf.Root.OutputIntents
    pdf.pages[0].contents_add(b"1 0 0 rg 0 0 9 9 re f")


def without_metadata(pdf: pikepdf.Pdf) -> None:
    del pdf.Root.Metadata


def of_another_part(pdf: pikepdf.Pdf) -> None:
    xmp = pdf.Root.Metadata.read_bytes()
    assert b"<pdfaid:part>2<" in xmp
    pdf.Root.Metadata = pdf.make_stream(xmp.replace(b"<pdfaid:part>2<", b"<pdfaid:part>1<"))
    pdf.Root.Metadata.Type, pdf.Root.Metadata.Subtype = pikepdf.Name.Metadata, pikepdf.Name.XML


def with_script(pdf: pikepdf.Pdf) -> None:
    action = {"/S": pikepdf.Name.JavaScript, "/JS": pikepdf.String("app.alert(1)")}
    pdf.Root.OpenAction = pdf.make_indirect(pikepdf.Dictionary(action))


def with_launch(pdf: pikepdf.Pdf) -> None:
    action = {"/S": pikepdf.Name.Launch, "/F": pikepdf.String("program")}
    pdf.Root.OpenAction = pdf.make_indirect(pikepdf.Dictionary(action))


def with_plain_text_file(pdf: pikepdf.Pdf) -> None:
    pdf.attachments["a.txt"] = b"not PDF/A"


def without_font_file(pdf: pikepdf.Pdf) -> None:
    descriptor = first_font(pdf).FontDescriptor
    for name in ("/FontFile2", "/FontFile3"):
        if name in descriptor:
            del descriptor[name]


def with_wrong_widths(pdf: pikepdf.Pdf) -> None:
    font = first_font(pdf)
    font.W = pikepdf.Array([0, pikepdf.Array([123] * 400)])


def with_hidden_note(pdf: pikepdf.Pdf) -> None:
    note = {"/Type": pikepdf.Name.Annot, "/Subtype": pikepdf.Name.Text, "/Rect": [0, 0, 9, 9], "/F": 2}
    pdf.pages[0].Annots = pdf.make_indirect(pikepdf.Array([pikepdf.Dictionary(note)]))


def with_external_stream(pdf: pikepdf.Pdf) -> None:
    pdf.pages[0].Contents.F = pikepdf.String("elsewhere.bin")


def with_interpolated_image(pdf: pikepdf.Pdf) -> None:
    image = pdf.make_stream(b"\x00")
    image.Type, image.Subtype, image.Width, image.Height = pikepdf.Name.XObject, pikepdf.Name.Image, 1, 1
    image.ColorSpace, image.BitsPerComponent, image.Interpolate = pikepdf.Name.DeviceGray, 8, True
    pdf.pages[0].add_resource(image, pikepdf.Name.XObject, pikepdf.Name.Im1)
    pdf.pages[0].contents_add(b"q 1 0 0 1 0 0 cm /Im1 Do Q")


def with_form(pdf: pikepdf.Pdf) -> None:
    pdf.Root.AcroForm = pikepdf.Dictionary({"/Fields": [], "/NeedAppearances": True})


SPOILED: dict[str, tuple[str, Callable[[pikepdf.Pdf], None]]] = {
    "a device colour without output intent": ("6.2.4.3", with_device_colour),
    "no metadata": ("6.6.2.1", without_metadata),
    "another part of the standard": ("6.6.4", of_another_part),
    "a script": ("6.5.1", with_script),
    "a program to start": ("6.5.1", with_launch),
    "an embedded file that is no PDF/A": ("6.8", with_plain_text_file),
    "a font left out": ("6.2.11.4.1", without_font_file),
    "widths that are not the font's": ("6.2.11.5", with_wrong_widths),
    "a hidden note": ("6.3.2", with_hidden_note),
    "a stream kept elsewhere": ("6.1.7.1", with_external_stream),
    "an interpolated image": ("6.2.8", with_interpolated_image),
    "a form without appearances": ("6.4.1", with_form),
}


def spoiled(pdf: bytes, how: Callable[[pikepdf.Pdf], None]) -> bytes:
    stream = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        how(opened)
        opened.save(stream, fix_metadata_version=False)
    return stream.getvalue()


def encrypted(pdf: bytes) -> bytes:
    stream = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        opened.save(stream, encryption=pikepdf.Encryption(owner="o", user="", R=4))
    return stream.getvalue()


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What veraPDF says of every file, in one run of it."""
    plain = to_pdf(DOCUMENTS["one line"])
    files = {name: to_pdf(one) for name, one in DOCUMENTS.items()}
    files |= {name: path.read_bytes() for name, path in SAMPLES.items()}
    files |= {name: spoiled(plain, how) for name, (_, how) in SPOILED.items()}
    # what saves without a change breaks nothing: it is the change that does
    files |= {"saved again": spoiled(plain, lambda _: None), "encrypted": encrypted(plain)}
    files |= {"bytes before the header": b"% before\n" + plain}
    folder = tmp_path_factory.mktemp("pdfa")
    paths = [folder / f"{at}.pdf" for at in range(len(files))]
    for path, content in zip(paths, files.values(), strict=True):
        Path(path).write_bytes(content)
    return dict(zip(files, rules_broken(paths), strict=True))


@needs_verapdf
@pytest.mark.parametrize("name", [*DOCUMENTS, *SAMPLES, "saved again"])
def test_a_document_is_pdfa_2b(broken: dict[str, list[str]], name: str) -> None:
    assert broken[name] == []


@needs_verapdf
@pytest.mark.parametrize(
    ("name", "clause"),
    [
        *((name, clause) for name, (clause, _) in SPOILED.items()),
        ("encrypted", "6.1.3"),
        ("bytes before the header", "6.1.2"),
    ],
)
def test_a_spoiled_file_breaks_its_clause(broken: dict[str, list[str]], name: str, clause: str) -> None:
    assert [rule for rule in broken[name] if rule.startswith(f"{clause}-")], broken[name]
