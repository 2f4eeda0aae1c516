"""Terms and acceptances: both forms of the file give the same lines, and a bad line is named."""

import json
from pathlib import Path

import pytest

from countermark.errors import Error, ExitCode
from countermark.prove.custody.terms import (
    ACCEPTANCE_FIELDS,
    TermsEntry,
    TermsText,
    acceptance_lines,
    decode_terms,
    encode_terms,
    terms_files,
)

ENTRY = TermsEntry(
    id="usage-policy", version="2026-03", title="Usage", effective="2026-03-01", file="u.txt", sha256="a" * 64
)
ROW = {
    "account_id": "acct-1",
    "terms_id": "usage-policy",
    "version": "2026-03",
    "accepted": "2026-03-02T10:00:00.75+02:00",
    "record_sha256": "b" * 64,
    "source": "billing, table tos",
}


def write_rows(path: Path, *rows: dict[str, str]) -> Path:
    if path.suffix == ".csv":
        lines = [",".join(ACCEPTANCE_FIELDS)]
        lines += [",".join(f'"{row.get(name, "")}"' for name in ACCEPTANCE_FIELDS) for row in rows]
        path.write_text("\n".join(lines) + "\n")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_both_forms_give_the_same_lines(tmp_path: Path) -> None:
    lines = list(acceptance_lines(write_rows(tmp_path / "a.jsonl", ROW), [ENTRY]))
    assert lines == list(acceptance_lines(write_rows(tmp_path / "a.csv", ROW), [ENTRY]))
    assert json.loads(lines[0]) == ROW | {"accepted": "2026-03-02T08:00:00Z"}
    (tmp_path / "again.jsonl").write_bytes(b"".join(lines))
    assert list(acceptance_lines(tmp_path / "again.jsonl", [ENTRY])) == lines


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"accepted": "2026-03-02T10:00:00"}, "offset from UTC"),
        ({"accepted": "yesterday"}, "no ISO 8601 time"),
        ({"accepted": "0001-01-01T00:00:00+23:00"}, "no ISO 8601 time"),
        ({"record_sha256": "B" * 64}, "record_sha256"),
        ({"account_id": ""}, "account_id"),
        ({"version": "2026-04"}, "no terms"),
        ({"terms_id": "../x"}, "terms_id"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, form: str, change: dict[str, str], says: str) -> None:
    path = write_rows(tmp_path / f"a.{form}", ROW, ROW | change)
    with pytest.raises(Error, match=says) as raised:
        list(acceptance_lines(path, [ENTRY]))
    assert raised.value.exit_code == ExitCode.NO_INPUT
    assert f"line {3 if form == 'csv' else 2}" in raised.value.message


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\n", b'{"a": 1, "a": 2}\n', b"[]\n", b'{"account_id": "x"}\n', b'"' * 70_000, b"{" * 9_000],
)
def test_what_is_no_line_is_one_error(tmp_path: Path, content: bytes) -> None:
    for name in ("a.jsonl", "a.csv"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Error) as raised:
            list(acceptance_lines(tmp_path / name))
        assert raised.value.exit_code == ExitCode.NO_INPUT


def test_terms_are_read_as_they_were_written() -> None:
    older = TermsEntry(
        id="usage-policy",
        version="2025-01",
        title="Usage",
        effective="2025-01-01",
        ended="2026-02-28",
        file="old.txt",
        sha256="c" * 64,
    )
    data = encode_terms([TermsText(ENTRY, Path("x")), TermsText(older, Path("y"))])
    document = decode_terms(data)
    assert document.terms == [older, ENTRY]
    assert terms_files(document) == {"data/terms/old.txt": "c" * 64, "data/terms/u.txt": "a" * 64}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"2026-03-01"', b'"2026-3-1"'),
        (b'"ended":""', b'"ended":"2026-02-01"'),
        (b'"file":"u.txt"', b'"file":null'),
        (b'"title"', b'"name"'),
        (b"terms/v1", b"terms/v2"),
    ],
)
def test_terms_that_cannot_be_are_refused(old: bytes, new: bytes) -> None:
    data = encode_terms([TermsText(ENTRY, Path("x"))])
    assert old in data
    with pytest.raises(Error) as raised:
        decode_terms(data.replace(old, new))
    assert raised.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_terms_with_nulls_are_of_a_redaction() -> None:
    data = encode_terms([TermsText(ENTRY, Path("x"))]).replace(b'"u.txt"', b"null")
    assert terms_files(decode_terms(data, redacted=True)) == {}
    assert decode_terms(b'{"schema": "countermark/terms/v1", "terms": null}', redacted=True).terms == []
