"""What is asked of the objects of an exchange, and what it answers."""

from collections.abc import Sequence
from operator import sub

import msgspec

from countermark.records.exchange import Microseconds, Stored

LAST, FIRST, ALL = "last", "first", "all"
SPEC_VERSIONS = ("2.0", "2.1")
"""Versions of STIX that a collection can hold, oldest first."""


def media_type(spec_version: str) -> str:
    """The media type of objects of a version of STIX (TAXII 2.1, section 1.6.8.2)."""
    return f"application/stix+json;version={spec_version}"


def steps_of(positions: Sequence[int]) -> list[int]:
    """Positions as log entries have them: the first, and the steps between them."""
    return [*positions[:1], *map(sub, positions[1:], positions)]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """`added_after` and `match[…]` of TAXII 2.1 (section 3.4), values of one field as alternatives."""

    added_after: int | None = None
    """Only objects added later than this (microseconds)."""
    ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    versions: tuple[str, ...] = (LAST,)
    """`last`, `first`, `all`, or timestamps (RFC 3339 in UTC), which compare as times. None is `last`."""
    spec_versions: tuple[str, ...] = ()
    """None: of each object only those of the newest version of STIX that there is (section 3.4.1)."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """An object that was validated and may be stored."""

    stix_id: str
    type: str
    version: str | None
    """`modified`, else `created`, as the object spells it; None for an object with neither."""
    spec_version: str
    """`2.0` or `2.1`."""
    media_type: str
    """That of its `spec_version`."""
    data: bytes
    """Its JSON as it came."""
    sha256: str
    """Of `data`, or of another form of it by which "the same bytes" shall be judged; lower-case hex."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one object of a request."""

    stix_id: str
    version: str
    problem: str = ""
    """Why it was not taken; empty when it was, or was there already."""
    new: bool = False
    date_added: Microseconds | None = None
    """Its position, the earlier one when it was there already; None when it was not taken."""


class Page(msgspec.Struct, frozen=True):
    """Objects in order of arrival."""

    rows: list[Stored]
    more: bool
    """Whether others follow."""

    @property
    def positions(self) -> tuple[int, ...]:
        """`date_added` of each object."""
        return tuple(row.date_added for row in self.rows)

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last position; (0, 0) of an empty page."""
        return (self.rows[0].date_added, self.rows[-1].date_added) if self.rows else (0, 0)

    @property
    def steps(self) -> list[int]:
        """The positions as log entries have them."""
        return steps_of(self.positions)

    @property
    def owners(self) -> tuple[str, ...]:
        """`member_id` of who put it there, for each object."""
        return tuple(row.owner for row in self.rows)

    @property
    def those(self) -> frozenset[str]:
        """The owners, each once."""
        return frozenset(self.owners)


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the objects of one request (TAXII 2.1, section 4.3.1)."""

    status_id: str
    collection_id: str
    member_id: str
    requested: Microseconds
    total: int
    successes: list[dict[str, str]]
    """`id` and `version` of each."""
    failures: list[dict[str, str]]
    """`id`, `version` and `message` of each."""
    pendings: list[dict[str, str]]
    """Always empty: an exchange answers when all is done."""
