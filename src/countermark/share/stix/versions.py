"""Versions (STIX 2.1, section 3.6): the same content keeps its version, other content gets a later one.

What was published before decides, so it is given as `earlier`: the latest version of each object, by id.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from countermark.errors import Error

Object = dict[str, Any]
Earlier = Mapping[str, Mapping[str, Any]]
_TIMES = ("created", "modified")


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with three digits, as `created` and `modified` need them (section 3.2)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def versioned(content: Object, earlier: Earlier, now: datetime) -> Object | None:
    """`content` (without times) as the version to publish.

    The earlier version as it stands where nothing changed; None where the object was revoked, since no later
    version may follow (3.6). Raises `Error` where the earlier one is another's.
    """
    before = earlier.get(content["id"])
    if before is None:
        moment = timestamp(now)
        return _ordered(content, created=moment, modified=moment)
    if before.get("revoked") is True:
        return None
    _check_own(before, content.get("created_by_ref"))
    if {name: value for name, value in before.items() if name not in _TIMES} == content:
        return dict(before)
    return _ordered(content, created=before["created"], modified=_later(before, now))


def settle(objects: Iterable[Object], earlier: Earlier, now: datetime) -> list[Object]:
    """The same objects in the versions to publish, after a policy took properties out of them.

    Versions are of what leaves: an object that differs from its earlier version only in what stays at home
    has not changed for anybody. Objects without versions (observables, markings) pass as they are.
    """
    settled: list[Object] = []
    for one in objects:
        if "modified" not in one:
            settled.append(one)
            continue
        content = {name: value for name, value in one.items() if name not in _TIMES}
        made = versioned(content, earlier, now)
        settled += [] if made is None else [made]
    return settled


def revoked(before: Mapping[str, Any], member_id: str, now: datetime) -> Object:
    """The version that revokes an object; a revoked one as it stands. Raises `Error` for another's object."""
    _check_own(before, member_id)
    if before.get("revoked") is True:
        return dict(before)
    content = {name: value for name, value in before.items() if name not in _TIMES}
    return _ordered({**content, "revoked": True}, created=before["created"], modified=_later(before, now))


def _check_own(before: Mapping[str, Any], member_id: str | None) -> None:
    """Only the creator makes new versions (3.5)."""
    if before.get("created_by_ref") != member_id:
        raise Error(f"{before['id']} was made by another member, and only its creator makes new versions")


def _later(before: Mapping[str, Any], now: datetime) -> str:
    """Now, and after the earlier version in any case: `modified` has to grow."""
    try:
        last = datetime.fromisoformat(before["modified"])
    except (KeyError, TypeError, ValueError):
        raise Error(f"the earlier version of {before['id']} has no time") from None
    return timestamp(max(now, last.astimezone(UTC) + timedelta(milliseconds=1)))


def _ordered(content: Object, **times: str) -> Object:
    """Type, id and times first, as people read it."""
    head = {name: content[name] for name in ("type", "spec_version", "id") if name in content}
    return head | times | {name: value for name, value in content.items() if name not in head}
