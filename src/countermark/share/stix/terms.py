"""What every object of one publication has in common: who says it, under which markings, and when."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from countermark.errors import Error
from countermark.share.stix.ids import Ids, is_stix_id
from countermark.share.stix.markings import Iep, Tlp, iep_marking, tlp_marking
from countermark.share.stix.versions import Earlier, Object, versioned


class Identity(msgspec.Struct, frozen=True):
    """The member that speaks."""

    identity_id: str
    """`member_id` at the exchange: what `created_by_ref` names."""
    name: str

    def __post_init__(self) -> None:
        if not self.identity_id.startswith("identity--") or not is_stix_id(self.identity_id):
            raise Error("a member's id is identity-- and a UUID")
        if not 1 <= len(self.name) <= 200 or not self.name.isprintable():
            raise Error("a member's name has 1 to 200 printable characters")


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Who, when, under which markings; and what was published before."""

    who: Identity
    ids: Ids
    now: datetime
    """With a zone."""
    tlp: Tlp = "amber"
    iep: Iep | None = None
    earlier: Earlier = {}
    """The latest version of each object that was published, by id."""

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise Error("the time of a publication has a zone")

    @property
    def markings(self) -> list[Object]:
        """The marking definitions that every object refers to."""
        own = [] if self.iep is None else [iep_marking(self.iep, self._iep_id(self.iep), self.tlp)]
        return [tlp_marking(self.tlp), *own]

    def _iep_id(self, iep: Iep) -> str:
        """Of the content: a marking definition has no versions, so another content is another marking."""
        content = msgspec.json.encode(iep, order="sorted").decode()
        return self.ids.of("marking-definition", content, self.tlp)

    def head(self) -> list[Object]:
        """What goes before the objects: markings, and the member's identity."""
        identity = self.publish(
            "identity", [], {"name": self.who.name, **_ORGANISATION}, self.who.identity_id
        )
        return [*self.markings, *([] if identity is None else [identity])]

    def publish(
        self, kind: str, parts: Sequence[str], properties: Mapping[str, Any], stix_id: str = ""
    ) -> Object | None:
        """The object of that type named by `parts`, in the version to publish; None where it was revoked."""
        content = {
            "type": kind,
            "spec_version": "2.1",
            "id": stix_id or self.ids.of(kind, *parts),
            "created_by_ref": self.who.identity_id,
            **properties,
            "object_marking_refs": [marking["id"] for marking in self.markings],
        }
        return versioned(content, self.earlier, self.now)

    def relate(self, source: str, relation: str, target: str, **properties: Any) -> Object | None:
        """`source` stands in that relation to `target`."""
        between = {"relationship_type": relation, **properties, "source_ref": source, "target_ref": target}
        return self.publish("relationship", [source, relation, target], between)


_ORGANISATION = {"identity_class": "organization", "sectors": ["technology"]}


def day_start(day: date) -> str:
    """A day as STIX writes times: its first instant, in the spelling that stix2 keeps."""
    return f"{day}T00:00:00Z"


def utc_day(text: str) -> date:
    """The UTC day of an instant in ISO 8601; raises `Error` for anything else."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).date()
    except (ValueError, OverflowError):
        raise Error("a time that is no ISO 8601") from None
