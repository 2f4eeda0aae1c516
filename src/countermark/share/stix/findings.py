"""Findings as STIX: Campaign, Infrastructure, techniques of ATLAS, and what the indicators add.

No object says who is behind a campaign: `attributed-to` is never used. Days stand where findings have times,
orders of magnitude where they have counts. What a property of each object says: `spec/stix-extension.md`.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

import msgspec

from countermark.errors import Error
from countermark.records.findings import Campaign
from countermark.share.item_values import ItemKind
from countermark.share.items import Item
from countermark.share.stix.atlas import reference, technique
from countermark.share.stix.extension import at_most, extension, order_of_magnitude, words
from countermark.share.stix.indicators import LIFE_DAYS, Place, objects_of_item
from countermark.share.stix.terms import Terms, day_start, utc_day
from countermark.share.stix.versions import Object
from countermark.share.stix.withdraw import withdraw

TECHNIQUES: Mapping[str, tuple[str, ...]] = {
    "harvest": ("AML.T0040", "AML.T0024.002"),
    "pool": ("AML.T0040", "AML.T0008.005"),
    "undecided": ("AML.T0040",),
}
"""By kind. How the accounts came about (AML.T0021, AML.T0012) is not seen in how they act, and not said."""
CLASSIFIED = "A classification with an error rate of its own; how a model was made is not said."
CONFIDENCE = {"confirmed": 85, "unsure": 50}
"""By what an analyst said of a campaign: High and Med of the scale None/Low/Med/High (STIX 2.1, appendix A).
Without an analyst there is no confidence: a p-value is none."""


class FindingsView(msgspec.Struct, frozen=True, kw_only=True):
    """What of a FINDINGS folder is needed here."""

    campaigns: Sequence[Campaign]
    calibrated_to: float
    """The smallest level at which the test of campaigns was seen to hold."""


def stix_of_findings(
    findings: FindingsView,
    items: Sequence[Item],
    terms: Terms,
    *,
    life_days: Mapping[ItemKind, int] = LIFE_DAYS,
) -> list[Object]:
    """Every object to publish, in the version to publish, markings and identity first.

    Objects that did not change since `terms.earlier` are given as they stood; revoked ones are left out, with
    what refers to them. A campaign that an analyst rejected, or that another superseded, is revoked with all
    that hangs on it, where it was published. Raises `Error` for an item given twice, or of no campaign.
    """
    if len({(one.campaign_id, one.kind, one.value) for one in items}) != len(items):
        raise Error("an item is given twice")
    by_campaign = {
        campaign_id: list(group)
        for campaign_id, group in groupby(sorted(items), key=lambda item: item.campaign_id)
    }
    unknown = sorted(set(by_campaign) - {campaign.campaign_id for campaign in findings.campaigns})
    if unknown:
        raise Error(f"an item is of a campaign that the findings do not have ({unknown[0]})")
    objects, gone = terms.head(), []
    for campaign in findings.campaigns:
        if campaign.disposition == "rejected":
            gone.append(campaign.campaign_id)
            continue
        gone += campaign.supersedes
        of_campaign = by_campaign.get(campaign.campaign_id, [])
        objects += _campaign(campaign, findings.calibrated_to, of_campaign, terms, life_days)
    standing = {one.campaign_id for one in findings.campaigns if one.disposition != "rejected"}
    # after a split the old id may live on in one of the parts
    objects += withdraw([terms.ids.of("campaign", name) for name in gone if name not in standing], terms)
    return list({one["id"]: one for one in objects}.values())


def short_name(campaign_stix_id: str) -> str:
    """How names of objects call a campaign: from its STIX id, which tells nothing of the local one."""
    return f"dc-{campaign_stix_id[-36:][:8]}"


def _campaign(
    campaign: Campaign,
    calibrated_to: float,
    items: Sequence[Item],
    terms: Terms,
    life_days: Mapping[ItemKind, int],
) -> list[Object]:
    stix_id = terms.ids.of("campaign", campaign.campaign_id)
    confidence = CONFIDENCE.get(campaign.disposition or "")
    techniques = TECHNIQUES[campaign.kind]
    first, last = utc_day(campaign.window.first), utc_day(campaign.window.last)
    made = terms.publish(
        "campaign",
        [campaign.campaign_id],
        {
            "name": f"Distillation campaign {short_name(stix_id)}",
            "description": f"Accounts that act as one; the group is classified as {campaign.kind}.",
            "first_seen": day_start(first),
            "last_seen": day_start(last),
            **({} if confidence is None else {"confidence": confidence}),
            "external_references": [reference(one) for one in techniques],
            "extensions": extension(
                kind=campaign.kind,
                accounts_at_least=order_of_magnitude(campaign.size),
                first_day=str(first),
                last_day=str(last),
                p_value=at_most(campaign.p_value, calibrated_to),
                q_value=at_most(campaign.q_value, calibrated_to),
                calibrated_to=at_most(calibrated_to, calibrated_to),
                null_hypothesis=words(campaign.null),
                discovery_families=campaign.discovery_families,
                confirmation_families=campaign.confirmation_families,
                template_skeletons=[item.value for item in items if item.kind == "template-skeleton"],
            ),
        },
    )
    if made is None:
        return []
    uses = [
        terms.relate(stix_id, "uses", technique(one).stix_id, description=CLASSIFIED) for one in techniques
    ]
    infrastructure = _infrastructure(stix_id, campaign, items, terms)
    place = Place(stix_id, short_name(stix_id), None if not infrastructure else infrastructure[0]["id"])
    objects = [made, *(one for one in uses if one is not None), *infrastructure]
    for item in items:
        if item.kind != "template-skeleton":
            objects += objects_of_item(item, place, terms, life_days)
    return objects


def _infrastructure(
    campaign_id: str, campaign: Campaign, items: Sequence[Item], terms: Terms
) -> list[Object]:
    """The network that a campaign came from, and that the campaign uses it; nothing where none is known."""
    network = [item for item in items if item.kind in ("ipv4-addr", "ipv6-addr", "asn", "proxy-exit")]
    if not network:
        return []
    exits = any(item.kind == "proxy-exit" for item in network)
    made = terms.publish(
        "infrastructure",
        [campaign.campaign_id],
        {
            "name": f"Infrastructure of campaign {short_name(campaign_id)}",
            "infrastructure_types": ["anonymization" if exits else "unknown"],
            "first_seen": day_start(min(item.first_day for item in network)),
            "last_seen": day_start(max(item.last_day for item in network)),
        },
    )
    if made is None:
        return []
    use = terms.relate(campaign_id, "uses", made["id"])
    return [made, *([] if use is None else [use])]
