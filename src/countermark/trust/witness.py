"""A witness: it cosigns a log's checkpoint when a proof shows that the log continues what it cosigned before.

Source: https://c2sp.org/tlog-witness (the request and its refusals) and https://c2sp.org/tlog-cosignature
(Ed25519).

    witness.json        name and verifier key
    logs.json           verifier keys of the logs that it cosigns, one an origin
    heads/ID.note       the checkpoint of a log that it cosigned last; ID is SHA-256 of the origin
    refused/ID-N.note   checkpoints, signed by the log, that nothing showed to continue that one
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.records.files import write_atomic
from countermark.trust import merkle
from countermark.trust.checkpoints import Checkpoint, open_checkpoint, read_body
from countermark.trust.keyfiles import locked
from countermark.trust.notes import COSIGNATURE, ED25519, VerifierKey, cosign_note, split_note
from countermark.trust.signing import SigningKey, decode_base64, encode_base64

SCHEMA = "countermark/witness/v1"
KEY, CONFIG, LOGS, HEADS, REFUSED = "witness.key", "witness.json", "logs.json", "heads", "refused"
MAX_REQUEST = 64 << 10
MAX_PROOF = 63
"""Lines of a proof, as the specification has it."""
MOST_LOGS = 10_000
MOST_REFUSED = 16
"""Refused checkpoints of one log that are kept."""
_MAX_FILE = 8 << 20
T = TypeVar("T")
_MOST_DIGITS = 18


class Refused(Error):
    """The witness does not cosign; `status` is that of the HTTP answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message, exit_code=ExitCode.VERIFICATION_FAILED)
        self.status = status


class Conflict(Refused):
    """The old size is not that of the last cosigned checkpoint, or its root is another; `size` is its."""

    def __init__(self, size: int, message: str) -> None:
        super().__init__(409, message)
        self.size = size


