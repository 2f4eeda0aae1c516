"""The trust file: signers and when they count, logs, witnesses, timestamp roots, which cases are meant."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509

from countermark.errors import Error, ExitCode
from countermark.prove.package.case import CREATED_FORMAT, MAX_TIMESTAMPS, is_case_id
from countermark.prove.package.layout import read_object
from countermark.records.files import write_atomic
from countermark.trust.checkpoints import open_checkpoint, read_body
from countermark.trust.notes import COSIGNATURE, ED25519, VerifierKey, split_note
from countermark.trust.signing import PublicKey

TRUST_SCHEMA_ID = "countermark/trust/v1"
MAX_TRUST_BYTES = 1 << 20
_MAX_ENTRIES = 256


class SignerEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One accepted signer."""

    name: str
    """What a report calls the signer."""
    public_key: str
    """Ed25519: base64 of the raw 32 bytes, or a PEM."""
    valid_from: str = ""
    """UTC, `YYYY-MM-DDTHH:MM:SSZ`; empty: from ever."""
    valid_until: str = ""
    """The same; empty: for ever."""


class WitnessEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One known witness."""

    vkey: str
    """`name+hash+base64` of a cosigner (c2sp.org/tlog-cosignature)."""
    alliance: bool
    """Whether a member of the alliance runs it."""


class _TrustFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    schema: str
    signers: list[SignerEntry]
    threshold: int
    tsa_roots: list[str] = []
    timestamp_authorities: int = 0
    cases: list[str] = []
    logs: list[str] = []
    witnesses: list[WitnessEntry] = []
    checkpoints: list[str] = []


@dataclass(frozen=True)
class WitnessKey:
    """A known witness's key, and whether it is a member's."""

    key: VerifierKey
    alliance: bool


@dataclass(frozen=True)
class Validity:
    """When a signer's key counts; None: no bound."""

    start: datetime | None = None
    end: datetime | None = None

    def covers(self, moment: datetime) -> bool:
        """Whether the moment lies within, both bounds included."""
        return (self.start is None or self.start <= moment) and (self.end is None or moment <= self.end)


@dataclass(frozen=True)
class Trust:
    """What the verifier accepts."""

    signers: dict[str, str]
    """Name by key id."""
    threshold: int
    """How many of them must have signed."""
    tsa_roots: tuple[x509.Certificate, ...]
    """Roots of timestamp authorities, and intermediate certificates under them."""
    cases: frozenset[str]
    """Accepted case ids; empty: any."""
    keys: dict[str, PublicKey]
    """The signers' keys by key id."""
    validity: dict[str, Validity] = field(default_factory=dict)
    """When each signer counts, by key id; one that stands here not has no bounds."""
    timestamp_authorities: int = 0
    """How many different roots the timestamps must lead to."""
    logs: tuple[VerifierKey, ...] = ()
    """Keys of public logs, by whose origin they are named."""
    witnesses: tuple[WitnessKey, ...] = ()
    checkpoints: tuple[str, ...] = ()
    """Signed notes of these logs that somebody else kept."""


