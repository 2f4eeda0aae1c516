"""The terms that applied: texts and versions (`terms.json`), and who accepted which when."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, BinaryIO

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.custody.custody import TIME_FORMAT, Sha256, is_record_id, time_of
from countermark.prove.package.layout import failed, read_object
from countermark.records.canonical import canonical_json

TERMS_SCHEMA_ID = "countermark/terms/v1"
TERMS_FOLDER = "data/terms/"
MAX_TERMS = 1_000
MAX_TEXT_BYTES = 32 << 20
MAX_LINE = 1 << 16
"""Characters of a line of acceptances."""
ACCEPTANCE_FIELDS = ("account_id", "terms_id", "version", "accepted", "record_sha256", "source")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


class TermsEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One version of one text; null where it was taken out."""

    id: str | None
    version: str | None
    title: str | None
    effective: str | None
    """The first day, `YYYY-MM-DD`."""
    ended: str | None = ""
    """The last day; empty while it applies."""
    file: str | None
    """Below `data/terms/`."""
    sha256: Sha256


class TermsDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of `terms.json`."""

    schema: str = TERMS_SCHEMA_ID
    terms: list[TermsEntry]


class TermsText(msgspec.Struct, frozen=True):
    """An entry, and where its text is."""

    entry: TermsEntry
    path: Path


class Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of `acceptances.jsonl`."""

    account_id: str
    terms_id: str
    version: str
    accepted: str
    """UTC, `YYYY-MM-DDTHH:MM:SSZ`."""
    record_sha256: str
    """Digest of the record that shows it, in the provider's own system."""
    source: str
    """That system."""


def terms_file_name(entry_id: str, version: str, original: Path) -> str:
    """Name of a text below `data/terms/`: id, version, and what the original file name ends in."""
    suffix = original.suffix if _SUFFIX.fullmatch(original.suffix) else ".txt"
    return f"{entry_id}-{version}{suffix}"


def encode_terms(terms: Sequence[TermsText]) -> bytes:
    """The bytes of `terms.json`, sorted by id and version."""
    entries = sorted((one.entry for one in terms), key=lambda one: (one.id or "", one.version or ""))
    document = TermsDocument(terms=entries)
    check_terms(document)
    return canonical_json(document)


def decode_terms(data: bytes, *, redacted: bool = False) -> TermsDocument:
    """Read `terms.json` strictly; nulls only where something was taken out."""
    document = read_object(data, "terms.json")
    if redacted and document.get("terms", []) is None:
        document = document | {"terms": []}  # only an empty list is a field that can be taken out
    try:
        terms = msgspec.convert(document, TermsDocument)
    except (msgspec.ValidationError, RecursionError) as error:
        raise failed(f"terms.json: {error}") from error
    check_terms(terms, redacted=redacted)
    return terms


def check_terms(document: TermsDocument, *, redacted: bool = False) -> None:
    """Raise `Error(VERIFICATION_FAILED)` where a version or file stands twice, or days are out of order."""
    if document.schema != TERMS_SCHEMA_ID or len(document.terms) > MAX_TERMS:
        raise failed(f"terms.json has a schema other than {TERMS_SCHEMA_ID}, or over {MAX_TERMS} terms")
    versions = [(one.id, one.version) for one in document.terms if one.id and one.version]
    files = [one.file.lower() for one in document.terms if one.file is not None]
    if len(set(versions)) != len(versions) or len(set(files)) != len(files):
        raise failed("terms.json has one version of terms, or one file, twice")
    for one in document.terms:
        values = (one.id, one.version, one.title, one.effective, one.ended, one.file)
        if not redacted and None in values:
            raise failed("terms.json has a field that is null")
        _check_days(one)


def _check_days(entry: TermsEntry) -> None:
    try:
        first = day_of(entry.effective) if entry.effective is not None else None
        last = day_of(entry.ended) if entry.ended else None
    except ValueError as error:
        raise failed(f"terms {entry.id} have a day that is not YYYY-MM-DD") from error
    if first and last and last < first:
        raise failed(f"terms {entry.id} ended before they were effective")


def day_of(text: str) -> date:
    """The day of `YYYY-MM-DD`; raises `ValueError` for any other spelling."""
    if not _DAY.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


