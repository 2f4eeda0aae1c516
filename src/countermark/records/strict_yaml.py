"""YAML as a list of plain facts: bounded, no aliases, no tags, no key twice, dates left as text.

Small files must not blow up in memory; a key that stands twice must not let two readers see two documents.
"""

import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from countermark.errors import Error, ExitCode

MAX_BYTES = 1 << 18
MAX_DEPTH = 12
MAX_NODES = 20_000
T = TypeVar("T")


class _Strict(yaml.SafeLoader):
    """Safe loader that refuses aliases, tags, repeated keys, and too much of anything."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        # the stubs of PyYAML leave this method without types
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) is not None or getattr(event, "anchor", None) is not None:
            raise yaml.YAMLError(f"tags and anchors are not read (line {event.start_mark.line + 1})")
        self._nodes += 1
        self._depth += 1
        if self._depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise yaml.YAMLError(f"over {MAX_DEPTH} levels deep, or over {MAX_NODES:,} values")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> str:
        text: str = super().construct_scalar(node)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise yaml.YAMLError(f"half a letter near line {node.start_mark.line + 1}: it cannot be written")
        return text

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [one.value for one, _ in node.value]
        if len(set(map(str, keys))) != len(keys):
            raise yaml.YAMLError(f"a key stands twice near line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


# Norway (`NO`) is a country, not a refusal; a date stays text until the record's own type reads it
_Strict.yaml_implicit_resolvers = {}
_Strict.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)$"), list("tf"))
_Strict.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"(?:0|-?[1-9][0-9]{0,17})$"), list("-0123456789")
)
_Strict.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:null|)$"), ["n", ""])


def parse(data: bytes, kind: type[T], name: str, form: str) -> T:
    """The document in `data` as a record; `name` is what an error calls it, `form` the page with its form.

    Raises `Error` (one line) for anything else than one YAML document of that form.
    """
    if len(data) > MAX_BYTES:
        raise bad(name, f"is over {MAX_BYTES >> 10} KiB", form)
    try:
        document = yaml.load(data.decode(), Loader=_Strict)  # noqa: S506 - a safe loader, made stricter
        return msgspec.convert(document, kind)
    except yaml.MarkedYAMLError as error:
        line = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise bad(name, f"is no YAML that is read here: {error.problem}{line}", form) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        if isinstance(error, msgspec.ValidationError):
            raise bad(name, f"is not as expected: {error}", form) from error
        reason = str(error).splitlines()[0][:200]
        raise bad(name, f"is no YAML that is read here: {reason}", form) from error


def read(path: Path, kind: type[T], form: str) -> T:
    """As `parse`, of a file."""
    return parse(read_bytes(path), kind, str(path), form)


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """At most `most` bytes of a file and one more; raises `Error` where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(most + 1)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from error


def bad(name: str, what: str, form: str) -> Error:
    """The error for a document that is not as expected; `form` is the page that has its form."""
    return Error(f"{name} {what}", hint=f"{form} shows what is expected", exit_code=ExitCode.NO_INPUT)
