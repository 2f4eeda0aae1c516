"""The FINDINGS folder: written so that it is whole or recognisably not, and read back for the next run.

`findings.json` comes last and holds the SHA-256 of every other file: while they differ, nothing takes the
folder for whole.
"""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from countermark.errors import Error, ExitCode
from countermark.records.canonical import file_sha256
from countermark.records.files import remove_left_overs, replacing, write_atomic
from countermark.records.findings import FINDINGS_SCHEMA_ID, Campaign

FINDINGS_FILE, MEMBERS_FILE, METHOD_FILE, REPORT_FILE = (
    "findings.json",
    "members.parquet",
    "method.json",
    "report.html",
)
_SUPERSEDES = b"countermark.supersedes"
"""In the metadata of the members, to be replaced with them: the ids that each campaign superseded."""
_BLIND = b"countermark.blind"
"""There too, where the findings are of a case."""
_BLIND_BYTES = 32
_OURS = {FINDINGS_FILE, MEMBERS_FILE, METHOD_FILE, REPORT_FILE, "dispositions.yaml"}


def prepare_folder(out: Path) -> None:
    """Make the folder; refuse one that holds anything else."""
    if out.exists() and not out.is_dir():
        raise Error(f"{out} is not a folder", exit_code=ExitCode.USAGE)
    try:
        out.mkdir(parents=True, exist_ok=True)
        remove_left_overs(out)
    except OSError as error:
        raise Error(f"{out} cannot be made: {error.strerror}", exit_code=ExitCode.USAGE) from None
    foreign = sorted(path.name for path in out.iterdir() if path.name not in _OURS)
    if foreign:
        raise Error(
            f"{out} holds other files ({foreign[0]})",
            hint="give an empty or a new folder",
            exit_code=ExitCode.USAGE,
        )


def write_findings(
    out: Path,
    campaigns: Sequence[Campaign],
    members: pa.Table,
    method: Mapping[str, Any],
    report: str,
    header: Mapping[str, Any],
    *,
    blind: bool = False,
) -> dict[str, Any]:
    """Write all four files, `findings.json` last, and give its content.

    With `blind` each file that can be taken out of a sealed package, or parts of it, holds 32 random bytes of
    its own: its digest, which stays behind, then confirms no guess.
    """
    supersedes = {one.campaign_id: one.supersedes for one in campaigns if one.supersedes}
    metadata = {_SUPERSEDES: msgspec.json.encode(supersedes, order="sorted")}
    if blind:
        metadata[_BLIND] = secrets.token_hex(_BLIND_BYTES).encode()
        report += f"<!-- blind {secrets.token_hex(_BLIND_BYTES)} -->\n"
        header = {**header, "blind": secrets.token_hex(_BLIND_BYTES)}
    with replacing(out / MEMBERS_FILE) as path:
        pq.write_table(members.replace_schema_metadata(metadata), path, compression="zstd")
    write_atomic(out / METHOD_FILE, _json(method))
    write_atomic(out / REPORT_FILE, report.encode())
    files = {name: file_sha256(out / name) for name in (MEMBERS_FILE, METHOD_FILE, REPORT_FILE)}
    content = {
        "schema": FINDINGS_SCHEMA_ID,
        **header,
        "campaigns": [campaign.to_dict() for campaign in campaigns],
        "files": files,
    }
    write_atomic(out / FINDINGS_FILE, _json(content))
    return content


def read_earlier_members(out: Path) -> dict[str, frozenset[str]]:
    """Accounts by campaign id of the last findings.

    Read from the members alone, which are replaced in one go: a run that was killed before it wrote
    `findings.json` must not cost the campaigns their ids.
    """
    try:
        table = pq.read_table(out / MEMBERS_FILE, columns=["campaign_id", "account_id"])
    except (OSError, ValueError, KeyError):
        return {}  # none or damaged: ids are then derived from the founders again
    members: dict[str, set[str]] = {}
    for campaign, account in zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True):
        members.setdefault(campaign, set()).add(account)
    return {campaign: frozenset(accounts) for campaign, accounts in members.items()}


def read_earlier_supersedes(out: Path) -> dict[str, list[str]]:
    """The ids that each campaign of the last findings replaced, where it replaced any."""
    try:
        said = (pq.read_schema(out / MEMBERS_FILE).metadata or {}).get(_SUPERSEDES, b"{}")
        return msgspec.json.decode(said, type=dict[str, list[str]])
    except (OSError, ValueError):
        return {}  # as above


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"
