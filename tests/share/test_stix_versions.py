"""Ids that stay and tell nothing, versions that follow the content, revocation that is final."""

import hmac
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import stix2
from stix_samples import (
    NOW,
    OTHER,
    WHO,
    attribution,
    campaign,
    item,
    later,
    one_of_each,
    problems,
    terms,
    view,
)

from countermark.errors import Error
from countermark.share.stix import (
    Ids,
    Terms,
    read_id_key,
    settle,
    stix_of_attribution,
    stix_of_findings,
    withdraw,
)
from countermark.share.stix.ids import sco_id
from countermark.trust.keyfiles import Secret

Objects = list[dict[str, Any]]


def by_type(objects: Objects, kind: str) -> Objects:
    """Objects of one type."""
    return [one for one in objects if one["type"] == kind]


def test_ids_are_random_looking_the_same_again_and_of_one_key_and_member() -> None:
    ids = Ids(Secret(b"k" * 32), WHO.identity_id)
    one = ids.of("indicator", "c", "ipv4-addr", "198.51.100.3")
    assert one == Ids(Secret(b"k" * 32), WHO.identity_id).of("indicator", "c", "ipv4-addr", "198.51.100.3")
    assert uuid.UUID(one.removeprefix("indicator--")).version == 4
    others = [
        Ids(Secret(b"l" * 32), WHO.identity_id).of("indicator", "c", "ipv4-addr", "198.51.100.3"),
        Ids(Secret(b"k" * 32), OTHER.identity_id).of("indicator", "c", "ipv4-addr", "198.51.100.3"),
        ids.of("observed-data", "c", "ipv4-addr", "198.51.100.3"),
        ids.of("indicator", "c", "ipv4-addr,198.51.100.3"),
        ids.of("indicator", "c", "ipv4-addr", "198.51.100.4"),
    ]
    assert len({text[-36:] for text in [one, *others]}) == 6
    assert "k" * 8 not in repr(ids)


def test_ids_are_those_they_were() -> None:
    text = (
        b'["countermark/stix-id/v1","identity--11111111-1111-4111-8111-111111111111","campaign","campaign-1"]'
    )
    data = bytearray(hmac.digest(bytes(range(32)), text, "sha256")[:16])
    data[6], data[8] = data[6] & 0x0F | 0x40, data[8] & 0x3F | 0x80
    made = Ids(Secret(bytes(range(32))), WHO.identity_id).of("campaign", "campaign-1")
    assert made == "campaign--ef467428-7083-4382-9f53-ab1ff98702c3"
    assert bytes(data).hex() == made.removeprefix("campaign--").replace("-", "")


def test_observables_have_the_ids_that_stix_prescribes() -> None:
    assert sco_id("ipv4-addr", {"value": "198.51.100.3"}) == stix2.IPv4Address(value="198.51.100.3").id
    assert sco_id("ipv6-addr", {"value": "2001:db8::1"}) == stix2.IPv6Address(value="2001:db8::1").id
    assert sco_id("domain-name", {"value": "mail.example"}) == stix2.DomainName(value="mail.example").id
    assert sco_id("autonomous-system", {"number": 64500}) == stix2.AutonomousSystem(number=64500).id


def test_the_key_is_made_once_kept_to_its_owner_and_refused_when_damaged(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "stix-ids.key"
    first = read_id_key(path)
    assert read_id_key(path).reveal() == first.reveal()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"00" * 31)
    with pytest.raises(Error, match="does not hold 32 bytes"):
        read_id_key(path)
    path.chmod(0o644)
    with pytest.raises(Error, match="read by others"):
        read_id_key(path)
    with pytest.raises(Error, match="at least 32 bytes"):
        Ids(Secret(b"short"), WHO.identity_id)


def test_the_same_findings_are_the_same_bytes_a_day_later() -> None:
    first = stix_of_findings(view(), one_of_each(), terms())
    assert stix_of_findings(view(), one_of_each(), later(first, terms())) == first


def test_what_changed_gets_a_later_version_and_keeps_its_birthday() -> None:
    first = stix_of_findings(view(), one_of_each(), terms())
    more = [
        item("ipv4-addr", last_day=date(2026, 3, 7)) if one.kind == "ipv4-addr" else one
        for one in one_of_each()
    ]
    second = stix_of_findings(view(), more, later(first, terms()))
    changed = [one for one in second if one not in first]
    assert sorted(one["type"] for one in changed) == ["indicator", "infrastructure", "observed-data"]
    for one in changed:
        before = next(two for two in first if two["id"] == one["id"])
        assert one["created"] == before["created"] == before["modified"] == "2026-11-27T12:30:01.123Z"
        assert one["modified"] == "2026-11-28T12:30:01.123Z"
    assert {one["id"] for one in first} == {one["id"] for one in second}


def test_a_clock_that_goes_back_still_makes_later_versions() -> None:
    first = stix_of_findings(view(), [], terms())
    after = later(first, terms())
    behind = terms(earlier=after.earlier, now=NOW - timedelta(days=400))
    changed = by_type(stix_of_findings(view(campaign(kind="pool")), [], behind), "campaign")
    assert [one["modified"] for one in changed] == ["2026-11-27T12:30:01.124Z"]


