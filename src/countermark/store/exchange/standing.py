"""Where a version stands among the other versions of its object: one small number that the indexes hold.

    bit 1   first version among those of its version of STIX
    bit 2   last version among those
    bit 4   no version of the object is of a newer version of STIX
    8 * i   its version of STIX, `SPEC_VERSIONS[i]`
    GONE    a tombstone

`match[version]` and `match[spec_version]` are sets of these numbers, so that a page is a merge of a few index
ranges in order of arrival, however many objects there are. A lane is a standing within a collection.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from countermark.store.exchange.shapes import ALL, FIRST, LAST, SPEC_VERSIONS

IS_FIRST, IS_LAST, IS_NEWEST, SPEC = 1, 2, 4, 8
GONE = SPEC * len(SPEC_VERSIONS)
LIVE = tuple(range(GONE))
LANES = 32
"""The lanes of collection `n` are `n * LANES + standing`."""
EDGES = tuple(one for one in LIVE if one & (IS_FIRST | IS_LAST))


@dataclass(slots=True)
class Place:
    """A version of an object, as far as its standing goes."""

    date_added: int
    version_at: int
    standing: int


def kin_of(collection: int, stix_id: str) -> int:
    """What all versions of an object in a collection have in common: 63 bits of a digest.

    Others can be made that have it too, with effort, so that the id is compared besides.
    """
    digest = hashlib.sha256(b"%d\n%s" % (collection, stix_id.encode("utf-8", "surrogatepass"))).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def spec_of(standing: int) -> str:
    """The version of STIX of a version that is no tombstone."""
    return SPEC_VERSIONS[standing // SPEC]


def of_specs(spec_versions: Sequence[str]) -> list[int]:
    """Standings of versions of one of these versions of STIX, or of the newest where none is named."""
    if not spec_versions:
        return [one for one in LIVE if one & IS_NEWEST]
    named = [one for one in LIVE if spec_of(one) in spec_versions]
    # there is nothing newer than the last
    return [one for one in named if one & IS_NEWEST or spec_of(one) != SPEC_VERSIONS[-1]]


def asked(versions: Iterable[str], spec_versions: Sequence[str]) -> list[int]:
    """Standings that the words `last`, `first` and `all` among `versions` ask for."""
    words = set(versions)
    bits = (IS_LAST if LAST in words else 0) | (IS_FIRST if FIRST in words else 0)
    return [one for one in of_specs(spec_versions) if ALL in words or one & bits]


def settle(places: Sequence[Place]) -> list[Place]:
    """Give each of the live versions of one object its standing; the ones whose standing has changed.

    Only those of the same version of STIX compare by time. Two of the same time, which only objects without a
    time of their own could have, compare by arrival.
    """
    changed = []
    newest = max((one.standing // SPEC for one in places), default=0)
    for spec in {one.standing // SPEC for one in places}:
        among = sorted(
            (one for one in places if one.standing // SPEC == spec),
            key=lambda one: (one.version_at, one.date_added),
        )
        for one in among:
            standing = SPEC * spec + (IS_NEWEST if spec == newest else 0)
            standing += (IS_FIRST if one is among[0] else 0) + (IS_LAST if one is among[-1] else 0)
            if standing != one.standing:
                one.standing = standing
                changed.append(one)
    return changed
