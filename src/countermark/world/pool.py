"""A reseller pool: accounts bought in bulk, and ordinary users behind them who do not know of it."""

import numpy as np

from countermark.world import clients
from countermark.world.accounts import FREE_MAIL, Registry
from countermark.world.calls import DAY_S, Call, times_of_day
from countermark.world.crowd import Library
from countermark.world.draws import Choice, Dice, deal, stream
from countermark.world.infrastructure import COUNTRY_OF, Internet
from countermark.world.plan import WorldPlan
from countermark.world.prompts import PromptWriter, systems, voice_of

_DAILY_CALLS = 20.0
_COUNTRIES = ("US", "SG", "HK", "GB")
_EGRESS = 14
_ACTIVE = 6


class Pool:
    """Resold access: the customers' requests go round the accounts and leave by a few addresses."""

    name = "pool"

    def __init__(
        self,
        plan: WorldPlan,
        seed: int,
        internet: Internet,
        registry: Registry,
        writer: PromptWriter,
        library: Library,
    ) -> None:
        dice = Dice(stream(seed, self.name))
        size = plan.pool
        self._seed = seed
        self._writer = writer
        self._library = library
        self._egress = [internet.cloud(_COUNTRIES[n % 2], dice) for n in range(_EGRESS)]
        self._agents = [clients.LIBRARIES.draw(dice) for _ in range(2)]
        cards = deal(dice, registry.resold_cards(max(2, size // 10)), [1] * size)
        domains = [*registry.disposable[:4], *list(FREE_MAIL)[:2]]
        bursts = [-50 * dice.unit() - 2 for _ in range(4)]
        self.accounts = [
            registry.open(
                self.name,
                number,
                dice.pick(_COUNTRIES),
                dice.pick(domains),
                cards[number][0],
                DAY_S * (dice.pick(bursts) + dice.unit()),
                "plus",
            )
            for number in range(size)
        ]
        self._countries = [internet.country(dice) for _ in range(5 * size)]
        self._voices = [voice_of(COUNTRY_OF[country].language, dice) for country in self._countries]
        self._likes_templates = [dice.unit() < 0.3 for _ in self._countries]
        self._weights = stream(seed, self.name, "customers").lognormal(0, 1.2, len(self._countries))
        self._parameters = Choice(clients.PARAMETERS.items[:8], [5, 4, 2, 2, 1, 1, 1, 1])

    def calls(self, day: int) -> list[Call]:
        """All calls of one day."""
        rng = stream(self._seed, self.name, day)
        dice = Dice(rng)
        expected = _DAILY_CALLS * len(self.accounts) * self._weights / self._weights.sum()
        counts = rng.poisson(expected)
        offsets = np.array([COUNTRY_OF[country].utc_offset for country in self._countries])
        customers, which, seconds = times_of_day(rng, counts, ["evening"] * len(counts), offsets)
        active = dice.sample(self._egress, _ACTIVE)
        calls = []
        sticky: dict[int, int] = {}
        for customer, number, second in zip(
            customers.tolist(), which.tolist(), seconds.tolist(), strict=True
        ):
            place = sticky.setdefault(number, dice.below(len(self.accounts)))
            calls.append(self._call(customer, place, day * DAY_S + second, dice.pick(active), dice))
        return calls

    def _call(self, customer: int, place: int, at: float, address: str, dice: Dice) -> Call:
        voice = self._voices[customer]
        if dice.unit() < (0.35 if self._likes_templates[customer] else 0.02):
            prompt = self._writer.fill(self._library.popular(dice), dice)
        else:
            prompt = self._writer.chatter(dice, voice)
        return Call(
            second=at,
            account=self.accounts[place],
            ip=address,
            user_agent=dice.pick(self._agents),
            model=dice.pick(clients.MODELS.items[:3]),
            parameters=self._parameters.draw(dice),
            prompt=prompt,
            system=dice.pick(systems().reseller) if dice.unit() < 0.45 else None,
            history=self._writer.chatter(dice, voice) if dice.unit() < 0.35 else None,
            end_user=f"c{customer}" if place % 3 == 0 else None,
        )