def read_trust(path: Path) -> Trust:
    """Read a trust file strictly; whatever is wrong with it is an error, never a failed verification."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_TRUST_BYTES + 1)
    except OSError as error:
        raise Error(
            f"the trust file {path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT
        ) from error
    if len(data) > MAX_TRUST_BYTES:
        raise _bad(f"{path} is larger than {MAX_TRUST_BYTES >> 20} MiB")
    try:
        read_object(data, str(path))  # refuses a key that stands twice
        return _parse(msgspec.json.decode(data, type=_TrustFile))
    except (msgspec.DecodeError, RecursionError) as error:
        raise _bad(f"{path}: {error}") from error
    except Error as error:
        raise _bad(f"{path}: {error.message}") from error


def write_trust(
    path: Path,
    signers: Iterable[SignerEntry],
    *,
    threshold: int = 1,
    tsa_roots: Iterable[str] = (),
    timestamp_authorities: int = 0,
    cases: Iterable[str] = (),
    logs: Iterable[str] = (),
    witnesses: Iterable[WitnessEntry] = (),
    checkpoints: Iterable[str] = (),
) -> None:
    """Write a trust file; `tsa_roots` are PEM texts, `logs` verifier keys, `checkpoints` signed notes."""
    content = _TrustFile(
        schema=TRUST_SCHEMA_ID,
        signers=list(signers),
        threshold=threshold,
        tsa_roots=list(tsa_roots),
        timestamp_authorities=timestamp_authorities,
        cases=list(cases),
        logs=list(logs),
        witnesses=list(witnesses),
        checkpoints=list(checkpoints),
    )
    _parse(content)
    write_atomic(path, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


def _parse(content: _TrustFile) -> Trust:
    if content.schema != TRUST_SCHEMA_ID:
        raise _bad(f"the schema is not {TRUST_SCHEMA_ID}")
    lists = (content.signers, content.tsa_roots, content.cases, content.logs, content.witnesses)
    if max(len(one) for one in (*lists, content.checkpoints)) > _MAX_ENTRIES:
        raise _bad(f"more than {_MAX_ENTRIES} entries in a list")
    for case_id in content.cases:
        if not is_case_id(case_id):
            raise _bad(f"{case_id!r} cannot be a case id")
    if not 0 <= content.timestamp_authorities <= MAX_TIMESTAMPS:
        raise _bad(f"timestamp_authorities is not 0 to {MAX_TIMESTAMPS}")
    keys, names, validity = _signers(content)
    logs, witnesses = _logs(content.logs), _witnesses(content.witnesses)
    if not {one.public.raw for one in logs}.isdisjoint(one.key.public.raw for one in witnesses):
        raise _bad("a log is a witness, too: nobody is a stranger to himself")
    return Trust(
        signers=names,
        threshold=content.threshold,
        tsa_roots=_roots(content.tsa_roots),
        cases=frozenset(content.cases),
        keys=keys,
        validity=validity,
        timestamp_authorities=content.timestamp_authorities,
        logs=logs,
        witnesses=witnesses,
        checkpoints=_checkpoints(content.checkpoints, logs),
    )


def _signers(content: _TrustFile) -> tuple[dict[str, PublicKey], dict[str, str], dict[str, Validity]]:
    parsed = [(PublicKey.parse(signer.public_key), signer) for signer in content.signers]
    names = {key.keyid: signer.name for key, signer in parsed}
    if len(names) != len(parsed) or len(set(names.values())) != len(names) or "" in names.values():
        raise _bad("a signer's key or name stands twice, or a name is empty")
    if not 1 <= content.threshold <= len(names):
        raise _bad(f"a threshold of {content.threshold} with {len(names)} signers")
    validity = {key.keyid: _validity(signer) for key, signer in parsed}
    return {key.keyid: key for key, _ in parsed}, names, validity


def _validity(signer: SignerEntry) -> Validity:
    start, end = _moment(signer.valid_from), _moment(signer.valid_until)
    if start and end and end < start:
        raise _bad(f"{signer.name} is valid until before it is valid from")
    return Validity(start, end)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.strptime(text, CREATED_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        moment = None
    if moment is None or moment.strftime(CREATED_FORMAT) != text:
        raise _bad(f"{text!r} is no time of the form YYYY-MM-DDTHH:MM:SSZ")
    return moment


def _roots(texts: list[str]) -> tuple[x509.Certificate, ...]:
    roots = tuple(_certificate(pem) for pem in texts)
    if len(set(roots)) != len(roots):
        raise _bad("a TSA root stands twice")
    return roots


def _certificate(pem: str) -> x509.Certificate:
    try:
        (certificate,) = x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise _bad("an entry of tsa_roots is not exactly one PEM certificate") from error
    return certificate


def _logs(texts: list[str]) -> tuple[VerifierKey, ...]:
    logs = tuple(VerifierKey.parse(text) for text in texts)
    if any(log.kind != ED25519 for log in logs):
        raise _bad("an entry of logs is the key of a witness, not of a log")
    if len({log.name for log in logs}) != len(logs):
        raise _bad("a log stands twice")
    return logs


def _witnesses(entries: list[WitnessEntry]) -> tuple[WitnessKey, ...]:
    witnesses = tuple(WitnessKey(VerifierKey.parse(one.vkey), one.alliance) for one in entries)
    if any(witness.key.kind != COSIGNATURE for witness in witnesses):
        raise _bad("an entry of witnesses is not the key of a cosigner")
    names, raw = {one.key.name for one in witnesses}, {one.key.public.raw for one in witnesses}
    if min(len(names), len(raw)) != len(witnesses):
        raise _bad("a witness stands twice")
    return witnesses


def _checkpoints(notes: list[str], logs: tuple[VerifierKey, ...]) -> tuple[str, ...]:
    """Each is signed by one of the logs: a note that anybody could write shows nothing against a log."""
    by_name = {log.name: log for log in logs}
    for note in notes:
        origin = read_body(split_note(note)[0]).origin
        if origin not in by_name:
            raise _bad(f"a checkpoint is of {origin!r}, which is not among the logs")
        open_checkpoint(note, by_name[origin])
    return tuple(notes)


def _bad(message: str) -> Error:
    return Error(f"trust file: {message}", hint="spec/package.md shows one", exit_code=ExitCode.NO_INPUT)
