"""The command line as a user types it, killed (SIGKILL) at the first moment that it was not killed at yet,
again and again, until one comes to its end. A moment is before or after a request, or a write of a file.

Standard output: what it was killed at. Forked from a process that has all imports.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import cryptography
import httpx2
import idna
import phonenumbers

from countermark.cli import main, share_overlap_run
from countermark.records import files
from countermark.share.client.transport import Transport
from countermark.share.overlap import members_side, opening_side, prepared, set_folder
from countermark.share.policy import approvals

MOST = 200
WARM = (cryptography, httpx2, idna, phonenumbers, share_overlap_run, members_side, opening_side, approvals)
"""Imported before the fork."""


class Moments:
    """Dies at the first that is new."""

    def __init__(self, known: set[str], told: int) -> None:
        self._known, self._told = known, told

    def pass_by(self, name: str) -> None:
        """One moment."""
        if name not in self._known:
            os.write(self._told, name.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        """The function between two moments."""

        def wrapped(*given: Any, **options: Any) -> Any:
            self.pass_by(f"before {name(*given)}")
            result = function(*given, **options)
            self.pass_by(f"after {name(*given)}")
            return result

        return wrapped


def die_after(known: set[str], told: int) -> None:
    """Run the command in this process, up to a moment that is new."""
    moments = Moments(known, told)
    ask: Any = Transport.ask
    Transport.ask = moments.around(  # type: ignore[method-assign]
        ask, lambda _, method, path, **__: f"{method} {path.rpartition('/overlap/v1/runs')[2]}"
    )
    write = moments.around(files.write_atomic, lambda path, *_: f"write {path.name}")
    for module in (set_folder, prepared, files):
        module.write_atomic = write  # type: ignore[attr-defined]
    secret = moments.around(prepared.write_secret, lambda path, *_: f"write {path.name}")
    prepared.write_secret = secret  # type: ignore[attr-defined]
    main()


def run() -> int:
    """Again and again; the exit code of who came to its end."""
    known: set[str] = set()
    for _ in range(MOST):
        read, told = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                die_after(known, told)
            except SystemExit as ended:
                sys.stdout.flush()
                os._exit(int(ended.code or 0))
            finally:
                os._exit(70)
        os.close(told)
        with os.fdopen(read) as stream:
            name = stream.read()
        status = os.waitpid(child, 0)[1]
        if not os.WIFSIGNALED(status):
            return os.WEXITSTATUS(status)
        known.add(name)
        print(name, flush=True)
    return 71


if __name__ == "__main__":
    sys.exit(run())
