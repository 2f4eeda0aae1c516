"""Seal a case: findings, what made them, a signed Statement per step, timestamps, and a closing Statement."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.prove.beforehand.log_check import check_sealed
from countermark.prove.beforehand.log_part import Asked, LogPart, files_for_case
from countermark.prove.beforehand.results import (
    NO_LOG,
    NO_TRUST,
    CaseView,
    check_named_run,
    encode_results,
    results_of,
)
from countermark.prove.beforehand.run_files import RunFile, run_sources, runs_of
from countermark.prove.leaves.leaves import Root
from countermark.prove.package.archive import archive_size, write_archive
from countermark.prove.package.bag import bag_files
from countermark.prove.package.case import CREATED_FORMAT, Case, created_at
from countermark.prove.package.folder import write_folder
from countermark.prove.package.layout import (
    CASE,
    CLOSE,
    PLANS,
    RESULTS,
    Contents,
    Source,
    data_of,
    envelope_name,
    failed,
    is_document,
    read_object,
    timestamp_name,
)
from countermark.prove.package.members import check_sizes, marks_of
from countermark.prove.package.payload import Payload, materials_of, read_payload
from countermark.prove.package.place import put, recover, work_beside
from countermark.prove.package.stages import check_stages
from countermark.prove.package.statements import PAYLOAD_TYPE, close_statement, seal_statement, step_statement
from countermark.prove.package.subjects import check_subjects, has_leaves
from countermark.prove.package.timestamp import MAX_CLOCK_SKEW_S, Timestamp, request_timestamp
from countermark.prove.sealing.seal_options import SealOptions, case_of, check_options
from countermark.prove.sealing.seal_payload import (
    case_sources,
    leaves_of,
    measured,
    opened_events,
    stage_sources,
    table_sources,
)
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.trust.dsse import seal_envelope

__all__ = ["SealOptions", "seal"]


def seal(options: SealOptions) -> Path:
    """Write the EvidencePackage and give its path.

    The same inputs, keys, `created` and salt key give the same bytes, timestamps aside. Raises `Error` when
    the inputs are not whole or contradict each other, when `out` exists, and when a TSA gives no usable
    reply; never for the class of a result.
    """
    recover(options.out)
    check_options(options)
    with work_beside(options.out) as work:
        sources, contents, roots, case = _payload(options, work)
        payload = _checked(contents)
        _add(_attestations(payload, roots, options), sources, contents)
        _add(bag_files(case, contents), sources, contents)
        with _cannot_be_sealed():
            check_sizes({name: one.size for name, one in contents.items()})
            marks_of(contents)
        _write(work, options.out, case.case_id, sources, contents)
    return options.out


def _payload(options: SealOptions, scratch: Path) -> tuple[dict[str, Source], Contents, list[Root], Case]:
    """Every payload file, what it measures, the roots of its leaves, and the case."""
    crc = options.out.suffix == ".zip"
    events = opened_events(options)
    files = runs_of(options.log, options.matter, options.runs) if options.log else []
    sources = stage_sources(options, events) | case_sources(options)
    with _cannot_be_sealed():
        sources |= table_sources(options, events, scratch)
        contents = measured(sources, crc=crc)
        documents = {name: one for name, one in contents.items() if is_document(name)}
        part = _log_part(options, documents)
        more: dict[str, Source] = dict(part.files) if part else {}
        more |= _runs(options, files, contents, part)
        case = case_of(options, part.head if part else None)
        more[CASE] = canonical_json(case)
        contents |= measured(more, crc=crc)
        results: dict[str, Source] = {RESULTS: _results(options, case, contents, part)}
        sources |= more | results
        leaved = {name: one for name, one in sources.items() if has_leaves(name)}
        roots, leaves = leaves_of(leaved, scratch, options.salt_key)
        contents |= measured(results | leaves, crc=crc)
    return sources | leaves, contents, roots, case


def _runs(
    options: SealOptions, files: Sequence[RunFile], contents: Contents, part: LogPart | None
) -> dict[str, Path]:
    """What came out of runs that are no step, by name."""
    there = {one.sha256 for one in contents.values()}
    sources, said = run_sources(files, there, part.whole if part else ())
    for sentence in said:
        options.say(sentence)
    return sources


def _log_part(options: SealOptions, documents: Contents) -> LogPart | None:
    """What of the log goes into the package; None where the case has none."""
    if options.log is None:
        return None
    asked = Asked(
        matter=options.matter,
        plans=[data_of(documents, name) for name in documents if name.startswith(PLANS)],
        documents=[
            read_object(data_of(documents, name), name) for name in documents if not name.startswith(PLANS)
        ],
        custody=options.custody,
    )
    return files_for_case(options.log, asked, public=options.public_log, trust=options.trust)


def _results(options: SealOptions, case: Case, contents: Contents, part: LogPart | None) -> bytes:
    """`results.json`: the class of every result, by what the trust file trusts."""
    digests = {name: one.sha256 for name, one in contents.items()}
    held = check_sealed(contents, part, case.matter, digests, options.trust) if part else None
    documents = {name: read_object(data_of(contents, name), name) for name in contents if is_document(name)}
    view = CaseView(
        matter=case.matter,
        steps=case.steps,
        documents=documents,
        digests=digests,
        custody=options.custody,
        log=held.view if held else None,
        no_log=held.no_log if held else NO_LOG if options.trust else NO_TRUST,
    )
    for step in case.steps[1:-1] if held else ():
        check_named_run(replace(view, log=held.opened if held else None), step)
    return encode_results(results_of(view, options.results))


@contextmanager
def _cannot_be_sealed() -> Iterator[None]:
    """What would not verify is input that cannot be used."""
    try:
        yield
    except Error as error:
        if error.exit_code != ExitCode.VERIFICATION_FAILED:
            raise
        hint = "seal what countermark detect wrote, with the EVENTS that it read"
        message = f"this cannot be sealed: {error.message}"
        raise Error(message, hint=error.hint or hint, exit_code=ExitCode.NO_INPUT) from error


def _checked(contents: Contents) -> Payload:
    """The payload, once it agrees with itself."""
    with _cannot_be_sealed():
        payload = read_payload(contents)
        check_subjects(payload, contents)
        check_stages(payload)
    return payload


def _add(files: Mapping[str, bytes], sources: dict[str, Source], contents: Contents) -> None:
    sources |= files
    contents |= measured(files, crc=True)


def _attestations(payload: Payload, roots: Sequence[Root], options: SealOptions) -> dict[str, bytes]:
    """Envelopes of the steps, timestamps over the seal's, and the closing envelope over those, by name."""
    files: dict[str, bytes] = {}
    case = payload.case

    def sign(name: str, statement: bytes) -> None:
        files[name] = seal_envelope(PAYLOAD_TYPE, statement, options.keys)

    for step in case.steps[:-1]:
        outputs, materials = payload.outputs(step), materials_of(payload, step)
        if outputs is None or materials is None:
            raise failed(f"{step} has no JSON file")
        sign(envelope_name(step), step_statement(step, case.case_id, outputs, materials))
    steps = {name: sha256_hex(data) for name, data in files.items()}
    sealed = envelope_name("seal")
    sign(sealed, seal_statement(payload, roots, steps))
    stamps = [_timestamp(url, files[sealed], case) for url in options.tsa_urls]
    files |= {timestamp_name(number): stamp.response for number, stamp in enumerate(stamps, 1)}
    closed = {name: sha256_hex(data) for name, data in files.items() if name not in steps}
    sign(CLOSE, close_statement(case.case_id, closed, [stamp.nonce for stamp in stamps]))
    return files


def _timestamp(url: str, data: bytes, case: Case) -> Timestamp:
    stamp = request_timestamp(url, data)
    if (created_at(case) - stamp.time).total_seconds() > MAX_CLOCK_SKEW_S:
        message = f"the TSA says {stamp.time:{CREATED_FORMAT}}, before the case was made ({case.created})"
        raise Error(message, hint="is this machine's clock right, and SOURCE_DATE_EPOCH?")
    return stamp


def _write(work: Path, out: Path, base: str, sources: Mapping[str, Source], contents: Contents) -> None:
    building = work / "package"
    if out.suffix == ".zip":
        archive_size(base, contents)  # raises where a zip cannot hold it, before anything is written
        write_archive(building, base, sources, contents)
    else:
        write_folder(building, sources, contents)
    put(building, out)
