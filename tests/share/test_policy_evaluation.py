"""Default deny, field by field: nothing leaves that no rule names, in whatever object it stands."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_samples import (
    ADDRESS,
    EXTENSION,
    OTHER_ADDRESS,
    campaign,
    common,
    ground,
    identifier,
    indicator,
    relationship,
)

from countermark.records.canonical import canonical_json
from countermark.share.policy.document import default_policy
from countermark.share.policy.evaluate import evaluate
from countermark.share.policy.review import DENY, LIFE, REFERENCE, TYPES, Reviewed
from countermark.share.stix import PROPERTIES

PLACES = {place for rule in default_policy().rules for place in rule.places}
PROPERTY = st.text(alphabet="abcdefghijklmnopqrstuvwxyz_0.[]:*", min_size=1, max_size=12)
SECRET = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=24, max_size=24)
WHERE = st.sampled_from(["top", "extension", "reference", "own extension"])


def one(value: dict[str, Any], **more: Any) -> Reviewed:
    """The verdict on one object."""
    return evaluate(ground(**more), [value]).objects[0]


def refused_by(value: dict[str, Any], path: str) -> str:
    """The rule that refuses a field."""
    (rule,) = [field.rule for field in one(value).fields if field.path == path and not field.allowed]
    return rule


def test_an_object_whose_every_field_has_a_rule_leaves_as_it_is() -> None:
    for value in (indicator(), campaign(), relationship(indicator(), campaign())):
        reviewed = one(value)
        assert reviewed.leaves, reviewed.reason
        assert reviewed.sent == value
        assert all(field.sources for field in reviewed.fields)


@given(PROPERTY, SECRET, WHERE, st.sampled_from([indicator(), campaign()]))
def test_a_field_that_no_rule_names_never_leaves(
    name: str, secret: str, where: str, value: dict[str, Any]
) -> None:
    value = json.loads(json.dumps(value))
    if where == "top":
        value[name] = secret
    elif where == "extension":
        value.setdefault("extensions", {})[name] = {"extension_type": "property-extension", "note": secret}
    elif where == "own extension":
        value.setdefault("extensions", {}).setdefault(EXTENSION, {})[name] = secret
    else:
        value["external_references"] = [{"source_name": "mitre-atlas", name: secret}]
    reviewed = one(value)
    assert reviewed.sent is None or secret.encode() not in canonical_json(reviewed.sent)


@given(
    st.recursive(
        st.one_of(SECRET, st.integers(-(2**40), 2**40), st.none(), st.booleans()),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PROPERTY, inner, max_size=3),
        max_leaves=8,
    )
)
def test_whatever_is_nested_in_a_new_field_stays(value: Any) -> None:
    reviewed = one(campaign(x_new=value))
    assert reviewed.sent == campaign()


def test_everything_that_we_write_has_a_rule() -> None:
    named = {place.partition(":")[2] for place in PLACES if place.startswith("*:")}
    assert {one for one in PROPERTIES if one not in PLACES and one.partition(":")[2] not in named} == set()


@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_named_field_takes_no_free_value(place: str) -> None:
    kind, _, path = place.partition(":")
    value: Any = "Write to jane.doe@example.org or +1 555 010 9999, price 5 USD"
    for step in reversed(path.split(".")):
        value = {step.removesuffix("[]"): [value] if step.endswith("[]") else value}
    given = {**campaign(), **value} if kind == "*" else {"type": kind, "id": identifier(kind, 1), **value}
    reviewed = one(given)
    assert reviewed.sent is None or b"jane" not in canonical_json(reviewed.sent)


@pytest.mark.parametrize("kind", ["course-of-action", "opinion", "report", "grouping", "threat-actor"])
def test_what_somebody_does_or_thinks_is_no_object_that_leaves(kind: str) -> None:
    reviewed = one(common(kind, 9, name="x"))
    assert not reviewed.leaves
    assert {field.rule for field in reviewed.fields} <= {"no-recommendations", "no-joint-lists"}


def test_a_type_that_is_not_listed_stays() -> None:
    assert {field.rule for field in one(common("malware", 9, is_family=True)).fields} == {TYPES}


def test_a_refused_element_of_a_list_is_taken_out_whole() -> None:
    references = [
        {"source_name": "mitre-atlas", "external_id": "AML.T0005"},
        {"source_name": "blog", "url": "https://x"},
    ]
    reviewed = one(campaign(external_references=references))
    assert reviewed.sent == campaign(external_references=references[:1])
    assert refused_by(campaign(external_references=references), "external_references[1].url") == DENY
    assert one(campaign(external_references=references[1:])).sent == {
        key: value for key, value in campaign().items() if key != "external_references"
    }


@pytest.mark.parametrize(
    "change",
    [
        {"object_marking_refs": ["no id"]},
        {"granular_markings": [{"marking_ref": "x", "selectors": ["name"]}]},
        {"created_by_ref": identifier("identity", 5)},
        {"revoked": "yes"},
        {"name": "Call 555 0109"},
        {"spec_version": "2.0"},
        {"modified": "yesterday"},
    ],
)
def test_an_object_that_needs_a_refused_field_stays(change: dict[str, Any]) -> None:
    assert not one(campaign(**change)).leaves


@pytest.mark.parametrize("seen", ["2026-11-01T09:13:00Z", "2026-11-01T00:00:01.000Z", "2026-11-01T24:00:00Z"])
def test_times_of_observation_are_days(seen: str) -> None:
    reviewed = one(campaign(first_seen=seen))
    assert reviewed.sent is not None
    assert "first_seen" not in reviewed.sent


@pytest.mark.parametrize(
    ("until", "leaves"),
    [
        (None, False),
        ("2026-11-19T00:00:00Z", False),
        ("2026-11-20T00:00:00Z", False),
        ("2026-12-04T00:00:00Z", True),
        ("2026-12-05T00:00:00Z", False),
    ],
)
def test_an_indicator_ends_within_the_life_of_its_kind(until: str | None, leaves: bool) -> None:
    value = indicator(valid_until=until)
    if until is None:
        del value["valid_until"]
    reviewed = one(value)
    assert reviewed.leaves is leaves
    assert leaves or LIFE in {field.rule for field in reviewed.fields if not field.allowed}


def test_a_proxy_exit_has_a_floor_and_a_life_of_its_own() -> None:
    value = indicator(valid_until="2026-11-23T00:00:00Z")
    exits = [("proxy-exit", ADDRESS, 6)]
    assert one(value, floor_counts=exits).classes == {"proxy-exit": 6}
    assert not one(indicator(valid_until="2026-11-24T00:00:00Z"), floor_counts=exits).leaves
    assert not one(value, floor_counts=[("proxy-exit", ADDRESS, 4)]).leaves


def test_what_names_an_object_that_stays_is_taken_out_with_it() -> None:
    address = {
        "type": "ipv4-addr",
        "id": "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4",
        "value": "1.1.1.1",
    }
    known = {
        "type": "ipv4-addr",
        "id": "ipv4-addr--38bb3599-77cd-5a82-a950-b5bc3caf07c4",
        "value": OTHER_ADDRESS,
    }
    observed = common(
        *("observed-data", 4),
        first_observed="2026-11-01T00:00:00Z",
        last_observed="2026-11-02T00:00:00Z",
        number_observed=10,
        object_refs=[address["id"], known["id"]],
    )
    seen = common(
        "sighting", 5, sighting_of_ref=identifier("indicator", 1), observed_data_refs=[observed["id"]]
    )
    both = evaluate(ground(), [address, known, observed, seen])
    assert [reviewed.leaves for reviewed in both.objects] == [False, True, True, True]
    assert both.objects[2].sent == {**observed, "object_refs": [known["id"]]}
    alone = evaluate(ground(), [address, {**observed, "object_refs": [address["id"]]}, seen])
    assert [reviewed.leaves for reviewed in alone.objects] == [False, False, True]
    assert alone.objects[2].sent is not None
    assert "observed_data_refs" not in alone.objects[2].sent
    assert REFERENCE in alone.refusals()


def test_an_id_that_is_made_from_a_value_is_as_good_as_the_value() -> None:
    lone = relationship({"id": "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"}, campaign())
    assert not one(lone).leaves


def test_one_version_has_one_content() -> None:
    review = evaluate(ground(), [campaign(), campaign(confidence=5)])
    assert [reviewed.leaves for reviewed in review.objects] == [True, False]


@pytest.mark.parametrize(
    ("change", "condition"),
    [
        ({"purpose": "marketing"}, "purpose"),
        ({"purpose": ""}, "purpose"),
        ({"ground": "breach-of-terms"}, "ground"),
        ({"ground": ""}, "ground"),
        ({"acted_upon": None}, "acted-upon"),
        ({"acted_upon": date(2026, 11, 21)}, "acted-upon"),
        ({"scrubbed": None}, "scrubbed"),
        ({"legal_basis": []}, "legal-basis"),
        ({"legal_basis": ["unknown"]}, "legal-basis"),
        ({"jurisdictions": []}, "legal-basis"),
        ({"jurisdictions": ["US", "EU"]}, "legal-basis"),
    ],
)
def test_without_a_condition_nothing_leaves(change: dict[str, Any], condition: str) -> None:
    review = evaluate(ground(**change), [indicator(), campaign()])
    assert set(review.conditions) == {condition}
    assert review.leaving == []
    assert condition in review.refusals()


def test_every_jurisdiction_has_a_basis() -> None:
    both = {"jurisdictions": ["US", "EU"], "legal_basis": ["us-counsel", "eu-counsel"]}
    assert len(evaluate(ground(**both), [campaign()]).leaving) == 1


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"type": "campaign"},
        {"type": "campaign", "id": 5},
        {"type": "indicator", "id": identifier("campaign", 1)},
        {"type": ["campaign"], "id": identifier("campaign", 1)},
        campaign(x={"deep": [[[[[[[[[[[[[[[[[["x"]]]]]]]]]]]]]]]]]]}),
        campaign(x=["y"] * 6000),
        campaign(description="a" * 300_000),
        campaign(x=1 << 80),
    ],
)
def test_a_hostile_object_stays(value: dict[str, Any]) -> None:
    assert not one(value).leaves
