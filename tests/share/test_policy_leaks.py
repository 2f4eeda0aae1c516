"""Ways by which more than the policy names could leave: ids, references, markings, versions."""

from typing import Any

import pytest
from policy_samples import (
    COUNTS,
    EXTENSION,
    MEMBER,
    campaign,
    common,
    ground,
    identifier,
    indicator,
    relationship,
)

from countermark.share.policy.evaluate import evaluate
from countermark.share.policy.review import REFERENCE, VERSION, Reviewed
from countermark.share.stix.atlas import technique

RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
GUESSED = "28bb3599-77cd-5a82-a950-b5bc3caf07c4"
OF_THE_CLOCK = "28bb3599-77cd-11ee-a950-b5bc3caf07c4"


def one(value: dict[str, Any], **more: Any) -> Reviewed:
    """The verdict on one object."""
    return evaluate(ground(**more), [value]).objects[0]


@pytest.mark.parametrize("number", [GUESSED, OF_THE_CLOCK])
def test_an_id_that_tells_what_it_was_made_from_stays(number: str) -> None:
    assert not one({**campaign(), "id": f"campaign--{number}"}).leaves
    assert not one(relationship(campaign(), {"id": f"identity--{number}"})).leaves


def test_what_is_known_to_every_reader_may_be_named() -> None:
    assert one(relationship(campaign(), {"id": technique("AML.T0040").stix_id})).leaves
    before = {**campaign(), "id": f"campaign--{GUESSED}"}
    assert one(relationship(indicator(), before), released={before["id"]: before}).leaves
    sighted = common("sighting", 5, sighting_of_ref=f"indicator--{GUESSED}")
    assert one(sighted).leaves


def test_a_marking_goes_with_its_object_or_the_object_stays() -> None:
    for marking in (RED, identifier("marking-definition", 9)):
        reviewed = one({**campaign(), "object_marking_refs": [marking]})
        assert not reviewed.leaves
        assert REFERENCE in {field.rule for field in reviewed.fields if not field.allowed}


def test_what_nobody_could_withdraw_stays() -> None:
    nameless = campaign()
    del nameless["created_by_ref"]
    assert not one(nameless).leaves


def test_a_member_names_itself_alone() -> None:
    named = common("identity", 9, name="Alpha", identity_class="organization")
    assert not one(named).leaves
    assert one({**named, "id": MEMBER}).leaves


@pytest.mark.parametrize(
    "change",
    [
        {"modified": "2026-11-20T09:00:00.000Z", "created": "2026-11-20T07:00:00.000Z"},
        {"modified": "2026-11-20T07:59:59.999Z"},
        {"confidence": 3},
    ],
)
def test_a_version_follows_the_one_that_left_or_stays(change: dict[str, Any]) -> None:
    before = {campaign()["id"]: campaign()}
    assert one(campaign(), released=before).leaves
    assert one(campaign(modified="2026-11-20T09:00:00.000Z"), released=before).leaves
    reviewed = one({**campaign(), **change}, released=before)
    assert not reviewed.leaves
    assert VERSION in {field.rule for field in reviewed.fields}


def test_what_was_withdrawn_does_not_come_back() -> None:
    gone = {campaign()["id"]: campaign(revoked=True)}
    later = campaign(modified="2026-11-20T09:00:00.000Z")
    review = evaluate(ground(released=gone), [later, indicator(), relationship(indicator(), later)])
    assert [reviewed.leaves for reviewed in review.objects] == [False, True, False]


def test_a_p_value_has_two_digits() -> None:
    def with_p(value: float) -> dict[str, Any]:
        return campaign(extensions={EXTENSION: {"kind": "harvest", "p_value": value}})

    assert one(with_p(0.012)).sent == with_p(0.012)
    sent = one(with_p(0.0123456)).sent
    assert sent is not None
    assert "p_value" not in sent["extensions"][EXTENSION]


def test_a_version_has_no_time_finer_than_a_millisecond() -> None:
    assert not one(campaign(modified="2026-11-20T08:00:00.123456Z")).leaves


def test_an_indicator_does_not_begin_in_the_future() -> None:
    late = indicator(valid_from="2026-11-21T00:00:00Z", valid_until="2026-11-23T00:00:00Z")
    assert not one(late).leaves


@pytest.mark.parametrize(
    ("domain", "leaves"),
    [
        ("mail.example", True),
        ("wegwerf.de", True),
        ("tmp.io", True),
        ("x.c", False),
        ("yahoo.co.uk", False),
        ("hotmail.fr", False),
        ("physics.mit.edu", False),
        ("state.gov", False),
        ("cam.ac.uk", False),
        ("privaterelay.appleid.com", False),
    ],
)
def test_domains_of_every_country_but_of_no_large_provider_or_office(domain: str, leaves: bool) -> None:
    counts = [*COUNTS, ("email-domain", domain, 30)]
    assert one(indicator(pattern=f"[domain-name:value = '{domain}']"), floor_counts=counts).leaves is leaves
