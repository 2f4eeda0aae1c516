"""What another form does not hold: the difference between objects and what comes back of them, item by item.

A list of losses is complete: `restore(back, losses)` gives the objects that went in, exactly. So nothing is
lost that does not stand in the list.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import msgspec

Item = dict[str, Any]


class Loss(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object or one property that is not in the other form as it was."""

    id: str
    """Of the object; of a MISP event, `event`, `attribute UUID` or `object UUID`."""
    name: str = msgspec.field(default="", name="property")
    """The property; empty for the whole object."""
    was: Any | msgspec.UnsetType = msgspec.UNSET
    """Its value; unset where it had none, and one was made up."""
    became: Any | msgspec.UnsetType = msgspec.UNSET
    """What came back; unset where nothing did."""
    why: str = ""
    """Where it is known."""

    @property
    def kind(self) -> str:
        """`lost`, `changed`, `added`, or `dropped` for what was made on the way and could not be used."""
        if self.was is msgspec.UNSET:
            return "dropped" if self.became is msgspec.UNSET else "added"
        return "lost" if self.became is msgspec.UNSET else "changed"


def differences(
    before: Mapping[str, Item], after: Mapping[str, Item], why: Mapping[str, str] | None = None
) -> list[Loss]:
    """All losses, by id and property; `why` says of some ids why they are not there."""
    reasons = why or {}
    found = []
    for key in sorted(before.keys() | after.keys()):
        old, new, reason = before.get(key), after.get(key), reasons.get(key, "")
        if old is None or new is None:
            found.append(Loss(id=key, was=_or_unset(old), became=_or_unset(new), why=reason))
            continue
        for name in sorted(old.keys() | new.keys()):
            was, became = old.get(name, msgspec.UNSET), new.get(name, msgspec.UNSET)
            if not _same(was, became):
                found.append(Loss(id=key, name=name, was=was, became=became, why=reason))
    return found


def restore(after: Mapping[str, Item], losses: Iterable[Loss]) -> dict[str, Item]:
    """What went in, from what came back and the losses."""
    items = {key: deepcopy(item) for key, item in after.items()}
    for loss in losses:
        target, name = (items[loss.id], loss.name) if loss.name else (items, loss.id)
        if loss.was is msgspec.UNSET:
            target.pop(name, None)
        else:
            target[name] = deepcopy(loss.was)
    return items


def _or_unset(value: Any) -> Any:
    return msgspec.UNSET if value is None else value


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, and 1 is not 1.0."""
    if one is msgspec.UNSET or other is msgspec.UNSET:
        return one is other
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")
