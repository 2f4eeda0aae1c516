"""What an accepted signer might seal: one change to a payload or a Statement, the rest made again."""

import copy
import json
import random
import re
from pathlib import Path
from typing import Any

from forging import Change, files_of, forge
from package_damage import damaged

from countermark.trust.signing import SigningKey

VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    1,
    -1,
    2**53,
    1.5,
    1e300,
    "",
    "x",
    "0" * 64,
    [],
    ["x"],
    {},
    {"x": 1},
)
"""What a value becomes."""
FULL = re.compile(
    "custody.json|acquisition |hold |action |attribution |scan.json has a schema|terms|data/plans/"
    "|campaign |a campaign |findings.json has (a schema|no list of campaigns)"
    "|data/case.json has a matter|.* is listed by nothing$"
)
"""What a sentence is like by which the full verifier fails alone (spec/package.md: what is marked full)."""
STRAY = ("data/x.txt", "data/findings/x.txt", "data/plans/x.json", "data/tables/x.jsonl", "data/terms/x.txt")


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Every object or array inside with every key or index of it."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [place for key in keys for place in [(value, key), *places_in(value[key])]]


def with_one_change(value: Any, draw: random.Random) -> tuple[Any, str]:
    """A copy of parsed JSON with one field changed, taken away, added, or doubled; what it was, in words."""
    value = copy.deepcopy(value)
    places = places_in(value)
    if not places:
        return {"x": 1}, "all"
    inside, key = draw.choice(places)
    kind = draw.choice(("value", "value", "value", "as another", "drop", "add", "twice"))
    if kind == "value":
        inside[key] = copy.deepcopy(draw.choice(VALUES))
    elif kind == "as another":
        other, at = draw.choice(places)
        inside[key] = copy.deepcopy(other[at])
    elif kind == "drop":
        del inside[key]
    elif isinstance(inside, dict):
        inside["x"] = draw.choice(VALUES)
    else:
        inside.append(copy.deepcopy(inside[key]))
    return value, f"{kind} at {key}"


class Insider:
    """A seeded source of packages that somebody sealed who is accepted."""

    def __init__(self, folder: Path, key: SigningKey, draw: random.Random) -> None:
        self.folder, self.key, self.draw = folder, key, draw
        self.done = ""
        """What was done, in words."""

    def seal(self, target: Path) -> Path:
        """The package with one change."""
        files = {name: one for name, one in files_of(self.folder).items() if name.startswith("data/")}
        kind = self.draw.choice(("json", "json", "json", "json", "bytes", "drop", "add", "statement"))
        names = sorted(name for name in files if not name.startswith("data/leaves/"))
        parsed = [name for name in names if name.endswith(".json")]
        changed: dict[str, bytes | None] = {}
        statement: Change = lambda _name, _statement: None  # noqa: E731
        if kind == "json":
            name = self.draw.choice(parsed)
            value, how = with_one_change(json.loads(files[name]), self.draw)
            canonical: dict[str, Any] = (
                {"separators": (",", ":"), "sort_keys": True} if "case" in name else {}
            )
            changed[name] = json.dumps(value, ensure_ascii=False, **canonical).encode()
            self.done = f"{name}: {how}"
        elif kind == "statement":
            statement = self._in_statement()
        elif kind == "add":
            name = self.draw.choice(STRAY)
            changed[name] = b'{"x": 1}\n'
            self.done = f"added {name}"
        else:
            name = self.draw.choice(names)
            changed[name] = None if kind == "drop" else damaged(files[name], self.draw)
            self.done = f"{kind} {name}"
        return forge(self.folder, target, self.key, changed, statement)

    def _in_statement(self) -> Change:
        chosen = self.draw.choice(("capture", "detect", "seal", "close"))

        def change(name: str, statement: dict[str, Any]) -> None:
            if f"/{chosen}." in name:
                made, how = with_one_change(statement, self.draw)
                statement.clear()
                statement.update(made)
                self.done = f"{name}: {how}"

        return change
