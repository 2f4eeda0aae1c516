"""What the exchange checks of a release, each reason once."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from policy_samples import EXTENSION, MEMBER, NOW, OTHER_ADDRESS, campaign, indicator
from release_samples import COUNSEL, KEYS, OWN, SECURITY, STRANGER, release, sign, sign_both, standing

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.share.policy import MemberKey, check_classes, default_policy, verify_release
from countermark.share.policy.release import RELEASE_TYPE, Release, read_release
from countermark.share.policy.standing import STANDING_TYPE, Class, Standing, make_standing, parse_standing
from countermark.trust.dsse import open_envelope, seal_envelope
from countermark.trust.signing import SigningKey


def sealed(folder: Path, keys: Sequence[SigningKey] = (SECURITY, COUNSEL), **change: Any) -> bytes:
    """The envelope of a release, changed and signed anew."""
    statement = msgspec.structs.replace(read_release(folder)[0], **change)
    statement = msgspec.structs.replace(statement, release_id=statement.right_id)
    return seal_envelope(RELEASE_TYPE, statement.payload, keys)


def reason(envelope: bytes, keys: Sequence[MemberKey] = KEYS, now: datetime = NOW, **more: Any) -> str:
    """Why the exchange refuses."""
    with pytest.raises(Error) as refused:
        verify_release(envelope, keys, now, **more)
    assert refused.value.exit_code == ExitCode.VERIFICATION_FAILED
    return refused.value.message


def under(
    tmp_path: Path,
    statement: Standing | None = None,
    keys: Sequence[SigningKey] = (SECURITY, COUNSEL),
    **change: Any,
) -> bytes:
    """A release under a standing approval, either of them changed and signed anew."""
    folder = standing(tmp_path / "s")
    sign_both(folder)
    made = release(tmp_path / "r", standing=folder)
    text = read_release(made)[0].standing
    assert text is not None
    if statement is None:
        statement = parse_standing(open_envelope(text.encode(), STANDING_TYPE).body)
    again = msgspec.structs.replace(statement, standing_id=statement.right_id)
    return sealed(made, [OWN], standing=seal_envelope(STANDING_TYPE, again.payload, keys).decode(), **change)


def standing_of(**change: Any) -> Standing:
    """A standing approval with changes that `make_standing` would not make."""
    wanted = Class(member_id=MEMBER, grounds=["fabricated-accounts"], kinds={"address": 3}, days=30)
    return msgspec.structs.replace(make_standing(default_policy(), wanted, NOW), **change)


def test_a_release_that_two_reviewers_signed_holds(tmp_path: Path) -> None:
    folder = release(tmp_path / "r")
    envelope = sign_both(folder)
    assert verify_release(envelope, KEYS, NOW, member_id=MEMBER) == read_release(folder)[0]
    assert sealed(folder) == envelope


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ([SECURITY], "not signed by one reviewer"),
        ([COUNSEL], "not signed by one reviewer"),
        ([SECURITY, OWN], "not signed by one reviewer"),
        ([SECURITY, COUNSEL, OWN], "not signed by one reviewer"),
        ([SECURITY, STRANGER], "not the member's or its reviewers'"),
    ],
)
def test_wrong_and_missing_roles(keys: list[SigningKey], says: str, tmp_path: Path) -> None:
    assert says in reason(sealed(release(tmp_path / "r"), keys))


def test_one_key_or_one_person_in_two_roles(tmp_path: Path) -> None:
    envelope = sign_both(release(tmp_path / "r"))
    twice = [*KEYS, MemberKey("reviewer-counsel", "S. Ecure", SECURITY.public)]
    assert "registered in two roles" in reason(envelope, twice)
    same = [KEYS[0], MemberKey("reviewer-counsel", "s. ecure", COUNSEL.public)]
    assert "one person" in reason(envelope, same)
    both = [KEYS[0], MemberKey("reviewer-security", "C. Ounsel", COUNSEL.public)]
    assert "not signed by one reviewer" in reason(envelope, both)
    assert "not the member's" in reason(envelope, [])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"expires": NOW}, "expired"),
        ({"expires": NOW + timedelta(days=40)}, "over 31 days"),
        ({"created": NOW + timedelta(hours=1)}, "in the future"),
        ({"legal_basis": []}, "no legal basis"),
        ({"policy_sha256": "0" * 64}, "policy that the exchange does not know"),
        ({"member_id": "identity--22222222-2222-4222-8222-222222222222"}, "another member's"),
    ],
)
def test_what_stands_in_the_statement(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    assert says in reason(sealed(release(tmp_path / "r"), **change), member_id=MEMBER)


def test_a_legal_basis_that_ran_out(tmp_path: Path) -> None:
    made = release(tmp_path / "r")
    rests = [
        msgspec.structs.replace(one, until=(NOW - timedelta(days=1)).date())
        for one in read_release(made)[0].legal_basis
    ]
    assert "expired on 2026-11-19" in reason(sealed(made, legal_basis=rests))


def test_only_known_policies(tmp_path: Path) -> None:
    envelope = sign_both(release(tmp_path / "r"))
    assert "policy" in reason(envelope, policies=set())
    verify_release(envelope, KEYS, NOW, policies={default_policy().sha256})


@pytest.mark.parametrize("damage", [b"", b"{}", b"x", b'{"payload":"","payloadType":"x","signatures":[]}'])
def test_what_is_no_envelope(damage: bytes) -> None:
    assert reason(damage)


def test_every_byte_of_the_statement_is_under_the_signature(tmp_path: Path) -> None:
    envelope = json.loads(sign_both(release(tmp_path / "r")))
    signature = envelope["signatures"][0]["sig"]
    envelope["signatures"][0]["sig"] = ("A" if signature[0] != "A" else "B") + signature[1:]
    assert "not valid" in reason(canonical_json(envelope))


def test_a_release_under_a_standing_approval_holds(tmp_path: Path) -> None:
    folder = standing(tmp_path / "s")
    sign_both(folder)
    made = release(tmp_path / "r", standing=folder)
    envelope = sign(made, "member", "Alpha", OWN)
    assert envelope is not None
    found: Release = verify_release(envelope, KEYS, NOW)
    assert found.classes == {"address": 3}
    later = NOW + timedelta(days=6)
    assert verify_release(envelope, KEYS, later) == found


@pytest.mark.parametrize(
    ("standing_change", "change", "says"),
    [
        ({"expires": NOW + timedelta(days=31)}, {}, "over 30 days"),
        ({"expires": NOW}, {}, "not in force"),
        ({"created": NOW + timedelta(hours=1)}, {}, "not in force"),
        ({"member_id": "identity--22222222-2222-4222-8222-222222222222"}, {}, "another member's"),
        ({"policy_sha256": "0" * 64}, {}, "another policy"),
        ({"kinds": {"asn": 20}}, {}, "not for address"),
        ({"kinds": {"address": 4}}, {}, "floor of 3"),
        ({"grounds": ["evaded-suspension"]}, {}, "not for ground"),
        ({}, {"classes": {"address": 3, "ja4": 5}}, "not for ja4"),
        ({}, {"classes": {"address": 3, "scrubbed-text": 0}}, "not for scrubbed-text"),
        ({}, {"created": NOW - timedelta(days=1), "expires": NOW + timedelta(days=1)}, "outside the days"),
    ],
)
def test_beyond_a_standing_approval(
    standing_change: dict[str, Any], change: dict[str, Any], says: str, tmp_path: Path
) -> None:
    assert says in reason(under(tmp_path, standing_of(**standing_change), **change))


def test_a_standing_approval_of_one_person(tmp_path: Path) -> None:
    assert "not signed by one reviewer" in reason(under(tmp_path, keys=[SECURITY]))


def test_a_release_under_one_is_signed_by_the_member_alone(tmp_path: Path) -> None:
    folder = standing(tmp_path / "s")
    sign_both(folder)
    made = release(tmp_path / "r", standing=folder)
    for keys in ([SECURITY], [SECURITY, COUNSEL], [OWN, SECURITY]):
        assert "member's own key" in reason(sealed(made, keys))


@pytest.mark.parametrize(
    "wanted",
    [
        {"days": 31},
        {"kinds": {"address": 2}},
        {"kinds": {"payment": 5}},
        {"kinds": {"structure": 0}},
        {"grounds": ["breach-of-terms"]},
    ],
)
def test_a_class_that_the_policy_does_not_allow(wanted: dict[str, Any], tmp_path: Path) -> None:
    given = {"member_id": MEMBER, "grounds": ["fabricated-accounts"], "kinds": {"address": 3}, "days": 30}
    with pytest.raises((Error, msgspec.ValidationError)):
        make_standing(default_policy(), msgspec.convert({**given, **wanted}, Class), NOW)


def test_counts_under_the_floor_of_a_standing_approval(tmp_path: Path) -> None:
    folder = standing(tmp_path / "s", kinds={"address": 8})
    sign_both(folder)
    with pytest.raises(Error) as refused:
        release(tmp_path / "r", standing=folder)
    assert "under the floor of 8" in refused.value.message


def test_kinds_that_a_release_does_not_declare(tmp_path: Path) -> None:
    statement = read_release(release(tmp_path / "r"))[0]
    policy = default_policy()
    check_classes(policy, statement, [indicator(), campaign()])
    asn = indicator(pattern=f"[ipv4-addr:value = '{OTHER_ADDRESS}' OR autonomous-system:number = 64500]")
    for more in (asn, campaign(extensions={EXTENSION: {"null_hypothesis": "Some words of our own."}})):
        with pytest.raises(Error):
            check_classes(policy, statement, [more])
    exits = msgspec.structs.replace(statement, classes={"proxy-exit": 5})
    check_classes(policy, exits, [indicator()])
