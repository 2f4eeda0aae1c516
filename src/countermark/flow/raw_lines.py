"""`verify --from-raw`: does every row of the held accounts come from the raw line that it names?

An expert who holds the age key and, under order, the hash key needs nobody's word for it: the frozen lines
are decrypted in memory and captured again, and every column of every row is compared.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from countermark.capture.held_folder import HeldManifest, check_files, failed, read_manifest
from countermark.capture.rederive import (
    MOST_LISTED,
    Batches,
    Comparison,
    HeldLines,
    Table,
    check_versions,
    compare_tables,
    opened_key,
)
from countermark.errors import Error, ExitCode
from countermark.flow.answers import Answer
from countermark.flow.package_rows import RequestRows, account_ids, unpacked_events
from countermark.prove.package.layout import CAPTURE_JSON, CUSTODY, Contents, data_of, read_object
from countermark.prove.package.reading import check_is_package, read_package
from countermark.prove.package.tables import MEMBERS, REQUESTS
from countermark.records.capture import CAPTURE_FILE
from countermark.store.events import open_events
from countermark.trust.agefiles import read_identities, recipients_of
from countermark.trust.keyfiles import Secret

ProgressCall = Callable[[float, float], None]
Scope = Callable[[str], bool]


@dataclass
class _Table:
    """Rows that are compared, and of which accounts it has all."""

    name: str
    batches: Batches
    scope: Scope
    key_id: str
    taken_out: Callable[[], int] = field(default=lambda: 0)


def rederive(
    held: Path,
    age_key: Path,
    hash_key: Path,
    package: Path,
    *,
    progress: ProgressCall = lambda _done, _total: None,
) -> Answer:
    """Compare the rows of a package, or of an EVENTS folder, with what the held lines give.

    Raises `Error` (exit code 3) where there is no held folder, key or package; what differs is in the answer.
    """
    answer = Answer()
    identities = read_identities(age_key)
    manifest, digest = _manifest(answer, held)
    if manifest is None:
        return answer
    if not answer.run("held folder", lambda: _whole(held, manifest)):
        return answer
    if not set(manifest.recipients) & recipients_of(identities):
        answer.say("age key", False, f"{age_key.name} is no key of the {len(manifest.recipients)} recipients")
        return answer
    with tempfile.TemporaryDirectory(prefix="countermark-") as work:
        lines = _Lines(held, manifest, identities, hash_key)
        tables: list[_Table] = []
        checks = (
            ("hash key", lines.open_key),
            ("capture", lines.open),
            ("rows", lambda: _gathered(tables, _tables(package, Path(work), digest, answer), manifest)),
        )
        if all(answer.run(name, check) for name, check in checks):
            answer.run("held lines", lambda: _compare(answer, lines, manifest, tables, progress))
    return answer


class _Lines:
    """Opens the held lines in steps, each of which can fail."""

    def __init__(self, held: Path, manifest: HeldManifest, identities: list[Secret], hash_key: Path) -> None:
        self._held, self._manifest, self._identities = held, manifest, identities
        self._path = hash_key

    def open_key(self) -> str:
        self._key = opened_key(self._path, self._manifest)
        return f"key {self._key.key_id}, whose id follows from it"

    def open(self) -> str:
        notes = check_versions(self._manifest)
        self.opened = HeldLines(self._held, self._manifest, self._identities, self._key)
        version = self._manifest.events.capture_version
        return "; ".join([f"capture version {version}, as then", *notes, *self.opened.notes])


def _manifest(answer: Answer, held: Path) -> tuple[HeldManifest | None, str]:
    try:
        return read_manifest(held)
    except Error as error:
        if error.exit_code != ExitCode.VERIFICATION_FAILED:
            raise
        answer.say("held folder", False, error.message)
        return None, ""


def _whole(held: Path, manifest: HeldManifest) -> str:
    check_files(held, manifest)
    count = sum(source.lines for source in manifest.sources)
    accounts = f"{len(manifest.accounts):,} named and {len(manifest.control.accounts):,} control accounts"
    sentence = f"{manifest.hold_id}: {count:,} lines of {len(manifest.sources):,} raw logs, {accounts}"
    lost = sum(one.lines for one in manifest.missing)
    return sentence + (f"; {lost:,} lines were not there when it was made" if lost else "")


def _tables(package: Path, work: Path, digest: str, answer: Answer) -> Iterator[_Table]:
    """The tables with rows of the held accounts: of an EVENTS folder, or of a package."""
    if package.is_dir() and (package / CAPTURE_FILE).is_file():
        events = open_events(package)
        yield _of_parquet("EVENTS", events.event_files, events.manifest.key_id)
        return
    check_is_package(package)
    _, contents = read_package(package)
    _check_hold(contents, digest, answer)
    capture = read_object(data_of(contents, CAPTURE_JSON), CAPTURE_JSON)
    key_id = str(capture.get("key_id") or "")
    if REQUESTS in contents:
        rows = RequestRows(contents[REQUESTS])
        members = account_ids(contents[MEMBERS]) if MEMBERS in contents else rows.accounts()
        yield _Table(REQUESTS, rows.batches, members.__contains__, key_id, lambda: rows.taken_out)
    files = unpacked_events(contents, capture, work)
    if files:
        yield _of_parquet("data/events/", files, key_id)
    if REQUESTS not in contents and not files:
        answer.say(
            "raw lines", False, "the package holds no requests to compare (case seal --include-events)"
        )


def _check_hold(contents: Contents, digest: str, answer: Answer) -> None:
    """The held folder is one that the case's custody names, where it names any."""
    from countermark.prove.custody.custody import decode_custody

    if CUSTODY not in contents:
        return
    holds = decode_custody(data_of(contents, CUSTODY), redacted=True).holds
    if digest in [one.manifest_sha256 for one in holds]:
        answer.say("custody", True, f"the case names this hold, manifest SHA-256 {digest[:16]}…")
    elif holds:
        answer.say("custody", False, "the case names other holds, and not this one: its manifest differs")
    else:
        answer.say("custody", True, "the case names no hold")


