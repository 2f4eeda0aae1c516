"""Files encrypted with age (https://c2sp.org/age), X25519 recipients only, as streams of bounded memory.

Plain text never touches a disk: it comes from an iterator, and goes through a pipe to who reads it.
"""

import hashlib
import io
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from countermark.errors import Error, ExitCode
from countermark.trust.keyfiles import Secret, read_secret

MAX_RECIPIENTS = 64
_MOST_BYTES = 1 << 20
_BUFFER = 1 << 16
_SECRET = "AGE-SECRET-KEY-"  # noqa: S105 - how a secret key begins


@dataclass(frozen=True)
class Written:
    """An age file as it was written."""

    sha256: str
    size: int


def check_recipients(texts: Sequence[str]) -> list[str]:
    """The recipients (`age1…`), sorted, each once.

    Raises `Error` (usage) for none, for one that is no X25519 recipient, and for a secret key given instead.
    """
    import pyrage

    recipients = sorted({text.strip() for text in texts})
    if any(text.upper().startswith(_SECRET) for text in recipients):
        hint = "give its public part (age-keygen -y FILE), and treat this key as leaked"
        raise Error("a secret key stands where a recipient belongs", hint=hint, exit_code=ExitCode.USAGE)
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        hint = "--recipient age1…, or --recipients FILE"
        raise Error(f"give 1 to {MAX_RECIPIENTS} recipients", hint=hint, exit_code=ExitCode.USAGE)
    for text in recipients:
        try:
            pyrage.x25519.Recipient.from_str(text)
        except pyrage.RecipientError:
            hint = "age-keygen prints one: age1 and 58 letters and digits"
            raise Error(f"{text[:16]!r}… is no age recipient", hint=hint, exit_code=ExitCode.USAGE) from None
    return recipients


def read_recipients(path: Path) -> list[str]:
    """Lines of a recipients file without comments, not checked; raises `Error` where it cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise Error(f"{path} is no recipients file", exit_code=ExitCode.NO_INPUT)
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        raise Error(f"{path} is no recipients file", exit_code=ExitCode.NO_INPUT) from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def read_identities(path: Path) -> list[Secret]:
    """The secret keys of an age identity file (mode 0600); raises `Error` for one that is none."""
    import pyrage

    content = read_secret(path, what="age key file", most_bytes=_MOST_BYTES)
    lines = [line.strip() for line in content.reveal().splitlines()]
    found = [Secret(line) for line in lines if line and not line.startswith(b"#")]
    try:
        for one in found:
            pyrage.x25519.Identity.from_str(one.reveal().decode("ascii"))
    except (pyrage.IdentityError, UnicodeDecodeError):  # its message may quote the key
        found = []
    if not found:
        raise Error(f"{path} is no age key file", hint="age-keygen makes one", exit_code=ExitCode.NO_INPUT)
    return found


def recipients_of(identities: Sequence[Secret]) -> set[str]:
    """The public parts of secret keys."""
    return {str(one.to_public()) for one in _opened(identities)}


def encrypt_stream(pieces: Iterable[bytes], target: BinaryIO, recipients: Sequence[str]) -> Written:
    """Encrypt what `pieces` gives, one after the other, and write it; what `pieces` raises comes through."""
    import pyrage

    source, sink = _Pieces(pieces), _Digesting(target)
    keys = [pyrage.x25519.Recipient.from_str(text) for text in recipients]
    try:
        pyrage.encrypt_io(io.BufferedReader(source, _BUFFER), sink, keys)
    except BaseException:
        if source.problem is not None:
            raise source.problem from None
        if sink.problem is not None:
            raise sink.problem from None
        raise
    return Written(sink.digest.hexdigest(), sink.size)


@contextmanager
def decrypted(path: Path, identities: Sequence[Secret]) -> Iterator[BinaryIO]:
    """The plain text of an age file as a stream that cannot be rewound.

    Raises `Error(VERIFICATION_FAILED)` on leaving where the file is for other keys, damaged or cut off: what
    was read until then is not to be relied on.
    """
    problems: list[Error] = []
    reading, writing = os.pipe()
    worker = threading.Thread(
        target=_decrypt, args=(path, _opened(identities), writing, problems), daemon=True
    )
    worker.start()
    finished = False
    with os.fdopen(reading, "rb", buffering=_BUFFER) as stream:
        try:
            yield stream
            finished = not stream.read(1)
        except BaseException:
            stream.close()
            worker.join()
            if problems:  # a cut-off file also cuts off what was read of it: this is the cause
                raise problems[0] from None
            raise
    worker.join()
    if problems and finished:
        raise problems[0]


def _decrypt(path: Path, identities: list[Any], writing: int, problems: list[Error]) -> None:
    import pyrage

    def failed(reason: str) -> Error:
        return Error(f"{path.name} {reason}", exit_code=ExitCode.VERIFICATION_FAILED)

    try:
        with path.open("rb") as stored:
            pyrage.decrypt_io(stored, _Pipe(writing), identities)
    except BrokenPipeError:
        pass  # who reads has had enough
    except pyrage.DecryptError as error:
        other = "No matching keys" in str(error)
        problems.append(failed("is encrypted to other keys" if other else "is no whole age file"))
    except Exception:  # foreign code, whose text may quote what it read
        problems.append(failed("is damaged or cut off"))
    finally:
        os.close(writing)


def _opened(identities: Sequence[Secret]) -> list[Any]:
    import pyrage

    return [pyrage.x25519.Identity.from_str(one.reveal().decode("ascii")) for one in identities]


class _Pieces(io.RawIOBase):
    """An iterator of bytes as a stream; keeps what the iterator raised."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._rest = iter(pieces), memoryview(b"")
        self.problem: BaseException | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            while not self._rest:
                self._rest = memoryview(next(self._pieces))
        except StopIteration:
            return 0
        except BaseException as error:
            self.problem = error
            raise
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _Digesting:
    """Passes bytes on to a file and digests them."""

    def __init__(self, target: BinaryIO) -> None:
        self._target, self.digest, self.size = target, hashlib.sha256(), 0
        self.problem: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            self._target.write(data)
        except BaseException as error:
            self.problem = error
            raise
        self.digest.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        self._target.flush()


class _Pipe:
    """The writing end of a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]
        return len(data)

    def flush(self) -> None:
        pass
