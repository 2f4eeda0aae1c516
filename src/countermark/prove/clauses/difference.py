"""What changed between two versions of a policy: clauses added, removed, changed."""

from dataclasses import dataclass
from typing import Any

import msgspec

from countermark.prove.clauses.policy import Clause, Policy

DIFF_SCHEMA_ID = "countermark/terms-diff/v1"
_FIELDS = ("title", "where", "quote", "forbids", "regions", "entities")


@dataclass(frozen=True)
class Changed:
    """A clause that both have."""

    old: Clause
    new: Clause

    @property
    def fields(self) -> tuple[str, ...]:
        """What differs; the order of what a clause forbids counts for nothing."""
        return tuple(name for name in _FIELDS if _plain(self.old, name) != _plain(self.new, name))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Between an old and a new version."""

    old: Policy
    new: Policy
    added: tuple[Clause, ...]
    removed: tuple[Clause, ...]
    changed: tuple[Changed, ...]

    @property
    def same_text(self) -> bool:
        """Whether both are readings of one text."""
        return self.old.text_sha256 == self.new.text_sha256

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "old": _head(self.old),
            "new": _head(self.new),
            "same_text": self.same_text,
            "added": [msgspec.to_builtins(one) for one in self.added],
            "removed": [msgspec.to_builtins(one) for one in self.removed],
            "changed": [
                {
                    "id": one.new.id,
                    "fields": {
                        name: {"old": _plain(one.old, name), "new": _plain(one.new, name)}
                        for name in one.fields
                    },
                }
                for one in self.changed
            ],
        }


def difference(old: Policy, new: Policy) -> Difference:
    """Clauses by id, in the order of the file that has them."""
    before = {clause.id: clause for clause in old.clauses}
    after = {clause.id: clause for clause in new.clauses}
    both = (Changed(before[name], clause) for name, clause in after.items() if name in before)
    return Difference(
        old=old,
        new=new,
        added=tuple(clause for name, clause in after.items() if name not in before),
        removed=tuple(clause for name, clause in before.items() if name not in after),
        changed=tuple(one for one in both if one.fields),
    )


def _plain(clause: Clause, name: str) -> Any:
    value = getattr(clause, name)
    return sorted(value) if isinstance(value, list) else value


def _head(policy: Policy) -> dict[str, str | None]:
    names = ("id", "version", "title", "effective", "ended", "text_sha256")
    return {name: getattr(policy, name) for name in names}
