"""The resources of TAXII 2.1, property by property (3.6.1, 3.7, 4.1.1, 4.2.1, 4.3.1, 5.1.1 to 5.8.1)."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

STRING, BOOLEAN, INTEGER, OBJECT, TIMESTAMP, IDENTIFIER = (
    *("string", "boolean", "integer", "object", "timestamp", "identifier"),
)
_UUID4 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE
)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_STIX_ID = re.compile(r"[a-z0-9][a-z0-9-]*--[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_LARGEST = 2**53 - 1

RESOURCES: dict[str, dict[str, tuple[str, bool]]] = {
    "error": {
        "title": (STRING, True),
        "description": (STRING, False),
        "error_id": (STRING, False),
        "error_code": (STRING, False),
        "http_status": (STRING, False),
        "external_details": (STRING, False),
        "details": (OBJECT, False),
    },
    "discovery": {
        "title": (STRING, True),
        "description": (STRING, False),
        "contact": (STRING, False),
        "default": (STRING, False),
        "api_roots": ("list of string", False),
    },
    "api-root": {
        "title": (STRING, True),
        "description": (STRING, False),
        "versions": ("list of string", True),
        "max_content_length": (INTEGER, True),
    },
    "status": {
        "id": (IDENTIFIER, True),
        "status": (STRING, True),
        "request_timestamp": (TIMESTAMP, False),
        "total_count": (INTEGER, True),
        "success_count": (INTEGER, True),
        "successes": ("list of status-details", False),
        "failure_count": (INTEGER, True),
        "failures": ("list of status-details", False),
        "pending_count": (INTEGER, True),
        "pendings": ("list of status-details", False),
    },
    "status-details": {"id": (STRING, True), "version": (STRING, True), "message": (STRING, False)},
    "collections": {"collections": ("list of collection", False)},
    "collection": {
        "id": (IDENTIFIER, True),
        "title": (STRING, True),
        "description": (STRING, False),
        "alias": (STRING, False),
        "can_read": (BOOLEAN, True),
        "can_write": (BOOLEAN, True),
        "media_types": ("list of string", False),
    },
    "manifest": {"more": (BOOLEAN, False), "objects": ("list of manifest-record", False)},
    "manifest-record": {
        "id": (STRING, True),
        "date_added": (TIMESTAMP, True),
        "version": (STRING, True),
        "media_type": (STRING, False),
    },
    "objects": {"more": (BOOLEAN, False), "next": (STRING, False), "objects": ("list of stix-object", False)},
    "versions": {"more": (BOOLEAN, False), "versions": ("list of string", False)},
}
"""By resource: property, type, required. `objects` is the envelope; its objects are STIX, not judged here."""
RESOURCES["object"] = RESOURCES["objects"]
PAGED = {"manifest": {"next"}, "versions": {"next"}}
"""Properties that the tables leave out, though 3.4 has the parameter: neither required nor custom."""


def is_timestamp(value: object) -> bool:
    """Section 2: `YYYY-MM-DDTHH:MM:SS.ssssssZ`, a time that there is."""
    if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value[:-1])
    except ValueError:
        return False
    return True


def is_identifier(value: object) -> bool:
    """Section 2: a UUID of version 4."""
    return isinstance(value, str) and _UUID4.fullmatch(value) is not None


def is_stix_id(value: object) -> bool:
    """STIX 2.1, 2.9: `type--UUID`."""
    return isinstance(value, str) and _STIX_ID.fullmatch(value) is not None


def is_integer(value: object) -> bool:
    """Section 2: a JSON integer of 54 bits."""
    return type(value) is int and -_LARGEST <= value <= _LARGEST


def walk(name: str, value: dict[str, Any]) -> Iterator[tuple[str, str, object]]:
    """All properties that are there and known: place, type, value; into lists of resources too."""
    for key, (kind, _) in RESOURCES[name].items():
        if key not in value:
            continue
        found = value[key]
        yield f"{name}.{key}", kind, found
        inner = kind.removeprefix("list of ")
        if inner in RESOURCES and isinstance(found, list):
            for one in found[:1000]:
                if isinstance(one, dict):
                    yield from walk(inner, one)


def missing(name: str, value: dict[str, Any]) -> Iterator[str]:
    """Required properties that are not there."""
    for key, (kind, required) in RESOURCES[name].items():
        if key not in value:
            if required:
                yield f"{name}.{key}"
            continue
        inner = kind.removeprefix("list of ")
        if inner in RESOURCES and isinstance(value[key], list):
            for one in value[key][:1000]:
                if isinstance(one, dict):
                    yield from missing(inner, one)


def unknown(name: str, value: dict[str, Any]) -> Iterator[str]:
    """Names of properties that the standard does not define."""
    known = set(RESOURCES[name]) | PAGED.get(name, set())
    yield from (key for key in value if key not in known)
    for key, (kind, _) in RESOURCES[name].items():
        inner = kind.removeprefix("list of ")
        if inner in RESOURCES and isinstance(value.get(key), list):
            for one in value[key][:1000]:
                if isinstance(one, dict):
                    yield from unknown(inner, one)


def has_type(kind: str, value: object) -> bool:
    """Whether a value is of a type of section 2; of a list, whether it is one."""
    if kind == BOOLEAN:
        return type(value) is bool
    if kind == INTEGER:
        return is_integer(value)
    if kind == OBJECT:
        return isinstance(value, dict)
    if kind == TIMESTAMP:
        return is_timestamp(value)
    if kind == IDENTIFIER:
        return is_identifier(value)
    return isinstance(value, list) if kind.startswith("list of ") else isinstance(value, str)
