"""Campaigns and their members as records: names, dates, rounded figures."""

import math
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime

import pyarrow as pa

from countermark.detect.detection import Detection, FoundGroup
from countermark.detect.identity import Named, name_campaigns
from countermark.records.canonical import sha256_hex
from countermark.records.findings import MEMBER_SCHEMA, Campaign, Disposition, Window

DIGITS = 6
"""Significant digits of p-values, decimal places of logarithms and scores."""


def build_campaigns(
    detection: Detection,
    earlier: Mapping[str, Set[str]],
    superseded: Mapping[str, Sequence[str]],
    dispositions: Mapping[str, Disposition],
) -> list[Campaign]:
    """One campaign a group, in the groups' order; `earlier` and `superseded` as `name_campaigns` has them."""
    first_seen = dict(zip(detection.account_ids, detection.first_us.tolist(), strict=True))
    accounts = [frozenset(_names(detection, group)) for group in detection.groups]
    named = name_campaigns(accounts, earlier, superseded, first_seen)
    return [
        _campaign(detection, group, name, dispositions)
        for group, name in zip(detection.groups, named, strict=True)
    ]


def members_table(detection: Detection, campaigns: list[Campaign]) -> pa.Table:
    """`members.parquet`: by campaign in order, then by account."""
    rows = [
        {
            "campaign_id": campaign.campaign_id,
            "account_id": account,
            "score": round(float(score), DIGITS),
            "member_p": significant(float(p)),
            "member_q": significant(float(q)),
            "reasons": list(reasons),
        }
        for group, campaign in zip(detection.groups, campaigns, strict=True)
        for account, score, p, q, reasons in zip(
            _names(detection, group), group.score, group.p, group.q, group.member_reasons, strict=True
        )
    ]
    return pa.Table.from_pylist(rows, schema=MEMBER_SCHEMA)


def significant(p: float) -> float:
    """A probability rounded to the declared precision."""
    return float(f"{p:.{DIGITS - 1}e}")


def _names(detection: Detection, group: FoundGroup) -> list[str]:
    return [detection.account_ids[number] for number in group.accounts.tolist()]


def _campaign(
    detection: Detection, group: FoundGroup, named: Named, dispositions: Mapping[str, Disposition]
) -> Campaign:
    names = sorted(_names(detection, group))
    log10_p = group.log_p / math.log(10)
    return Campaign(
        campaign_id=named.campaign_id,
        kind=group.kind,
        size=len(names),
        window=Window(
            _instant(int(detection.first_us[group.accounts].min())),
            _instant(int(detection.last_us[group.accounts].max())),
        ),
        p_value=significant(math.exp(group.log_p)),
        log10_p_value=round(log10_p, DIGITS),
        q_value=significant(math.exp(group.log_q)),
        null=group.null,
        discovery_families=list(group.discovery_families),
        confirmation_families=list(group.confirmation_families),
        reasons=list(group.reasons),
        members_digest=sha256_hex("".join(f"{name}\n" for name in names).encode()),
        supersedes=named.supersedes,
        disposition=dispositions.get(named.campaign_id),
    )


def _instant(microseconds: int) -> str:
    return (
        datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    )
