"""Key and headers of a probe: from files of mode 0600 or the environment, never from the command line.

No message names the path or the variable that was given: it may be the key itself, typed by mistake.
"""

import os
import re
from pathlib import Path

from countermark.capture.probe.options import usage
from countermark.errors import Error, ExitCode
from countermark.trust.keyfiles import Secret, read_secret

MOST_BYTES = 1 << 16
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_FRAMING = {"host", "content-length", "transfer-encoding", "connection", "content-type", "accept-encoding"}
"""Headers that are the client's own."""


def read_api_key(file: Path | None, variable: str | None) -> Secret | None:
    """The key from a file or from an environment variable; None where neither is given."""
    if file is not None and variable is not None:
        raise usage("--api-key-file and --api-key-env exclude each other")
    if file is not None:
        secret = _read(file, "API key file")
    elif variable is not None:
        value = os.environ.get(variable)
        if value is None:
            raise usage("the variable that --api-key-env names is not set", "give the name, not the key")
        secret = Secret(value.encode("utf-8", "surrogateescape"))
    else:
        return None
    return _visible(secret, "the API key")


def read_headers(file: Path | None) -> list[tuple[str, Secret]]:
    """Headers from a file with a `Name: value` a line."""
    if file is None:
        return []
    headers: list[tuple[str, Secret]] = []
    for number, line in enumerate(_read(file, "header file").reveal().splitlines(), start=1):
        if not line.strip() or line.startswith(b"#"):
            continue
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name):
            raise _bad(f"line {number} of the header file is not `Name: value`")
        if name.lower().decode() in _FRAMING:
            raise _bad(f"line {number} of the header file sets a header that belongs to the connection")
        headers.append((name.decode(), _visible(Secret(value), f"line {number} of the header file", b" ")))
    return headers


def _read(file: Path, what: str) -> Secret:
    if not os.path.lexists(file):
        raise Error(
            f"there is no {what} of the name that was given",
            hint="write the key to a file of mode 0600 and give its path; a key typed here counts as leaked",
            exit_code=ExitCode.NO_INPUT,
        )
    return read_secret(file, what=what, most_bytes=MOST_BYTES)


def _visible(secret: Secret, what: str, also: bytes = b"") -> Secret:
    """Without the white space around; only visible ASCII (and `also`) can stand in a header."""
    value = secret.reveal().strip()
    if not value or any(not 33 <= byte <= 126 and byte not in also for byte in value):
        raise _bad(f"{what} is empty or holds something else than visible ASCII")
    return Secret(value)


def _bad(message: str) -> Error:
    return Error(message, exit_code=ExitCode.NO_INPUT)
