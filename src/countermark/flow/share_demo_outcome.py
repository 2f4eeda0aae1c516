"""What every member of `countermark share demo` holds at the end, beside what was published."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from countermark.flow.share_demo_place import MEMBERS, RECEIVED, Place
from countermark.records.canonical import sha256_hex
from countermark.share.policy.release import OBJECTS, RELEASE
from countermark.share.stix.reading import Received


@dataclass(frozen=True)
class Holds:
    """One member."""

    name: str
    published: int
    """Objects that it published; one object counts once, whatever its versions."""
    received: int
    """Objects of the collection that it polled, its own among them."""
    withdrawn: int
    """Of those, withdrawn by their makers."""
    sightings: int
    """Of those, sightings of others."""
    complete: bool
    """Whether it has every version that anybody published, byte for byte, and nothing else."""


@dataclass
class Outcome:
    """The end of the demo."""

    members: list[Holds]
    dispute: Mapping[str, Any]
    compared: tuple[int, int]
    """Addresses that Beta found at home, of those that it was told of."""
    audit: Mapping[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether all came where it should, and the log verifies."""
        cleared = bool(self.dispute["readers"]) and not self.dispute["missing"]
        sighted = any(one.sightings for one in self.members)
        return (
            all(one.complete for one in self.members) and cleared and sighted and bool(self.audit["verified"])
        )


def holding(received: Path) -> Iterator[dict[str, Any]]:
    """Indicators of a folder of received objects that are in force."""
    with Received(received) as folder:
        yield from folder.indicators()


def look(place: Place, dispute: Mapping[str, Any], compared: tuple[int, int]) -> Outcome:
    """Compare what each member received with what all published."""
    published = {name: _published(place.out / name) for name in MEMBERS}
    everything = {digest for one in published.values() for digest in one}
    members = []
    for name in MEMBERS:
        with Received(place.out / name / RECEIVED) as folder:
            objects = list(folder.objects())
        own = set(published[name].values())
        sightings = [one for one in objects if one["type"] == "sighting" and one["id"] not in own]
        members.append(
            Holds(
                name=name,
                published=len(own),
                received=len(objects),
                withdrawn=sum(one.get("revoked") is True for one in objects),
                sightings=len(sightings),
                complete=_versions(place.out / name / RECEIVED) == everything,
            )
        )
    return Outcome(members, dispute, compared)


def _published(folder: Path) -> dict[str, str]:
    """Ids by the digest of each version that left in a member's releases."""
    found = {}
    for release in sorted(folder.glob(f"*.release/{RELEASE}")):
        for line in (release.parent / OBJECTS).read_bytes().splitlines():
            found[sha256_hex(line)] = str(msgspec.json.decode(line)["id"])
    return found


class _Kept(msgspec.Struct):
    object: msgspec.Raw


def _versions(received: Path) -> set[str]:
    """Digests of every version, of the bytes that came."""
    lines = (received / OBJECTS).read_bytes().splitlines()
    return {sha256_hex(bytes(msgspec.json.decode(line, type=_Kept).object)) for line in lines}
