"""Commitments to an epoch's secret: published before the beacon's round, opened later, checked by anybody.

    commitment = SHA-256(domain ‖ nonce ‖ SHA-256(domain ‖ epoch secret) ‖ SHA-256(domain ‖ document))

All parts have a fixed length; the document is the canonical JSON of all other fields. Binding: two openings
of one commitment would be a collision of SHA-256, so secret and document are fixed when it is published.
Hiding: the nonce is 256 bits that cannot be told from random without the master
(`derivation.commitment_nonce`), so the digest, taken as a random function, tells nothing; the epoch secret is
as hard to guess by itself.

What a commitment does not stop is making many and opening one. They all stand in one log: `publish` refuses a
second one for the same terms, and a checker counts those of other terms (`Log.entries(KIND)`).
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.trust.beacon import Chain
from countermark.trust.checkpoints import Proof, verify_proof
from countermark.trust.derivation import KeySource, Terms, commitment_nonce, epoch_secret
from countermark.trust.entries import Entry, read_entry
from countermark.trust.keyfiles import Secret
from countermark.trust.log import Log
from countermark.trust.merkle import leaf_hash
from countermark.trust.notes import VerifierKey

KIND = "commitment"
SCHEMA = "countermark/key-commitment/v1"
OPENING_SCHEMA = "countermark/key-opening/v1"
MAX_FILE_BYTES = 1 << 16
_DOMAIN = b"countermark/key-commitment/v1\n"
_SECRET, _DOCUMENT = b"countermark/committed-secret/v1\n", b"countermark/committed-document/v1\n"
T = TypeVar("T")


class BeaconRound(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The round that will decide the key."""

    chain_hash: str
    round: int


class Commitment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The document that is published."""

    schema: str = SCHEMA
    commitment: str
    """Hex of the 32 bytes."""
    profile_id: str
    epoch: str
    purpose: str
    beacon: BeaconRound
    created: datetime

    @property
    def terms(self) -> Terms:
        """What the key is for."""
        return Terms(self.profile_id, self.epoch, self.purpose)

    def digest(self) -> bytes:
        """SHA-256 over everything but the commitment itself."""
        fields = {key: value for key, value in msgspec.to_builtins(self).items() if key != "commitment"}
        return hashlib.sha256(_DOCUMENT + canonical_json(fields)).digest()


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What opens a commitment; whoever has it can verify, and forge, that epoch and no other."""

    schema: str = OPENING_SCHEMA
    commitment: str
    nonce: str
    epoch_secret: str

    def __repr__(self) -> str:
        return f"Opening({self.commitment[:16]}…)"


@dataclass(frozen=True)
class Published:
    """When a commitment is known to have been in the log."""

    entry: Entry
    time: datetime
    """The latest of the times below; the round was not out then."""
    witnessed: bool
    """Whether a witness says so. Without one, the times are the publisher's word."""


def commit(
    source: KeySource, terms: Terms, chain: Chain, number: int, *, now: datetime | None = None
) -> Commitment:
    """A commitment to the master's epoch secret, for the key that round `number` of the chain will decide.

    Raises `Error` when that round is out already: whoever knows its randomness could choose a key.
    """
    created = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    if number < 1 or chain.time_of(number) <= created:
        raise Error(
            f"round {number} of the beacon is out, or is none",
            hint=f"name a later one: the newest that is out is {chain.round_at(created)}",
        )
    document = Commitment(
        commitment="",
        profile_id=terms.profile_id,
        epoch=terms.epoch,
        purpose=terms.purpose,
        beacon=BeaconRound(chain.hash, number),
        created=created,
    )
    value = _value(document, commitment_nonce(source, document.digest()), epoch_secret(source, terms))
    return msgspec.structs.replace(document, commitment=value)


def publish(log: Log, document: Commitment) -> Entry:
    """Put a commitment into the log; a second one for the same terms is an `Error`."""
    with log.writing():
        for earlier in log.entries(KIND):
            if msgspec.convert(earlier.payload, Commitment).terms == document.terms:
                raise Error(
                    f"entry {earlier.index} of the log is a commitment for this profile, epoch and purpose",
                    hint="one key an epoch: two commitments would leave a choice; name another epoch",
                )
        return log.append(KIND, msgspec.to_builtins(document))


