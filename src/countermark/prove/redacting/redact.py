"""Take personal data or what is privileged out of a package: another package, which still verifies."""

import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.prove.leaves.leaf_fields import leaved_name
from countermark.prove.package.archive import archive_size, write_archive
from countermark.prove.package.bag import BAG_FILES, bag_files
from countermark.prove.package.case import CREATED_FORMAT, Case, Signer, decode_case
from countermark.prove.package.folder import write_folder
from countermark.prove.package.layout import (
    ATTESTATIONS,
    CASE,
    FINDINGS_JSON,
    REDACTION,
    Contents,
    Member,
    Source,
    by_root_alone,
    data_of,
    envelope_name,
)
from countermark.prove.package.members import in_two_threads, measure_source
from countermark.prove.package.place import put, recover, work_beside
from countermark.prove.package.reading import check_is_package, read_package
from countermark.prove.package.statements import (
    PAYLOAD_TYPE,
    REDACTION_TYPE,
    SEAL_TYPE,
    decode_statement,
    seal_predicate,
    sealed_files,
)
from countermark.prove.package.trustfile import Trust
from countermark.prove.redacting.companions import is_blind
from countermark.prove.redacting.elsewhere import Needles, can_be_searched
from countermark.prove.redacting.redact_files import Cut, cut
from countermark.prove.redacting.redaction import Redaction, TakenOut, read_redaction, redaction_statement
from countermark.prove.redacting.takes import Take
from countermark.prove.verifying.verify import verify
from countermark.records.files import TEMPORARY
from countermark.trust.dsse import open_envelope, seal_envelope
from countermark.trust.signing import SigningKey


@dataclass(frozen=True, kw_only=True)
class RedactOptions:
    """What is taken out of which package, by whom, and where the rest goes."""

    package: Path
    out: Path
    """A zip when it ends in `.zip`, else a folder; never the package itself."""
    keys: Sequence[SigningKey]
    """Everyone who signs the redaction."""
    what: Sequence[Take]
    why: str
    """One sentence for whoever reads the package, such as the order of the court."""
    created: datetime | None = None
    keep_attachments: bool = False
    """Leave Parquet files, reports and pictures in, although they may hold the same."""
    allow_elsewhere: bool = False
    """Go on although texts that are taken out still stand elsewhere."""
    overwrite: bool = False
    dry_run: bool = False
    """Work all out, and write nothing."""
    trust: Trust | None = None
    """To check the package and what is left with; without it the signers are not checked."""


@dataclass(frozen=True)
class Redacted:
    """What was taken out, or would be."""

    case_id: str
    taken_out: tuple[TakenOut, ...]
    """All that is out now, as the Statement says it, also of before."""
    attachments: tuple[str, ...]
    """Files that went since they hold the same."""
    stayed: int
    """Fields that were meant and that the verification hangs on."""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Files in which texts that were taken out still stand, and how many of these."""
    unsearched: tuple[str, ...] = ()
    """Files in which nobody can look for them."""
    changed: tuple[str, ...] = ()
    """Documents whose sealed digest is still in the package, and may confirm a guess of what is out."""


def redact(options: RedactOptions) -> Redacted:
    """Write the package without what was taken out, and say what that is.

    The redaction of before, if any, is replaced and all that it took stays out. Nothing is written
    unless what is left verifies. Raises `Error`: exit 20 for a package that does not verify, 2 for what may
    not be taken out, 1 where texts still stand elsewhere.
    """
    if not options.dry_run:
        recover(options.out)
    _check_options(options)
    _check_verifies(options.package, options.trust, "the package does not verify as it is")
    _, contents = read_package(options.package)
    case = decode_case(data_of(contents, CASE))
    before = _redaction_of(contents)
    with _work_folder(options) as work:
        made = cut(contents, options.what, before, work / "new", keep_attachments=options.keep_attachments)
        sources = _sources(contents, made, work / "old")
        redacted = _search(case, sources, made, options.what)
        if options.dry_run:
            return redacted
        if redacted.elsewhere and not options.allow_elsewhere:
            raise _stands_elsewhere(redacted.elsewhere)
        members = _measured(sources)
        _add(_attestation(options, case, contents, members, made), sources, members)
        _add(bag_files(case, members), sources, members)
        _publish(options, case.case_id, sources, members, work)
    return redacted


def _check_options(options: RedactOptions) -> None:
    check_is_package(options.package)
    if not options.what:
        hint = "--take, --rows or --accounts with --ground, or --plan"
        raise Error("nothing was named that is to be taken out", hint=hint, exit_code=ExitCode.USAGE)
    if not options.why.strip():
        raise Error("a redaction says why", hint="give --why", exit_code=ExitCode.USAGE)
    if options.dry_run:
        return
    keyids = {key.public.keyid for key in options.keys}
    if not keyids or len(keyids) != len(options.keys):
        raise Error("no signing key, or one given twice", exit_code=ExitCode.USAGE)
    if os.path.lexists(options.out) and not options.overwrite:
        raise Error(f"{options.out} exists already", hint="--overwrite replaces it")
    if options.out.resolve() == options.package.resolve():
        raise Error(
            "the package itself is not changed", hint="choose another --out", exit_code=ExitCode.USAGE
        )
    if options.out.is_dir() and options.out.suffix == ".zip":
        raise Error(f"{options.out} is a folder", hint="choose another --out")
    if not options.out.parent.is_dir():
        raise Error(f"there is no folder {options.out.parent}", hint="make it first")


def _check_verifies(package: Path, trust: Trust | None, what: str) -> None:
    answer = verify(package, trust)
    for step in answer.steps:
        if step.outcome == "FAILED":
            message = f"{what}: step {step.number} ({step.name}): {step.detail}"
            raise Error(message, exit_code=ExitCode.VERIFICATION_FAILED)


def _redaction_of(contents: Contents) -> Redaction | None:
    if REDACTION not in contents:
        return None
    envelope = open_envelope(data_of(contents, REDACTION), PAYLOAD_TYPE)
    return read_redaction(decode_statement(envelope.body, REDACTION, REDACTION_TYPE).predicate)


@contextmanager
def _work_folder(options: RedactOptions) -> Iterator[Path]:
    """Beside the result, so that it is renamed into its place; open to its owner alone, removed at last."""
    if options.dry_run:
        with tempfile.TemporaryDirectory(prefix=TEMPORARY) as name:
            yield Path(name)
        return
    with work_beside(options.out) as work:
        yield work


def _sources(contents: Contents, made: Cut, spill: Path) -> dict[str, Source]:
    """Where each file of the new package comes from; the bag's own files and the redaction are made later."""
    left_out = {*made.absent, *BAG_FILES, REDACTION}
    return {
        name: made.changed.get(name) or _source(name, member, spill)
        for name, member in contents.items()
        if name not in left_out
    }


