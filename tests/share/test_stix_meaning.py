"""What the objects say, and what they do not: bounds, confidence, verdicts, sightings, markings."""

import json
from datetime import date
from typing import Any

import jsonschema
import pytest
import stix2.pattern_visitor
from hypothesis import given
from hypothesis import strategies as st
from stix2patterns.validator import run_validator
from stix_samples import NOW, OTHER, VALUES, WHO, attribution, campaign, item, later, one_of_each, terms, view
from test_stix_valid import IEP, SCHEMA

from countermark.errors import Error
from countermark.share.stix import (
    EXTENSION_ID,
    Identity,
    stix_of_attribution,
    stix_of_findings,
    stix_of_sighting,
)
from countermark.share.stix.extension import at_most, order_of_magnitude, words
from countermark.share.stix.indicators import LIFE_DAYS, pattern
from countermark.share.stix.markings import TLPS, tlp_marking

Object = dict[str, Any]
FORBIDDEN = ("copied", "stolen", "trained on", "derived")


def only(objects: list[Object], kind: str) -> Object:
    """The one object of that type."""
    (one,) = [one for one in objects if one["type"] == kind]
    return one


@given(st.floats(0, 1), st.floats(0, 1, exclude_min=True))
def test_a_reported_p_value_is_an_upper_bound_that_claims_no_more_than_the_calibration(
    p: float, level: float
) -> None:
    told = at_most(p, level)
    assert max(p, level) <= told <= min(1, max(p, level) * 1.1000001 + 5e-324)
    assert at_most(told, level) == told


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), float("inf")])
def test_what_is_no_probability_is_an_error(p: float) -> None:
    with pytest.raises(Error):
        at_most(p, 0.01)
    with pytest.raises(Error):
        at_most(0.5, p)


@given(st.integers(1, 10**30))
def test_an_order_of_magnitude_is_no_more_than_the_number(count: int) -> None:
    told = order_of_magnitude(count)
    assert told in [10**power for power in range(7)]
    assert told <= count
    assert told == 1_000_000 or count < told * 10


@given(st.text(), st.integers(0, 10**12))
def test_no_number_is_left_in_a_null(text: str, number: int) -> None:
    assert not any(letter in "0123456789" for letter in words(f"{text} the {number:,} accounts {number / 7}"))


def test_numbers_go_and_the_sentence_stays() -> None:
    assert words("the 2,417 accounts, of 31.5 a day.") == "the n accounts, of n a day."


@pytest.mark.parametrize(("said", "confidence"), [("confirmed", 85), ("unsure", 50), (None, None)])
def test_confidence_is_what_an_analyst_said(said: Any, confidence: int | None) -> None:
    objects = stix_of_findings(view(campaign(disposition=said)), one_of_each(), terms())
    assert [one["confidence"] for one in objects if "confidence" in one] == (
        [confidence] if confidence else []
    )


@pytest.mark.parametrize("kind", [kind for kind in VALUES if kind != "template-skeleton"])
def test_an_item_is_one_indicator_of_limited_life_that_indicates_the_campaign(kind: Any) -> None:
    objects = stix_of_findings(view(), [item(kind)], terms())
    indicator = only(objects, "indicator")
    assert run_validator(indicator["pattern"], stix_version="2.1") == []
    assert (indicator["valid_from"], indicator["pattern_type"]) == ("2026-03-05T00:00:00Z", "stix")
    life = date.fromisoformat(indicator["valid_until"][:10]) - date(2026, 3, 5)
    assert life.days == LIFE_DAYS[kind]
    ends = {
        (one["source_ref"], one["relationship_type"], one["target_ref"])
        for one in objects
        if "source_ref" in one
    }
    campaign_id = only(objects, "campaign")["id"]
    assert (indicator["id"], "indicates", campaign_id) in ends
    observed = [one for one in objects if one["type"] == "observed-data"]
    assert bool(observed) == (kind not in ("ja4", "http-fingerprint"))
    for one in observed:
        assert (indicator["id"], "based-on", one["id"]) in ends
        assert (one["number_observed"], len(one["object_refs"])) == (10, 1)
    network = [one for one in objects if one["type"] == "infrastructure"]
    assert bool(network) == (kind in ("ipv4-addr", "ipv6-addr", "asn", "proxy-exit"))
    for one in network:
        assert (campaign_id, "uses", one["id"]) in ends
        assert (one["id"], "consists-of", observed[0]["id"]) in ends
        assert one["infrastructure_types"] == (["anonymization"] if kind == "proxy-exit" else ["unknown"])


@pytest.mark.parametrize("value", ["it's", "a\\", "\\' OR 1=1] OR [url:value = 'x", "'"])
def test_nothing_in_a_value_leaves_its_literal(value: str) -> None:
    text = pattern("ja4", value)
    assert run_validator(text, stix_version="2.1") == []
    parsed = stix2.pattern_visitor.create_pattern_object(text, version="2.1")
    assert parsed.operand.rhs.value.replace("\\'", "'").replace("\\\\", "\\") == value


def test_a_template_skeleton_stands_at_the_campaign_and_is_no_indicator() -> None:
    objects = stix_of_findings(view(), [item("template-skeleton")], terms())
    assert {one["type"] for one in objects} == {"marking-definition", "identity", "campaign", "relationship"}
    ours = only(objects, "campaign")["extensions"][EXTENSION_ID]
    assert ours["template_skeletons"] == [VALUES["template-skeleton"]]


