"""Addresses as members match them: IPv4 whole, IPv6 by its /64 (spec/identifiers.md)."""

import ipaddress
import re

from countermark.share.item_values import Unfit
from countermark.share.overlap.names import trimmed
from countermark.share.special_addresses import special_ipv4, special_ipv6

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_NOT_PUBLIC = "an address that is not public, or of no single customer"


def ipv4(value: str) -> str:
    """Four decimal numbers without leading zeros."""
    text = trimmed(value)
    match = _IPV4.fullmatch(text)
    if match is None:
        raise Unfit("no IPv4 address of four decimal numbers without leading zeros")
    a, b, c, d = match.groups()
    if special_ipv4((int(a) << 24) | (int(b) << 16) | (int(c) << 8) | int(d)):
        raise Unfit(_NOT_PUBLIC)
    return text


def ipv6(value: str) -> str:
    """The /64 in RFC 5952's spelling, with `/64` behind it, which may stand behind the input too."""
    text = trimmed(value).removesuffix("/64")
    if not _IPV6.fullmatch(text):
        raise Unfit("no IPv6 address, or one with a zone, brackets or another prefix")
    try:
        number = int(ipaddress.IPv6Address(text))
    except ValueError:
        raise Unfit("no IPv6 address") from None
    if number >> 32 == 0xFFFF:
        raise Unfit("an IPv4 address written as IPv6: give it as ipv4")
    if special_ipv6(number):
        raise Unfit(_NOT_PUBLIC)
    groups = [f"{(number >> shift) & 0xFFFF:x}" for shift in (112, 96, 80, 64)]
    while groups[-1] == "0":
        groups.pop()
    return ":".join(groups) + "::/64"
