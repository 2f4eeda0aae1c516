"""A FINDINGS folder with one campaign, for the tests of what becomes of findings."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from countermark.detect.findings_folder import write_findings
from countermark.records.findings import MEMBER_SCHEMA, Campaign, Window


def findings(folder: Path) -> tuple[Path, list[str]]:
    """The folder, and the ids of its twelve accounts."""
    accounts = [f"a{number}" for number in range(12)]
    found = Campaign(
        campaign_id="camp-0123456789abcdef",
        kind="harvest",
        size=len(accounts),
        window=Window("2026-11-01T00:01:00+00:00", f"{datetime.now(UTC).date()}T00:00:00+00:00"),
        p_value=1e-9,
        log10_p_value=-9.0,
        q_value=1e-8,
        null="the accounts are like all others",
        discovery_families=["infrastructure"],
        confirmation_families=["content"],
        reasons=[],
        members_digest="0" * 64,
    )
    scored: dict[str, Any] = {"score": 1.0, "member_p": 0.0, "member_q": 0.0, "reasons": []}
    rows = [{"campaign_id": found.campaign_id, "account_id": one, **scored} for one in accounts]
    folder.mkdir()
    members = pa.Table.from_pylist(rows, schema=MEMBER_SCHEMA)
    write_findings(folder, [found], members, {}, "", {"calibrated_to": 1e-4})
    return folder, accounts
