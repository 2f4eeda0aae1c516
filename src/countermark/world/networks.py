"""Harvesting networks, after what providers have published of such campaigns (February and June 2026).

Some 26 calls an account a day; a shared work list of capabilities worth training on, in many templates over
many topics; traffic spread over the accounts as by a load balancer; proxies; cards and mail addresses bought
in lots; sign-ups in bursts; ordinary-looking requests in between. Every account works on its own share of the
lists, so that no single value is held by more than 30% of a network (`world/rules.py` measures it).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import TypeVar

import numpy as np

from countermark.world import clients
from countermark.world.accounts import FREE_MAIL, Registry
from countermark.world.calls import DAY_S, Account, Call, times_of_day
from countermark.world.draws import Dice, deal, stream
from countermark.world.infrastructure import COUNTRIES, COUNTRY_OF
from countermark.world.plan import WorldPlan
from countermark.world.prompts import PromptWriter, Voice, systems, templates, vocabulary
from countermark.world.proxies import ProxyMarket

T = TypeVar("T")
DAILY_CALLS = 26.0
_FAMILIES = (("reasoning", "maths", "grading", "preference"), ("code", "tools", "structured", "grading"))
_OFF = 0.05  # chance that an account does not work on a day
_BANNED = 0.006  # a day
_LATE = 0.1  # share of accounts that are bought during the log
_QUEUED = 0.6  # share of work that comes in runs of one template


@dataclass(slots=True)
class Worker:
    """One fabricated account and its share of the work list."""

    account: Account
    rate: float
    camouflage: float
    """Share of requests that look like anybody's."""
    curve: str
    templates: list[str]
    systems: list[str]
    parameters: list[str]
    agents: list[str]
    models: list[str]
    voice: Voice


