"""Details of privileged runs, sealed to counsel as age files (age-encryption.org/v1, X25519).

    LOG/privileged/RUN.age           ids and digests that the run's start declares
    LOG/privileged/RUN-outcome.age   digests of its results

An entry of the log has the SHA-256 of the file, so that what counsel opens is what was there when the run was
logged. Who runs the log can seal and not open.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.records.files import write_atomic
from countermark.trust.keyfiles import read_secret

if TYPE_CHECKING:
    from countermark.trust.log import Log

FOLDER = "privileged"
SCHEMA = "countermark/privileged-run/v1"
MAX_SEALED = 4 << 20
"""Bytes of a sealed file: an entry has 1 MiB at most."""
_OUTCOME = "run-outcome"
_RECIPIENT = re.compile(r"age1[0-9a-z]{20,100}")


@dataclass(frozen=True)
class Counsel:
    """Whom privileged details are sealed to."""

    recipient: str
    """An age recipient of X25519, `age1…`; no secret."""

    def __post_init__(self) -> None:
        import pyrage

        try:
            pyrage.x25519.Recipient.from_str(self.recipient)
        except pyrage.RecipientError:
            raise Error(
                "counsel's recipient is no age recipient of X25519",
                hint="age1…, as age-keygen prints it; the identity stays with counsel",
                exit_code=ExitCode.USAGE,
            ) from None

    @classmethod
    def read(cls, text: str) -> "Counsel":
        """From the recipient itself, or from a file that holds it (lines that begin with # are left out)."""
        if _RECIPIENT.fullmatch(text):
            return cls(text)
        if text.upper().startswith("AGE-SECRET-KEY"):
            raise Error(
                "counsel's identity stands where its recipient belongs",
                hint="give age1…; treat this identity as leaked",
                exit_code=ExitCode.USAGE,
            )
        try:
            with Path(text).open("rb") as stream:
                lines = stream.read(1 << 16).decode("ascii", "replace").splitlines()
        except (OSError, ValueError):
            raise Error(
                "counsel is neither an age recipient nor a file that holds one",
                hint="--counsel age1…",
                exit_code=ExitCode.USAGE,
            ) from None
        found = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if len(found) != 1:
            raise Error("counsel's file holds no single age recipient", exit_code=ExitCode.USAGE)
        return cls(found[0])


@dataclass(frozen=True)
class Opened:
    """A sealed file that counsel opened."""

    run: int
    kind: str
    """`run-start` or `run-outcome`."""
    details: dict[str, Any]


class _Details(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: str
    run: int
    kind: str
    details: dict[str, Any]


def file_of(folder: Path, run: int, kind: str) -> Path:
    """Where the sealed details of an entry stand, in the folder of its log."""
    return folder / FOLDER / (f"{run}-outcome.age" if kind == _OUTCOME else f"{run}.age")


def seal_details(folder: Path, run: int, kind: str, details: Mapping[str, Any], counsel: Counsel) -> str:
    """Write the sealed file; its SHA-256. One that is there is of a killed process, and of no entry."""
    import pyrage

    plain = canonical_json(_Details(SCHEMA, run, kind, dict(details)))
    sealed = pyrage.encrypt(plain, [pyrage.x25519.Recipient.from_str(counsel.recipient)])
    path = file_of(folder, run, kind)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_atomic(path, sealed, 0o600)
    return sha256_hex(sealed)


def open_privileged(log: "Log", identity_file: Path, matter: str = "") -> Iterator[Opened]:
    """What the privileged runs of a log, or of one matter, were about; `identity_file` is counsel's (0600).

    Raises `Error(VERIFICATION_FAILED)` where a file is missing, another than when it was logged, or not
    sealed to this identity.
    """
    identity = _identity(identity_file)
    for entry in log.entries():
        payload = entry.payload
        run, sealed = payload.get("run"), payload.get("sealed")
        if payload.get("space") != "privileged" or (matter and payload.get("matter") != matter):
            continue
        if type(run) is not int or not isinstance(sealed, str):
            raise _failed(f"entry {entry.index} is of no privileged run")
        yield _open(file_of(log.folder, run, entry.kind), run, entry.kind, sealed, identity)


def _open(path: Path, run: int, kind: str, sha256: str, identity: Any) -> Opened:
    import pyrage

    try:
        with path.open("rb") as stream:
            sealed = stream.read(MAX_SEALED + 1)
    except OSError:
        raise _failed(f"the sealed details of run {run} cannot be read: {path}") from None
    if sha256_hex(sealed) != sha256:
        raise _failed(f"the sealed details of run {run} are not those that were logged")
    try:
        plain = pyrage.decrypt(sealed, [identity])
    except pyrage.DecryptError:
        raise _failed(f"the details of run {run} are not sealed to this identity") from None
    try:
        found = msgspec.json.decode(plain, type=_Details)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _failed(f"the sealed details of run {run} cannot be read") from None
    if found.schema != SCHEMA or (found.run, found.kind) != (run, kind):
        raise _failed(f"the sealed details of run {run} are those of another entry")
    return Opened(run, kind, found.details)


def _identity(path: Path) -> Any:
    import pyrage

    text = read_secret(path, what="identity file", most_bytes=1 << 16).reveal().decode("ascii", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        if len(lines) == 1:
            return pyrage.x25519.Identity.from_str(lines[0])
    except pyrage.IdentityError:
        pass
    # the cause is left out on purpose: it may quote the file
    raise Error(f"{path} holds no single age identity of X25519", exit_code=ExitCode.NO_INPUT)


def _failed(message: str) -> Error:
    return Error(message, exit_code=ExitCode.VERIFICATION_FAILED)
