"""What an evaluation says: every field of every object, allowed or refused, by which rule; what leaves."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

DENY, REFERENCE, TYPES, REVOCATION, LIFE, SHAPE, VERSION = (
    "default-deny",
    "reference-stays",
    "type-not-listed",
    "revocation",
    "valid-until",
    "object-shape",
    "version-that-left",
)
"""Rules that are the program's own: they stand in no policy and hold under each."""


SCRUBBED = "scrubbed-text"
"""Class of an object with a text that is no sentence of the policy: a standing approval has to name it."""


class Field(msgspec.Struct, frozen=True):
    """What became of one field."""

    path: str
    allowed: bool
    rule: str
    kind: str = ""
    reason: str = ""
    sources: Sequence[str] = ()
    value: Any = None
    """What would leave, of an allowed field."""


class Reviewed(msgspec.Struct, frozen=True):
    """One object: its fields, what leaves of it, and of which kinds with the smallest count of each."""

    id: str
    type: str
    leaves: bool
    fields: list[Field]
    reason: str = ""
    """Why it does not leave."""
    classes: Mapping[str, int] = {}
    sent: dict[str, Any] | None = None
    """The object as it would leave; None where it stays."""


class Review(msgspec.Struct, frozen=True):
    """The whole: unmet conditions and every object."""

    conditions: Mapping[str, str]
    """Unmet conditions with the reason; while there is one, nothing leaves."""
    objects: list[Reviewed]

    @property
    def leaving(self) -> list[Reviewed]:
        """Objects that leave."""
        return [one for one in self.objects if one.leaves]

    @property
    def classes(self) -> dict[str, int]:
        """Kinds that leave, with the smallest number of accounts behind a value of each."""
        result: dict[str, int] = {}
        for one in self.leaving:
            for kind, accounts in one.classes.items():
                result[kind] = min(accounts, result.get(kind, accounts))
        return result

    def refusals(self) -> dict[str, int]:
        """Refused fields by rule, and unmet conditions."""
        counted: dict[str, int] = dict.fromkeys(self.conditions, 1)
        for one in self.objects:
            for field in one.fields:
                if not field.allowed:
                    counted[field.rule] = counted.get(field.rule, 0) + 1
        return dict(sorted(counted.items()))
