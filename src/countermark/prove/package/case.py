"""`case.json`: what the case is called, who seals it and how many timestamps it will have."""

import re
from datetime import UTC, datetime

import msgspec

from countermark.prove.package.layout import CASE, MAX_ATTRIBUTIONS, decode_canonical, failed, steps_of
from countermark.trust.signing import PublicKey

CASE_SCHEMA_ID = "countermark/case/v2"
CREATED_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
MAX_SIGNERS = 16
MAX_TIMESTAMPS = 16
_CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WORD = re.compile(r"\S{1,200}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,63}")


class Signer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that signs; who stands behind it is for the trust file to say."""

    keyid: str
    public_key: str
    """The raw Ed25519 key in base64."""


class LogHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The public log of which the package holds the first entries."""

    origin: str
    size: int


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Written before anything is signed, so that nothing can be dropped afterwards."""

    schema: str
    case_id: str
    """Chosen by the investigator; the base directory of the zip too."""
    created: str
    """The sealer's own clock, UTC; a timestamp is what proves a time."""
    software: dict[str, str]
    """Versions of what sealed, by distribution."""
    steps: list[str]
    """The steps with a Statement each, in order."""
    signers: list[Signer]
    """Every key that signs every envelope, sorted by key id."""
    timestamps: int
    """Number of RFC 3161 timestamps over the seal."""
    events_included: bool
    """Whether the events themselves are in the package, or their digests only."""
    matter: str
    """The matter of the log that the case is of; empty without a log."""
    log: LogHead | None
    """None where nothing was fixed in a log."""

    @property
    def has_scan(self) -> bool:
        """Whether a watermark scan of a corpus is in the package."""
        return "scan" in self.steps

    @property
    def attributions(self) -> int:
        """Number of attributions in the package."""
        return sum(step.startswith("attribute-") for step in self.steps)

    def keys(self) -> dict[str, PublicKey]:
        """Declared public keys by key id."""
        return {signer.keyid: PublicKey.parse(signer.public_key) for signer in self.signers}


def is_case_id(text: str) -> bool:
    """Letters, digits, dot, underscore and hyphen; 64 at most, no dot or hyphen first."""
    return _CASE_ID.fullmatch(text) is not None


def is_matter(text: str) -> bool:
    """1 to 200 printable characters without blanks."""
    return _WORD.fullmatch(text) is not None and text.isprintable()


def decode_case(data: bytes) -> Case:
    """Read `case.json` strictly."""
    case: Case = decode_canonical(data, CASE, Case)
    if case.schema != CASE_SCHEMA_ID:
        raise failed(f"{CASE} has a schema other than {CASE_SCHEMA_ID}")
    if not is_case_id(case.case_id):
        raise failed(f"{CASE} has a case id that cannot be one")
    if not all(_VERSION.fullmatch(text) for pair in case.software.items() for text in pair):
        raise failed(f"{CASE} has a software version that cannot be one")
    if "countermark" not in case.software:
        raise failed(f"{CASE} does not say which version of countermark sealed it")
    if case.attributions > MAX_ATTRIBUTIONS or case.steps != steps_of(case.has_scan, case.attributions):
        names = "capture, detect, seal, with or without a scan and numbered attributions"
        raise failed(f"{CASE} does not name the steps {names}")
    created_at(case)
    if not 0 <= case.timestamps <= MAX_TIMESTAMPS:
        raise failed(f"{CASE} declares {case.timestamps} timestamps; {MAX_TIMESTAMPS} at most")
    _check_signers(case)
    _check_log(case)
    return case


def created_at(case: Case) -> datetime:
    """When the sealer's clock says that the case was sealed (UTC)."""
    try:
        moment = datetime.strptime(case.created, CREATED_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise failed(f"{CASE} has a creation time that is not of the form {CREATED_FORMAT}") from error
    if moment.strftime(CREATED_FORMAT) != case.created:
        raise failed(f"{CASE} has a creation time that is not in canonical form")
    return moment


def _check_signers(case: Case) -> None:
    keyids = [signer.keyid for signer in case.signers]
    if not 1 <= len(keyids) <= MAX_SIGNERS or keyids != sorted(set(keyids)):
        raise failed(f"{CASE} does not declare 1 to {MAX_SIGNERS} signers, sorted by key id, each once")
    for signer in case.signers:
        if PublicKey.parse(signer.public_key).keyid != signer.keyid or "-----" in signer.public_key:
            raise failed(f"{CASE} has a signer whose key id is not the digest of its public key")


def _check_log(case: Case) -> None:
    if bool(case.matter) != (case.log is not None):
        raise failed(f"{CASE} has a matter without a log, or a log without a matter")
    if case.matter and not is_matter(case.matter):
        raise failed(f"{CASE} has a matter that cannot be one")
    if case.log and not (is_matter(case.log.origin) and 0 <= case.log.size < 1 << 53):
        raise failed(f"{CASE} has a log whose origin or size cannot be one")
