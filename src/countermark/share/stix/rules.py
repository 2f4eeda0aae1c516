"""What STIX 2.1 demands in words and its JSON schemas do not check.

Each rule takes an object that the schemas hold to be valid, and raises `Refused`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from countermark.share.stix.bounds import Refused
from countermark.share.stix.oasis import Schemas

_ORDERS = {
    "campaign": (("first_seen", "last_seen", False),),
    "indicator": (("valid_from", "valid_until", True),),
    "infrastructure": (("first_seen", "last_seen", False),),
    "intrusion-set": (("first_seen", "last_seen", False),),
    "malware": (("first_seen", "last_seen", False),),
    "network-traffic": (("start", "end", False),),
    "observed-data": (("first_observed", "last_observed", False),),
    "relationship": (("start_time", "stop_time", True),),
    "sighting": (("first_seen", "last_seen", False),),
    "threat-actor": (("first_seen", "last_seen", False),),
}
"""By type: (earlier, later, whether they must differ); sections 4, 5 and 6."""
_CREATED = (("created", "modified", False),)
_TIMES = {
    "directory": ("ctime", "mtime", "atime"),
    "email-message": ("date",),
    "file": ("ctime", "mtime", "atime"),
    "language-content": ("object_modified",),
    "malware-analysis": ("submitted", "analysis_started", "analysis_ended"),
    "process": ("created_time",),
    "report": ("published",),
    "user-account": (
        *("account_created", "account_expires", "credential_last_changed", "account_first_login"),
        "account_last_login",
    ),
    "windows-registry-key": ("modified_time",),
    "x509-certificate": ("validity_not_before", "validity_not_after"),
}
"""Properties of type timestamp besides those that stand in an order."""
_TIMES_OF_PARTS = (
    "private_key_usage_period_not_before",
    "private_key_usage_period_not_after",
    "time_date_stamp",
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)
_MAX_FRACTION = 9
_LANGUAGE = re.compile(r"(?:[A-Za-z]{2,8}|[ix](?=-))(?:-[A-Za-z0-9]{1,8}){0,10}", re.ASCII | re.IGNORECASE)
"""The form of a language tag (RFC 5646, section 2.1); which tags are registered is not checked."""
_STEP = re.compile(r"\[(\d{1,9})\]", re.ASCII)
_OPTIONAL_ONLY = {
    "artifact": ("hashes", "payload_bin"),
    "email-message": ("from_ref", "subject", "body"),
    "process": (),
    "user-account": ("account_type", "user_id", "account_login"),
    "windows-registry-key": ("key", "values"),
    "x509-certificate": ("hashes", "serial_number"),
}
"""Observables whose contributing properties may all be missing: then the id has a UUID of version 4 (2.9)."""
_NOT_SIGHTED = frozenset({"extension-definition"})


def check_rules(stix: dict[str, Any], known: Schemas) -> None:
    """All rules that hold for every type; `Refused` says which one is broken."""
    kind = stix["type"]
    if not stix["id"].startswith(f"{kind}--"):
        raise Refused("id: its prefix is not the object's type")
    _check_times(stix, kind)
    _check_references(stix, kind, known)
    if "granular_markings" in stix:
        _check_granular(stix)
    if kind in _OPTIONAL_ONLY and stix["id"][-22] != "4" and not any(n in stix for n in _OPTIONAL_ONLY[kind]):
        raise Refused("id: without contributing properties it needs a UUID of version 4")
    if kind == "language-content" and not all(map(_LANGUAGE.fullmatch, stix["contents"])):
        raise Refused("contents: a key is no language code")
    if "lang" in stix and not _LANGUAGE.fullmatch(str(stix["lang"])):
        raise Refused("lang: it is no language code")


def instant(text: str) -> str:
    """A timestamp as text that sorts as the times do, down to its last digit."""
    return text[:-1].rstrip("0") if "." in text else text[:-1] + "."


def _check_times(stix: dict[str, Any], kind: str) -> None:
    for path, text in _times(stix, kind):
        if not isinstance(text, str) or not TIME.fullmatch(text):
            raise Refused(f"{path}: it is no timestamp in UTC")
        if len(text) > 21 + _MAX_FRACTION:
            raise Refused(f"{path}: a timestamp with more than {_MAX_FRACTION} decimals")
        if not _is_day(text[:10]) or text[11:13] > "23" or text[14:16] > "59" or text[17:19] > "59":
            raise Refused(f"{path}: there is no such time")
    for early, late, strictly in (*_ORDERS.get(kind, ()), *_CREATED):
        if early in stix and late in stix:
            first, last = instant(stix[early]), instant(stix[late])
            if last < first or (strictly and first == last):
                raise Refused(f"{late}: it must be later than {'' if strictly else 'or equal to '}{early}")


def _times(stix: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Any]]:
    """Timestamps of the object, and of the parts of an observable that have some."""
    ordered = [name for order in _ORDERS.get(kind, ()) for name in order[:2]]
    for name in ("created", "modified", *ordered, *_TIMES.get(kind, ())):
        if name in stix:
            yield name, stix[name]
    nested: list[Any] = []
    if kind == "file":
        nested = list(stix.get("extensions", {}).items())
    elif kind == "x509-certificate":
        nested = [("x509_v3_extensions", stix.get("x509_v3_extensions"))]
    for where, part in nested:
        for name in _TIMES_OF_PARTS:
            if isinstance(part, dict) and name in part:
                yield f"{where}.{name}", part[name]


@lru_cache(maxsize=4096)
def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_references(stix: dict[str, Any], kind: str, known: Schemas) -> None:
    """What may be named where (sections 3.2, 5.1, 5.2, 7.3)."""
    if not str(stix.get("created_by_ref", "identity--")).startswith("identity--"):
        raise Refused("created_by_ref: it names no identity")
    for name in stix.get("object_marking_refs", ()):
        if not name.startswith("marking-definition--"):
            raise Refused("object_marking_refs: it names what is no marking definition")
        if name == stix["id"]:
            raise Refused("object_marking_refs: a marking definition marks itself")
    if kind == "sighting":
        sighted = stix["sighting_of_ref"].partition("--")[0]
        if sighted in known.observables or sighted in _NOT_SIGHTED:
            raise Refused("sighting_of_ref: it names no domain object")
    elif kind == "extension-definition" and "created_by_ref" not in stix:
        raise Refused("created_by_ref: an extension definition needs it")


def _check_granular(stix: dict[str, Any]) -> None:
    """Selectors name what is there (7.2.3.1)."""
    for marking in stix["granular_markings"]:
        if marking["marking_ref"] == stix["id"]:
            raise Refused("granular_markings: a marking definition marks itself")
        for selector in marking["selectors"]:
            if not _selected(stix, selector):
                raise Refused("granular_markings: a selector names what is not there")


def _selected(value: Any, selector: str) -> bool:
    for step in selector.split("."):
        index = _STEP.fullmatch(step)
        if index and isinstance(value, list) and int(index[1]) < len(value):
            value = value[int(index[1])]
        elif not index and isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return False
    return True


def newest(objects: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each valid object the version that holds: the revoking one, else the last by `modified`."""
    held: dict[str, tuple[tuple[bool, str], dict[str, Any]]] = {}
    for one in objects:
        version = one.get("modified", one.get("created"))
        rank = (one.get("revoked") is True, instant(version) if version else "")
        if one["id"] not in held or rank >= held[one["id"]][0]:
            held[one["id"]] = (rank, one)
    return [one for _, one in held.values()]
