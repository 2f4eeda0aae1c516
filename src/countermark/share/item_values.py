"""Canonical values of what may be shared in the clear: one spelling a value, and why another is refused.

A reason never repeats the value: it is printed and kept.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from typing import Literal, TypeVar, get_args

from countermark.share.special_addresses import special_ipv4, special_ipv6

ItemKind = Literal[
    "ipv4-addr",
    "ipv6-addr",
    "asn",
    "proxy-exit",
    "ja4",
    "http-fingerprint",
    "email-domain",
    "template-skeleton",
]
ITEM_KINDS: tuple[ItemKind, ...] = get_args(ItemKind)
TAGGED_KINDS = ("email", "phone", "payment", "account", "template")
"""Kinds that name a person or a customer: they leave as OPRF tags in the private overlap, or not at all."""
MAX_SKELETON = 1000
_MAX_ASN = (1 << 32) - 1
_RESERVED_ASNS = {0, 23_456, 65_535, _MAX_ASN}  # RFC 7607, 6793, 7300
_JA4 = re.compile(r"[tqd](?:1[0-3]|[sd][1-3]|00)[di][0-9]{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}")
_JA4H = re.compile(
    r"([a-z]{2}[0-9]{2}[cn][rn][0-9]{2}[0-9a-z]{4}_[0-9a-f]{12}_[0-9a-f]{12})(?:_[0-9a-f]{12})?"
)
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SLOT = re.compile(r"<[a-z]{1,20}>")
_UNSCRUBBED = re.compile(r"@|://|[0-9]{3}|\bwww\.|[^\s<>]{33}", re.IGNORECASE)
_A = TypeVar("_A", ipaddress.IPv4Address, ipaddress.IPv6Address)


class Unfit(ValueError):
    """A value that is none of its kind; the text says why without repeating it."""


def canonical(kind: ItemKind, value: str) -> str:
    """The one spelling of a value of that kind; raises `Unfit`."""
    return _CANONICAL[kind](value.strip())


def address_kind(value: str) -> Literal["ipv4-addr", "ipv6-addr"]:
    """Which of the two a canonical address is: the kind of a proxy exit's address."""
    return "ipv6-addr" if ":" in value else "ipv4-addr"


def _ipv4(value: str) -> str:
    return str(_public(_parsed(ipaddress.IPv4Address, value, "no IPv4 address")))


def _ipv6(value: str) -> str:
    address = _parsed(ipaddress.IPv6Address, value, "no IPv6 address")
    if address.scope_id is not None:
        raise Unfit("an address with a zone, which is of one link only")
    if address.ipv4_mapped is not None:
        raise Unfit("an IPv4 address written as IPv6")
    return str(_public(address))


def _exit(value: str) -> str:
    return _ipv6(value) if ":" in value else _ipv4(value)


def _parsed(make: Callable[[str], _A], value: str, problem: str) -> _A:
    try:
        return make(value)
    except ValueError:
        raise Unfit(problem) from None


def _public(address: _A) -> _A:
    """Addresses for documentation pass, so that examples can be made of them."""
    special = special_ipv4 if address.version == 4 else special_ipv6
    if special(int(address)):
        raise Unfit("an address that is not public")
    return address


def _asn(value: str) -> str:
    digits = value[2:] if value[:2].upper() == "AS" else value
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise Unfit("no number of an autonomous system")
    number = int(digits)
    if number > _MAX_ASN or number in _RESERVED_ASNS:
        raise Unfit("a number that no autonomous system has")
    return str(number)


def _ja4(value: str) -> str:
    """FoxIO, JA4.md: protocol, TLS version, SNI, two counts, ALPN; two SHA-256 cut to 12 digits."""
    if not _JA4.fullmatch(value):
        raise Unfit("no JA4 fingerprint")
    return value


def _ja4h(value: str) -> str:
    """FoxIO, JA4H.md; the fourth part is over the cookies' values, which name a person, and is cut off."""
    match = _JA4H.fullmatch(value)
    if match is None:
        raise Unfit("no JA4H fingerprint")
    return match[1]


def _domain(value: str) -> str:
    """Lower case, A-labels of IDNA 2008, no dot of the root; two labels or more, at most 253 characters."""
    if "@" in value:
        raise Unfit("an e-mail address where its domain is asked")
    import idna

    try:
        text = idna.encode(value.removesuffix("."), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise Unfit("no domain name") from None
    labels = text.split(".")
    if len(labels) < 2 or not all(LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise Unfit("no domain name")
    return text


def skeleton(value: str) -> str:
    """Words and slots (`<text>`); whatever looks like somebody's data is refused, never cut out."""
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not 3 <= len(text) <= MAX_SKELETON:
        raise Unfit(f"a skeleton has 3 to {MAX_SKELETON:,} characters")
    if not text.isprintable():
        raise Unfit("a skeleton is of printable characters")
    if _UNSCRUBBED.search(_SLOT.sub(" ", text)):
        raise Unfit("a skeleton that is not scrubbed: it holds an address, a number or a code")
    return text


_CANONICAL: dict[ItemKind, Callable[[str], str]] = {
    "ipv4-addr": _ipv4,
    "ipv6-addr": _ipv6,
    "asn": _asn,
    "proxy-exit": _exit,
    "ja4": _ja4,
    "http-fingerprint": _ja4h,
    "email-domain": _domain,
    "template-skeleton": skeleton,
}
