"""Digests of files in the log: analysis plans, policies, approvals, acquisitions."""

import re
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import file_sha256
from countermark.trust.entries import Entry
from countermark.trust.log import Log

Kind = Literal["analysis-plan", "policy", "approval", "acquisition"]
PLAN, POLICY, APPROVAL, ACQUISITION = get_args(Kind)
PLAN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_PLAN = 1 << 20


class _Plan(msgspec.Struct):
    plan_id: str
    matter: str = ""


def record_plan(
    log: Log, plan_id: str, sha256: str, matter: str = "", *, time: datetime | None = None
) -> Entry:
    """Put an analysis plan of a matter into the log; one of an id that is there already is an `Error`."""
    if not PLAN_ID.fullmatch(plan_id) or not _DIGEST.fullmatch(sha256):
        raise Error("a plan has an id of letters, digits, dot, underscore, hyphen, and a SHA-256")
    with log.writing():
        for earlier in log.entries(PLAN):
            if earlier.payload.get("plan_id") == plan_id:
                raise Error(
                    f"entry {earlier.index} of the log is a plan of this id",
                    hint="a plan that is changed is another plan: give it another id",
                )
        payload = {"matter": matter, "plan_id": plan_id, "sha256": sha256}
        return log.append(PLAN, {name: one for name, one in payload.items() if one}, time=time)


def record_file(log: Log, kind: str, path: Path) -> Entry:
    """Put the digest of a file into the log, with its name, or of a plan with its id.

    Raises `Error` for a kind that is none of `Kind`, and for a file that cannot be read.
    """
    if kind not in get_args(Kind):
        raise Error(
            f"{kind[:40]!r} is recorded by no file", hint=", ".join(get_args(Kind)), exit_code=ExitCode.USAGE
        )
    try:
        sha256, size = file_sha256(path), path.stat().st_size
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    if kind == PLAN:
        plan = _plan(path)
        return record_plan(log, plan.plan_id, sha256, plan.matter)
    if not path.name.isprintable() or len(path.name) > 200:
        raise Error("a name in the log has 200 printable characters at most", exit_code=ExitCode.USAGE)
    return log.append(kind, {"bytes": size, "name": path.name, "sha256": sha256})


def _plan(path: Path) -> _Plan:
    try:
        with path.open("rb") as stream:
            return msgspec.json.decode(stream.read(_MAX_PLAN + 1), type=_Plan)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Error(f"{path} is no analysis plan: it has no plan_id", exit_code=ExitCode.NO_INPUT) from None
