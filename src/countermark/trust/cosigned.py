"""Cosigned checkpoints of a public log, by size.

PUBLIC/cosigned/SIZE.note   the log's own signed checkpoint with the cosignatures of witnesses under it
PUBLIC/cosigned/SIZE.tsr    a timestamp over that note, which then stays as it is
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from countermark.errors import Error, ExitCode
from countermark.records.files import write_atomic
from countermark.trust.checkpoints import Checkpoint, open_checkpoint, read_body
from countermark.trust.keyfiles import locked
from countermark.trust.notes import COSIGNATURE, MAX_NOTE_BYTES, VerifierKey, open_note, split_note

FOLDER = "cosigned"
_NOTE = re.compile(r"(0|[1-9][0-9]{0,14})\.note")


class Witnessing(Protocol):
    """A witness as a verifier knows it: its key, and whether it belongs to the alliance."""

    @property
    def key(self) -> VerifierKey: ...
    @property
    def alliance(self) -> bool: ...


def witnessed_at(checkpoint: Checkpoint, witnesses: Iterable[Witnessing]) -> int | None:
    """Time of the latest cosignature of known witnesses, in seconds since 1970; None where nobody outside the
    alliance is among them.

    The checkpoint is one that was opened with the keys of these witnesses. Members of an alliance are no
    strangers to each other: their cosignatures alone show no time.
    """
    alliance = {one.key: one.alliance for one in witnesses}
    found = [one for one in checkpoint.signatures if one.time is not None and one.key in alliance]
    if all(alliance[one.key] for one in found):
        return None
    return max(one.time for one in found if one.time is not None)


def witnessed(checkpoint: Checkpoint, witnesses: Iterable[Witnessing]) -> bool:
    """Whether somebody outside the alliance has cosigned a checkpoint; nothing less is called witnessed."""
    return witnessed_at(checkpoint, witnesses) is not None


def cosigned(public: Path) -> dict[int, str]:
    """The cosigned notes of a public log by size; nothing of them is verified."""
    return {size: _read(public, size) for size in cosigned_sizes(public)}


def cosigned_sizes(public: Path) -> list[int]:
    """Sizes of which there is a cosigned note, the smallest first."""
    folder = public / FOLDER
    names = (_NOTE.fullmatch(one.name) for one in folder.iterdir()) if folder.is_dir() else iter(())
    return sorted(int(match[1]) for match in names if match)


def note_file(public: Path, size: int) -> Path:
    """Where the note of a size stands."""
    return public / FOLDER / f"{size}.note"


def timestamp_file(public: Path, size: int) -> Path:
    """Where the timestamp over that note stands, in DER."""
    return public / FOLDER / f"{size}.tsr"


def add_cosignatures(
    public: Path, log: VerifierKey, note: str, lines: str, witness: VerifierKey
) -> Checkpoint:
    """Keep the cosignatures of a witness on a checkpoint; lines of other keys are left out.

    `note` is the checkpoint as the log signed it, `lines` what the witness answered. Raises `Error` where the
    witness has not signed this checkpoint, and where a timestamp is over the note already.
    """
    if witness.kind != COSIGNATURE:
        raise Error("the key is that of a log, not of a witness", exit_code=ExitCode.USAGE)
    head = open_checkpoint(note, log)
    text, _ = split_note(note)
    own = _lines_of(note, log)
    new = _lines_of(f"{text}\n{lines}", witness)
    if not new:
        raise Error(
            f"the answer holds no cosignature of {witness.name}", exit_code=ExitCode.VERIFICATION_FAILED
        )
    open_note(f"{text}\n{''.join(new)}", [witness])
    folder = public / FOLDER
    folder.mkdir(exist_ok=True)
    with locked(folder / "notes"):
        path = note_file(public, head.size)
        kept = _read(public, head.size) if path.exists() else f"{text}\n{''.join(own)}"
        if read_body(split_note(kept)[0]).root != head.root:
            raise Error(f"{path} is of another root", exit_code=ExitCode.VERIFICATION_FAILED)
        merged = kept + "".join(one for one in new if one not in kept)
        if merged != kept and timestamp_file(public, head.size).exists():
            raise Error(f"a timestamp is over {path} already: it stays as it is")
        write_atomic(path, merged.encode())
    return open_checkpoint(merged, log, [witness])


def keep_note(public: Path, log: VerifierKey, note: str) -> bytes:
    """The note of a size as it is kept, with whoever cosigned it; the log's own where none is kept yet."""
    head = open_checkpoint(note, log)
    folder = public / FOLDER
    folder.mkdir(exist_ok=True)
    with locked(folder / "notes"):
        path = note_file(public, head.size)
        if not path.exists():
            text, _ = split_note(note)
            write_atomic(path, f"{text}\n{''.join(_lines_of(note, log))}".encode())
        return _read(public, head.size).encode()


def cosigners(note: str) -> set[tuple[str, bytes]]:
    """Names and key ids of all who signed a note; nothing is verified."""
    return {(name, signature[:4]) for name, signature in split_note(note)[1]}


def last_cosigned(public: Path, witness: VerifierKey) -> int:
    """The largest size that a witness is known to have cosigned, or 0."""
    for size in reversed(cosigned_sizes(public)):
        if (witness.name, witness.key_id) in cosigners(_read(public, size)):
            return size
    return 0


def write_timestamp(public: Path, size: int, response: bytes) -> None:
    """Keep a timestamp over the note of a size; one that is there stays."""
    path = timestamp_file(public, size)
    if path.exists():
        raise Error(f"{path} is there already")
    write_atomic(path, response)


def open_cosigned(
    public: Path, log: VerifierKey, witnesses: Sequence[VerifierKey] = ()
) -> Iterator[Checkpoint]:
    """The cosigned checkpoints, the smallest first; raises `Error` for a note that does not verify."""
    for size in cosigned_sizes(public):
        checkpoint = open_checkpoint(_read(public, size), log, witnesses)
        if checkpoint.size != size:
            raise Error(
                f"{note_file(public, size)} is of another size than its name says",
                exit_code=ExitCode.VERIFICATION_FAILED,
            )
        yield checkpoint


def _lines_of(note: str, key: VerifierKey) -> list[str]:
    """The signature lines of one key in a note."""
    _, signatures = split_note(note)
    pairs = zip(_signature_lines(note), signatures, strict=True)
    return [line for line, (name, raw) in pairs if (name, raw[:4]) == (key.name, key.key_id)]


def _signature_lines(note: str) -> list[str]:
    lines = note.rpartition("\n\n")[2]
    return [line + "\n" for line in lines.removesuffix("\n").split("\n")]


def _read(public: Path, size: int) -> str:
    path = note_file(public, size)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, MAX_NOTE_BYTES + 1).decode()
        finally:
            os.close(descriptor)
    except (OSError, UnicodeDecodeError):
        raise Error(f"{path} cannot be read", exit_code=ExitCode.VERIFICATION_FAILED) from None
