"""The register of keys: first come, pools never change, documents are their member's own."""

from datetime import timedelta
from typing import Annotated

import msgspec
import pytest
from check_samples import NOW, hexes, profile_of

from countermark.errors import Error
from countermark.share.check.messages import MATTER, Hex32, Keys, RegisteredPool
from countermark.share.check.register import (
    Register,
    Registered,
    check_registration,
    open_registration,
    registered_family,
    sign_registration,
)
from countermark.trust.signing import SigningKey

KEY, OTHER = SigningKey.generate(), SigningKey.generate()
SIGNERS = {KEY.public.keyid: KEY.public}


def pool(name: str, *keys: str, epoch: str = "1", commitment: str = "") -> RegisteredPool:
    """A pool that is its name's."""
    return RegisteredPool(
        profile_id=profile_of(name),
        epoch=epoch,
        commitment=commitment or hexes(name, epoch),
        keys=list(keys or ("k0", "k1")),
    )


def document(*pools: RegisteredPool, member: str = "beta") -> Keys:
    """What a member asks for."""
    return Keys(member=member, pools=list(pools), created=NOW)


KNOWN = Register([Registered("alpha", pool("a")), Registered("beta", pool("b"))])


def test_new_pools_are_taken_and_the_same_again_too() -> None:
    assert check_registration(document(pool("b"), pool("b", epoch="2"), pool("c")), KNOWN) is None


@pytest.mark.parametrize(
    ("pools", "reason"),
    [
        ([pool("x", commitment=hexes("a", "1"))], "the commitment is registered to another member"),
        ([pool("a", commitment=hexes("new"))], "the profile's epoch is registered to another member"),
        ([pool("a")], "the commitment is registered to another member"),
        ([pool("b", "k0")], "the commitment is registered with another content, and a pool never changes"),
        ([pool("b", "k0", "k1", "k2")], "the commitment is registered with another content"),
        ([pool("b", commitment=hexes("new"))], "the profile's epoch is registered with another content"),
        ([pool("c", "k", "k")], "a pool names a key twice"),
        ([pool("c", "k\n")], "a name in a pool is not printable"),
        ([pool("c"), pool("d", commitment=hexes("c", "1"))], "stands in it twice"),
        ([pool("c"), pool("c", commitment=hexes("new"))], "stands in it twice"),
    ],
)
def test_what_is_refused(pools: list[RegisteredPool], reason: str) -> None:
    assert reason in str(check_registration(document(*pools), KNOWN))


def test_no_member_makes_the_correction_large_without_limit() -> None:
    more = pool("c", "x0", "x1", "x2")
    assert check_registration(document(more), KNOWN, most=5) is None
    assert "over 4 keys" in str(check_registration(document(more), KNOWN, most=4))
    # what is registered already is not counted twice
    assert check_registration(document(pool("b")), KNOWN, most=2) is None


def test_the_family_is_every_key_of_who_is_asked() -> None:
    asked = registered_family(KNOWN, ["beta"])
    assert (asked.hypotheses, asked.members) == (2, ["beta"])
    assert registered_family(KNOWN, ["beta"], [hexes("a", "1")]).hypotheses == 4
    assert registered_family(KNOWN, []).hypotheses == 0


def test_a_signed_registration_is_read_again() -> None:
    keys = document(pool("c"))
    assert open_registration(sign_registration(KEY, keys), member="beta", signers=SIGNERS, now=NOW) == keys


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"member": "alpha"}, KEY, "in another member's name"),
        ({"created": NOW + timedelta(minutes=6)}, KEY, "of a time to come"),
        ({"created": NOW.replace(tzinfo=None)}, KEY, "of a time to come, or of none"),
        ({}, OTHER, "not signed by one key that is registered"),
    ],
)
def test_registrations_that_are_not_the_members(change: dict, key: SigningKey, message: str) -> None:
    keys = msgspec.structs.replace(document(pool("c")), **change)
    with pytest.raises(Error, match=message):
        open_registration(sign_registration(key, keys), member="beta", signers=SIGNERS, now=NOW)


def test_a_newline_at_the_end_makes_no_other_commitment_or_matter() -> None:
    for value, kind in (("ab" * 32, Hex32), ("case-1", Annotated[str, msgspec.Meta(pattern=MATTER)])):
        assert msgspec.convert(value, kind) == value
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(value + "\n", kind)


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"payload":"x"}'])
def test_bytes_that_are_no_registration(data: bytes) -> None:
    with pytest.raises(Error):
        open_registration(data, member="beta", signers=SIGNERS, now=NOW)
