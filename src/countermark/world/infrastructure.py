"""Addresses by country: homes, carrier gateways, VPN exits, clouds, offices, campuses.

All are in 10.0.0.0/8 and 2001:db8::/32 (RFC 1918, RFC 3849), so that no generated address is anybody's.
A /24 (IPv4) or /48 (IPv6) belongs to one access provider, as on the real network.
"""

from dataclasses import dataclass, field

from countermark.world.draws import Choice, Dice, stream


@dataclass(frozen=True)
class Country:
    """A country's share of the accounts, its clock, and the language its people write beside English."""

    code: str
    weight: float
    utc_offset: float
    """Hours."""
    language: str | None = None


COUNTRIES = (
    Country("US", 0.25, -6),
    Country("IN", 0.12, 5.5),
    Country("GB", 0.08, 0),
    Country("DE", 0.08, 1, "de"),
    Country("BR", 0.07, -3, "pt"),
    Country("FR", 0.06, 1, "fr"),
    Country("JP", 0.06, 9, "ja"),
    Country("CA", 0.05, -5),
    Country("KR", 0.05, 9, "ko"),
    Country("SG", 0.05, 8, "zh"),
    Country("MX", 0.05, -6, "es"),
    Country("NG", 0.04, 1),
    Country("HK", 0.04, 8, "zh"),
)
COUNTRY_OF = {country.code: country for country in COUNTRIES}


@dataclass
class _Blocks:
    """Address blocks of one country by kind of access."""

    home: list[str] = field(default_factory=list)
    mobile: list[str] = field(default_factory=list)
    vpn: list[str] = field(default_factory=list)
    cloud: list[str] = field(default_factory=list)


class Internet:
    """Address space that is fixed by the seed and the number of accounts that it has to hold."""

    def __init__(self, seed: int, accounts: int) -> None:
        self._free4 = stream(seed, "blocks").permutation(1 << 16).tolist()
        self._free6 = stream(seed, "blocks", "v6").permutation(1 << 16).tolist()
        self._blocks = {country.code: self._allocate(country, accounts) for country in COUNTRIES}
        self._country = Choice([c.code for c in COUNTRIES], [c.weight for c in COUNTRIES])

    def country(self, dice: Dice) -> str:
        """A country's code, by its share of the accounts."""
        return self._country.draw(dice)

    def block(self) -> str:
        """A /24 that nobody has yet (a company, a campus, a reseller)."""
        number = self._free4.pop()
        return f"10.{number >> 8}.{number & 255}."

    def home(self, country: str, dice: Dice) -> str:
        """A household's address."""
        return host_in(dice.pick(self._blocks[country].home), dice)

    def mobile(self, country: str, dice: Dice) -> str:
        """A carrier's gateway: a few addresses stand for all of its customers."""
        return f"{dice.pick(self._blocks[country].mobile)}{dice.between(1, 12)}"

    def vpn(self, country: str, dice: Dice) -> str:
        """An exit of a VPN service."""
        return f"{dice.pick(self._blocks[country].vpn)}{dice.between(1, 8)}"

    def cloud(self, country: str, dice: Dice) -> str:
        """A rented server, or the egress of a hosting company."""
        return host_in(dice.pick(self._blocks[country].cloud), dice)

    def _allocate(self, country: Country, accounts: int) -> _Blocks:
        size = accounts * country.weight
        old = [self.block() for _ in range(4 + int(size / 6))]
        new = [f"2001:db8:{self._free6.pop():x}:" for _ in range(2 + int(size / 8))]
        return _Blocks(
            home=old + new,
            mobile=[self.block() for _ in range(2 + int(size / 60))],
            vpn=[self.block() for _ in range(2 + int(size / 120))],
            cloud=[self.block() for _ in range(3 + int(size / 40))],
        )


def host_in(block: str, dice: Dice) -> str:
    """Some address in a /24 (`10.1.2.`) or /48 (`2001:db8:7:`)."""
    if block.endswith("."):
        return f"{block}{dice.between(1, 254)}"
    return f"{block}{dice.between(1, 254):x}::{dice.between(1, 65534):x}"


def block_of(address: str) -> str:
    """The block that an address lies in: /24 or /48."""
    if ":" in address:
        return ":".join(address.split(":")[:3]) + ":"
    return address[: address.rindex(".") + 1]
