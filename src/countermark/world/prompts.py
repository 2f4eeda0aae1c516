"""Prompts made of public templates and a vocabulary (`data/*.yaml`).

A slot such as `{topic}` in a template is filled by a draw; other braces stand for themselves, because
templates hold program text too.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeVar

import msgspec

from countermark.world.draws import Dice, stream

Slot = Callable[[Dice], str]
Template = tuple[str | Slot, ...]
T = TypeVar("T")

HARVESTED = ("reasoning", "maths", "grading", "preference", "code", "tools", "structured")
"""Families of templates that are worth training data; `everyday` is the eighth."""

_SLOT = re.compile(r"\{([a-z]+)\}")
_SENTENCES = 20_000
_SNIPPETS = 6000


class Vocabulary(msgspec.Struct, frozen=True):
    """`data/vocabulary.yaml`."""

    topics: list[str]
    angles: list[str]
    aspects: list[str]
    adjectives: list[str]
    nouns: list[str]
    verbs: list[str]
    adverbials: list[str]
    names: list[str]
    languages: list[str]
    code_verbs: list[str]
    code_nouns: list[str]
    openers: list[str]
    details: list[str]
    closings: list[str]
    tasks: list[str]
    foreign: dict[str, list[str]]
    questions: list[str]
    code: list[str]
    code_ends: list[str]


class SystemPrompts(msgspec.Struct, frozen=True):
    """`data/systems.yaml`."""

    public: list[str]
    apps: list[str]
    app_prompts: list[str]
    reseller: list[str]
    agent: str
    company: str


class LookAlikeTemplates(msgspec.Struct, frozen=True):
    """`data/look_alikes.yaml`; `exercises` are handed out, so they have no slots."""

    agent: list[str]
    exercises: list[str]
    own_work: list[str]
    ci: list[str]
    company: list[str]
    viral: str


@cache
def vocabulary() -> Vocabulary:
    """Words that prompts are made of."""
    return _load("vocabulary.yaml", Vocabulary)


@cache
def templates() -> dict[str, list[str]]:
    """Public templates by family."""
    return _load("templates.yaml", dict[str, list[str]])


@cache
def systems() -> SystemPrompts:
    """System prompts."""
    return _load("systems.yaml", SystemPrompts)


@cache
def look_alike_templates() -> LookAlikeTemplates:
    """What the benign look-alikes write."""
    return _load("look_alikes.yaml", LookAlikeTemplates)


def _load(name: str, kind: type[T]) -> T:
    return msgspec.yaml.decode((files("countermark.world") / "data" / name).read_bytes(), type=kind)


@dataclass(frozen=True, slots=True)
class Voice:
    """What a person usually asks for in their own words, and the phrases they use for it."""

    tasks: Sequence[str]
    openers: Sequence[str]
    details: Sequence[str]
    closings: Sequence[str]


def voice_of(language: str | None, dice: Dice) -> Voice:
    """Some person's voice; `language` is what they may write in beside English."""
    words = vocabulary()
    tasks = dice.sample(words.tasks, dice.between(4, 10))
    if language and dice.unit() < 0.6:
        tasks = words.foreign[language] + tasks[:3]
    return Voice(
        tasks,
        dice.sample(words.openers, dice.between(3, 8)),
        dice.sample(words.details, dice.between(4, 9)),
        dice.sample(words.closings, dice.between(1, 4)),
    )


