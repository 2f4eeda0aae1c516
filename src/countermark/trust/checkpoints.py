"""Checkpoints of a log (C2SP tlog-checkpoint) and proofs of inclusion to take away (C2SP tlog-proof, v1).

Source: https://c2sp.org/tlog-checkpoint and https://c2sp.org/tlog-proof. A checkpoint is a signed note of
three lines: origin, tree size, root. This project's logs write no extension lines; those of others are read
and kept.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from countermark.errors import Error, ExitCode
from countermark.trust import merkle
from countermark.trust.notes import MAX_NOTE_BYTES, Verified, VerifierKey, check_name, open_note, sign_note
from countermark.trust.signing import SigningKey, decode_base64, encode_base64

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
MAX_PATH = 64
"""A tree of 2^64 leaves is no deeper."""
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: whose, how many entries, and the root over them."""

    origin: str
    size: int
    root: bytes
    signatures: tuple[Verified, ...] = ()
    """Of the keys with which it was opened."""
    extension: tuple[str, ...] = ()
    """Opaque lines under the three."""

    def body(self) -> str:
        """The text that is signed."""
        return "\n".join((self.origin, str(self.size), encode_base64(self.root), *self.extension)) + "\n"

    def seen_at(self) -> int | None:
        """Latest time by which a known witness had seen it, in seconds since 1970; None without a witness.

        The latest and not the earliest, so that no single witness can make an entry look older.
        """
        return max((one.time for one in self.signatures if one.time is not None), default=None)


@dataclass(frozen=True)
class Proof:
    """Everything that shows an entry to be in a log, but the entry and the key of the log."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    """The signed note, verbatim."""
    extra: bytes = b""
    """Not authenticated by itself; ours is the entry, whose hash is."""


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> str:
    """The checkpoint as a note, signed in the name of its origin."""
    return sign_note(checkpoint.body(), check_name(checkpoint.origin), key)


def open_checkpoint(note: str, log: VerifierKey, witnesses: Iterable[VerifierKey] = ()) -> Checkpoint:
    """The checkpoint in a note that `log` signed under its own name; `witnesses` may have cosigned it.

    Raises `Error` when the log has not signed it, a signature is wrong, or the text is no checkpoint.
    """
    text, verified = open_note(note, [log, *witnesses])
    checkpoint = read_body(text)
    if all(one.key != log for one in verified):
        raise _bad("is not signed by the log's own key")
    if checkpoint.origin != log.name:
        raise _bad("is of another origin than the verifier key's name")
    return replace(checkpoint, signatures=tuple(verified))


def read_body(text: str) -> Checkpoint:
    """The three lines of a checkpoint, and any under them; no signature is looked at."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or "" in lines:
        raise _bad("has fewer than three lines, or an empty one")
    origin, size, encoded, *extension = lines
    if not _NUMBER.fullmatch(size):
        raise _bad("has a size that is no number")
    try:
        root = decode_base64(encoded)
    except Error:
        raise _bad("has a root that is not strict base64") from None
    if len(root) != merkle.HASH_BYTES:
        raise _bad(f"has a root that is not {merkle.HASH_BYTES} bytes long")
    return Checkpoint(origin, int(size), root, extension=tuple(extension))


def write_proof(proof: Proof) -> str:
    """The text of a `.tlog-proof` file."""
    lines = [PROOF_HEADER]
    if proof.extra:
        lines.append(f"extra {encode_base64(proof.extra)}")
    lines += [f"index {proof.index}", *map(encode_base64, proof.path)]
    return "\n".join(lines) + f"\n\n{proof.checkpoint}"


def read_proof(text: str) -> Proof:
    """A `.tlog-proof` file; raises `Error` for anything that deviates from the format."""
    if len(text.encode(errors="replace")) > 2 * MAX_NOTE_BYTES:
        raise _bad_proof(f"is over {2 * MAX_NOTE_BYTES >> 20} MiB")
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if lines.pop(0) != PROOF_HEADER or not blank:
        raise _bad_proof(f"does not begin with {PROOF_HEADER}, or has no checkpoint")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = _decode(lines.pop(0).removeprefix("extra "))
    word, _, index = lines.pop(0).partition(" ") if lines else ("", "", "")
    if word != "index" or not _NUMBER.fullmatch(index) or len(lines) > MAX_PATH:
        raise _bad_proof("has no index, or a path that is too long")
    return Proof(int(index), tuple(map(_decode, lines)), checkpoint, extra)


def verify_proof(
    proof: Proof, leaf: bytes, log: VerifierKey, witnesses: Sequence[VerifierKey] = ()
) -> Checkpoint:
    """The checkpoint under which the proof shows this leaf hash; raises `Error` when it does not."""
    checkpoint = open_checkpoint(proof.checkpoint, log, witnesses)
    if not merkle.verify_inclusion(leaf, proof.index, checkpoint.size, proof.path, checkpoint.root):
        raise _bad_proof("does not lead from the entry to the root of its checkpoint")
    return checkpoint


def _decode(text: str) -> bytes:
    try:
        return decode_base64(text)
    except Error:
        raise _bad_proof("has a line that is not strict base64") from None


def _bad(what: str) -> Error:
    return Error(f"the checkpoint {what}", exit_code=ExitCode.VERIFICATION_FAILED)


def _bad_proof(what: str) -> Error:
    return Error(f"the log proof {what}", exit_code=ExitCode.VERIFICATION_FAILED)
