"""What members match privately: one spelling a value, framed into the bytes that are blinded.

spec/identifiers.md says every rule with its source; vectors/identifiers shows them. A reason never repeats
the value.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Final, Literal, get_args

from countermark.share.item_values import Unfit, skeleton
from countermark.share.overlap.addresses import ipv4, ipv6
from countermark.share.overlap.names import domain, email, frozen_unicode, trimmed
from countermark.share.overlap.phones import phone

RULES: Final = "countermark/identifiers/v1"
"""Stands in every framed item: members with different rules have no item in common, not even the planted."""

IdentifierKind = Literal["email", "phone", "ipv4", "ipv6", "domain", "par", "template-skeleton"]
IDENTIFIER_KINDS: Final[tuple[IdentifierKind, ...]] = get_args(IdentifierKind)
_ADDRESSES = ("ipv4-addr", "ipv6-addr", "proxy-exit")
REFUSED_KINDS: Final[Mapping[str, str]] = {
    "payment": "a processor's card fingerprint differs from merchant to merchant: give the card network's "
    "Payment Account Reference as par",
    "account": "an account id is a member's own and means nothing to another",
    "template": "a template hashed under a member's own key matches no other's: give template-skeleton",
    "email-domain": "most domains of e-mail are hosts of many strangers: give what the network registered "
    "itself, as domain",
    "asn": "an autonomous system has many strangers: it tells no account",
    "ja4": "a TLS fingerprint is of a program that many strangers run: it tells no account",
    "http-fingerprint": "an HTTP fingerprint is of a program that many strangers run: it tells no account",
}
"""Kinds of `--identifiers FILE` that are not matched, with the reason."""
_PAR = re.compile(r"[0-9A-Z]{29}")
_PREFIX: Final = RULES.encode() + b"\0"


def canonical_identifier(kind: str, value: str) -> bytes:
    """The framed item: input of HashToGroup. Raises `Unfit`, for a kind too."""
    known = kind_of(kind, value)
    return framed(known, _CANONICAL[known](value))


def canonical_value(kind: IdentifierKind, value: str) -> str:
    """The one spelling of a value; raises `Unfit`."""
    return _CANONICAL[kind](value)


def kind_of(name: str, value: str) -> IdentifierKind:
    """The kind that a row's kind stands for: addresses have names of their own in indicators.

    Raises `Unfit` with the reason where it is not matched.
    """
    if name in _CANONICAL:
        return name
    if name in _ADDRESSES:
        return "ipv6" if ":" in value else "ipv4"
    raise Unfit(REFUSED_KINDS.get(name, "an unknown kind"))


def framed(kind: str, value: str) -> bytes:
    """Version, kind and value with a zero byte between; no kind has one, so it is undone in one way."""
    return _PREFIX + kind.encode("ascii") + b"\0" + value.encode()


def unframed(item: bytes) -> tuple[str, str]:
    """Kind and value of a framed item; ValueError for any other bytes."""
    if not item.startswith(_PREFIX):
        raise ValueError("not an item of these rules")
    kind, zero, value = item[len(_PREFIX) :].partition(b"\0")
    if not zero:
        raise ValueError("not an item of these rules")
    return kind.decode("ascii"), value.decode()


@cache
def rules() -> str:
    """The rules and the libraries that they depend on, as a commitment states them: equal at both members,
    or their items are not comparable."""
    return f"{RULES}; phonenumbers {version('phonenumbers')}; idna {version('idna')}"


def _par(value: str) -> str:
    """EMVCo: 29 upper-case letters and digits, of which four say who assigns them."""
    text = trimmed(value)
    text = text.upper() if text.isascii() else text
    if not _PAR.fullmatch(text):
        raise Unfit("no Payment Account Reference: 29 letters and digits")
    return text


def _skeleton(value: str) -> str:
    text = skeleton(value)
    if not frozen_unicode(text):
        raise Unfit("a skeleton with characters that are newer than Unicode 3.2")
    return text


_CANONICAL: dict[IdentifierKind, Callable[[str], str]] = {
    "email": email,
    "phone": phone,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "domain": domain,
    "par": _par,
    "template-skeleton": _skeleton,
}