def test_nobody_is_blamed_and_no_cause_is_said() -> None:
    objects = stix_of_findings(view(), one_of_each(), terms()) + stix_of_attribution(attribution(), terms())
    assert not [one for one in objects if one.get("relationship_type") == "attributed-to"]
    assert not [
        one for one in objects if one["type"] in ("threat-actor", "intrusion-set", "course-of-action")
    ]
    text = json.dumps(objects).lower()
    assert not [word for word in FORBIDDEN if word in text]


def test_items_of_no_campaign_and_items_given_twice_are_errors() -> None:
    with pytest.raises(Error, match="do not have"):
        stix_of_findings(view(), [item("asn", campaign_id="campaign-9")], terms())
    with pytest.raises(Error, match="twice"):
        stix_of_findings(view(), [item("asn"), item("asn", accounts=7)], terms())


def test_an_attribution_tells_bounds_nulls_and_other_explanations_and_no_more() -> None:
    objects = stix_of_attribution(attribution(not_validated=["tokens 5312"]), terms())
    note = only(objects, "note")
    jsonschema.validate(note, SCHEMA)
    assert note["extensions"][EXTENSION_ID] == {
        "extension_type": "property-extension",
        "attribution_kind": "text",
        "verdict": "not independent of key",
        "tests": [
            {
                "test_name": "mark",
                "null_hypothesis": "the text's n tokens are independent of the key",
                "p_value": 1e-6,
                "calibrated_to": 1e-6,
                "exact": True,
                "adjusted_p_value": 1e-6,
            }
        ],
        "other_explanations": ["somebody who knows the key", "a third model in between"],
        "validated_here": False,
    }
    text = json.dumps(note)
    for local in ("5312", "ab12cd34", "812", "0000000000", "0.01", "0.03", "seed"):
        assert local not in text
    assert note["object_refs"] == [WHO.identity_id]


def test_an_attribution_keeps_its_id_and_names_what_it_is_about() -> None:
    first = stix_of_attribution(attribution(), terms())
    assert stix_of_attribution(attribution(), later(first, terms())) == first
    about = "campaign--33333333-3333-4333-8333-333333333333"
    second = only(stix_of_attribution(attribution(), later(first, terms()), about=[about]), "note")
    assert (second["id"], second["object_refs"]) == (only(first, "note")["id"], [about])
    assert second["modified"] > second["created"]


def test_a_verdict_that_contradicts_its_conclusions_is_not_shared() -> None:
    with pytest.raises(Error, match="does not agree"):
        stix_of_attribution(attribution(verdict="no difference found"), terms())


def test_a_sighting_says_who_saw_it_when_and_how_often_roughly() -> None:
    indicator = only(stix_of_findings(view(), [item("ja4")], terms()), "indicator")
    given = {"accounts": 345, "first_day": date(2026, 3, 7), "last_day": date(2026, 3, 9)}
    first = stix_of_sighting(indicator, terms(OTHER), **given)
    seen = only(first, "sighting")
    assert (seen["sighting_of_ref"], seen["where_sighted_refs"]) == (indicator["id"], [OTHER.identity_id])
    assert (seen["count"], seen["first_seen"]) == (100, "2026-03-07T00:00:00Z")
    after = later(first, terms(OTHER))
    again = only(stix_of_sighting(indicator, after, **{**given, "last_day": date(2026, 3, 10)}), "sighting")
    assert (again["id"], again["created"]) == (seen["id"], seen["created"])
    assert again["modified"] > seen["modified"]


@pytest.mark.parametrize(
    "sighted",
    [
        {"id": "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"},
        {"id": "relationship--33333333-3333-4333-8333-333333333333"},
        {"id": 7},
        {},
        {"id": "indicator--33333333-3333-4333-8333-333333333333", "revoked": True},
    ],
)
def test_observables_relationships_and_revoked_objects_are_not_sighted(sighted: Object) -> None:
    with pytest.raises(Error):
        stix_of_sighting(sighted, terms(), accounts=1, first_day=date(2026, 3, 1), last_day=date(2026, 3, 1))


@pytest.mark.parametrize("tlp", TLPS)
def test_every_object_carries_the_markings(tlp: Any) -> None:
    objects = stix_of_findings(view(), one_of_each(), terms(tlp=tlp, iep=IEP))
    of_tlp, of_iep = [one["id"] for one in objects if one["type"] == "marking-definition"]
    assert of_tlp == tlp_marking(tlp)["id"]
    marked = [one for one in objects if one["type"] != "marking-definition"]
    assert all(one["object_marking_refs"] == [of_tlp, of_iep] for one in marked)
    assert objects[1]["extensions"].popitem()[1]["tlp"] in ("white", "green", "amber", "red")


def test_another_text_of_a_policy_is_another_marking() -> None:
    changed = type(IEP)(
        **{**{name: getattr(IEP, name) for name in IEP.__struct_fields__}, "description": "other"}
    )
    assert terms(iep=IEP).markings[1]["id"] != terms(iep=changed).markings[1]["id"]


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(Error, match="zone"):
        terms(now=NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("identity_id", "name"),
    [
        ("campaign--11111111-1111-4111-8111-111111111111", "A"),
        ("identity--1", "A"),
        (WHO.identity_id, ""),
        (WHO.identity_id, "A\nB"),
    ],
)
def test_a_member_has_an_id_and_a_name(identity_id: str, name: str) -> None:
    with pytest.raises(Error):
        Identity(identity_id, name)


def test_an_attribution_is_about_objects_named_by_their_ids() -> None:
    with pytest.raises(Error, match="ids of STIX objects"):
        stix_of_attribution(attribution(), terms(), about=["ACME's model"])
