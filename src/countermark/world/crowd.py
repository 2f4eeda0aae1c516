"""People who call: who they are, where they call from, what they write; and a crowd of them over a day."""

from dataclasses import dataclass, field

import numpy as np

from countermark.world.calls import DAY_S, Account, Call, is_weekend, times_of_day
from countermark.world.draws import Choice, Dice, stream
from countermark.world.infrastructure import COUNTRY_OF
from countermark.world.plan import WorldPlan
from countermark.world.prompts import PromptWriter, Voice, templates

_MOST_CALLS = 400


@dataclass(slots=True)
class Person:
    """Who is behind an account, and how they call."""

    account: Account
    rate: float
    """Mean calls on a weekday."""
    weekend: float
    """Factor on Saturdays and Sundays."""
    curve: str
    homes: list[str]
    """Leases of the home connection, used in turn."""
    places: list[str]
    """Where sessions come from; empty text stands for the home."""
    agents: list[str]
    models: list[str]
    parameters: list[str]
    systems: list[str | None]
    voice: Voice
    public_share: float
    """Share of prompts that are public templates."""
    favourites: list[str]
    """Templates that this person keeps to; empty: any."""
    own: list[str] = field(default_factory=list)
    """Templates of their own: an app's, a team's, a course's."""
    own_share: float = 1.0
    """Share of prompts that are made from them, where there are any."""
    talks: float = 0.3
    """Share of calls that continue a conversation."""
    verbosity: float = 300.0
    """Median length of the answers in tokens."""
    end_users: int = 0
    """Customers behind the account who are named in `end_user`."""
    is_server: bool = False
    """Calls from machines of its own; nobody rents out such a connection."""


class Library:
    """The public prompt collections: a few templates are everybody's, every one is somebody's."""

    def __init__(self, seed: int) -> None:
        self._all = Dice(stream(seed, "library")).sample(
            [t for family in templates().values() for t in family], 999
        )
        self._popular = Choice(self._all, [1 / (rank + 4) for rank in range(len(self._all))])

    def popular(self, dice: Dice) -> str:
        """A template by how popular it is."""
        return self._popular.draw(dice)

    def front_page(self, turn: int) -> str:
        """The template that a collection shows first this time; each has its turn."""
        return self._all[turn % len(self._all)]


class Crowd:
    """Persons who act each for themselves, on one calendar."""

    def __init__(
        self,
        name: str,
        persons: list[Person],
        plan: WorldPlan,
        seed: int,
        writer: PromptWriter,
        library: Library,
    ) -> None:
        self.name = name
        self.persons = persons
        self.accounts = [person.account for person in persons]
        self._plan = plan
        self._seed = seed
        self._writer = writer
        self._library = library
        self._turn = 0

    def calls(self, day: int) -> list[Call]:
        """All calls of one day."""
        rng = stream(self._seed, self.name, day)
        persons = self.persons
        weekend = is_weekend(self._plan.first_day, day)
        rates = np.array([p.rate * (p.weekend if weekend else 1.0) for p in persons])
        rates *= rng.lognormal(-0.18, 0.6, len(persons))  # good days and bad days, mean 1
        counts = np.minimum(rng.poisson(rates), _MOST_CALLS)
        offsets = np.array([COUNTRY_OF[p.account.country].utc_offset for p in persons])
        owners, which, seconds = times_of_day(rng, counts, [p.curve for p in persons], offsets)
        dice = Dice(rng)
        self._turn = 67 * day  # no state passes from one day to the next
        sessions: dict[int, tuple[str, str, str]] = {}
        calls = []
        for owner, number, second in zip(owners.tolist(), which.tolist(), seconds.tolist(), strict=True):
            person = persons[owner]
            at = day * DAY_S + second
            if not person.account.open_at(at):
                continue
            session = sessions.get(number)
            if session is None:
                session = (_address(person, day, dice), dice.pick(person.agents), dice.pick(person.models))
                sessions[number] = session
            calls.append(self._call(person, at, session, dice))
        return calls

    def prompt(self, person: Person, at: float, dice: Dice) -> str:  # noqa: ARG002 (groups with a calendar)
        """What this person asks for at this time (seconds since the first day's start)."""
        if person.own and dice.unit() < person.own_share:
            return self._writer.fill(dice.pick(person.own), dice)
        if dice.unit() < person.public_share:
            return self._writer.fill(self._public_template(person, dice), dice)
        return self._writer.chatter(dice, person.voice)

    def _public_template(self, person: Person, dice: Dice) -> str:
        if person.favourites:
            return dice.pick(person.favourites)
        if dice.unit() < 0.35:
            return self._library.popular(dice)
        self._turn += 1
        return self._library.front_page(self._turn)

    def _call(self, person: Person, at: float, session: tuple[str, str, str], dice: Dice) -> Call:
        return Call(
            second=at,
            account=person.account,
            ip=session[0],
            user_agent=session[1],
            model=session[2],
            parameters=dice.pick(person.parameters),
            prompt=self.prompt(person, at, dice),
            system=dice.pick(person.systems),
            history=self._writer.chatter(dice, person.voice) if dice.unit() < person.talks else None,
            end_user=f"u{int(person.end_users * dice.unit() ** 2)}" if person.end_users else None,
            verbosity=person.verbosity,
        )


def _address(person: Person, day: int, dice: Dice) -> str:
    return dice.pick(person.places) or person.homes[(day + len(person.voice.tasks)) // 4 % len(person.homes)]
