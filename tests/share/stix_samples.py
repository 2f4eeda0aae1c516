"""Findings, items and terms for the tests of STIX, ready-made and drawn."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st
from stix2validator import ValidationOptions, validate_instance

from countermark.records.attributions import Attribution, Conclusion, Test, ValidityDomain
from countermark.records.findings import Campaign, Reason, Window
from countermark.share.item_values import ITEM_KINDS, canonical
from countermark.share.items import Item
from countermark.share.stix import FindingsView, Identity, Ids, Terms
from countermark.trust.keyfiles import Secret

NOW = datetime(2026, 11, 27, 12, 30, 1, 123456, tzinfo=UTC)
WHO = Identity("identity--11111111-1111-4111-8111-111111111111", "Provider A")
OTHER = Identity("identity--22222222-2222-4222-8222-222222222222", "Provider B")
VALUES = {
    "ipv4-addr": "198.51.100.3",
    "ipv6-addr": "2001:db8::1",
    "asn": "64500",
    "proxy-exit": "203.0.113.9",
    "ja4": "t13d1516h2_8daaf6152771_e5627efa2ab1",
    "http-fingerprint": "po20nn120000_9ed1ff1f7b03_000000000000",
    "email-domain": "mail.example",
    "template-skeleton": "write a <text> in the manner of 'x'\\ <text>",
}
assert set(VALUES) == set(ITEM_KINDS)


def terms(who: Identity = WHO, **changes: Any) -> Terms:
    """Terms under a fixed key and time."""
    return Terms(**{"who": who, "ids": Ids(Secret(b"k" * 32), who.identity_id), "now": NOW, **changes})


def later(objects: list[dict[str, Any]], before: Terms, **changes: Any) -> Terms:
    """A day later, these objects being published."""
    earlier = {**before.earlier, **{one["id"]: one for one in objects}}
    return msgspec.structs.replace(before, earlier=earlier, now=before.now + timedelta(days=1), **changes)


def campaign(campaign_id: str = "campaign-1", **changes: Any) -> Campaign:
    """A campaign of 2,417 accounts over five days."""
    content: dict[str, Any] = {
        "campaign_id": campaign_id,
        "kind": "harvest",
        "size": 2417,
        "window": Window("2026-03-01T00:00:37Z", "2026-03-05T23:58:14Z"),
        "p_value": 3.9889e-68,
        "log10_p_value": -67.399147,
        "q_value": 9.76106e-65,
        "null": "given how active they were, the 2417 accounts are a random sample as far as content goes",
        "discovery_families": ["infrastructure", "registration"],
        "confirmation_families": ["content"],
        "reasons": [Reason("volume", 19.922667, "19.9 requests per account and active day (others 6.7)")],
        "members_digest": "24ab970192857e4c228921ea8f75c9daab1ab5f4c85bf088e42777a5840ff547",
    }
    return Campaign(**{**content, **changes})


def view(*campaigns: Campaign) -> FindingsView:
    """Findings of these campaigns."""
    return FindingsView(campaigns=campaigns or (campaign(),), calibrated_to=0.01)


def item(kind: str, value: str = "", campaign_id: str = "campaign-1", **changes: Any) -> Item:
    """An item of 34 accounts."""
    given = {"accounts": 34, "first_day": date(2026, 3, 1), "last_day": date(2026, 3, 5), **changes}
    return Item(campaign_id=campaign_id, kind=kind, value=value or VALUES[kind], **given)


def one_of_each() -> list[Item]:
    """An item of every kind."""
    return [item(kind) for kind in ITEM_KINDS]


def attribution(**changes: Any) -> Attribution:
    """A text under one key, not independent of it."""
    subject = "ab12cd34ef56ab78"
    words = f"not independent of key {subject}"
    test = Test(
        name="mark",
        subject=subject,
        null="the text's 5312 tokens are independent of the key",
        statistic=812.4,
        n=5312,
        p_value=1e-19,
        log10_p_value=-19.0,
        law="exact",
        exact=True,
        calibrated_to=1e-6,
        calibration="docs/watermarks.md",
        alternatives=["forgery"],
    )
    content: dict[str, Any] = {
        "kind": "text",
        "verdict": words,
        "reasons": [],
        "conclusions": [
            Conclusion(
                subject=subject,
                verdict=words,
                adjusted_p_value=3e-19,
                adjusted_log10_p_value=-18.5,
                reported="p < 1e-06",
            )
        ],
        "tests": [test, msgspec.structs.replace(test, name="look", decides=False)],
        "alpha": 0.01,
        "family": 3,
        "minimum_detectable": {"share": 0.03},
        "other_explanations": ["somebody who knows the key", "a third model in between"],
        "controls": [],
        "validity_domain": ValidityDomain(measured={"tokens": [200.0, 1e6]}, where="docs"),
        "not_validated": [],
        "inputs": {"suspect": "0" * 64},
        "parameters": {"seed": 7},
        "origin": {},
        "software": {},
        "files": {},
    }
    return Attribution(**{**content, **changes})


def problems(objects: list[dict[str, Any]], **options: Any) -> list[str]:
    """Errors and warnings of OASIS' validator over all of them at once."""
    as_sent = json.loads(json.dumps(objects))
    stix_bundle = {"type": "bundle", "id": "bundle--33333333-3333-4333-8333-333333333333", "objects": as_sent}
    result = validate_instance(stix_bundle, ValidationOptions(version="2.1", **options))
    return [str(one) for one in [*result.errors, *result.warnings]]