def open_commitment(source: KeySource, document: Commitment) -> Opening:
    """The opening of a commitment that this master made; raises `Error` for one of another master."""
    nonce = commitment_nonce(source, document.digest())
    secret = epoch_secret(source, document.terms)
    if not hmac.compare_digest(_value(document, nonce, secret), document.commitment):
        raise Error("the commitment was not made with this master", exit_code=ExitCode.VERIFICATION_FAILED)
    return Opening(
        commitment=document.commitment, nonce=nonce.reveal().hex(), epoch_secret=secret.reveal().hex()
    )


def check_opening(document: Commitment, opening: Opening) -> Secret:
    """The epoch secret that was committed to; raises `Error` when the opening is not this commitment's."""
    nonce, secret = (Secret(_unhex(text)) for text in (opening.nonce, opening.epoch_secret))
    if opening.commitment != document.commitment or _value(document, nonce, secret) != document.commitment:
        raise _failed("the opening is not that of this commitment")
    return secret


def check_published(
    document: Commitment,
    chain: Chain,
    proof: Proof,
    log: VerifierKey,
    witnesses: Sequence[VerifierKey] = (),
) -> Published:
    """When the commitment was in the log, by its proof, whose extra line is the entry.

    Raises `Error` when the proof does not hold, the chain is another one, or the round that the commitment
    names was out by any of the times: of the document, of the entry, of the witnesses' cosignatures.
    """
    if chain.hash != document.beacon.chain_hash:
        raise _failed("the commitment names another beacon chain")
    checkpoint = verify_proof(proof, leaf_hash(proof.extra), log, witnesses)
    entry = read_entry(proof.extra)
    if entry.kind != KIND or entry.payload != msgspec.to_builtins(document):
        raise _failed("the entry in the log is not this commitment")
    times = [document.created, entry.time]
    seen = checkpoint.seen_at()
    if seen is not None:
        times.append(datetime.fromtimestamp(min(seen, 1 << 40), UTC))
    if max(times) >= chain.time_of(document.beacon.round):
        raise _failed("the beacon round was out when the commitment was made, logged or witnessed")
    return Published(entry, max(times), seen is not None)


def read_commitment(path: Path) -> Commitment:
    """A commitment from its file; raises `Error` for anything that is none."""
    document = _read(path, Commitment, "key commitment")
    if document.schema != SCHEMA or len(_unhex(document.commitment)) != 32:
        raise _failed(f"{path} is not of schema {SCHEMA}")
    if document.beacon.round < 1 or document.created.tzinfo is None:
        raise _failed(f"{path} has a round or a time that cannot be")
    _ = document.terms  # checks them
    return document


def read_opening(path: Path) -> Opening:
    """An opening from its file; raises `Error`, which quotes nothing of it, for anything that is none."""
    opening = _read(path, Opening, "key opening")
    if opening.schema != OPENING_SCHEMA:
        raise _failed(f"{path} is not of schema {OPENING_SCHEMA}")
    return opening


def write_document(document: Commitment | Opening) -> bytes:
    """Bytes of the file: canonical JSON and a newline."""
    return canonical_json(document) + b"\n"


def _value(document: Commitment, nonce: Secret, secret: Secret) -> str:
    if len(nonce.reveal()) != 32 or len(secret.reveal()) != 32:
        raise _failed("an opening has a nonce and an epoch secret of 32 bytes each")
    inner = hashlib.sha256(_SECRET + secret.reveal()).digest()
    return hashlib.sha256(_DOMAIN + nonce.reveal() + inner + document.digest()).hexdigest()


def _read(path: Path, kind: type[T], what: str) -> T:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise Error(
            f"the {what} {path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT
        ) from error
    try:
        if len(data) <= MAX_FILE_BYTES:
            return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    # the cause is left out on purpose: it may quote the file
    raise Error(f"{path} is no {what}", exit_code=ExitCode.NO_INPUT)


def _unhex(text: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if data.hex() != text:
        raise _failed("a commitment or opening has a value that is not lower-case hex")
    return data


def _failed(message: str) -> Error:
    return Error(message, exit_code=ExitCode.VERIFICATION_FAILED)
