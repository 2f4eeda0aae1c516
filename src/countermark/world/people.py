"""Ordinary accounts: casual users, office workers, developers, and the apps that developers run.

Activity is heavy-tailed (log-normal rates), follows the clock and the week, and comes in sessions. Prompts
are people's own words, other languages, public templates (everybody copies the same ones), or an app's own.
"""

from math import exp
from typing import Literal

from countermark.world import clients
from countermark.world.accounts import Registry, past_signup
from countermark.world.calls import DAY_S, Account
from countermark.world.crowd import Crowd, Library, Person
from countermark.world.draws import Choice, Dice, stream, token
from countermark.world.infrastructure import COUNTRY_OF, Internet
from countermark.world.plan import WorldPlan
from countermark.world.prompts import PromptWriter, look_alike_templates, systems, templates, voice_of

Kind = Literal["casual", "worker", "developer", "app"]
_KINDS: Choice[Kind] = Choice(["casual", "worker", "developer", "app"], [56, 26, 15, 3])
_MEDIAN_RATE = {"casual": 0.9, "worker": 2.2, "developer": 3.2, "app": 15.0}
_SPREAD = {"casual": 1.2, "worker": 1.0, "developer": 1.2, "app": 1.0}
_WEEKEND = {"casual": 1.15, "worker": 0.35, "developer": 0.5, "app": 0.85}
_CURVES = {
    "casual": ("evening", "evening", "night"),
    "worker": ("office",),
    "developer": ("office", "evening", "night"),
    "app": ("steady", "flat"),
}
_VIRAL_DAY = 1  # of every week of the world


class People(Crowd):
    """The ordinary accounts of a world. One day a week a prompt goes viral among them (a look-alike)."""

    def __init__(
        self,
        plan: WorldPlan,
        seed: int,
        internet: Internet,
        registry: Registry,
        writer: PromptWriter,
        library: Library,
    ) -> None:
        dice = Dice(stream(seed, "people"))
        normal = stream(seed, "people", "rates").standard_normal(plan.ordinary).tolist()
        maker = _Maker(seed, internet, registry, writer)
        persons = [maker.person(number, deviation, dice) for number, deviation in enumerate(normal)]
        super().__init__("people", persons, plan, seed, writer, library)
        self.went_viral: list[Account] = []
        """Who has used the viral prompt on the days generated so far, in order, with repeats."""

    def prompt(self, person: Person, at: float, dice: Dice) -> str:
        """What this person asks for at this time."""
        viral = self._plan.look_alikes and int(at // DAY_S) % 7 == _VIRAL_DAY
        if viral and not person.own and dice.unit() < 0.3:
            self.went_viral.append(person.account)
            return self._writer.fill(look_alike_templates().viral, dice)
        return super().prompt(person, at, dice)


class _Maker:
    def __init__(self, seed: int, internet: Internet, registry: Registry, writer: PromptWriter) -> None:
        self._seed = seed
        self._internet = internet
        self._registry = registry
        self._writer = writer

    def person(self, number: int, deviation: float, dice: Dice) -> Person:
        """One ordinary person; `deviation` is standard normal and sets how active they are."""
        kind = _KINDS.draw(dice)
        country = self._internet.country(dice)
        agents = clients.APPS if kind in ("casual", "worker") else clients.LIBRARIES
        person = Person(
            account=self._account(kind, country, number, dice),
            rate=_MEDIAN_RATE[kind] * exp(_SPREAD[kind] * deviation),
            weekend=_WEEKEND[kind],
            curve=dice.pick(_CURVES[kind]),
            homes=[self._internet.home(country, dice) for _ in range(dice.between(1, 3))],
            places=self._places(kind, country, dice),
            agents=[agents.draw(dice) for _ in range(2)],
            models=[clients.MODELS.draw(dice) for _ in range(dice.between(1, 3))],
            parameters=[clients.PARAMETERS.draw(dice) for _ in range(1 if kind == "app" else 2)],
            systems=_systems(kind, number, dice),
            voice=voice_of(COUNTRY_OF[country].language, dice),
            public_share=0.1 + 0.5 * dice.unit() if dice.unit() < 0.3 else 0.05,
            favourites=[],
            verbosity=250.0 if kind == "casual" else 400.0,
        )
        if kind == "app":
            self._make_app(person, number, dice)
        elif kind == "developer" and dice.unit() < 0.1:
            _make_evaluator(person, dice)
        return person

    def _account(self, kind: Kind, country: str, number: int, dice: Dice) -> Account:
        registry = self._registry
        domain = registry.ordinary_domain(number, dice)
        card = registry.ordinary_card(number, dice)
        joins_later = dice.unit() < 0.04 and not registry.is_early(number)
        signup = dice.unit() * 30 * DAY_S if joins_later else past_signup(dice)
        tier = dice.pick(
            ("free", "plus", "plus", "payg") if kind in ("casual", "worker") else ("payg", "payg", "team")
        )
        account = registry.open("ordinary", number, country, domain, card, signup, tier)
        if dice.unit() < 0.015:
            account.ban_s = account.signup_s + DAY_S * (5 + 600 * dice.unit())
        return account

    def _places(self, kind: Kind, country: str, dice: Dice) -> list[str]:
        net = self._internet
        if kind == "app":
            return [net.cloud(country, dice) for _ in range(dice.between(1, 2))]
        places = ["", "", ""] + [net.mobile(country, dice) for _ in range(dice.between(0, 3))]
        if dice.unit() < 0.12:
            places += [net.vpn(country, dice), net.vpn(country, dice)]
        if kind in ("worker", "developer"):
            office = net.cloud(country, dice) if dice.unit() < 0.3 else net.home(country, dice)
            places += [office] * 4
        return places

    def _make_app(self, person: Person, number: int, dice: Dice) -> None:
        texts = systems()
        instruction = self._writer.fill(dice.pick(texts.apps), dice)
        person.systems = [dice.pick(texts.public) if dice.unit() < 0.25 else instruction]
        mark = f"[{token(self._seed, 'app', number)[:4]}] " if dice.unit() < 0.5 else ""
        person.own = [mark + template for template in dice.sample(texts.app_prompts, dice.between(1, 3))]
        person.end_users = dice.between(5, 400) if dice.unit() < 0.6 else 0
        person.talks = 0.0
        person.is_server = True


def _make_evaluator(person: Person, dice: Dice) -> None:
    """An engineer who runs public rubrics and test templates all day long, for a product of their own."""
    families = templates()
    every = [t for name in ("grading", "structured", "code", "reasoning") for t in families[name]]
    person.favourites = dice.sample(every, dice.between(2, 5))
    person.public_share = 0.9
    person.rate = 15 + 30 * dice.unit()
    person.talks = 0.0


def _systems(kind: Kind, number: int, dice: Dice) -> list[str | None]:
    if dice.unit() < (0.75 if kind == "casual" else 0.35):
        return [None]
    public = systems().public
    return [None, public[number % len(public)], public[number % len(public)]]
