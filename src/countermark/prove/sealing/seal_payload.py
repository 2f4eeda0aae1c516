"""Gather the payload of a package: the folders of the stages, tables, custody, terms, plans, leaves."""

from collections.abc import Mapping
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.prove.beforehand.conditions import plan_name
from countermark.prove.custody.custody import encode_custody
from countermark.prove.custody.terms import encode_terms, write_acceptances
from countermark.prove.leaves.leaves import Root, form_of, leaves_name, write_leaves
from countermark.prove.package.layout import (
    CAPTURE_JSON,
    CUSTODY,
    EVENTS,
    FINDINGS_JSON,
    MAX_KEPT_BYTES,
    SCAN_JSON,
    TERMS,
    TERMS_JSON,
    Member,
    Source,
    attribution_name,
    read_object,
)
from countermark.prove.package.members import in_two_threads, measure_source
from countermark.prove.package.payload import listed_files
from countermark.prove.package.tables import (
    ACCEPTANCES,
    ACCOUNTS,
    MEMBERS,
    REQUESTS,
    write_members,
    write_rows_of,
)
from countermark.prove.sealing.seal_options import SealOptions
from countermark.records.canonical import file_sha256
from countermark.store.events import EventsFolder, open_events
from countermark.trust.keyfiles import Secret

_MAKERS = {
    "findings.json": ("FINDINGS", "detect"),
    "scan.json": ("SCAN", "watermark scan"),
    "attribution.json": ("attribution", "attribute"),
}


def stage_sources(options: SealOptions, events: EventsFolder) -> dict[str, Source]:
    """The files of the stages by name; raises unless their folders are whole."""
    sources: dict[str, Source] = {CAPTURE_JSON: options.events / "capture.json"}
    if options.include_events:
        sources |= {EVENTS + file.name: options.events / file.name for file in events.manifest.files}
    sources |= _folder(options.findings, FINDINGS_JSON)
    if options.scan:
        sources |= _folder(options.scan, SCAN_JSON)
    for number, folder in enumerate(options.attributions, start=1):
        sources |= _folder(folder, attribution_name(number))
    return sources


def case_sources(options: SealOptions) -> dict[str, Source]:
    """Custody, terms with their texts, and plans, by name."""
    sources: dict[str, Source] = {CUSTODY: encode_custody(options.custody)}
    if options.terms:
        sources[TERMS_JSON] = encode_terms(options.terms)
        sources |= {TERMS + str(one.entry.file): one.path for one in options.terms}
    for path in options.plans:
        data = _read(path, "plan", "countermark case plan writes one")
        name = plan_name(str(read_object(data, str(path)).get("plan_id")))
        if name in sources:
            raise Error(f"{path}: another plan has the same plan_id", exit_code=ExitCode.USAGE)
        sources[name] = data
    return sources


def table_sources(options: SealOptions, events: EventsFolder, scratch: Path) -> dict[str, Source]:
    """Tables by name, written into `scratch`: members, their accounts, their requests, acceptances."""
    sources: dict[str, Source] = {}

    def place(name: str) -> Path:
        path = scratch / name.rpartition("/")[2]
        sources[name] = path
        return path

    with place(MEMBERS).open("xb") as stream:
        members = write_members(options.findings / "members.parquet", stream)
    _check_accounts(events)
    with place(ACCOUNTS).open("xb") as stream:
        if not write_rows_of(members, [events.accounts_file], stream):
            del sources[ACCOUNTS]
    if options.include_events:
        with place(REQUESTS).open("xb") as stream:
            write_rows_of(members, events.event_files, stream)
    if options.acceptances:
        with place(ACCEPTANCES).open("xb") as stream:
            write_acceptances(options.acceptances, [one.entry for one in options.terms], stream)
    return sources


def leaves_of(
    sources: Mapping[str, Source], scratch: Path, key: Secret | None
) -> tuple[list[Root], dict[str, Source]]:
    """Roots and files of leaves, written into `scratch`, of these documents and tables."""
    roots: list[Root] = []
    made: dict[str, Source] = {}
    for number, (name, source) in enumerate(sorted(sources.items())):
        path = scratch / f"{number}.leaves"
        content = Member(len(source), "", data=source) if isinstance(source, bytes) else source
        with (
            path.open("xb") as target,
            content.open("rb") if isinstance(content, Path) else content.open() as stream,
        ):
            roots.append(write_leaves(name, form_of(name), stream, target, key))
        made[leaves_name(name)] = path
    return roots, made


def measured(sources: Mapping[str, Source], *, crc: bool) -> dict[str, Member]:
    """Every file read once, two at a time."""

    def one(item: tuple[str, Source]) -> Member:
        name, source = item
        try:
            return measure_source(name, source, crc=crc)
        except OSError as error:
            message = f"{source!s} cannot be read: {error.strerror}"
            raise Error(message, hint="the folder is not whole", exit_code=ExitCode.NO_INPUT) from error

    return dict(zip(sources, in_two_threads(one, sources.items()), strict=True))


def opened_events(options: SealOptions) -> EventsFolder:
    """The EVENTS folder; every file is compared with `capture.json` where the events go into the package."""
    return open_events(options.events, verify=options.include_events)


def _check_accounts(events: EventsFolder) -> None:
    """The account table goes in by its rows: it has to be the one that was captured."""
    said = next(file.sha256 for file in events.manifest.files if file.name == events.accounts_file.name)
    if file_sha256(events.accounts_file) != said:
        message = f"{events.accounts_file} differs from capture.json"
        raise Error(message, hint="the folder is not whole", exit_code=ExitCode.NO_INPUT)


def _folder(folder: Path, manifest: str) -> dict[str, Source]:
    """The JSON file of a stage and the files that it lists."""
    base, _, name = manifest.rpartition("/")
    what, maker = _MAKERS[name]
    hint = f"countermark {maker} makes one"
    data = _read(folder / name, f"whole {what} folder", hint)
    try:
        listed = listed_files(read_object(data, name), manifest)
    except Error as error:
        raise Error(f"{folder}: {error.message}", hint=hint, exit_code=ExitCode.NO_INPUT) from error
    return {f"{base}/{file}": folder / file for file in (name, *listed)}


def _read(path: Path, what: str, hint: str) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_KEPT_BYTES + 1)
    except OSError as error:
        message = f"{path.parent} is not a {what}: no {path.name}"
        raise Error(message, hint=hint, exit_code=ExitCode.NO_INPUT) from error
    if len(data) > MAX_KEPT_BYTES:
        raise Error(f"{path} is larger than {MAX_KEPT_BYTES >> 20} MiB", exit_code=ExitCode.NO_INPUT)
    return data
