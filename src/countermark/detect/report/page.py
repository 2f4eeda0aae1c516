"""The report as one HTML page: no script, no address outside itself, every string escaped."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import msgspec

from countermark.detect.report import pictures, wording
from countermark.detect.report.model import CampaignPage, Report

DETAILED = 12
"""Campaigns that get pictures and tables of their own; the overview lists all of them, up to OVERVIEW."""
OVERVIEW = 500
MEMBERS_SHOWN = 200


def render_report(report: Report, *, detailed: int = DETAILED) -> str:
    """The page as text that encodes to UTF-8; the same report gives the same bytes.

    The first `detailed` campaigns (harvests first, then pools, the larger first) are shown in detail.
    """
    campaigns = sorted(report.campaigns, key=_rank)
    return _template().render(
        report=report,
        kinds=[
            (kind, text, sum(page.campaign.kind == kind for page in campaigns))
            for kind, text in wording.KINDS.items()
        ],
        campaigns=campaigns[:OVERVIEW],
        total=len(campaigns),
        details=[_detail(page, f"c{place}") for place, page in enumerate(campaigns[:detailed], start=1)],
        method=[(name, _method_part(value)) for name, value in report.method.items()],
        other_explanations=wording.OTHER_EXPLANATIONS,
        member_q=pictures.MEMBER_Q,
    )


def _rank(page: CampaignPage) -> tuple[bool, int, int, str]:
    campaign = page.campaign
    kind = list(wording.KINDS).index(campaign.kind)
    return campaign.disposition == "rejected", kind, -campaign.size, campaign.campaign_id


def _detail(page: CampaignPage, name: str) -> dict[str, Any]:
    """What the template needs for one campaign; `name` is its anchor and the prefix of its pictures' ids."""
    found = {
        "name": name,
        "page": page,
        "campaign": page.campaign,
        "members": sorted(page.members, key=lambda row: (-row.score, row.account_id))[:MEMBERS_SHOWN],
        "held_out": not set(page.campaign.discovery_families) & set(page.campaign.confirmation_families),
        "over_time": pictures.over_time(page, f"{name}-time") if page.days else None,
        "hours": pictures.hours(page, f"{name}-hours") if page.member_hours else None,
        "signals": pictures.signals(page, f"{name}-signals") if page.signals else None,
        "network": None,
    }
    if page.edges:
        found["network"], found["layout"] = pictures.network(page, f"{name}-network")
    return found


def _method_part(value: Any) -> tuple[str, Any]:
    """How a part of the method is shown: a table of settings, a list of blocks of text, or one line."""
    plain = msgspec.to_builtins(value, str_keys=True)
    if isinstance(plain, Mapping):
        return "settings", [(key, _one_line(setting)) for key, setting in plain.items()]
    if isinstance(plain, list):
        return "blocks", [
            item.expandtabs(4).splitlines() if isinstance(item, str) else [_one_line(item)] for item in plain
        ]
    return "blocks", [_one_line(plain).splitlines()]


def _one_line(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=wording.printable,  # before the escaping, and for every value: no string can slip past it
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (
        wording.number,
        wording.part_of,
        wording.plural,
        wording.probability,
        wording.probability_of,
    ):
        environment.filters[function.__name__] = function
    environment.filters |= {"quantity": wording.quantity, "listed": wording.listed}
    return environment.from_string(files(__package__).joinpath("report.html.j2").read_text("utf-8"))
