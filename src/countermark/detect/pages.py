"""What the report shows of a detection: counts over time beside those of ordinary accounts, notes, method."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from countermark.detect.detection import Detection
from countermark.detect.kind_errors import kind_errors
from countermark.detect.report import CampaignPage, MemberRow, Report
from countermark.detect.report.model import HOURS
from countermark.records.findings import Campaign
from countermark.store.database import Database
from countermark.store.events import EventsFolder

DAYS_SQL = """
SELECT coalesce(campaign, -1) AS campaign, epoch_us(ts) // 86400000000 AS day,
       count(*) AS requests, count(DISTINCT account.account) AS active
FROM events JOIN account ON events.account_id = account.account_id
LEFT JOIN member_of ON account.account = member_of.account
GROUP BY coalesce(campaign, -1), epoch_us(ts) // 86400000000 ORDER BY campaign, day
"""

HOURS_SQL = """
SELECT coalesce(campaign, -1) AS campaign, epoch_us(ts) // 3600000000 % 24 AS hour, count(*) AS requests
FROM events JOIN account ON events.account_id = account.account_id
LEFT JOIN member_of ON account.account = member_of.account
GROUP BY coalesce(campaign, -1), epoch_us(ts) // 3600000000 % 24 ORDER BY campaign, hour
"""

HOW_TO_DECIDE = (
    "Write one line a campaign, `campaign-id: confirmed`, `rejected` or `unsure`, into dispositions.yaml "
    "in this folder and run detect again; what you said is kept from run to run."
)
CALIBRATION = (
    "p-values were calibrated down to 0.01. To a court say p < 0.01: a smaller figure is what the law under "
    "the stated null gives, and nothing is exchangeable that exactly."
)
MOST_DAYS = 400


def build_report(
    database: Database,
    events: EventsFolder,
    detection: Detection,
    campaigns: list[Campaign],
    method: Mapping[str, Any],
) -> Report:
    """The page's content."""
    manifest = events.manifest
    summary = [
        ("requests", f"{manifest.counts.requests - manifest.counts.duplicates_dropped:,}"),
        ("accounts", f"{len(detection.account_ids):,}"),
        ("first request", manifest.first_ts or "none"),
        ("last request", manifest.last_ts or "none"),
        ("candidates tested", f"{detection.tested:,}"),
        *[("not in the log", cost) for cost in manifest.costs],
    ]
    parts = {key: method[key] for key in ("options", "detection", "environment", "detector", "sql")}
    return Report(
        title="Countermark findings",
        summary=summary,
        campaigns=_pages(database, detection, campaigns),
        notes=[CALIBRATION, *detection.notes, *_error_notes()],
        how_to_decide=HOW_TO_DECIDE,
        method=parts,
    )


def _error_notes() -> list[str]:
    errors = kind_errors()
    return [
        f"{name}: {rate['wrong']} of {rate['trials']} wrong, at most {rate['high']:.1%} (95%), "
        f"on {errors['measured_on']}"
        for name, rate in errors["rates"].items()
    ]


def _pages(database: Database, detection: Detection, campaigns: list[Campaign]) -> list[CampaignPage]:
    if not campaigns:
        return []
    numbers = np.repeat(np.arange(len(campaigns)), [group.accounts.size for group in detection.groups])
    accounts = np.concatenate([group.accounts for group in detection.groups])
    database.register("member_of", pa.table({"account": accounts, "campaign": numbers}))
    by_day: dict[int, dict[int, tuple[int, int]]] = {}
    for row in database.query(DAYS_SQL).to_pylist():
        by_day.setdefault(row["campaign"], {})[row["day"]] = (row["requests"], row["active"])
    hours = {number: np.zeros(HOURS) for number in range(-1, len(campaigns))}
    for row in database.query(HOURS_SQL).to_pylist():
        hours[row["campaign"]][row["hour"]] = row["requests"]
    return [_page(detection, i, campaign, by_day, hours) for i, campaign in enumerate(campaigns)]


def _page(
    detection: Detection,
    number: int,
    campaign: Campaign,
    by_day: dict[int, dict[int, tuple[int, int]]],
    hours: dict[int, np.ndarray[Any, Any]],
) -> CampaignPage:
    group = detection.groups[number]
    own, others = by_day[number], by_day.get(-1, {})
    days = list(range(min(own), max(own) + 1))[-MOST_DAYS:]
    ordinary = [others.get(day, (0, 0)) for day in days]
    return CampaignPage(
        campaign=campaign,
        members=[
            MemberRow(detection.account_ids[account], float(score), float(p), float(q), list(reasons))
            for account, score, p, q, reasons in zip(
                group.accounts.tolist(), group.score, group.p, group.q, group.member_reasons, strict=True
            )
        ],
        days=[(date(1970, 1, 1) + timedelta(days=day)).isoformat() for day in days],
        requests_per_day=[own.get(day, (0, 0))[0] for day in days],
        active_members_per_day=[own.get(day, (0, 0))[1] for day in days],
        ordinary_requests_per_account_day=[
            requests / active if active else 0.0 for requests, active in ordinary
        ],
        member_hours=(hours[number] / max(hours[number].sum(), 1)).tolist(),
        ordinary_hours=(hours[-1] / max(hours[-1].sum(), 1)).tolist(),
        edges=group.edges,
        signals=group.signals,
        top_values=group.top_values,
    )
