"""Free choices that a canary may be drawn from: a list of harmless items, checked when it is read.

An item has K >= 2 options that are equally good, and a prompt that shows all of them or none. Facts, code,
health, law and safety are never a free choice: only the categories in `CATEGORIES` are let in.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from countermark.attribute.canary.shown import hinted, option_shown
from countermark.errors import Error, ExitCode
from countermark.records.canonical import sha256_hex

SCHEMA = "countermark/free-choices/v1"
BUILT_IN = Path(__file__).parent / "data" / "choices.yaml"
CATEGORIES = {
    "order": "an order of equal items",
    "name": "an invented name for an example",
    "format": "a format, such as a list bullet or a divider",
}
FORBIDDEN = ("facts", "code", "health", "law", "safety")
"""Named in the error of a list that has them; whatever is not in `CATEGORIES` is refused alike."""
AUTOMATED = "automated"
"""How `reviewed_by` begins where the reader was a program."""
MAX_BYTES = 128 << 10
MAX_NESTING = 20
MAX_ITEMS = 20_000
MAX_OPTIONS = 64
MAX_TEXT = 2_000
_BRACE = re.compile(r"\{(?:(slot)|([0-9]{1,2}))\}|[{}]")
_OPENING = (
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
Match = Literal["word", "start", "order"]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One free choice."""

    id: str
    category: str
    match: Match
    """How an answer shows an option (`shown.py`)."""
    prompt: str
    """As the suspect is asked, all options in it."""
    options: list[str]
    reviewed_by: str = ""
    """Who has read it; empty where nobody has, `AUTOMATED` in front where it was a program."""
    reviewed: str = ""
    """Day of the review, 2026-11-30; empty where there was none."""


class _Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    category: str
    match: Match
    prompt: str
    options: list[str]
    slots: list[str | list[str]] = msgspec.field(default_factory=lambda: [""])
    reviewed_by: str = ""
    reviewed: str = ""


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: str
    name: str
    templates: list[_Template]


class FreeChoices(msgspec.Struct, frozen=True):
    """A list that was read and checked."""

    name: str
    sha256: str
    """Of the file."""
    items: list[Item]

    @property
    def unreviewed(self) -> int:
        """Items that nobody has read."""
        return sum(not item.reviewed_by.strip() for item in self.items)

    @property
    def automated(self) -> int:
        """Items that a program has read, and no named person."""
        return sum(item.reviewed_by.strip().lower().startswith(AUTOMATED) for item in self.items)


def read_choices(path: Path = BUILT_IN) -> FreeChoices:
    """The list in a YAML or JSON file; raises `Error` for one that is none, and for an item that is no free
    choice."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    if len(data) > MAX_BYTES:
        raise Error(f"{path} is over {MAX_BYTES >> 10} KiB", exit_code=ExitCode.NO_INPUT)
    try:
        known = msgspec.convert(_plain(data), _List)
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise Error(f"{path} is no list of free choices: {reason}", exit_code=ExitCode.NO_INPUT) from None
    if known.schema != SCHEMA:
        raise Error(f"{path} is not of schema {SCHEMA}", exit_code=ExitCode.NO_INPUT)
    items = check_items(item for template in known.templates for item in _expanded(template))
    return FreeChoices(known.name, sha256_hex(data), items)


def check_items(items: Iterable[Item]) -> list[Item]:
    """The items; raises `Error` at the first that is no free choice, cannot be told from an answer, has the
    id of another, or is one too many."""
    seen: dict[str, Item] = {}
    for item in items:
        _check(item)
        if item.id in seen:
            raise _bad(item.id, "its id stands twice")
        seen[item.id] = item
        if len(seen) > MAX_ITEMS:
            break
    if not 1 <= len(seen) <= MAX_ITEMS:
        raise _bad("list", f"it has no item, or over {MAX_ITEMS:,}")
    return list(seen.values())


def _plain(data: bytes) -> Any:
    """Lists, mappings and texts. Aliases, which make gigabytes of a few bytes, and deep nesting are
    refused."""
    text, depth = data.decode(), 0
    for token in yaml.scan(text, Loader=yaml.BaseLoader):
        if isinstance(token, yaml.AliasToken):
            raise ValueError("it uses YAML aliases")
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > MAX_NESTING:
            raise ValueError(f"it is nested over {MAX_NESTING} deep")
    # every scalar is a text: none is read as a number or a date, which could take long or be of no use
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 builds no objects


def _expanded(template: _Template) -> Iterator[Item]:
    if len(template.options) > MAX_OPTIONS:
        raise _bad(template.id, f"it has over {MAX_OPTIONS} options")
    for slot in template.slots:
        values = [slot] if isinstance(slot, str) else slot
        options = [_filled(template.id, option, values) for option in template.options]
        question = _filled(template.id, template.prompt, values)
        yield Item(
            id=f"{template.id}-{'-'.join(' '.join(values).lower().split())}".rstrip("-"),
            category=template.category,
            match=template.match,
            prompt=f"{question} Answer with one of these and nothing else: {' | '.join(options)}",
            options=options,
            reviewed_by=template.reviewed_by,
            reviewed=template.reviewed,
        )


def _filled(name: str, text: str, values: list[str]) -> str:
    """`{slot}`, `{0}`, `{1}` … filled in; nothing else of Python's formats, which can ask for any length."""
    if max(map(len, [text, *values])) > MAX_TEXT:
        raise _bad(name, f"a text of it is over {MAX_TEXT:,} characters")

    def value(found: re.Match[str]) -> str:
        if found[1]:
            return " ".join(values)
        if found[2] is None or int(found[2]) >= len(values):
            raise _bad(name, "its text has braces that no slot fills")
        return values[int(found[2])]

    return _BRACE.sub(value, text)


def _check(item: Item) -> None:
    if item.category not in CATEGORIES:
        never = ", and never will be" if item.category in FORBIDDEN else ""
        raise _bad(item.id, f"its category {item.category!r} is not allowed{never}")
    if not 2 <= len(item.options) <= MAX_OPTIONS or len(set(item.options)) != len(item.options):
        raise _bad(item.id, f"it has not 2 to {MAX_OPTIONS} different options")
    texts = [item.id, item.prompt, *item.options]
    if any(not 0 < len(text) <= MAX_TEXT or not text.isprintable() for text in texts):
        raise _bad(item.id, f"a text of it is empty, over {MAX_TEXT:,} characters, or not printable")
    for at, option in enumerate(item.options):
        if option_shown(item.match, item.options, option) != at:
            raise _bad(item.id, "an answer with one of its options could be taken for another or for none")
    inside = [hinted(item.match, option, item.prompt) for option in item.options]
    if any(inside) and not all(inside):
        raise _bad(item.id, "its prompt shows some options and not the others")


def _bad(name: str, reason: str) -> Error:
    return Error(
        f"free choice {name}: {reason}",
        hint=f"allowed are {', '.join(CATEGORIES)}; spec/canaries.md says what an item has",
        exit_code=ExitCode.NO_INPUT,
    )
