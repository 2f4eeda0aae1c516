"""`case hold` joined: whom findings name, the seed file, and the record in a case folder."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from countermark.capture.hold import Held, HoldOptions, hold
from countermark.errors import Error, ExitCode
from countermark.prove.case_folder.workspace import Workspace
from countermark.prove.custody.custody import Custody, Hold
from countermark.records.canonical import file_sha256
from countermark.trust.agefiles import check_recipients, read_recipients
from countermark.trust.keyfiles import read_secret
from countermark.trust.seeds import seed_key_id, seed_of

_MOST_BYTES = 256 << 20
_LABEL = "control sample of a hold"


@dataclass(frozen=True, kw_only=True)
class HoldRequest:
    """What `case hold` is told, as files."""

    options: HoldOptions
    """Without accounts; recipients as they were given one by one."""
    accounts: Path | None = None
    """Ids, one a line."""
    findings: Path | None = None
    """A FINDINGS folder, whose members are the named accounts."""
    recipients: Path | None = None
    seed_file: Path | None = None
    case: Path | None = None
    """A case folder, to whose custody the hold is added."""


def make_hold(
    request: HoldRequest,
    *,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[float, float], None] = lambda _done, _total: None,
) -> Held:
    """Hold the accounts; recipients are checked before anything is read. Raises `Error` as `capture.hold`."""
    more = read_recipients(request.recipients) if request.recipients else []
    recipients = check_recipients([*request.options.recipients, *more])
    if (request.accounts is None) == (request.findings is None):
        hint = "--accounts FILE, or --findings FOLDER"
        raise Error("name the accounts in one way", hint=hint, exit_code=ExitCode.USAGE)
    case = Workspace.open(request.case) if request.case else None
    names = read_names(request.accounts) if request.accounts else members_of(request.findings or Path())
    options = replace(request.options, recipients=recipients, accounts=names)
    if request.seed_file is not None:
        secret = read_secret(request.seed_file, what="seed file")
        options = replace(
            options,
            seed=seed_of(secret, _LABEL, file_sha256(options.events / "capture.json")),
            seed_source=f"a seed file, key id {seed_key_id(secret)}",
        )
    held = hold(options, say=say, progress=progress)
    if case is not None:
        case.record(_record(held))
    return held


def read_names(path: Path) -> list[str]:
    """Account ids, one a line; raises `Error` (exit code 3) for a file that holds none."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise Error(f"{path} is no list of accounts", exit_code=ExitCode.NO_INPUT)
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        raise Error(f"{path} is no list of accounts", exit_code=ExitCode.NO_INPUT) from None
    found = sorted({name for name in names if name})
    if not found:
        raise Error(f"{path} names no account", exit_code=ExitCode.NO_INPUT)
    return found


class _Findings(msgspec.Struct):
    files: dict[str, str]


def members_of(findings: Path) -> list[str]:
    """The members of every campaign of a FINDINGS folder, sorted; raises `Error` where it is not whole."""
    members = findings / "members.parquet"
    try:
        said = msgspec.json.decode((findings / "findings.json").read_bytes(), type=_Findings)
        if said.files.get(members.name) != file_sha256(members):
            raise ValueError
        names = set(pq.read_table(members, columns=["account_id"]).column(0).to_pylist())
    except (OSError, ValueError, KeyError, RecursionError):
        hint = "detect writes one"
        raise Error(
            f"{findings} is no whole FINDINGS folder", hint=hint, exit_code=ExitCode.NO_INPUT
        ) from None
    if not names:
        raise Error(f"{findings} names no account", exit_code=ExitCode.NO_INPUT)
    return sorted(names)


def _record(held: Held) -> Custody:
    """The hold as custody has it."""
    record = Hold(
        id=held.entry.hold_id,
        by=held.entry.by,
        started=held.entry.started,
        anticipated=held.entry.anticipated,
        accounts=len(held.manifest.accounts),
        control_accounts=len(held.manifest.control.accounts),
        manifest_sha256=held.manifest_sha256,
    )
    return Custody(holds=[record])
