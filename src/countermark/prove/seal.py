"""Seal a case: findings, what made them, a signed Statement per step, timestamps, and a closing Statement."""

import io
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from countermark import __version__
from countermark.errors import Error, ExitCode
from countermark.prove.archive import archive_size, write_archive
from countermark.prove.bag import bag_files
from countermark.prove.case import CASE_SCHEMA_ID, CREATED_FORMAT, Case, Signer, created_at, is_case_id
from countermark.prove.folder import write_folder
from countermark.prove.layout import (
    CAPTURE_JSON,
    CASE,
    CLOSE,
    EVENTS,
    FINDINGS,
    FINDINGS_JSON,
    MAX_ATTRIBUTIONS,
    MAX_KEPT_BYTES,
    SCAN,
    SCAN_JSON,
    Contents,
    Member,
    Source,
    attribution_name,
    check_kept,
    check_names,
    envelope_name,
    measure,
    read_object,
    steps_of,
    timestamp_name,
)
from countermark.prove.payload import Payload, check_findings, check_payload, listed_files, read_payload
from countermark.prove.statements import (
    PAYLOAD_TYPE,
    close_statement,
    seal_statement,
    step_statements,
)
from countermark.prove.timestamp import MAX_CLOCK_SKEW_S, Timestamp, request_timestamp
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.records.files import replacing
from countermark.store.events import open_events
from countermark.trust.dsse import seal_envelope
from countermark.trust.signing import SigningKey

_MAKERS = {
    "findings.json": ("FINDINGS", "detect"),
    "scan.json": ("SCAN", "watermark scan"),
    "attribution.json": ("attribution", "attribute"),
}
_RECORDED = ("cryptography", "msgspec", "rfc3161-client", "rfc8785")


@dataclass(frozen=True, kw_only=True)
class SealOptions:
    """What is sealed, by whom, and where to."""

    findings: Path
    """A FINDINGS folder."""
    events: Path
    """The EVENTS folder that the findings were made of."""
    case_id: str
    out: Path
    """A zip when it ends in `.zip`, else a folder."""
    keys: Sequence[SigningKey]
    """Everyone who signs."""
    tsa_urls: Sequence[str] = ()
    """Timestamp authorities to ask; the only use of a network."""
    scan: Path | None = None
    """A SCAN folder of `watermark scan`, to go into the case too."""
    attributions: Sequence[Path] = ()
    """Folders of `attribute`, to go into the case in this order."""
    include_events: bool = False
    overwrite: bool = False
    created: datetime | None = None
    """When; `SOURCE_DATE_EPOCH` or now if not given."""


def seal(options: SealOptions) -> Path:
    """Write the EvidencePackage and give its path.

    The same inputs, keys and `created` give the same bytes, timestamps aside. Raises `Error` when the
    inputs are not whole or contradict each other, when `out` exists, and when a TSA gives no usable reply.
    """
    _check_options(options)
    sources = _payload_sources(options)
    case = _case(options)
    sources[CASE] = canonical_json(case)
    contents = {name: _measure(name, source) for name, source in sources.items()}
    payload = _checked_payload(contents)
    _add(_attestations(payload, options), sources, contents)
    _add(bag_files(case, contents), sources, contents)
    _write(options.out, case.case_id, sources, contents)
    return options.out


def _check_options(options: SealOptions) -> None:
    if not is_case_id(options.case_id):
        hint = "letters, digits, dot, underscore and hyphen; 64 at most"
        raise Error(f"{options.case_id!r} cannot be a case id", hint=hint, exit_code=ExitCode.USAGE)
    keyids = {key.public.keyid for key in options.keys}
    if not keyids or len(keyids) != len(options.keys):
        raise Error("no signing key, or one given twice", exit_code=ExitCode.USAGE)
    if os.path.lexists(options.out) and not options.overwrite:
        raise Error(f"{options.out} exists already", hint="--overwrite replaces it")
    if len(options.attributions) > MAX_ATTRIBUTIONS:
        raise Error(f"a case takes {MAX_ATTRIBUTIONS} attributions at most", exit_code=ExitCode.USAGE)
    if options.out.is_dir() and options.out.suffix == ".zip":
        raise Error(f"{options.out} is a folder", hint="choose another --out")
    if not options.out.parent.is_dir():
        raise Error(f"there is no folder {options.out.parent}", hint="make it first")


def _payload_sources(options: SealOptions) -> dict[str, Source]:
    """Every payload file but `case.json`, by name; raises unless both folders are whole."""
    events = open_events(options.events, verify=options.include_events)
    sources: dict[str, Source] = {CAPTURE_JSON: options.events / "capture.json"}
    if options.include_events:
        sources |= {EVENTS + file.name: options.events / file.name for file in events.manifest.files}
    sources[FINDINGS_JSON] = options.findings / "findings.json"
    sources |= {
        FINDINGS + name: options.findings / name for name in _files_of(options.findings, FINDINGS_JSON)
    }
    if options.scan:
        sources[SCAN_JSON] = options.scan / "scan.json"
        sources |= {SCAN + name: options.scan / name for name in _files_of(options.scan, SCAN_JSON)}
    for number, folder in enumerate(options.attributions, start=1):
        manifest = attribution_name(number)
        for name in ["attribution.json", *_files_of(folder, manifest)]:
            sources[attribution_name(number, name)] = folder / name
    return sources