@dataclass(frozen=True)
class Request:
    """What a client submits: its view of what the witness cosigned last, a proof from there, a checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: str


class _Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: str
    verifier: str


class _Logs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    logs: list[str]
    schema: str


def write_request(request: Request) -> bytes:
    """The body of `add-checkpoint`, also as a file for a witness without a network."""
    lines = [f"old {request.old}", *map(encode_base64, request.proof)]
    return ("\n".join(lines) + f"\n\n{request.note}").encode()


def read_request(body: bytes) -> Request:
    """The body of `add-checkpoint`; raises `Refused` 400 for anything that deviates from the format."""
    if len(body) > MAX_REQUEST:
        raise Refused(400, f"the request is over {MAX_REQUEST >> 10} KiB")
    try:
        head, blank, note = body.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise Refused(400, "the request is not UTF-8") from None
    first, *lines = head.split("\n")
    word, _, digits = first.partition(" ")
    if word != "old" or not _is_number(digits) or not blank or len(lines) > MAX_PROOF:
        raise Refused(
            400, f"the request has no old size, no checkpoint, or over {MAX_PROOF} lines of a proof"
        )
    try:
        proof = tuple(map(decode_base64, lines))
        split_note(note)
    except Error as error:
        raise Refused(400, f"the request cannot be read: {error.message}") from None
    if any(len(one) != merkle.HASH_BYTES for one in proof):
        raise Refused(400, "the proof has a line that is no hash")
    return Request(int(digits), proof, note)


class Witness:
    """A witness in its folder; safe for several threads and processes."""

    def __init__(
        self, folder: Path, key: SigningKey, name: str, clock: Callable[[], float] = time.time
    ) -> None:
        self.folder, self._key, self._clock = folder, key, clock
        self.verifier = VerifierKey(name, key.public, COSIGNATURE)

    @classmethod
    def open(
        cls, folder: Path, key: SigningKey, name: str = "", clock: Callable[[], float] = time.time
    ) -> "Witness":
        """The witness in a folder; a missing one is made, where it has a name.

        Raises `Error` where the folder is that of another key or name: a witness that forgets is none.
        """
        path = folder / CONFIG
        if not path.exists():
            if not name:
                raise Error(
                    f"{folder} holds no witness", hint="--name makes one", exit_code=ExitCode.NO_INPUT
                )
            verifier = VerifierKey.parse(str(VerifierKey(name, key.public, COSIGNATURE)))
            for one in (folder, folder / HEADS, folder / REFUSED):
                one.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomic(path, canonical_json(_Config(SCHEMA, str(verifier))) + b"\n")
        config = _read(path, _Config)
        verifier = VerifierKey.parse(config.verifier)
        if verifier.public != key.public or verifier.kind != COSIGNATURE or name not in ("", verifier.name):
            raise Error(
                f"the witness in {folder} has another key or name", hint="give a new witness a new folder"
            )
        return cls(folder, key, verifier.name, clock)

    @classmethod
    def open_or_create(cls, folder: Path, name: str = "") -> "Witness":
        """The witness in a folder that also holds its key; a missing one is made where it has a name."""
        path = folder / KEY
        if not path.exists() and not (folder / CONFIG).exists():
            if not name:
                hint = "--name makes one"
                raise Error(f"{folder} holds no witness", hint=hint, exit_code=ExitCode.NO_INPUT)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            SigningKey.generate().save(path)
        return cls.open(folder, SigningKey.load(path), name)

    def logs(self) -> dict[str, VerifierKey]:
        """The logs that it cosigns, by origin."""
        path = self.folder / LOGS
        keys = map(VerifierKey.parse, _read(path, _Logs).logs) if path.exists() else ()
        return {one.name: one for one in keys}

    def add_log(self, verifier: VerifierKey) -> None:
        """Cosign a log from now on; raises `Error` for another key of an origin that is known."""
        with locked(self.folder / LOGS):
            known = self.logs()
            if known.setdefault(verifier.name, verifier) != verifier:
                raise Error(f"{verifier.name} is known with another key", exit_code=ExitCode.USAGE)
            self._write_logs(list(known.values()))

    def set_logs(self, verifiers: Sequence[VerifierKey]) -> None:
        """Cosign these logs and no others; what was cosigned of others stays known."""
        with locked(self.folder / LOGS):
            self._write_logs(verifiers)

    def _write_logs(self, verifiers: Sequence[VerifierKey]) -> None:
        if len(verifiers) > MOST_LOGS or len({one.name for one in verifiers}) < len(verifiers):
            raise Error(f"a witness has {MOST_LOGS:,} logs at most, each once", exit_code=ExitCode.USAGE)
        if any(one.kind != ED25519 or one.public == self.verifier.public for one in verifiers):
            raise Error("a key to cosign is that of no log, or of the witness", exit_code=ExitCode.USAGE)
        logs = _Logs([str(one) for one in verifiers], SCHEMA)
        write_atomic(self.folder / LOGS, canonical_json(logs) + b"\n")

    def add_checkpoint(self, old_size: int, proof: Sequence[bytes], note: str) -> str:
        """The cosignature line, once the checkpoint is on disk as the last one of its log.

        Raises `Refused` as the specification says: 404 for a log that is not known, 403 where it has not
        signed, 400 for an old size above the checkpoint's, 422 for a proof that does not hold; `Conflict`.
        """
        checkpoint = self._signed(note)
        if old_size > checkpoint.size:
            raise Refused(400, f"the old size {old_size} is above that of the checkpoint, {checkpoint.size}")
        path = self._head(checkpoint.origin)
        with locked(path):
            last = read_body(split_note(_text(path))[0]) if path.exists() else None
            size, root = (last.size, last.root) if last else (0, merkle.EMPTY_ROOT)
            if old_size != size:
                raise Conflict(size, f"the last checkpoint that was cosigned has size {size}, not {old_size}")
            if checkpoint.size == size and checkpoint.root != root and last is not None:
                self._keep_refused(checkpoint.origin, note)
                raise Conflict(size, f"another root was cosigned for size {size}: the log is forked")
            if not _continues(size, root, checkpoint, proof):
                self._keep_refused(checkpoint.origin, note)
                raise Refused(422, f"the proof does not lead from size {size} to {checkpoint.size}")
            cosigned = cosign_note(note, self.verifier.name, self._key, int(self._clock()))
            write_atomic(path, cosigned.encode())
        return cosigned[len(note) :]

    def answer(self, body: bytes) -> str:
        """The cosignature line for the body of a request; raises as `read_request` and `add_checkpoint`."""
        request = read_request(body)
        return self.add_checkpoint(request.old, request.proof, request.note)

    def last(self, origin: str) -> str | None:
        """The note of a log that was cosigned last."""
        path = self._head(origin)
        return _text(path) if path.exists() else None

    def refused(self, origin: str) -> list[str]:
        """Notes of a log, signed by it, that nothing showed to continue what was cosigned when they came."""
        pattern = f"{_id(origin)}-*.note"
        return [_text(path) for path in sorted((self.folder / REFUSED).glob(pattern))]

    def _signed(self, note: str) -> Checkpoint:
        """The checkpoint, signed by the key that is known for its origin."""
        try:
            origin = read_body(split_note(note)[0]).origin
        except Error as error:
            raise Refused(400, f"the request cannot be read: {error.message}") from None
        verifier = self.logs().get(origin)
        if verifier is None:
            raise Refused(404, "the log is not known to this witness")
        try:
            return open_checkpoint(note, verifier)
        except Error:
            raise Refused(403, "the checkpoint is not signed by the key that is known for its log") from None

    def _keep_refused(self, origin: str, note: str) -> None:
        """Together with the last cosigned note it may show that the log is forked."""
        kept = self.refused(origin)
        if note not in kept and len(kept) < MOST_REFUSED:
            write_atomic(self.folder / REFUSED / f"{_id(origin)}-{len(kept)}.note", note.encode())

    def _head(self, origin: str) -> Path:
        return self.folder / HEADS / f"{_id(origin)}.note"


def _continues(size: int, root: bytes, checkpoint: Checkpoint, proof: Sequence[bytes]) -> bool:
    if size == 0:
        return not proof and (checkpoint.size > 0 or checkpoint.root == merkle.EMPTY_ROOT)
    return merkle.verify_consistency(size, root, checkpoint.size, checkpoint.root, proof)


def _is_number(digits: str) -> bool:
    plain = digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS
    return plain and (digits == "0" or digits[0] != "0")


def _id(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()


def _read(path: Path, kind: type[T]) -> T:
    try:
        found = msgspec.json.decode(_text(path), type=kind)
    except msgspec.DecodeError as error:
        raise Error(f"{path} cannot be read: {error}", exit_code=ExitCode.VERIFICATION_FAILED) from None
    if getattr(found, "schema", SCHEMA) != SCHEMA:
        raise Error(f"{path} is not of schema {SCHEMA}", exit_code=ExitCode.VERIFICATION_FAILED)
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_FILE).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise Error(f"{path} cannot be read: {reason}", exit_code=ExitCode.NO_INPUT) from None
