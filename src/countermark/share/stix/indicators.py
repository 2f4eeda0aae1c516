"""One shared value as STIX: an Indicator with its pattern, and the Observed Data that it rests on.

For a client's fingerprint there is no observable: STIX's network-traffic asks for an address, and the address
of one account is not what is shared.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from countermark.share.item_values import ItemKind, address_kind
from countermark.share.items import Item
from countermark.share.stix.extension import EXTENSION_ID, order_of_magnitude
from countermark.share.stix.ids import sco_id
from countermark.share.stix.terms import Terms, day_start
from countermark.share.stix.versions import Object

LIFE_DAYS: Mapping[ItemKind, int] = {
    "ipv4-addr": 14,
    "ipv6-addr": 14,
    "asn": 30,
    "proxy-exit": 3,
    "ja4": 30,
    "http-fingerprint": 30,
    "email-domain": 30,
}
"""For so many days after an item was last seen its indicator holds; proxy exits change hands by the day."""
CALLED: Mapping[ItemKind, str] = {
    "ipv4-addr": "IPv4 address",
    "ipv6-addr": "IPv6 address",
    "asn": "autonomous system",
    "proxy-exit": "proxy exit",
    "ja4": "TLS fingerprint",
    "http-fingerprint": "HTTP fingerprint",
    "email-domain": "disposable e-mail domain",
}
USED = "Used by accounts of one campaign; ordinary users may share it."
_TRAFFIC = {"ja4": "ja4", "http-fingerprint": "http_fingerprint"}
"""Property of our extension on network-traffic, by kind."""


class Place(NamedTuple):
    """Where an item belongs."""

    campaign_id: str
    """STIX id."""
    campaign_name: str
    infrastructure_id: str | None


def objects_of_item(
    item: Item, place: Place, terms: Terms, life_days: Mapping[ItemKind, int] = LIFE_DAYS
) -> list[Object]:
    """Indicator, observable, Observed Data and their relationships; nothing for a revoked indicator."""
    name = (item.campaign_id, item.kind, item.value)
    indicator = terms.publish(
        "indicator",
        name,
        {
            "name": f"{CALLED[item.kind]} of campaign {place.campaign_name}",
            "description": USED,
            "indicator_types": ["anonymization" if item.kind == "proxy-exit" else "anomalous-activity"],
            "pattern": pattern(item.kind, item.value),
            "pattern_type": "stix",
            "pattern_version": "2.1",
            "valid_from": day_start(item.last_day),
            "valid_until": day_start(item.last_day + timedelta(days=life_days[item.kind])),
        },
    )
    if indicator is None:
        return []
    objects = [indicator, terms.relate(indicator["id"], "indicates", place.campaign_id)]
    observable = _observable(item, terms)
    if observable is not None:
        observed = terms.publish(
            "observed-data",
            name,
            {
                "first_observed": day_start(item.first_day),
                "last_observed": day_start(item.last_day),
                "number_observed": order_of_magnitude(item.accounts),
                "object_refs": [observable["id"]],
            },
        )
        if observed is not None:
            objects += [observable, observed, terms.relate(indicator["id"], "based-on", observed["id"])]
            if place.infrastructure_id is not None and item.kind != "email-domain":
                objects.append(terms.relate(place.infrastructure_id, "consists-of", observed["id"]))
    return [one for one in objects if one is not None]


def pattern(kind: ItemKind, value: str) -> str:
    """The STIX pattern (STIX 2.1, section 9) of a canonical value."""
    if kind == "asn":
        return f"[autonomous-system:number = {int(value)}]"
    if kind in _TRAFFIC:
        return f"[network-traffic:extensions.'{EXTENSION_ID}'.{_TRAFFIC[kind]} = {_literal(value)}]"
    path = "domain-name" if kind == "email-domain" else address_kind(value)
    return f"[{path}:value = {_literal(value)}]"


def _literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _observable(item: Item, terms: Terms) -> Object | None:
    content: dict[str, Any]
    if item.kind in _TRAFFIC:
        return None
    if item.kind == "asn":
        kind, content = "autonomous-system", {"number": int(item.value)}
    elif item.kind == "email-domain":
        kind, content = "domain-name", {"value": item.value}
    else:
        kind, content = address_kind(item.value), {"value": item.value}
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": sco_id(kind, content),
        **content,
        "object_marking_refs": [marking["id"] for marking in terms.markings],
    }
