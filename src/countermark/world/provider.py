"""A synthetic provider: people, look-alikes, networks and a pool, and what its gateway logged.

    truth = write_world(folder, WorldPlan.demo(), seed=7)

writes `litellm.jsonl` (or one file a day), `accounts.csv` and `truth.json`. The same plan and seed give the
same bytes, and a longer plan begins with the same lines.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from countermark.records.files import replacing
from countermark.world.accounts import ACCOUNTS_FILE, Registry, write_accounts
from countermark.world.calls import DAY_S, Call, Group, midnight
from countermark.world.crowd import Crowd, Library
from countermark.world.infrastructure import Internet
from countermark.world.litellm_log import LogWriter
from countermark.world.look_alikes import LookAlikes
from countermark.world.networks import Network
from countermark.world.people import People
from countermark.world.plan import WorldPlan
from countermark.world.pool import Pool
from countermark.world.prompts import PromptWriter
from countermark.world.proxies import ProxyMarket
from countermark.world.truth import PlantedNetwork, Truth, write_truth

__all__ = ["LOG_FILE", "Truth", "World", "WorldPlan", "write_world"]

LOG_FILE = "litellm.jsonl"
_BUFFER = 1 << 20


class World:
    """The groups of one world. Days come in order, because networks call through people's lines."""

    def __init__(self, plan: WorldPlan, seed: int, market: ProxyMarket | None = None) -> None:
        self.plan = plan
        internet = Internet(seed, plan.ordinary)
        registry = Registry(seed, plan.ordinary)
        writer = PromptWriter(seed)
        library = Library(seed)
        self.market = market or ProxyMarket()
        self.people = People(plan, seed, internet, registry, writer, library)
        crew = (plan, seed, internet, registry, writer, library)
        self.look_alikes: list[Crowd] = LookAlikes(*crew).groups() if plan.look_alikes else []
        self.networks = [
            Network(index, plan, seed, registry, writer, self.market) for index in range(len(plan.networks))
        ]
        self.pool = Pool(*crew) if plan.pool else None

    def groups(self) -> list[Group]:
        """Every group, ordinary people first."""
        return [self.people, *self.look_alikes, *self.networks, *([self.pool] if self.pool else [])]

    def days(self) -> Iterator[list[Call]]:
        """The calls of each day, in no particular order."""
        for day in range(self.plan.days):
            calls = self.people.calls(day)
            self.market.observe([(call.account, call.ip) for call in calls], self.people.persons)
            for group in self.groups()[1:]:
                calls.extend(group.calls(day))
            yield calls


def write_world(folder: Path, plan: WorldPlan, seed: int, market: ProxyMarket | None = None) -> Truth:
    """Write a world's log, account table and truth into `folder`, which is made where it is missing.

    The files are replaced one by one; raises OSError where the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    world = World(plan, seed, market)
    start = midnight(plan.first_day)
    log = LogWriter(seed, start, no_prompts=plan.no_prompts)
    seen: set[str] = set()
    requests = 0

    def lines_of_days() -> Iterator[tuple[int, Iterator[bytes]]]:
        nonlocal requests
        for day, calls in enumerate(world.days()):
            seen.update(call.account.account_id for call in calls)
            requests += len(calls)
            yield day, log.day(day, calls)

    if plan.file_per_day:
        for day, lines in lines_of_days():
            with replacing(folder / f"litellm-{plan.first_day + timedelta(days=day)}.jsonl") as path:
                _write(path, lines)
    else:
        with replacing(folder / LOG_FILE) as path:
            for _, lines in lines_of_days():
                _write(path, lines)
    everybody = [account for group in world.groups() for account in group.accounts]
    accounts = write_accounts(folder / ACCOUNTS_FILE, everybody, start, plan.days * DAY_S)
    truth = _truth(world, seen, requests, accounts)
    write_truth(folder, truth)
    return truth


def _write(path: Path, lines: Iterator[bytes]) -> None:
    with path.open("ab", buffering=_BUFFER) as stream:
        stream.writelines(lines)


def _truth(world: World, seen: set[str], requests: int, accounts: int) -> Truth:
    def known(group: Group) -> list[str]:
        return sorted({account.account_id for account in group.accounts} & seen)

    look_alikes = {crowd.name: known(crowd) for crowd in world.look_alikes}
    if world.plan.look_alikes:
        look_alikes["viral"] = sorted({account.account_id for account in world.people.went_viral})
    return Truth(
        harvest=[PlantedNetwork(network.name, known(network)) for network in world.networks],
        pool=known(world.pool) if world.pool else [],
        look_alikes=look_alikes,
        requests=requests,
        active_accounts=len(seen),
        accounts=accounts,
    )
