"""A Sighting: this member saw what another member's indicator speaks of, on which days, how often roughly."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from countermark.errors import Error
from countermark.share.stix.extension import order_of_magnitude
from countermark.share.stix.terms import Terms, day_start
from countermark.share.stix.versions import Object

SIGHTED = ("indicator", "campaign", "infrastructure", "attack-pattern", "note", "observed-data")
"""Types that may be sighted: SIGHTING's `sighting_of_ref` names an SDO (STIX 2.1, section 5.2.2), and the
validator lets an observable pass."""


def stix_of_sighting(
    sighted: Mapping[str, Any], terms: Terms, *, accounts: int, first_day: date, last_day: date
) -> list[Object]:
    """Markings, identity and the Sighting of another's object, in the versions to publish.

    `accounts` are the distinct accounts that showed it: an order of magnitude leaves. One Sighting an object;
    later days make a later version. Raises `Error` for an object that cannot be sighted or is revoked.
    """
    stix_id = sighted.get("id")
    if not isinstance(stix_id, str) or stix_id.partition("--")[0] not in SIGHTED:
        raise Error("what is sighted is an indicator, a campaign or another domain object")
    if sighted.get("revoked") is True:
        raise Error(f"{stix_id} is revoked", hint="its maker took it back; nothing is sighted of it")
    if last_day < first_day:
        raise Error("the last day of a sighting lies before its first")
    made = terms.publish(
        "sighting",
        [stix_id],
        {
            "first_seen": day_start(first_day),
            "last_seen": day_start(last_day),
            "count": order_of_magnitude(accounts),
            "sighting_of_ref": stix_id,
            "where_sighted_refs": [terms.who.identity_id],
        },
    )
    return [*terms.head(), *([] if made is None else [made])]
