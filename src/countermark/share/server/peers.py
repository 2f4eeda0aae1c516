"""Where a request comes from: the peer of the connection, or whom a proxy that is known names."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.types import Scope

from countermark.share.server.settings import ExchangeSettings, networks

Address = IPv4Address | IPv6Address
_FORWARDED = b"x-forwarded-for"


class Peers:
    """Knows the proxy."""

    def __init__(self, settings: ExchangeSettings) -> None:
        self.has_proxy = settings.proxy is not None
        self._proxies = networks(settings.proxy.addresses if settings.proxy else ())

    def is_proxy(self, scope: Scope) -> bool:
        """Whether the connection is the proxy's own."""
        address = peer(scope)
        return address is not None and self._known(address)

    def client(self, scope: Scope) -> str:
        """Address by which a client is counted: for IPv6 its /64; `-` where there is none.

        From a proxy it is the last address in X-Forwarded-For that is not the proxy's own.
        """
        address = peer(scope)
        if address is not None and self._known(address):
            listed = [value for name, value in scope["headers"] if name == _FORWARDED]
            for text in reversed(b",".join(listed).decode("latin-1").split(",")):
                forwarded = parse(text.strip())
                if forwarded is None:
                    break
                address = forwarded
                if not self._known(address):
                    break
        return "-" if address is None else counted(address)

    def _known(self, address: Address) -> bool:
        return any(address in network for network in self._proxies if network.version == address.version)


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
