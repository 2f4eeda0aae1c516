"""A private log with its public one, and who looks at them."""

import base64
from collections.abc import Sequence
from pathlib import Path

from countermark.trust.batches import read_batches
from countermark.trust.checkpoints import Checkpoint, sign_checkpoint
from countermark.trust.log import Log
from countermark.trust.openings import Head, Opening, check_opening
from countermark.trust.publication import Publication
from countermark.trust.signing import SigningKey
from countermark.trust.witness import Witness


def commitments_of(log: Log) -> list[bytes]:
    """All commitments of a public log, in order."""
    return [one for batch in read_batches(log) for one in batch.commitments]


def heads_of(publication: Publication, opened: Sequence[int] = ()) -> list[Head]:
    """Heads of all commitments but padding, each checked against its commitment."""
    log = publication.public
    openings: list[Opening] = list(publication.openings(len(log), opened))
    pairs = zip(openings, commitments_of(log), strict=True)
    heads = [check_opening(opening, commitment) for opening, commitment in pairs]
    return [head for head in heads if head.kind != "padding"]


def witness_at(folder: Path, name: str, log: Log, time: float = 1_800_000_000) -> Witness:
    """A witness of a log, with a clock that stands still."""
    witness = Witness.open(folder, SigningKey.generate(), name, lambda: time)
    witness.add_log(log.verifier)
    return witness


def forged(log: Log, key: SigningKey, size: int) -> str:
    """A checkpoint that the log's key signs over a root that is none of its log."""
    return sign_checkpoint(Checkpoint(log.verifier.name, size, b"\x07" * 32), key)


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
