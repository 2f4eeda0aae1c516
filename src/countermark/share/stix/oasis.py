"""OASIS' JSON schemas of STIX 2.1, as stix2-validator ships them, compiled; nothing is fetched.

The validator itself is not imported: it takes a second to load and 13 ms an object. Its one change of the
schemas is made here too: observables within an `observed-data` are checked one by one, each by its own type.
"""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from countermark.errors import Error
from countermark.share.stix.extension import EXTENSION_ID

_BASE = "https://oasis.invalid/"
_OURS = "stix-distillation-extension.schema.json"
_MAX_WORDS = 300
_HELPERS = frozenset(
    {"binary", "bundle", "core", "cyber-observable-core", "dictionary", "extension", "external-reference"}
    | {"granular-marking", "hashes-type", "hex", "identifier", "kill-chain-phase", "properties", "timestamp"}
    | {"url-regex"}
)


class Schemas:
    """A validator for each type of STIX 2.1, and for types that STIX does not know."""

    def __init__(self, folder: Path) -> None:
        import jsonschema_rs

        files = {path: json.loads(path.read_bytes()) for path in sorted(folder.rglob("*.json"))}
        if not files:
            raise Error("OASIS' schemas are not installed", hint="install countermark[exchange]")
        for path, schema in files.items():
            schema.pop("$id", None)
            if path.stem == "observed-data":
                schema["allOf"][1]["properties"]["objects"] = {"type": "object", "minProperties": 1}
        uris = {path: _BASE + path.relative_to(folder).as_posix() for path in files}
        registry = jsonschema_rs.Registry([(uris[path], schema) for path, schema in files.items()])

        options: dict[str, Any] = {
            "registry": registry,
            "pattern_options": jsonschema_rs.RegexOptions(),  # linear in time, whatever the text
            "validate_formats": True,
            "email_options": jsonschema_rs.EmailOptions(allow_display_text=False),
            "mask": "the value",  # messages go into statuses and logs, values do not
            "offline": True,
        }

        def compiled(schema: dict[str, Any]) -> Any:
            return jsonschema_rs.Draft202012Validator(schema, **options)

        by_name = {path.stem: compiled({"$ref": uris[path]}) for path in files}
        self._of_type = MappingProxyType({name: one for name, one in by_name.items() if name not in _HELPERS})
        self._object, self._observable = by_name["core"], by_name["cyber-observable-core"]
        self.observables = frozenset(path.stem for path in files if path.parent.name == "observables")
        """Types of SCOs."""
        self.relations = frozenset(path.stem for path in files if path.parent.name == "sros")
        """Types of SROs."""
        self.types = frozenset(self._of_type)
        """Types that STIX 2.1 defines."""
        ours = (Path(__file__).parent / _OURS).read_bytes()
        self._extension = compiled(json.loads(ours))

    def problem(self, stix: dict[str, Any], *, observable: bool) -> str:
        """What OASIS' schemas and that of our extension find wrong first; empty when nothing.

        `observable` says whether an object of a type unknown to STIX is checked as an SCO.
        """
        unknown = self._observable if observable else self._object
        found = _problem(self._of_type.get(stix["type"], unknown), stix)
        if not found and EXTENSION_ID in stix.get("extensions", ()):
            found = _problem(self._extension, stix)
        return found


def _problem(validator: Any, stix: dict[str, Any]) -> str:
    if validator.is_valid(stix):
        return ""
    error = next(validator.iter_errors(stix))
    where = ".".join(str(step) for step in error.instance_path)
    message = f"{where}: {error.message}" if where else str(error.message)
    message = message.encode("ascii", "backslashreplace").decode()
    printable = "".join(letter if letter.isprintable() else " " for letter in message)
    return printable if len(printable) <= _MAX_WORDS else printable[: _MAX_WORDS - 1] + "…"


@cache
def schemas() -> Schemas:
    """Compiled once, on first use (a tenth of a second). Raises `Error` where the extra is not installed."""
    found = find_spec("stix2validator")
    places = found.submodule_search_locations if found else None
    if not places:
        raise Error("OASIS' schemas are not installed", hint="install countermark[exchange]")
    return Schemas(Path(places[0]) / "schemas-2.1" / "schemas")
