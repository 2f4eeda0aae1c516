"""The Statement that says what was taken out of a package, and what follows from it for the files.

Source: `spec/package.md`, 'Redaction'. Each check raises `Error` (exit 20) where it does not hold.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from countermark.errors import Error
from countermark.prove.leaves.leaf_fields import form_of, leaved_name, leaves_name
from countermark.prove.leaves.leaves import GROUNDS
from countermark.prove.package.case import CREATED_FORMAT, MAX_SIGNERS, Signer
from countermark.prove.package.layout import (
    LOG,
    NEVER_TAKEN_OUT,
    REDACTION,
    by_root_alone,
    check_name,
    failed,
)
from countermark.prove.package.payload import is_sha256
from countermark.prove.package.statements import REDACTION_TYPE, write_statement
from countermark.prove.package.subjects import has_leaves
from countermark.trust.signing import PublicKey


class TakenOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much was taken out of one file on one ground."""

    count: int
    """Leaves; 1 for a file."""
    form: Literal["file", "fields", "rows"]
    """`file`: the whole file."""
    ground: str
    name: str


class Redaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The predicate."""

    case_id: str
    created: str
    """The clock of who took it out, UTC."""
    previous: str
    """SHA-256 of the envelope of the redaction that this one replaces, or empty."""
    seal: str
    """SHA-256 of the envelope of the seal."""
    signers: list[Signer]
    """Who signs the redaction, sorted by key id: exactly these."""
    taken_out: list[TakenOut]
    """Sorted by name, then ground."""
    why: str

    def keys(self) -> dict[str, PublicKey]:
        """Public keys of the signers by key id."""
        return {signer.keyid: PublicKey.parse(signer.public_key) for signer in self.signers}

    def created_at(self) -> datetime:
        """`created` as a time (UTC)."""
        return _moment(self.created)

    def absent(self) -> set[str]:
        """Payload files that are not there any more, files of leaves included."""
        files = {entry.name for entry in self.taken_out if entry.form == "file"}
        return files | {leaves_name(name) for name in files if has_leaves(name)}

    def redacted(self) -> set[str]:
        """Documents and tables that are there, with some leaf taken out."""
        return {entry.name for entry in self.taken_out if entry.form != "file"}

    def grounds(self) -> dict[str, int]:
        """What was taken out by ground: leaves and files."""
        total = Counter[str]()
        for entry in self.taken_out:
            total[entry.ground] += entry.count
        return dict(sorted(total.items()))


def redaction_statement(redaction: Redaction, subjects: Mapping[str, str]) -> bytes:
    """Canonical bytes of the Statement; `subjects`: name and SHA-256 of every payload file that changed."""
    return write_statement(REDACTION_TYPE, subjects, msgspec.to_builtins(redaction))


def read_redaction(predicate: Mapping[str, Any]) -> Redaction:
    """The predicate of a decoded Statement, once it is sound in itself."""
    try:
        redaction = msgspec.convert(predicate, Redaction)
    except msgspec.ValidationError as error:
        raise failed(f"{REDACTION} has a predicate that cannot be one: {error}") from error
    _moment(redaction.created)
    if redaction.previous and not is_sha256(redaction.previous):
        raise failed(f"{REDACTION} names no SHA-256 as the redaction before it")
    _check_signers(redaction.signers)
    _check_entries(redaction.taken_out)
    return redaction


def check_redaction(
    redaction: Redaction,
    subjects: Mapping[str, str],
    *,
    case_id: str,
    case_created: str,
    seal_sha256: str,
    sealed: Mapping[str, str],
    there: Mapping[str, str],
) -> None:
    """Raise unless the redaction is of this package, and says of every payload file what became of it.

    `subjects` are those of its Statement, `sealed` those of the seal, `there` the payload files as they
    are (name to SHA-256). Whether the counts are right is for `check_counts` to say.
    """
    if redaction.case_id != case_id:
        raise failed(f"{REDACTION} is of another case")
    if redaction.created < case_created:
        raise failed(f"{REDACTION} says that it is older than the case")
    if redaction.seal != seal_sha256:
        raise failed(f"{REDACTION} is of another seal than the one in this package")
    _check_absent(redaction, sealed, there)
    check_digests(sealed, there, subjects)
    for name in subjects.keys() - there.keys():
        raise failed(f"{REDACTION} covers {name}, which is not there")
    redacted = redaction.redacted()
    for name in sorted(redacted & there.keys() - subjects.keys()):
        if by_root_alone(name):
            raise failed(f"{REDACTION} takes something out of {name}, and does not cover what it is now")
    for name in sorted(subjects):
        if subjects[name] == sealed[name]:
            raise failed(f"{REDACTION} covers {name}, which is as it was sealed")
        whose = leaved_name(name) or name
        if not has_leaves(whose):
            raise failed(f"{name} is neither a document nor a table, and nothing can be taken out of it")
        if whose not in redacted:
            raise failed(f"{name} was changed, and nothing is said to be taken out of it")


def check_digests(sealed: Mapping[str, str], there: Mapping[str, str], subjects: Mapping[str, str]) -> None:
    """Raise unless every payload file has its sealed digest, or another that the redaction's subjects say.

    What is covered by the root of its leaves alone has no sealed digest (empty): its leaves show it.
    """
    for name, digest in sorted(there.items()):
        if name not in sealed:
            raise failed(f"{name} was not sealed")
        if digest != (subjects.get(name) or sealed[name] or digest):
            raise failed(f"{name} is not as it was sealed, nor as a redaction says")


def check_counts(redaction: Redaction | None, found: Mapping[str, Counter[str]]) -> None:
    """Raise unless as many leaves are taken out, by file and ground, as the redaction says.

    `found` are the counters of `check_leaves`, by name of the document or table.
    """
    said: dict[str, Counter[str]] = {}
    for entry in redaction.taken_out if redaction else ():
        if entry.form != "file":
            said.setdefault(entry.name, Counter())[entry.ground] = entry.count
    for name in sorted(said.keys() | found.keys()):
        are, should = +found.get(name, Counter()), said.get(name, Counter())
        if are != should:
            what = f"{are.total()} leaves are taken out of {name}"
            raise failed(f"{what}, and {REDACTION if redaction else 'no redaction'} says how many by ground")


def taken_out_entries(
    counts: Mapping[str, Counter[str]], files: Mapping[str, str], kept: Iterable[TakenOut] = ()
) -> list[TakenOut]:
    """Entries of a predicate: leaves by file and ground, and files with their ground; `kept`: older ones."""
    entries = [
        TakenOut(count=count, form=form_of(name), ground=ground, name=name)
        for name, grounds in counts.items()
        for ground, count in (+grounds).items()
    ]
    entries += [TakenOut(count=1, form="file", ground=ground, name=name) for name, ground in files.items()]
    entries += [entry for entry in kept if entry.form == "file"]
    return sorted(entries, key=lambda entry: (entry.name, entry.ground))


def file_stays(name: str) -> str:
    """Why a file may not be taken out whole; empty where it may."""
    if name in NEVER_TAKEN_OUT:
        return "what the package is hangs on it"
    if name.startswith(LOG):
        return "it shows what was fixed beforehand, and that nothing is left out"
    if leaved_name(name):
        return "the leaves of a file go with the file"
    return "" if name.startswith("data/") else "only what lies below data/ can be taken out"


def _check_absent(redaction: Redaction, sealed: Mapping[str, str], there: Mapping[str, str]) -> None:
    absent = redaction.absent()
    for name in sorted(absent):
        if name not in sealed:
            raise failed(f"{REDACTION} says that {name} was taken out, which was never sealed")
        if name in there:
            raise failed(f"{REDACTION} says that {name} was taken out, and it is there")
    for name in sorted(sealed.keys() - there.keys() - absent):
        raise failed(f"{name} is missing, and nothing says that it was taken out")


def _check_entries(entries: list[TakenOut]) -> None:
    keys = [(entry.name, entry.ground) for entry in entries]
    if not keys or keys != sorted(set(keys)):
        raise failed(f"{REDACTION} takes nothing out, or does not say it sorted, each once")
    files = [entry.name for entry in entries if entry.form == "file"]
    for entry in entries:
        check_name(entry.name)
        _check_entry(entry)
        if entry.form != "file" and entry.name in files:
            raise failed(f"{REDACTION} says that {entry.name} was taken out whole and in parts")
    if len(set(files)) != len(files):
        raise failed(f"{REDACTION} says twice that a file was taken out")


def _check_entry(entry: TakenOut) -> None:
    if entry.ground not in GROUNDS:
        raise failed(f"{REDACTION} has a ground that is none: {entry.ground[:64]!r}")
    if entry.count < 1 or entry.count >= 1 << 53:
        raise failed(f"{REDACTION} has a count that cannot be one")
    if entry.form == "file":
        if entry.count != 1:
            raise failed(f"{REDACTION} counts a file more than once")
        if why := file_stays(entry.name):
            raise failed(f"{REDACTION} takes out {entry.name}: {why}")
    elif not has_leaves(entry.name) or entry.form != form_of(entry.name):
        raise failed(f"{REDACTION} takes {entry.form} out of {entry.name}, which has none")


def _check_signers(signers: list[Signer]) -> None:
    keyids = [signer.keyid for signer in signers]
    if not 1 <= len(keyids) <= MAX_SIGNERS or keyids != sorted(set(keyids)):
        raise failed(f"{REDACTION} does not declare 1 to {MAX_SIGNERS} signers, sorted by key id, each once")
    for signer in signers:
        try:
            keyid = PublicKey.parse(signer.public_key).keyid
        except Error as error:
            raise failed(f"{REDACTION} has a signer whose public key cannot be read") from error
        if "-----" in signer.public_key or keyid != signer.keyid:
            raise failed(f"{REDACTION} has a signer whose key id is not the digest of its public key")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.strptime(text, CREATED_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise failed(f"{REDACTION} has a time that is not of the form {CREATED_FORMAT}") from error
    if moment.strftime(CREATED_FORMAT) != text:
        raise failed(f"{REDACTION} has a time that is not in canonical form")
    return moment