def _source(name: str, member: Member, spill: Path) -> Source:
    if member.data is not None:
        return member.data
    if member.source is not None and member.offset == 0:
        return member.source
    path = spill / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(member.open()) as stream, path.open("xb") as target:
        shutil.copyfileobj(stream, target, 1 << 20)
    return path


def _search(case: Case, sources: Mapping[str, Source], made: Cut, takes: Sequence[Take]) -> Redacted:
    values = {account for take in takes for account in take.accounts}
    values = values.union(*(taken.values for taken in made.taken.values()))
    needles = Needles(values)
    elsewhere, unsearched = {}, []
    for name, source in sources.items() if needles else ():
        if leaved_name(name) is not None:
            continue
        if not can_be_searched(name):
            unsearched.append(name)
        elif count := len(_found(needles, name, source)):
            elsewhere[name] = count
    return Redacted(
        case_id=case.case_id,
        taken_out=tuple(made.entries),
        attachments=tuple(made.attachments),
        stayed=sum(taken.stayed for taken in made.taken.values()),
        elsewhere=elsewhere,
        unsearched=tuple(one for one in unsearched if not one.startswith(ATTESTATIONS)),
        changed=tuple(sorted(name for name, path in made.changed.items() if _can_be_guessed(name, path))),
    )


def _can_be_guessed(name: str, left: Path) -> bool:
    """Whether the digest that a changed file had is in the package, and nothing random was in the file."""
    if leaved_name(name) is not None or by_root_alone(name):
        return False
    return name != FINDINGS_JSON or not is_blind(left.read_bytes())


def _found(needles: Needles, name: str, source: Source) -> set[str]:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return needles.found_in(stream)
    if name.startswith(ATTESTATIONS):
        source = open_envelope(source, PAYLOAD_TYPE).body
    return needles.found_in(io.BytesIO(source))


def _stands_elsewhere(elsewhere: Mapping[str, int]) -> Error:
    places = [f"{count} in {name}" for name, count in list(elsewhere.items())[:5]]
    more = f" and {len(elsewhere) - 5} more files" if len(elsewhere) > 5 else ""
    message = f"texts that are taken out still stand in the package: {', '.join(places)}{more}"
    return Error(message, hint="take them out there too, or say --allow-elsewhere")


def _measured(sources: Mapping[str, Source]) -> Contents:
    def one(item: tuple[str, Source]) -> tuple[str, Member]:
        return item[0], measure_source(*item, crc=True)

    return dict(in_two_threads(one, sources.items()))


def _add(files: Mapping[str, bytes], sources: dict[str, Source], members: Contents) -> None:
    sources |= files
    members |= _measured(files)


def _attestation(
    options: RedactOptions, case: Case, contents: Contents, members: Contents, made: Cut
) -> dict[str, bytes]:
    seal = envelope_name("seal")
    envelope = open_envelope(data_of(contents, seal), PAYLOAD_TYPE)
    statement = decode_statement(envelope.body, seal, SEAL_TYPE)
    sealed = sealed_files(statement, seal_predicate(statement, seal), seal)
    publics = sorted((key.public for key in options.keys), key=lambda key: key.keyid)
    previous = contents.get(REDACTION)
    redaction = Redaction(
        case_id=case.case_id,
        created=(options.created or datetime.now(UTC)).astimezone(UTC).strftime(CREATED_FORMAT),
        previous=previous.sha256 if previous else "",
        seal=contents[seal].sha256,
        signers=[Signer(key.keyid, key.to_base64()) for key in publics],
        taken_out=made.entries,
        why=options.why,
    )
    redacted = redaction.redacted()
    subjects = {
        name: member.sha256
        for name, member in members.items()
        if name.startswith("data/")
        and (name in redacted if by_root_alone(name) else member.sha256 != sealed[name])
    }
    return {REDACTION: seal_envelope(PAYLOAD_TYPE, redaction_statement(redaction, subjects), options.keys)}


def _publish(
    options: RedactOptions, base: str, sources: Mapping[str, Source], members: Contents, work: Path
) -> None:
    """Write it, verify what was written, and only then put it in its place."""
    what = "what is left would not verify, and nothing was written"
    building = work / f"package{options.out.suffix}"
    if options.out.suffix == ".zip":
        archive_size(base, members)  # raises where a zip cannot hold it
        write_archive(building, base, sources, members)
    else:
        write_folder(building, sources, members)
    _check_verifies(building, options.trust, what)
    put(building, options.out)