_DAYS = st.dates(date(2020, 1, 1), date(2030, 1, 1))
_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=60)
_P = st.one_of(st.floats(0, 1), st.floats(0, 1e-300), st.just(0.0), st.just(1.0))


@st.composite
def campaigns(draw: st.DrawFn, campaign_id: str = "campaign-1") -> Campaign:
    """Any campaign that detect could write."""
    first = draw(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))
    last = first + draw(st.timedeltas(timedelta(0), timedelta(days=400)))
    families = st.lists(_WORDS, max_size=3)
    return campaign(
        campaign_id,
        kind=draw(st.sampled_from(["harvest", "pool", "undecided"])),
        size=draw(st.integers(1, 10**9)),
        window=Window(f"{first.isoformat()}Z", f"{last.isoformat()}Z"),
        p_value=draw(_P),
        q_value=draw(_P),
        null=draw(_WORDS),
        discovery_families=draw(families),
        confirmation_families=draw(families),
        disposition=draw(st.sampled_from([None, "confirmed", "unsure", "rejected"])),
    )


@st.composite
def items(draw: st.DrawFn, campaign_id: str = "campaign-1") -> Item:
    """Any item that `read_identifiers` could give."""
    kind = draw(st.sampled_from(ITEM_KINDS))
    hexadecimal = st.text("0123456789abcdef", min_size=12, max_size=12)
    letters = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20).map(lambda text: f"a{text}z")
    values = {
        "ipv4-addr": st.ip_addresses(v=4, network="198.51.100.0/24").map(str),
        "ipv6-addr": st.ip_addresses(v=6, network="2001:db8::/32").map(str),
        "proxy-exit": st.ip_addresses(v=6, network="2001:db8::/32").map(str),
        "asn": st.integers(1, 23_455).map(str),
        "ja4": st.tuples(hexadecimal, hexadecimal).map(lambda two: f"t13d1516h2_{two[0]}_{two[1]}"),
        "http-fingerprint": st.tuples(hexadecimal, hexadecimal).map(
            lambda two: "po20nn120000_" + "_".join(two)
        ),
        "email-domain": st.tuples(letters, letters).map(".".join),
        "template-skeleton": st.text("abc <>'\\\"ä\u2028", min_size=3, max_size=30).map(
            lambda text: f"a{text}z"
        ),
    }
    first = draw(_DAYS)
    try:
        value = canonical(kind, draw(values[kind]))
    except ValueError:
        value = VALUES[kind]
    last = first + draw(st.timedeltas(timedelta(0), timedelta(days=30)))
    accounts = draw(st.integers(1, 10**8))
    return item(kind, value, campaign_id, accounts=accounts, first_day=first, last_day=last)
