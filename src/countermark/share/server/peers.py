"""Where a request comes from: the peer of the connection, or whom a proxy that is known names."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from starlette.types import Scope

from countermark.share.server.settings import ExchangeSettings, networks

Address = IPv4Address | IPv6Address
_FORWARDED = b"x-forwarded-for"


class _Host(NamedTuple):
    address: Address | None
    is_proxy: bool
    counted: str
    """By what a client at this address is counted."""


class Peers:
    """Knows the proxy."""

    def __init__(self, settings: ExchangeSettings) -> None:
        self.has_proxy = settings.proxy is not None
        self._proxies = networks(settings.proxy.addresses if settings.proxy else ())
        self._host = lru_cache(maxsize=4096)(self._look)

    def is_proxy(self, scope: Scope) -> bool:
        """Whether the connection is the proxy's own."""
        return self._of(scope).is_proxy

    def is_near(self, scope: Scope) -> bool:
        """Whether it comes from this machine, or from the proxy."""
        host = self._of(scope)
        return host.is_proxy or (host.address is not None and host.address.is_loopback)

    def client(self, scope: Scope) -> str:
        """Address by which a client is counted: for IPv6 its /64; `-` where there is none.

        From a proxy it is the last address in X-Forwarded-For that is not the proxy's own.
        """
        host = self._of(scope)
        if host.is_proxy:
            listed = [value for name, value in scope["headers"] if name == _FORWARDED]
            for text in reversed(b",".join(listed).decode("latin-1").split(",")):
                forwarded = parse(text.strip())
                if forwarded is None:
                    break
                host = self._found(forwarded)
                if not host.is_proxy:
                    break
        return host.counted

    def _of(self, scope: Scope) -> _Host:
        client = scope.get("client")
        return self._host(client[0] if client else "")

    def _look(self, text: str) -> _Host:
        return self._found(parse(text))

    def _found(self, address: Address | None) -> _Host:
        if address is None:
            return _Host(None, False, "-")
        networks = (one for one in self._proxies if one.version == address.version)
        return _Host(address, any(address in one for one in networks), counted(address))


def peer(scope: Scope) -> Address | None:
    """The other end of the connection."""
    client = scope.get("client")
    return None if not client else parse(client[0])


@lru_cache(maxsize=4096)
def parse(text: str) -> Address | None:
    """An address from its text; IPv4 within IPv6 as IPv4."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def counted(address: Address) -> str:
    """One subscriber holds a whole /64 of IPv6, so that is what is counted."""
    if isinstance(address, IPv6Address):
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)