def terms_files(document: TermsDocument) -> dict[str, str]:
    """SHA-256 of every text by its name in the bag; those whose name was taken out are not there."""
    return {TERMS_FOLDER + one.file: one.sha256 for one in document.terms if one.file is not None}


def acceptance_lines(path: Path, known: Iterable[TermsEntry] | None = None) -> Iterator[bytes]:
    """Lines of `acceptances.jsonl` (canonical JSON, with line feeds), read from a file of JSON lines or CSV.

    A CSV has the names of the columns in its first line. Times may have an offset or fractions of a second;
    they are written in UTC and whole seconds. Raises `Error(NO_INPUT)` with the number of the line that is
    none, and for terms that are not among `known`.
    """
    versions = None if known is None else {(one.id, one.version) for one in known}
    for number, fields in _rows(path):
        try:
            one = _acceptance(fields)
        except ValueError as error:
            raise _bad(path, number, str(error)) from None
        if versions is not None and (one.terms_id, one.version) not in versions:
            raise _bad(path, number, f"there are no terms {one.terms_id!r} of version {one.version!r}")
        yield canonical_json(one) + b"\n"


def write_acceptances(path: Path, known: Iterable[TermsEntry], target: BinaryIO) -> int:
    """Write the lines and say how many."""
    count = 0
    for line in acceptance_lines(path, list(known)):
        target.write(line)
        count += 1
    return count


def _acceptance(fields: dict[str, object]) -> Acceptance:
    if set(fields) != set(ACCEPTANCE_FIELDS):
        raise ValueError(f"it does not have just the fields {', '.join(ACCEPTANCE_FIELDS)}")
    texts = {name: value for name, value in fields.items() if isinstance(value, str) and value}
    if missing := [name for name in ACCEPTANCE_FIELDS if name not in texts]:
        raise ValueError(f"{missing[0]} is empty or no text")
    if not _DIGEST.fullmatch(texts["record_sha256"]):
        raise ValueError("record_sha256 is not 64 lower-case hex digits")
    for name in ("terms_id", "version"):
        if not is_record_id(texts[name]):
            raise ValueError(f"{name} cannot be one: letters, digits, dot, underscore, hyphen; 64 at most")
    return Acceptance(**texts | {"accepted": _utc(texts["accepted"])})


def _utc(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        written = moment.astimezone(UTC).strftime(TIME_FORMAT)
        time_of(written)  # not of the first years, which have no four digits
    except (ValueError, OverflowError):
        raise ValueError(f"accepted is no ISO 8601 time: {text[:40]!r}") from None
    if moment.tzinfo is None:
        raise ValueError("accepted has no offset from UTC; write Z or +02:00 behind it")
    return written


def _rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Number of the line and its fields."""
    with _opened(path) as stream:
        if path.suffix.lower() == ".csv":
            yield from _csv_rows(path, stream)
            return
        for number, line in enumerate(_lines(path, stream), 1):
            try:
                yield number, read_object(line.encode(), f"line {number}")
            except Error as error:
                raise _bad(path, number, "it is no JSON object, or has a field twice") from error


def _csv_rows(path: Path, stream: IO[str]) -> Iterator[tuple[int, dict[str, object]]]:
    reader = csv.DictReader(_lines(path, stream), strict=True)
    try:
        if sorted(reader.fieldnames or []) != sorted(ACCEPTANCE_FIELDS):
            raise _bad(path, 1, f"the columns are not {', '.join(ACCEPTANCE_FIELDS)}")
        for row in reader:
            yield reader.line_num, dict(row)
    except csv.Error as error:
        raise _bad(path, reader.line_num, str(error)) from None


def _lines(path: Path, stream: IO[str]) -> Iterator[str]:
    number = 0
    try:
        while line := stream.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise _bad(path, number, f"it is over {MAX_LINE >> 10} KiB")
            yield line
    except UnicodeDecodeError:
        raise _bad(path, number + 1, "it is not UTF-8") from None


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    try:
        stream = path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    with stream:
        yield stream


def _bad(path: Path, number: int, reason: str) -> Error:
    hint = f"JSON lines, or a .csv with a header: {', '.join(ACCEPTANCE_FIELDS)}"
    return Error(f"{path}, line {number}: {reason}", hint=hint, exit_code=ExitCode.NO_INPUT)
