"""Words that name a cause, and what is printed in their place: a cause is what a named person states."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

import msgspec

_CAUSES = re.compile(r"\b(?:copied|stolen|trained\s+on|derived)\b", re.IGNORECASE)
T = TypeVar("T")


def cause_in(text: str) -> str:
    """The first such word, as it stands there; empty where there is none."""
    found = _CAUSES.search(text)
    return found[0] if found else ""


def withheld(file: str) -> str:
    """What is printed in the place of a text that holds one; `file` is where it stands."""
    where = "a file whose name holds one, too" if cause_in(file) else file
    return f"[words that name a cause; they stand in {where}]"


def without_causes(value: T, file: str) -> T:
    """The same record, each text that holds such a word replaced whole, keys too; `value` stays as it is.

    Goes through lists, tuples, mappings, structs and dataclasses of the bounded records that were read.
    """
    return cast(T, _without(value, file))


def _without(value: object, file: str) -> object:
    if isinstance(value, str):
        return withheld(file) if cause_in(value) else value
    if isinstance(value, Mapping):
        return {_without(key, file): _without(one, file) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without(one, file) for one in value)
    if isinstance(value, msgspec.Struct):
        changed = {name: _without(getattr(value, name), file) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **changed)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _without(getattr(value, one.name), file) for one in fields(value)})
    return value
