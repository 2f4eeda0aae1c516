"""What people decided: accounts that are allowed, and what analysts said of campaigns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml

from countermark.errors import Error, ExitCode
from countermark.records.findings import Disposition

DISPOSITIONS_FILE = "dispositions.yaml"
MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class Allowed:
    """Accounts that take part in no campaign (own red team, evaluation partners), with who says so."""

    accounts: Mapping[str, str]
    """Account id to the name of the group that allows it."""


def read_allowed(path: Path | None) -> Allowed:
    """Read `allow.yaml`: `groups: [{name: …, accounts: [id, …]}, …]`."""
    if path is None:
        return Allowed({})
    document = _read(path)
    groups = document.get("groups")
    if not isinstance(groups, list) or set(document) - {"groups"}:
        raise _bad(path, "one field `groups`, a list of {name, accounts}")
    accounts: dict[str, str] = {}
    for group in groups:
        if (
            not isinstance(group, dict)
            or set(group) != {"name", "accounts"}
            or not isinstance(group["accounts"], list)
        ):
            raise _bad(path, "groups as {name: …, accounts: [id, …]}")
        if not all(isinstance(text, str) for text in (group["name"], *group["accounts"])):
            raise _bad(path, "names and account ids that are text")
        accounts.update(dict.fromkeys(group["accounts"], group["name"]))
    return Allowed(accounts)


def read_dispositions(path: Path) -> dict[str, Disposition]:
    """Read `dispositions.yaml`: campaign id to `confirmed`, `rejected` or `unsure`; nothing where there is
    no file."""
    if not path.exists():
        return {}
    document = _read(path)
    known = get_args(Disposition)
    for value in document.values():
        if value not in known:
            raise _bad(path, "`campaign-id: " + "|".join(known) + "` lines")
    return {str(key): value for key, value in document.items()}


def _read(path: Path) -> dict[Any, Any]:
    if not path.is_file():
        raise Error(f"{path}: no such file", exit_code=ExitCode.NO_INPUT)
    if path.stat().st_size > MOST_BYTES:
        raise Error(f"{path}: larger than {MOST_BYTES} bytes", exit_code=ExitCode.NO_INPUT)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Plain)  # noqa: S506 - makes plain text
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(path, "valid YAML in UTF-8") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise _bad(path, "a mapping")
    return document


def _bad(path: Path, expected: str) -> Error:
    return Error(f"{path}: not as expected", hint=f"it has to be {expected}", exit_code=ExitCode.NO_INPUT)


class _Plain(yaml.BaseLoader):
    """Text only (an account 012345 stays as written), and no aliases, which can blow up a small file."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)
