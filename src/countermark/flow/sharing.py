"""Detection and attribution joined with sharing: FINDINGS or an attribution's folder, as STIX to be reviewed.

Nothing leaves here. The raw values of `--identifiers` are in the objects that are returned, and nowhere else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from countermark.detect.findings_folder import FINDINGS_FILE, MEMBERS_FILE
from countermark.errors import Error, ExitCode
from countermark.records.attributions import ATTRIBUTION_FILE, ATTRIBUTION_SCHEMA_ID, Attribution
from countermark.records.canonical import file_sha256
from countermark.records.findings import FINDINGS_SCHEMA_ID, Campaign
from countermark.share.items import Identifiers, read_identifiers
from countermark.share.stix import FindingsView, Object, Terms, stix_of_attribution, stix_of_findings

MAX_RECORD_BYTES = 64 << 20
MAX_OBJECT_BYTES = 1 << 20
MAX_OBJECTS = 2_000_000
MAX_MEMBERS = 10_000_000
_T = TypeVar("_T")
_NONE_READ = Identifiers(items=(), quarantined=(), reasons={}, not_named=0)


@dataclass(frozen=True)
class Shared:
    """What could be shared of a FINDINGS folder, if a policy allows it."""

    objects: list[Object]
    identifiers: Identifiers
    """`identifiers.counts()` is what the floors of a policy are held against."""


class _Findings(msgspec.Struct):
    schema: str
    campaigns: list[Campaign]
    calibrated_to: float
    files: dict[str, str]


def findings_as_stix(
    folder: Path, terms: Terms, *, identifiers: Path | None = None, campaigns: Sequence[str] = ()
) -> Shared:
    """STIX of a whole FINDINGS folder, or of the named `campaigns`; without `identifiers` no indicators.

    Raises `Error` for a folder that is not whole, a campaign that is not in it, and identifiers over a bound.
    """
    findings = _read_findings(folder)
    known = {one.campaign_id for one in findings.campaigns}
    unknown = [name for name in campaigns if name not in known]
    if unknown:
        raise Error(f"{folder} has no campaign {unknown[0]}", exit_code=ExitCode.NO_INPUT)
    chosen = [one for one in findings.campaigns if not campaigns or one.campaign_id in campaigns]
    read = _NONE_READ
    if identifiers is not None:
        named = {one.campaign_id for one in chosen if one.disposition != "rejected"}
        read = read_identifiers(identifiers, _members(folder / MEMBERS_FILE, named))
    view = FindingsView(campaigns=chosen, calibrated_to=findings.calibrated_to)
    return Shared(stix_of_findings(view, read.items, terms), read)


def attribution_as_stix(folder: Path, terms: Terms, *, about: Sequence[str] = ()) -> list[Object]:
    """STIX of the attribution in a folder; raises `Error` for a folder that is not whole."""
    content = _read_record(folder / ATTRIBUTION_FILE, Attribution)
    if content.schema != ATTRIBUTION_SCHEMA_ID:
        raise _damaged(folder / ATTRIBUTION_FILE)
    _check_files(folder, content.files)
    return stix_of_attribution(content, terms, about=about)


def read_published(paths: Sequence[Path]) -> dict[str, Object]:
    """The latest version of each object in files of one object a line: `Terms.earlier`.

    Raises `Error` for a file that cannot be read, a line that is no object, and two versions of one time.
    """
    latest: dict[str, Object] = {}
    for path in paths:
        for number, one in _objects(path):
            try:
                stix_id, when = _name(one), _moment(one)
            except (TypeError, ValueError):
                raise Error(f"{path}: line {number} is no STIX object", exit_code=ExitCode.NO_INPUT) from None
            before = latest.get(stix_id)
            if before is None or _moment(before) < when:
                latest[stix_id] = one
            elif before != one and _moment(before) == when:
                raise Error(f"{path}: line {number} is another object of the same id and version")
            if len(latest) > MAX_OBJECTS:
                raise Error(f"over {MAX_OBJECTS:,} objects were published", exit_code=ExitCode.NO_INPUT)
    return latest


def _name(one: Object) -> str:
    if not isinstance(one.get("id"), str) or "type" not in one:
        raise ValueError
    return str(one["id"])


def _moment(one: Object) -> datetime:
    """When the version was made; for an object without versions always the same."""
    moment = datetime.fromisoformat(one.get("modified") or one.get("created") or "1970-01-01T00:00:00Z")
    if moment.tzinfo is None:
        raise ValueError
    return moment


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(_lines(stream), start=1):
                if len(line) > MAX_OBJECT_BYTES:
                    raise Error(f"{path}: line {number} is over 1 MiB", exit_code=ExitCode.NO_INPUT)
                if line.strip():
                    yield number, decode(line)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _damaged(path) from None


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(MAX_OBJECT_BYTES + 1):
        yield line


def _read_findings(folder: Path) -> _Findings:
    path = folder / FINDINGS_FILE
    findings = _read_record(path, _Findings)
    names = [one.campaign_id for one in findings.campaigns]
    if findings.schema != FINDINGS_SCHEMA_ID or len(set(names)) != len(names):
        raise _damaged(path)
    _check_files(folder, {MEMBERS_FILE: findings.files.get(MEMBERS_FILE, "")})
    return findings


def _read_record(path: Path, kind: type[_T]) -> _T:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_RECORD_BYTES + 1)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    if len(data) > MAX_RECORD_BYTES:
        raise Error(f"{path} is over {MAX_RECORD_BYTES >> 20} MiB", exit_code=ExitCode.NO_INPUT)
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _damaged(path) from None


def _check_files(folder: Path, files: dict[str, str]) -> None:
    for name, digest in files.items():
        try:
            same = "/" not in name and file_sha256(folder / name) == digest
        except OSError:
            same = False
        if not same:
            problem = f"{folder} is not whole: {name[:100]} is not what the record lists"
            raise Error(problem, exit_code=ExitCode.NO_INPUT)


def _damaged(path: Path) -> Error:
    return Error(f"{path} is damaged or of another version", exit_code=ExitCode.NO_INPUT)


def _members(path: Path, campaigns: set[str]) -> dict[str, set[str]]:
    """Account ids of these campaigns."""
    members: dict[str, set[str]] = {name: set() for name in campaigns}
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > MAX_MEMBERS:
                raise Error(f"{path} has over {MAX_MEMBERS:,} members", exit_code=ExitCode.NO_INPUT)
            for batch in file.iter_batches(columns=["campaign_id", "account_id"]):
                pairs = zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
                for campaign_id, account_id in pairs:
                    if campaign_id in members:
                        members[campaign_id].add(account_id)
    except (OSError, ValueError, KeyError, pa.ArrowException):
        raise _damaged(path) from None
    return members