class Network:
    """Accounts that one operator runs to collect training data."""

    def __init__(
        self,
        index: int,
        plan: WorldPlan,
        seed: int,
        registry: Registry,
        writer: PromptWriter,
        market: ProxyMarket,
    ) -> None:
        self.name = f"harvest-{index + 1}"
        self._seed = seed
        self._writer = writer
        self._market = market
        size = plan.networks[index]
        families = templates()
        self._work_list = [t for family in _FAMILIES[index % 2] for t in families[family]]
        self.workers = self._hire(size, registry, Dice(stream(seed, self.name)))
        self.accounts = [worker.account for worker in self.workers]

    def calls(self, day: int) -> list[Call]:
        """All calls of one day; the proxy market must have observed the day's ordinary calls."""
        rng = stream(self._seed, self.name, day)
        dice = Dice(rng)
        rates = np.array([worker.rate for worker in self.workers])
        counts = rng.poisson(rates * (rng.random(len(rates)) >= _OFF))
        offsets = np.array([COUNTRY_OF[worker.account.country].utc_offset for worker in self.workers])
        curves = [worker.curve for worker in self.workers]
        owners, _, seconds = times_of_day(rng, counts, curves, offsets, session=1.5)
        runs = self._runs(dice)
        proxies = self._proxies(dice)
        calls = []
        for owner, second in zip(owners.tolist(), seconds.tolist(), strict=True):
            worker = self.workers[owner]
            if not proxies[owner]:
                continue
            if dice.unit() < worker.camouflage:
                call = self._call(worker, day * DAY_S + second, proxies[owner], dice)
            else:
                template = dice.pick(worker.templates)
                if dice.unit() < _QUEUED:
                    start, length = dice.pick(runs[template])
                    second = (start + length * dice.unit()) % DAY_S
                call = self._call(worker, day * DAY_S + second, proxies[owner], dice, template)
            if worker.account.open_at(call.second):
                calls.append(call)
        return calls

    def _call(
        self, worker: Worker, at: float, proxies: list[str], dice: Dice, template: str | None = None
    ) -> Call:
        prompt = self._writer.fill(template, dice) if template else self._writer.chatter(dice, worker.voice)
        return Call(
            second=at,
            account=worker.account,
            ip=dice.pick(proxies),
            user_agent=dice.pick(worker.agents),
            model=dice.pick(worker.models),
            parameters=dice.pick(worker.parameters),
            prompt=prompt,
            system=dice.pick(worker.systems) if template and dice.unit() < 0.5 else None,
            verbosity=900.0 if template else 280.0,
        )

    def _runs(self, dice: Dice) -> dict[str, list[tuple[float, float]]]:
        """When each template's jobs run today: start and length in seconds."""
        return {
            template: [(DAY_S * dice.unit(), 1200 + 5400 * dice.unit()) for _ in range(dice.between(3, 5))]
            for template in self._work_list
        }

    def _proxies(self, dice: Dice) -> list[list[str]]:
        """Addresses of each worker today: shared exits in the account's country, and hosts of its own."""
        homes: dict[str, int] = {}
        for worker in self.workers:
            homes[worker.account.country] = homes.get(worker.account.country, 0) + 1
        rotating = {country: self._market.exits(country, 5 + count, dice) for country, count in homes.items()}
        chosen: list[list[str]] = []
        for worker in self.workers:
            country = worker.account.country
            shared = dice.sample(rotating[country], dice.between(1, 3))
            own = [self._market.host(country, dice) for _ in range(dice.between(1, 2))]
            chosen.append(shared + [address for address in own if address])
        return chosen

    def _hire(self, size: int, registry: Registry, dice: Dice) -> list[Worker]:
        one, two = [1] * size, [2] * size
        countries = deal(dice, _countries(), one)
        cards = deal(dice, registry.resold_cards(max(5, size // 6)), one)
        domains = deal(dice, _domains(registry), one)
        bursts = deal(dice, [-70 * dice.unit() - 3 for _ in range(dice.between(6, 9))], one)
        work = deal(dice, _skewed(self._work_list), [dice.between(5, 7) for _ in range(size)])
        texts = deal(dice, _skewed(dice.sample(systems().public, 16)), two)
        parameters = deal(dice, _skewed(clients.PARAMETERS.items), two)
        agents = deal(dice, _skewed(clients.LIBRARIES.items + clients.APPS.items), two)
        models = deal(dice, clients.MODELS.items, [1 + (number % 3 == 0) for number in range(size)])
        voices = _voices(size, dice)
        workers = []
        for number in range(size):
            country = countries[number][0]
            card = cards[number][0] if dice.unit() < 0.85 else registry.own_card(self.name, number)
            burst = 14 * dice.unit() if dice.unit() < _LATE else bursts[number][0] + 1.5 * dice.unit()
            tier = dice.pick(("payg", "payg", "plus", "team"))
            account = registry.open(self.name, number, country, domains[number][0], card, burst * DAY_S, tier)
            account.ban_s = max(account.signup_s, 0.0) - log(1 - dice.unit()) / _BANNED * DAY_S
            workers.append(
                Worker(
                    account=account,
                    rate=DAILY_CALLS * (0.82 + 0.36 * dice.unit()),
                    camouflage=0.10 + 0.10 * dice.unit(),
                    curve=dice.pick(("flat", "steady", "office", "evening")),
                    templates=work[number],
                    systems=texts[number],
                    parameters=parameters[number],
                    agents=agents[number],
                    models=models[number],
                    voice=voices[number],
                )
            )
        return workers


def _voices(size: int, dice: Dice) -> list[Voice]:
    """Each account chats in a persona of its own."""
    words = vocabulary()
    lists = [(words.tasks, 7), (words.openers, 5), (words.details, 7), (words.closings, 3)]
    dealt = [deal(dice, values, [held] * size) for values, held in lists]
    return [Voice(*hands) for hands in zip(*dealt, strict=True)]


def _skewed(values: Sequence[T]) -> list[T]:
    """The first third twice: some jobs are larger than others."""
    return [*values, *values[: len(values) // 3]]


def _countries() -> list[str]:
    """Accounts look as if from everywhere; no country has more than a fifth."""
    return [country.code for country in COUNTRIES for _ in range(round(min(country.weight, 0.18) * 100))]


def _domains(registry: Registry) -> list[str]:
    common = [name for name, weight in FREE_MAIL.items() for _ in range(min(3, 1 + weight // 8))]
    return [*common, *registry.disposable]
