"""Addresses that are no single customer's on the public Internet: a fixed table, the same on every Python.

`ipaddress.is_global` follows the registries of the day that a Python was released on, and so differs
between two members. This table is part of `countermark/identifiers/v1` and changes with its version only.

From IANA's IPv4 and IPv6 Special-Purpose Address Registries as of 2026-07-18 (RFC 6890, 8190). Every block of
theirs is here, those that are globally reachable too (anycast and sinks: no customer's host), but for the
blocks for documentation: 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 (RFC 5737), 2001:db8::/32 (RFC 3849)
and 3fff::/20 (RFC 9637). Nobody's traffic comes from those; examples and tests are made of them.
"""

import ipaddress
from bisect import bisect_right
from typing import Final

SPECIAL_IPV4: Final = (
    ("0.0.0.0/8", "this network, RFC 791"),
    ("10.0.0.0/8", "private use, RFC 1918"),
    ("100.64.0.0/10", "shared address space, RFC 6598"),
    ("127.0.0.0/8", "loopback, RFC 1122"),
    ("169.254.0.0/16", "link local, RFC 3927"),
    ("172.16.0.0/12", "private use, RFC 1918"),
    ("192.0.0.0/24", "IETF protocol assignments, RFC 6890"),
    ("192.31.196.0/24", "AS112, RFC 7535"),
    ("192.52.193.0/24", "AMT, RFC 7450"),
    ("192.88.99.0/24", "6to4 relay anycast, RFC 7526, 6751"),
    ("192.168.0.0/16", "private use, RFC 1918"),
    ("192.175.48.0/24", "direct delegation AS112, RFC 7534"),
    ("198.18.0.0/15", "benchmarking, RFC 2544"),
    ("224.0.0.0/4", "multicast, RFC 5771"),
    ("240.0.0.0/4", "reserved and limited broadcast, RFC 1112, 919"),
)
"""In order, apart from each other."""
SPECIAL_IPV6: Final = (
    ("::/3", "outside of global unicast, RFC 4291: loopback, mapped, NAT64, discard"),
    ("2001::/23", "IETF protocol assignments, RFC 2928: Teredo, AMT, AS112, ORCHID, DETs"),
    ("2002::/16", "6to4, RFC 3056, deprecated by RFC 7526"),
    ("2620:4f:8000::/48", "direct delegation AS112, RFC 7534"),
    ("4000::/2", "outside of global unicast: SRv6 SIDs"),
    ("8000::/1", "outside of global unicast: unique local, link local, multicast"),
)
"""In order, apart from each other. What is outside of 2000::/3 is not assigned to anybody (RFC 4291, 2.4)."""


def _ranges(table: tuple[tuple[str, str], ...]) -> tuple[list[int], list[int]]:
    nets = [ipaddress.ip_network(block) for block, _ in table]
    return [int(net.network_address) for net in nets], [int(net.broadcast_address) for net in nets]


_FIRST4, _LAST4 = _ranges(SPECIAL_IPV4)
_FIRST6, _LAST6 = _ranges(SPECIAL_IPV6)


def special_ipv4(address: int) -> bool:
    """Whether an IPv4 address, as a number, is in the table."""
    index = bisect_right(_FIRST4, address) - 1
    return index >= 0 and address <= _LAST4[index]


def special_ipv6(address: int) -> bool:
    """Whether an IPv6 address, as a number, is in the table."""
    index = bisect_right(_FIRST6, address) - 1
    return index >= 0 and address <= _LAST6[index]