def test_a_policy_that_takes_a_property_out_makes_no_version_of_what_it_hides() -> None:
    def sent(objects: Objects, given: Terms) -> Objects:
        cut = [{name: value for name, value in one.items() if name != "extensions"} for one in objects]
        return settle(cut, given.earlier, given.now)

    first = sent(stix_of_findings(view(), [], terms()), terms())
    after = later(first, terms())
    assert sent(stix_of_findings(view(campaign(q_value=0.5)), [], after), after) == first
    assert sent(stix_of_findings(view(campaign(kind="pool")), [], after), after) != first


@pytest.mark.parametrize("how", ["rejected", "superseded"])
def test_a_campaign_that_is_none_is_revoked_with_all_that_hangs_on_it(how: str) -> None:
    first = stix_of_findings(
        view(campaign(), campaign("campaign-2")),
        [*one_of_each(), item("asn", "64501", "campaign-2")],
        terms(),
    )
    rejected = campaign(disposition="rejected")
    now = (
        view(rejected, campaign("campaign-2"))
        if how == "rejected"
        else view(campaign("campaign-2", supersedes=["campaign-1"]))
    )
    second = stix_of_findings(now, [item("asn", "64501", "campaign-2")], later(first, terms()))
    of_the_other = {
        one["id"]
        for one in stix_of_findings(
            view(campaign("campaign-2")), [item("asn", "64501", "campaign-2")], terms()
        )
    }
    gone = {one["id"] for one in second if one.get("revoked")}
    assert gone == {one["id"] for one in first if "modified" in one} - of_the_other
    assert problems(second) == []
    third = stix_of_findings(now, [item("asn", "64501", "campaign-2")], later(second, later(first, terms())))
    assert not [one for one in third if one.get("revoked")]


def test_the_old_id_that_lives_on_in_a_part_of_a_split_is_not_revoked() -> None:
    first = stix_of_findings(view(), [], terms())
    parts = view(campaign(size=12), campaign("campaign-2", supersedes=["campaign-1"]))
    assert not [one for one in stix_of_findings(parts, [], later(first, terms())) if one.get("revoked")]


def test_one_indicator_is_revoked_for_good_and_its_campaign_is_not() -> None:
    first = stix_of_findings(view(), one_of_each(), terms())
    accused = next(one for one in by_type(first, "indicator") if "203.0.113.9" in one["pattern"])
    after = later(first, terms())
    cleared = withdraw([accused["id"]], after)
    assert sorted(one["type"] for one in cleared) == ["indicator", "observed-data", *["relationship"] * 3]
    assert all(one["revoked"] and one["modified"] > one["created"] for one in cleared)
    again = stix_of_findings(view(), one_of_each(), later(cleared, after))
    assert not {one["id"] for one in cleared} & {one["id"] for one in again}
    assert "203.0.113.9" not in str(by_type(again, "indicator"))
    assert withdraw([accused["id"]], later(cleared, after)) == []


def test_nobody_versions_or_revokes_another_s_object() -> None:
    theirs = stix_of_findings(view(), one_of_each(), terms(OTHER))
    stranger = by_type(theirs, "indicator")[0]
    with pytest.raises(Error, match="made by another member"):
        withdraw([stranger["id"]], terms(earlier={one["id"]: one for one in theirs}))
    mine = by_type(stix_of_findings(view(), one_of_each(), terms()), "campaign")[0]
    with pytest.raises(Error, match="made by another member"):
        stix_of_findings(
            view(), [], terms(earlier={mine["id"]: {**mine, "created_by_ref": OTHER.identity_id}})
        )
    assert withdraw(["campaign--33333333-3333-4333-8333-333333333333"], terms()) == []


def test_who_disputes_an_address_has_all_withdrawn_that_speaks_of_it() -> None:
    items = [item("ipv4-addr"), item("ipv4-addr", "198.51.100.33"), item("asn")]
    first = stix_of_findings(view(), items, terms())
    for kind, value in (("ipv4-addr", "198.51.100.3"), ("autonomous-system", 64500)):
        (address,) = [one for one in by_type(first, kind) if value in (one.get("value"), one.get("number"))]
        gone = withdraw([address["id"]], later(first, terms()))
        assert len(by_type(gone, "indicator")) == len(by_type(gone, "observed-data")) == 1
        assert str(value) + "3" not in str(gone)
        assert {one["revoked"] for one in gone} == {True}


def test_a_note_about_a_campaign_goes_with_it() -> None:
    first = stix_of_findings(view(), [], terms())
    (accused,) = by_type(first, "campaign")
    note = stix_of_attribution(attribution(), later(first, terms()), about=[accused["id"], WHO.identity_id])
    after = later([*first, *note], terms())
    assert len(by_type(withdraw([accused["id"]], after), "note")) == 1
    assert withdraw([by_type(first, "relationship")[0]["id"]], after)[0]["type"] == "relationship"