class PromptWriter:
    """Fills templates. Sentences and program snippets are drawn once a world and then reused."""

    def __init__(self, seed: int) -> None:
        words = vocabulary()
        self._words = words
        self._compiled: dict[str, Template] = {}
        self._slots: dict[str, Slot] = {
            "topic": self._topic,
            "aspect": lambda dice: dice.pick(words.aspects),
            "name": lambda dice: dice.pick(words.names),
            "lang": lambda dice: dice.pick(words.languages),
            "d": lambda dice: str(dice.between(1, 6)),
            "n": lambda dice: str(dice.between(3, 40)),
            "m": lambda dice: str(dice.between(11, 990)),
            "k": lambda dice: str(dice.between(100, 9999)),
            "identifier": lambda dice: f"{dice.pick(words.code_verbs)}_{dice.pick(words.code_nouns)}",
            "file": lambda dice: (
                f"src/{dice.pick(words.code_nouns)}/{dice.pick(words.code_verbs)}_"
                f"{dice.pick(words.code_nouns)}.py"
            ),
            "question": lambda dice: self.fill(dice.pick(words.questions), dice),
            "sentence": lambda dice: dice.pick(self._sentences),
            "quote": lambda dice: f'"{dice.pick(self._sentences)}"',
            "passage": self._passage,
            "code": lambda dice: dice.pick(self._snippets),
        }
        dice = Dice(stream(seed, "sentences"))
        self._sentences = [self._sentence(dice) for _ in range(_SENTENCES)]
        self._snippets = [
            self.fill(f"{dice.pick(words.code)}\n\n{dice.pick(words.code_ends)}", dice)
            for _ in range(_SNIPPETS)
        ]

    def fill(self, template: str, dice: Dice) -> str:
        """The template with every slot drawn."""
        parts = self._compiled.get(template)
        if parts is None:
            parts = self._compiled[template] = self._compile(template)
        return "".join([part if isinstance(part, str) else part(dice) for part in parts])

    def chatter(self, dice: Dice, voice: Voice) -> str:
        """Something in a person's own words."""
        if dice.unit() < 0.55:
            request = self.fill(dice.pick(voice.tasks), dice)
            if dice.unit() < 0.5:
                return request
            return f"{dice.pick(voice.openers)} {self._topic(dice)}. {request}"
        text = f"{dice.pick(voice.openers)} {self._topic(dice)}, {self.fill(dice.pick(voice.details), dice)}"
        while dice.unit() < 0.45:
            text = f"{text}. {self.fill(dice.pick(voice.details), dice)}"
        if dice.unit() < 0.4:
            text = f"{text}\n\n{self._passage(dice)}"
        return f"{text} {dice.pick(voice.closings)}" if dice.unit() < 0.35 else text

    def _topic(self, dice: Dice) -> str:
        topic = dice.pick(self._words.topics)
        return f"{dice.pick(self._words.angles)} {topic}" if dice.unit() < 0.7 else topic

    def _compile(self, template: str) -> Template:
        pieces = _SLOT.split(template)  # text, slot, text, slot, ..., text
        parts: list[str | Slot] = []
        for place, piece in enumerate(pieces):
            if place % 2 == 0:
                parts.append(piece)
            else:
                parts.append(self._slots[piece])
        return tuple(part for part in parts if part != "")

    def _sentence(self, dice: Dice) -> str:
        words = self._words
        who = f"the {dice.pick(words.adjectives)} {dice.pick(words.nouns)}"
        owner = f"{dice.pick(words.names)}'s {dice.pick(words.adjectives)} {dice.pick(words.nouns)}"
        what = f"the {dice.pick(words.nouns)} of {owner}"
        act, when = dice.pick(words.verbs), dice.pick(words.adverbials)
        shape = dice.unit()
        if shape < 0.35:
            return f"{when[0].upper()}{when[1:]}, {who} {act} {what}."
        if shape < 0.65:
            return f"T{who[1:]}, which {dice.pick(words.names)} had {act} {when}, concerned {what}."
        if shape < 0.85:
            return f"In {dice.between(1850, 2025)} {who} {act} {what}."
        said = f"what {dice.between(2, 900)} people had said of {dice.pick(words.topics)}"
        return f"T{who[1:]} {act} {said} and {what}."

    def _passage(self, dice: Dice) -> str:
        return " ".join([dice.pick(self._sentences) for _ in range(dice.between(2, 8))])
