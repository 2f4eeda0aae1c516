"""Residential proxies: networks call through connections that ordinary people use too."""

from collections.abc import Iterable, Mapping, Sequence

from countermark.world.calls import Account
from countermark.world.crowd import Person
from countermark.world.draws import Dice
from countermark.world.infrastructure import block_of, host_in


class ProxyMarket:
    """What a proxy seller can offer on a day: exits seen with ordinary people that day, and hosts near them.

    A network shares the exits among its accounts. The other hosts (leases in the same /24 or /48) are sold
    once, so that no address belongs to several accounts of a network and to nobody else.

    Exits that the seller hands out at another provider too (`elsewhere`, by country) make up to half of an
    offer.
    """

    def __init__(self, elsewhere: Mapping[str, Sequence[str]] | None = None) -> None:
        self._elsewhere = elsewhere or {}
        self.handed_out: dict[str, list[str]] = {}
        """Exits that a network got in the last offer, by country."""
        self._exits: dict[str, list[str]] = {}
        self._blocks: dict[str, list[str]] = {}
        self._sold: set[str] = set()

    def observe(self, seen: Iterable[tuple[Account, str]], persons: Sequence[Person]) -> None:
        """Replace the offer by the addresses that ordinary accounts called from today."""
        servers = {person.account.account_id for person in persons if person.is_server}
        exits: dict[str, dict[str, None]] = {}
        blocks: dict[str, dict[str, None]] = {}
        for account, address in seen:
            if account.account_id not in servers:
                exits.setdefault(account.country, {})[address] = None
            blocks.setdefault(account.country, {})[block_of(address)] = None
        self._exits.update({country: list(found) for country, found in exits.items()})
        self._blocks.update({country: list(found) for country, found in blocks.items()})

    def exits(self, country: str, size: int, dice: Dice) -> list[str]:
        """`size` shared exits in a country, fewer where people were few; abroad where there were none."""
        found = self._exits.get(country) or [one for exits in self._exits.values() for one in exits]
        known = self._elsewhere.get(country, ())
        offer = dice.sample(known, size // 2) if known else []
        offer += dice.sample(found, size - len(offer))
        self.handed_out[country] = offer
        return offer

    def host(self, country: str, dice: Dice) -> str | None:
        """A host that is sold once, in a block that ordinary people use; None where there is none."""
        blocks = self._blocks.get(country)
        while blocks:
            address = host_in(dice.pick(blocks), dice)
            if address not in self._sold:
                self._sold.add(address)
                return address
        return None
