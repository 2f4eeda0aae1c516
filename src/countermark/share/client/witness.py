"""Asking witnesses to cosign a public log (https://c2sp.org/tlog-witness); it needs no extra.

A witness that is asked from another size than it knows says which, and is asked again from there. One that
knows a larger log than ours, or another one, is no fault of the network: the two signed notes are the proof
of a fork, or of a log that was cut back.
"""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from countermark.errors import Error, ExitCode
from countermark.share.client.transport import tls_context
from countermark.trust.checkpoints import Checkpoint
from countermark.trust.cosigned import add_cosignatures, last_cosigned
from countermark.trust.log import Log
from countermark.trust.notes import VerifierKey
from countermark.trust.witness import Conflict, Refused, Request, write_request

TIMEOUT_S = 30
MAX_ANSWER = 64 << 10
_LOCAL = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class WitnessAddress:
    """A witness that is asked."""

    url: str
    """Its submission prefix, without `/add-checkpoint`."""
    key: VerifierKey

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        near = parts.scheme == "http" and parts.hostname in _LOCAL
        plain = not (parts.query or parts.fragment or "@" in parts.netloc)
        if not parts.hostname or not plain or not (parts.scheme == "https" or near):
            raise Error(
                "a witness is named by a plain https URL",
                hint="https://witness.example/prefix, or http on this machine",
                exit_code=ExitCode.USAGE,
            )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A witness that sends us elsewhere is not the one that was named."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def request_for(log: Log, old: int) -> Request:
    """What a witness that cosigned the log at size `old` is asked; raises `Error` for a size beyond it."""
    if not 0 <= old <= len(log):
        raise Error(
            f"a witness knows the log with {old} entries, this one has {len(log)}: it was cut back, or is "
            "another one",
            hint="keep the folder as it is, and compare its checkpoint with the one that the witness holds",
            exit_code=ExitCode.VERIFICATION_FAILED,
        )
    proof = tuple(log.consistency(old)) if 0 < old < len(log) else ()
    return Request(old, proof, log.head())


def submit(log: Log, witness: WitnessAddress, ca_file: Path | None = None) -> Checkpoint:
    """Have a witness cosign the log's checkpoint, and keep the cosignature beside the log.

    Raises `Error(VERIFICATION_FAILED)` where the witness knows another log of this origin, and `Error` where
    it cannot be asked or does not cosign.
    """
    request = request_for(log, min(last_cosigned(log.folder, witness.key), len(log)))
    name = witness.key.name
    try:
        try:
            lines = ask_witness(witness, write_request(request), ca_file)
        except Conflict as conflict:
            if conflict.size == request.old:
                raise
            request = request_for(log, conflict.size)
            lines = ask_witness(witness, write_request(request), ca_file)
    except Refused as refused:
        forked = refused.status == 422 or isinstance(refused, Conflict)
        raise Error(
            f"the witness {name} does not cosign: {refused.message}",
            hint="its last cosigned checkpoint and this log's are the proof of a fork" if forked else "",
            exit_code=ExitCode.VERIFICATION_FAILED if forked else ExitCode.ERROR,
        ) from None
    return add_cosignatures(log.folder, log.verifier, request.note, lines, witness.key)


def ask_witness(witness: WitnessAddress, body: bytes, ca_file: Path | None = None) -> str:
    """The answer to one request; raises `Conflict` or `Refused` as the witness says, `Error` without one."""
    url = f"{witness.url.rstrip('/')}/add-checkpoint"
    headers = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310
    handlers: list[Any] = [_NoRedirect]
    if url.startswith("https:"):
        handlers.append(urllib.request.HTTPSHandler(context=tls_context(ca_file)))
    name = witness.key.name
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT_S) as reply:
            data = reply.read(MAX_ANSWER + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(error.code, error.read(MAX_ANSWER)) from None
    except (urllib.error.URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        hint = "it is asked again next time"
        raise Error(f"the witness {name} cannot be asked: {reason}", hint=hint) from None
    try:
        if len(data) <= MAX_ANSWER:
            return str(data.decode())
    except UnicodeDecodeError:
        pass
    raise Error(f"the answer of the witness {name} is no cosignature", exit_code=ExitCode.VERIFICATION_FAILED)


def _refused(status: int, body: bytes) -> Refused:
    if status == 409:
        digits = body.decode("ascii", "replace").removesuffix("\n")
        if digits.isascii() and digits.isdecimal() and len(digits) <= 15:
            return Conflict(int(digits), f"it holds another checkpoint of size {digits}")
    try:
        title = json.loads(body)["title"]
        reason = title[:200] if isinstance(title, str) and title.isprintable() else ""
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = ""
    return Refused(status, reason or f"it answers {status}")
