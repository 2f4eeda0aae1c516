"""The tables of docs/real-data.md, made from what `capture logs` and `detect` left behind."""

import math
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from countermark.stats.binomial import clopper_pearson

STRONGEST = 8


@dataclass(frozen=True)
class Cost:
    """What one command took."""

    seconds: float
    peak_bytes: int
    exit_code: int

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.peak_bytes / 1e6:.0f} MB at most"


@dataclass(frozen=True)
class Outcome:
    """One log through `capture logs` and `detect`."""

    capture: Cost
    detect: Cost
    requests: int
    findings: dict[str, Any]
    candidates: list[dict[str, Any]]
    members: pa.Table

    @property
    def campaigns(self) -> list[dict[str, Any]]:
        """The strongest first."""
        found: list[dict[str, Any]] = self.findings["campaigns"]
        return sorted(found, key=lambda campaign: (campaign["log10_p_value"], campaign["campaign_id"]))


def calibration(outcome: Outcome) -> list[str]:
    """Campaigns, candidates, the smallest p-value and the share of candidates at or below 0.05."""
    log_p = [candidate["log10_p"] for candidate in outcome.candidates]
    low = sum(value <= np.log10(0.05) for value in log_p)
    share = f"{low / len(log_p):.0%}" if log_p else "none"
    return [str(len(outcome.campaigns)), str(len(log_p)), power_of_ten(min(log_p, default=0.0)), share]


CALIBRATION = [
    "shuffled on odd days",
    "seed",
    "campaigns",
    "candidates tested",
    "smallest p",
    "candidates with p ≤ 0.05",
]


def power_of_ten(log10: float) -> str:
    """A p- or q-value as people read it."""
    return f"{10**log10:.2g}" if log10 > -4 else f"10^{log10:.1f}"


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table and an empty line."""
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def overview(name: str, outcome: Outcome, accounts: int) -> list[str]:
    """One column of the first table."""
    kinds = Counter(campaign["kind"] for campaign in outcome.campaigns)
    counted = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())) or "none"
    listed = len(outcome.members)
    total = outcome.capture.seconds + outcome.detect.seconds
    return [
        name,
        f"{outcome.requests:,}",
        f"{accounts:,}",
        str(outcome.capture),
        str(outcome.detect),
        f"{total:.1f} s",
        str(outcome.findings["tested"]),
        str(outcome.findings["not_testable"]),
        counted,
        f"{listed:,} ({listed / accounts:.1%})",
        str(outcome.detect.exit_code),
    ]


OVERVIEW = [
    "",
    "requests kept",
    "accounts",
    "capture",
    "detect",
    "both",
    "candidates tested",
    "of these not testable",
    "campaigns",
    "accounts in them",
    "exit code",
]


def strongest(outcome: Outcome, log: pa.Table) -> list[list[str]]:
    """The first few campaigns, with what the raw log says of their links (`detect` saw no domains)."""
    rows = []
    for campaign in outcome.campaigns[:STRONGEST]:
        mine = outcome.members.filter(
            pc.equal(outcome.members.column("campaign_id"), campaign["campaign_id"])
        )
        names = mine.column("account_id").to_pylist()
        posts = log.filter(
            pc.and_(pc.is_in(log.column("account_id"), pa.array(names)), pc.is_valid(log.column("url_id")))
        )
        domains = Counter(posts.column("domain_id").to_pylist())
        confirmed = pc.sum(pc.less_equal(mine.column("member_q"), 0.05)).as_py()
        rows.append(
            [
                f"`{campaign['campaign_id'].removeprefix('campaign-')[:12]}`",
                str(campaign["size"]),
                str(confirmed),
                power_of_ten(campaign["log10_p_value"]),
                power_of_ten(math.log10(campaign["q_value"] or sys.float_info.min)),
                " + ".join(str(sum(name.startswith(p) for name in names)) for p in ("fb_", "tw_")),
                f"{len(posts)} on {len(pc.unique(posts.column('url_id')))}",
                f"{domains.most_common(1)[0][1] / len(posts):.0%} of {len(domains)}",
            ]
        )
    return rows


STRONGEST_HEADER = [
    "campaign",
    "accounts",
    "with member q ≤ 0.05",
    "p",
    "q",
    "Facebook + Twitter",
    "posts with a link, links",
    "on the commonest domain",
]


def sizes(outcome: Outcome) -> str:
    """All campaigns' sizes in one line."""
    counted = sorted((campaign["size"] for campaign in outcome.campaigns), reverse=True)
    return "Sizes of all campaigns: " + (", ".join(f"{size:,}" for size in counted) or "none") + "."


def shuffled_runs(rows: list[list[str]]) -> str:
    """How often a shuffled run found something, with its limit."""
    found = sum(row[2] != "0" for row in rows)
    high = clopper_pearson(found, len(rows))[1]
    return f"{found} of {len(rows)} shuffled runs found a campaign; at most {high:.0%} of such runs do (95%)."