def _of_parquet(name: str, files: list[Path], key_id: str) -> _Table:
    def batches() -> Iterator[pa.RecordBatch]:
        for path in files:
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(batch_size=1 << 14)

    return _Table(name, batches, lambda _name: True, key_id)


def _gathered(tables: list[_Table], found: Iterator[_Table], manifest: HeldManifest) -> str:
    """All tables; raises `Error(20)` for rows under another hash key, and where there are no rows at all."""
    tables += found
    wanted = manifest.events.key_id
    for table in tables:
        if table.key_id not in ("", wanted):  # empty: it was taken out, and the rows will tell
            reason = f"{table.name} was hashed under key {table.key_id}, and the held lines under {wanted}"
            raise failed(reason)
    if not tables:
        raise failed("the package holds no requests to compare (case seal --include-events)")
    return ", ".join(table.name for table in tables)


def _compare(
    answer: Answer,
    lines: _Lines,
    manifest: HeldManifest,
    tables: list[_Table],
    progress: ProgressCall,
) -> str:
    """Add a line for each table, and say how many lines were captured again."""
    sides = [Table(table.batches, table.scope) for table in tables]
    outcomes = compare_tables(lines.opened, manifest, sides, progress)
    for table, found in zip(tables, outcomes, strict=True):
        taken_out = min(table.taken_out(), found.missing)
        ok = found.equal or (taken_out == found.missing and not _other(found))
        answer.say("raw lines", ok, f"{table.name}: {_sentence(found, taken_out)}")
        if ok:
            continue
        answer.differences += [f"{table.name}: {one.sentence}" for one in found.differences]
        if len(found.differences) == MOST_LISTED:
            answer.differences.append(f"{table.name}: the first {MOST_LISTED} places are listed, all counted")
    return f"{outcomes[0].lines:,} lines decrypted in memory and captured again"


def _other(found: Comparison) -> int:
    return found.changed + found.additional + found.not_held + found.unreadable


def _sentence(found: Comparison, taken_out: int) -> str:
    head = f"{found.rows:,} rows of {found.accounts:,} accounts"
    if found.only_hashes:
        return f"{head}; in every row nothing but hashes differ: they were made with another hash key"
    missing = found.missing - taken_out
    parts = [
        f"{count:,} {words}"
        for count, words in (
            (found.changed, "row(s) are not what their line gives"),
            (missing, "row(s) that a line gives are missing"),
            (found.additional, "row(s) come from no held line"),
            (found.not_held, "row(s) are of raw logs of which nothing is held"),
            (found.unreadable, "held line(s) can no longer be read"),
            (taken_out, "row(s) that a line gives were taken out of the table"),
            (found.others, "rows are of accounts that are not held"),
            (found.lost, "row(s) are not checked: their raw log was gone when the hold was made"),
        )
        if count
    ]
    same = found.equal or not (_other(found) or missing)
    return "; ".join([head, *(["all columns equal"] if same else []), *parts])
