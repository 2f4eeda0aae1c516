"""Techniques of MITRE ATLAS by id, from a table made of ATLAS' own data; an id that is not in it is refused.

The table (`atlas.json`) is made by `vectors/atlas/make_table.py`; a test compares it with recorded excerpts
of ATLAS' data and their digests. ATLAS' objects are referred to, never published by us: only their creator
may make versions of them. A reference has no URL, which STIX would want a hash of.
"""

from functools import cache
from importlib import resources

import msgspec

from countermark.errors import Error

SOURCE_NAME = "mitre-atlas"
_TABLE = "atlas.json"


class Technique(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One technique or sub-technique."""

    id: str
    """As in `AML.T0024.002`."""
    name: str
    stix_id: str
    """ATLAS' own `attack-pattern--…`."""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of ATLAS is known here."""

    version: str
    """Of ATLAS."""
    source: str
    """Repository and commit."""
    digests: dict[str, str]
    """SHA-256 of ATLAS' files and of the recorded excerpts, by name."""
    techniques: list[Technique]


@cache
def table() -> Table:
    """The table that is shipped."""
    data = resources.files("countermark.share.stix").joinpath(_TABLE).read_bytes()
    return msgspec.json.decode(data, type=Table)


@cache
def _by_id() -> dict[str, Technique]:
    return {one.id: one for one in table().techniques}


def technique(atlas_id: str) -> Technique:
    """The technique of that id; raises `Error` for one that ATLAS, as far as we have it, does not know."""
    found = _by_id().get(atlas_id)
    if found is None:
        raise Error(
            f"{atlas_id[:40]!r} is no technique of MITRE ATLAS {table().version}",
            hint="ids look like AML.T0024.002; a newer ATLAS needs a newer table",
        )
    return found


def reference(atlas_id: str) -> dict[str, str]:
    """An external reference to a technique."""
    return {"source_name": SOURCE_NAME, "external_id": technique(atlas_id).id}
