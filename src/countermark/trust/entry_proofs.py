"""One entry of a private log for a third party: the proof of its batch, and the opening of its commitment.

Nobody needs the private log, its other entries or the salt secret to check it; the proof is a plain C2SP
tlog-proof of an entry of the public log.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.trust.batches import read_batch
from countermark.trust.checkpoints import Checkpoint, Proof, verify_proof
from countermark.trust.cosigned import Witnessing, cosigned, witnessed_at
from countermark.trust.entries import Entry, decode_entry
from countermark.trust.merkle import leaf_hash
from countermark.trust.notes import VerifierKey
from countermark.trust.openings import Opening, check_opening, opened_entry
from countermark.trust.publication import Publication

SCHEMA = "countermark/entry-opening/v1"


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file beside the proof."""

    schema: str = SCHEMA
    batch: int
    """Index of the batch in the public log."""
    position: int
    """Of the commitment in it, from 0."""
    opening: Opening


@dataclass(frozen=True)
class ShownEntry:
    """An entry that was shown to be committed to."""

    entry: Entry
    batch: int
    checkpoint: Checkpoint
    witnessed: int | None
    """Time of the latest cosignature; None where nobody outside the alliance cosigned."""


def prove_entry(publication: Publication, index: int) -> tuple[Shown, Proof]:
    """Opening and proof of an entry, under the earliest cosigned checkpoint with it, else the log's own."""
    number, opening = publication.opening(index)
    batch, position = divmod(number, publication.batch)
    notes = cosigned(publication.public.folder)
    size = min((size for size in notes if size > batch), default=None)
    proof = publication.public.prove(batch, None if size is None else notes[size])
    return Shown(batch=batch, position=position, opening=opening), proof


def check_entry(
    shown: Shown, proof: Proof, log: VerifierKey, witnesses: Sequence[Witnessing] = ()
) -> ShownEntry:
    """The entry; raises `Error(VERIFICATION_FAILED)` where proof and opening do not show it."""
    checkpoint = verify_proof(proof, leaf_hash(proof.extra), log, [one.key for one in witnesses])
    batch = read_batch(decode_entry(proof.index, proof.extra))
    if shown.batch != batch.number or not 0 <= shown.position < len(batch.commitments):
        raise _failed("the opening is of another batch than the proof")
    head = check_opening(shown.opening, batch.commitments[shown.position])
    entry = opened_entry(shown.opening, head)
    if entry is None:
        raise _failed("the opening shows no entry")
    return ShownEntry(entry, batch.number, checkpoint, witnessed_at(checkpoint, witnesses))


def write_shown(shown: Shown) -> bytes:
    """Bytes of the file."""
    return canonical_json(shown) + b"\n"


def read_shown(data: bytes) -> Shown:
    """The file beside a proof; raises `Error(VERIFICATION_FAILED)` for anything that is none."""
    try:
        shown = msgspec.json.decode(data, type=Shown)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _failed(f"the opening cannot be read: {error}") from None
    if shown.schema != SCHEMA:
        raise _failed(f"the opening is not of schema {SCHEMA}")
    return shown


def _failed(message: str) -> Error:
    return Error(message, exit_code=ExitCode.VERIFICATION_FAILED)
