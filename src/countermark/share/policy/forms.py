"""The forms of values: what a value of a rule has to look like, exactly, or it is refused."""

import ipaddress
import re
from datetime import UTC, datetime
from typing import Any

from countermark.share.policy.context import Ground
from countermark.share.policy.document import Form
from countermark.share.policy.texts import is_template, name_problem, skeleton_problem, text_problem, topic_of

_ID = r"[a-z][a-z0-9-]{1,60}--[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T00:00:00(?:\.0{3}|\.0{6})?Z"
_EXPRESSIONS: dict[str, "re.Pattern[str]"] = {
    "atlas-id": re.compile(r"AML\.(?:T|TA|CS|M)[0-9]{4}(?:\.[0-9]{3})?"),
    # https://github.com/FoxIO-LLC/ja4: protocol, TLS version, SNI, two counts, ALPN; two truncated hashes
    "ja4": re.compile(r"[tqd][0-9a-z]{2}[di][0-9]{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}"),
    # JA4H.md there; its fourth part is made from the values of cookies, which name a person
    "http-fingerprint": re.compile(r"[a-z]{2}[0-9]{2}[cn][rn][0-9]{2}[0-9a-z]{4}_[0-9a-f]{12}_[0-9a-f]{12}"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "uuid": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    "stix-id": re.compile(_ID),
    "timestamp": re.compile(_TIME),
    "day": re.compile(_DAY),
}
_DOMAIN = re.compile(
    r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
)
_EXAMPLES = tuple(
    ipaddress.ip_network(net)
    for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
"""Addresses for documentation (RFC 5737, 3849), of which examples are made."""
MAX_ASN = 4_294_967_295


def value_problem(ground: Ground, form: Form, value: Any, values: list[Any], most: int) -> str:
    """Why a value does not have the form; empty where it has. `pattern` is looked at elsewhere."""
    if form == "boolean":
        return "" if isinstance(value, bool) else "no boolean"
    if form == "probability":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and 0 <= value <= 1):
            return "no probability"
        return "" if float(f"{value:.1e}") == value else "a probability of more than two digits"
    if form in ("integer", "asn"):
        return _integer_problem(value, 1 if form == "asn" else 0, MAX_ASN if form == "asn" else most)
    if form == "choice":
        known = any(isinstance(one, bool) is isinstance(value, bool) and one == value for one in values)
        return "" if known else "none of the values that the rule lists"
    if not isinstance(value, str):
        return "no text"
    return _text_problem(ground, form, value, most)


def _text_problem(ground: Ground, form: Form, value: str, most: int) -> str:
    if form in ("own-name", "own-id"):
        own = ground.context.member_name if form == "own-name" else ground.context.member_id
        if value != own:
            return "not the member's own"
        return name_problem(value) if form == "own-name" else ""
    if form == "address":
        return address_problem(value)
    if form == "domain":
        return "" if _DOMAIN.fullmatch(value) else "no domain name in lower case"
    if form in ("sentence", "text", "skeleton"):
        if form != "skeleton" and len(value) <= most and is_template(ground.policy, value):
            return ""
        topic = topic_of(ground.policy, value)
        if topic is not None:
            return f"it speaks of a forbidden topic ({topic.id})"
        if form == "sentence":
            return "no sentence of the policy, and free text does not leave here"
        return text_problem(ground.policy, value, most) if form == "text" else skeleton_problem(value)
    if not _EXPRESSIONS[form].fullmatch(value):
        return f"not of the form {form}"
    return (
        ""
        if form not in ("timestamp", "day", "date") or as_time(value) is not None
        else "a time that cannot be"
    )


def is_stix_id(value: str) -> bool:
    """Whether a text is an id of STIX 2.1 with a UUID of version 1 to 5."""
    return bool(_EXPRESSIONS["stix-id"].fullmatch(value))


def address_problem(value: str) -> str:
    """Why it is no single public address in its usual spelling."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return "no single IP address"
    if str(address) != value or "%" in value:
        return "an IP address in another spelling than the usual one"
    if any(address in net for net in _EXAMPLES if net.version == address.version):
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return "" if address.is_global and not address.is_multicast and mapped is None else "no public address"


def as_time(value: Any) -> datetime | None:
    """A timestamp of STIX as a time; None for anything else."""
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _integer_problem(value: Any, least: int, most: int) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        return "no integer"
    return "" if least <= value <= most else f"not between {least} and {most}"
