"""Benign groups that share much: a coding agent's users, a class, CI jobs, an office.

The viral prompt, a look-alike too, is in `people`.
"""

from math import exp

from countermark.world import clients
from countermark.world.accounts import FREE_MAIL, Registry, past_signup
from countermark.world.calls import DAY_S, Account
from countermark.world.crowd import Crowd, Library, Person
from countermark.world.draws import Choice, Dice, stream, token
from countermark.world.infrastructure import COUNTRY_OF, Internet, host_in
from countermark.world.plan import WorldPlan
from countermark.world.prompts import PromptWriter, look_alike_templates, systems, voice_of


class Class(Crowd):
    """Students who do the exercise of the day in the same lesson."""

    def prompt(self, person: Person, at: float, dice: Dice) -> str:
        """The exercise of the day, or something of their own about it."""
        if dice.unit() < 0.7:
            exercises = look_alike_templates().exercises
            return exercises[int(at // DAY_S) % len(exercises)]
        return super().prompt(person, at, dice)


class LookAlikes:
    """Makes the groups; sizes go with the number of ordinary accounts."""

    def __init__(
        self,
        plan: WorldPlan,
        seed: int,
        internet: Internet,
        registry: Registry,
        writer: PromptWriter,
        library: Library,
    ) -> None:
        self._plan = plan
        self._seed = seed
        self._internet = internet
        self._registry = registry
        self._writer = writer
        self._library = library

    def groups(self) -> list[Crowd]:
        """All groups, each with a crowd of its own."""
        size = self._plan.ordinary
        return [
            self._agent(min(120, max(20, size // 25))),
            self._class(min(60, max(15, size // 55))),
            self._ci(min(15, max(5, size // 250))),
            self._company(min(60, max(10, size // 60))),
        ]

    def _agent(self, size: int) -> Crowd:
        """Independent developers with the same coding agent."""
        dice = Dice(stream(self._seed, "coding agent"))
        free_mail = Choice(list(FREE_MAIL), list(FREE_MAIL.values()))
        normal = stream(self._seed, "coding agent", "rates").standard_normal(size).tolist()
        persons = []
        for number in range(size):
            country = self._internet.country(dice)
            domain = (
                free_mail.draw(dice)
                if dice.unit() < 0.7
                else f"{token(self._seed, 'dev', number)[:8]}.example"
            )
            card = self._registry.own_card("coding agent", number)
            account = self._registry.open("agent", number, country, domain, card, past_signup(dice), "payg")
            person = self._person(account, dice, ["", "", "", self._internet.mobile(country, dice)])
            person.agents = [clients.AGENT_USER_AGENT]
            person.parameters = [clients.AGENT_PARAMETERS]
            person.systems = [systems().agent]
            person.models = ["atlas-code", dice.pick(("atlas-large", "atlas-large-reasoning"))]
            person.own, person.own_share = look_alike_templates().agent, 0.9
            person.rate = 12 * exp(0.8 * normal[number])
            person.curve = dice.pick(("office", "evening", "night"))
            person.verbosity = 500.0
            persons.append(person)
        return self._crowd("coding agent", persons)

    def _class(self, size: int) -> Crowd:
        """Students of one course: one campus, one week of sign-ups, one e-mail domain."""
        dice = Dice(stream(self._seed, "class"))
        campus = self._internet.block()
        gateway = [f"{campus}{host}" for host in (10, 11)]
        domain = f"student.{token(self._seed, 'university')[:6]}.example"
        persons = []
        for number in range(size):
            card = self._registry.own_card("class", number)
            signup = DAY_S * (-9 + 6 * dice.unit())
            account = self._registry.open("class", number, "DE", domain, card, signup, "free")
            person = self._person(account, dice, [*gateway * 3, ""])
            person.curve = "lesson"
            person.weekend = 0.2
            person.rate = 5 + 6 * dice.unit()
            person.own, person.own_share = look_alike_templates().own_work, 0.6
            persons.append(person)
        return Class("class", persons, self._plan, self._seed, self._writer, self._library)

    def _ci(self, size: int) -> Crowd:
        """A firm's bots: one address, one card, round the clock."""
        dice = Dice(stream(self._seed, "ci"))
        address = self._internet.cloud("US", dice)
        card = self._registry.own_card("ci", 0)
        domain = f"build.{token(self._seed, 'ci')[:6]}.example"
        persons = []
        for number in range(size):
            signup = DAY_S * (-200 + 2 * dice.unit())
            account = self._registry.open("ci", number, "US", domain, card, signup, "team")
            person = self._person(account, dice, [address])
            person.agents = ["OpenAI/Python 1.91.0"]
            person.models = ["atlas-code"]
            person.parameters = ['{"max_tokens":4096}']
            person.systems = [None]
            person.curve, person.weekend, person.rate = "flat", 0.9, 30 + 15 * dice.unit()
            person.own = look_alike_templates().ci
            person.talks = 0.0
            person.is_server = True
            persons.append(person)
        return self._crowd("ci", persons)

    def _company(self, size: int) -> Crowd:
        """Colleagues behind one office address with a library of prompts, some on the firm's card."""
        dice = Dice(stream(self._seed, "company"))
        office = host_in(self._internet.block(), dice)
        domain = "brandt-lindqvist.example"
        persons = []
        for number in range(size):
            firm_pays = dice.unit() < 0.6
            card = self._registry.own_card("company", 0 if firm_pays else number + 1)
            account = self._registry.open("company", number, "DE", domain, card, past_signup(dice), "team")
            person = self._person(account, dice, [office] * 6 + [""])
            person.curve, person.weekend, person.rate = "office", 0.1, 3 + 12 * dice.unit()
            person.own, person.own_share = look_alike_templates().company, 0.55
            person.systems = [None, systems().company]
            persons.append(person)
        return self._crowd("company", persons)

    def _crowd(self, name: str, persons: list[Person]) -> Crowd:
        return Crowd(name, persons, self._plan, self._seed, self._writer, self._library)

    def _person(self, account: Account, dice: Dice, places: list[str]) -> Person:
        country = account.country
        return Person(
            account=account,
            rate=5.0,
            weekend=0.5,
            curve="evening",
            homes=[self._internet.home(country, dice) for _ in range(2)],
            places=places,
            agents=[clients.APPS.draw(dice) for _ in range(2)],
            models=[clients.MODELS.draw(dice) for _ in range(2)],
            parameters=[clients.PARAMETERS.draw(dice)],
            systems=[None],
            voice=voice_of(COUNTRY_OF[country].language, dice),
            public_share=0.08,
            favourites=[],
        )