def _files_of(folder: Path, manifest: str) -> list[str]:
    """Names of the files that the folder of a stage lists."""
    name = manifest.rpartition("/")[2]
    what, maker = _MAKERS[name]
    hint = f"countermark {maker} makes one"
    try:
        with (folder / name).open("rb") as stream:
            data = stream.read(MAX_KEPT_BYTES + 1)
        return list(listed_files(read_object(data, name), manifest))
    except OSError as error:
        message = f"{folder} is not a whole {what} folder: no {name}"
        raise Error(message, hint=hint, exit_code=ExitCode.NO_INPUT) from error
    except Error as error:
        raise Error(f"{folder}: {error.message}", hint=hint, exit_code=ExitCode.NO_INPUT) from error


def _checked_payload(contents: Contents) -> Payload:
    """The payload, once it agrees with itself."""
    try:
        check_names(list(contents))
        check_kept(contents)
        payload = read_payload(contents)
        check_payload(payload)
        check_findings(payload)
    except Error as error:
        hint = "seal what countermark detect wrote, with the EVENTS that it read"
        raise Error(
            f"this cannot be sealed: {error.message}", hint=hint, exit_code=ExitCode.NO_INPUT
        ) from error
    return payload


def _measure(name: str, source: Source) -> Member:
    if isinstance(source, bytes):
        return measure(io.BytesIO(source), name, len(source))
    try:
        with source.open("rb") as stream:
            return measure(stream, name, os.fstat(stream.fileno()).st_size)
    except OSError as error:
        hint = "the folder is not whole"
        raise Error(
            f"{source} cannot be read: {error.strerror}", hint=hint, exit_code=ExitCode.NO_INPUT
        ) from error


def _add(files: Mapping[str, bytes], sources: dict[str, Source], contents: Contents) -> None:
    sources |= files
    contents |= {name: _measure(name, data) for name, data in files.items()}


def _attestations(payload: Payload, options: SealOptions) -> dict[str, bytes]:
    """Envelopes of the steps, timestamps over the seal's, and the closing envelope over those, by name."""
    files: dict[str, bytes] = {}

    def sign(name: str, statement: bytes) -> None:
        files[name] = seal_envelope(PAYLOAD_TYPE, statement, options.keys)

    for name, statement in step_statements(payload).items():
        sign(name, statement)
    steps = {name: sha256_hex(data) for name, data in files.items()}
    sealed = envelope_name("seal")
    sign(sealed, seal_statement(payload, steps))
    stamps = [_timestamp(url, files[sealed], payload.case) for url in options.tsa_urls]
    files |= {timestamp_name(number): stamp.response for number, stamp in enumerate(stamps, 1)}
    closed = {name: sha256_hex(data) for name, data in files.items() if name not in steps}
    sign(CLOSE, close_statement(payload.case.case_id, closed, [stamp.nonce for stamp in stamps]))
    return files


def _timestamp(url: str, data: bytes, case: Case) -> Timestamp:
    stamp = request_timestamp(url, data)
    if (created_at(case) - stamp.time).total_seconds() > MAX_CLOCK_SKEW_S:
        message = f"the TSA says {stamp.time:{CREATED_FORMAT}}, before the case was made ({case.created})"
        raise Error(message, hint="is this machine's clock right, and SOURCE_DATE_EPOCH?")
    return stamp


def _case(options: SealOptions) -> Case:
    publics = sorted((key.public for key in options.keys), key=lambda key: key.keyid)
    software = {"countermark": __version__, "python": platform.python_version()}
    return Case(
        schema=CASE_SCHEMA_ID,
        case_id=options.case_id,
        created=(options.created or _now()).astimezone(UTC).strftime(CREATED_FORMAT),
        software=software | {name: version(name) for name in _RECORDED},
        steps=steps_of(options.scan is not None, len(options.attributions)),
        signers=[Signer(key.keyid, key.to_base64()) for key in publics],
        timestamps=len(options.tsa_urls),
        events_included=options.include_events,
    )


def _now() -> datetime:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Error("SOURCE_DATE_EPOCH is no time in seconds since 1970", exit_code=ExitCode.USAGE) from error


def _write(out: Path, base: str, sources: Mapping[str, Source], contents: Contents) -> None:
    if out.suffix == ".zip":
        archive_size(base, contents)  # raises where a zip cannot hold it, before anything is written
        with replacing(out) as temporary, temporary.open("xb") as stream:
            write_archive(stream, base, sources, contents)
    else:
        write_folder(out, sources, contents)
