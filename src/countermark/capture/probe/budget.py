"""The cost cap: what a request may cost at most is set aside before it is sent, so that the cap holds."""

import asyncio
from decimal import Decimal

MILLION = Decimal(1_000_000)


class CapReached(Exception):
    """The next request could cost more than is left, and nothing is under way that could give some back."""


class Budget:
    """Money by tokens and prices, exact. Without a cap it only counts."""

    def __init__(self, cap: Decimal | None, price_in: Decimal, price_out: Decimal) -> None:
        self.cap = cap
        self._prices = price_in, price_out
        self.spent = Decimal(0)
        self._held = Decimal(0)
        self._changed = asyncio.Event()

    def cost(self, tokens_in: int, tokens_out: int) -> Decimal:
        """Of so many tokens of prompt and answer."""
        return (tokens_in * self._prices[0] + tokens_out * self._prices[1]) / MILLION

    def charge(self, tokens_in: int, tokens_out: int) -> None:
        """Count what was spent."""
        self.spent += self.cost(tokens_in, tokens_out)

    async def hold(self, most_in: int, most_out: int) -> Decimal:
        """Set the worst case aside; waits while others may still give some of theirs back.

        Raises `CapReached` when that cannot help.
        """
        worst = self.cost(most_in, most_out)
        while self.cap is not None and self.spent + self._held + worst > self.cap:
            if not self._held:
                raise CapReached
            self._changed.clear()
            await self._changed.wait()
        self._held += worst
        return worst

    def release(self, held: Decimal) -> None:
        """Give back what was set aside; what was spent is charged before."""
        self._held -= held
        self._changed.set()
