"""The claims that ship, and counsel's own, from YAML: strict, and every row complete.

What a schema cannot say is said here: kinds of exhibits that there are, days that exist, an id once.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.claims.rows import Claim, Row
from countermark.prove.dossier.dossier import EXHIBIT_KINDS
from countermark.records import strict_yaml
from countermark.records.cause_words import cause_in

FORM = "spec/legal.schema.json"
"""The page that has the form of a claim."""
SHIPPED = "the shipped claim"
MAX_CLAIMS = 100
"""Files of one folder."""
_bad = partial(strict_yaml.bad, form=FORM)


@cache
def _shipped() -> dict[str, Claim]:
    folder = files(__package__).joinpath("legal")
    found = sorted((one for one in folder.iterdir() if one.name.endswith(".yaml")), key=lambda one: one.name)
    return _by_name(_read(one.read_bytes(), f"{SHIPPED} {one.name}", one.name) for one in found)


def read_claims() -> dict[str, Claim]:
    """The claims that ship, by the name that `--claims` takes."""
    return dict(_shipped())


def own_claims(folder: Path) -> dict[str, Claim]:
    """Counsel's own claims, one `CLAIM.yaml` each in this folder; they replace shipped ones of that name.

    Raises `Error(NO_INPUT)` where there are none, or one is not of the form.
    """
    paths = sorted(folder.glob("*.yaml"))
    if not paths or len(paths) > MAX_CLAIMS:
        hint = f"counsel's own claims, 1 to {MAX_CLAIMS} files CLAIM.yaml; {FORM} has the form"
        raise Error(f"{folder} has {len(paths)} .yaml files", hint=hint, exit_code=ExitCode.NO_INPUT)
    return _by_name(_read(strict_yaml.read_bytes(path), str(path), path.name) for path in paths)


def pick(claims: Mapping[str, Claim], names: str) -> list[Claim]:
    """The claims of `us-contract,eu-trade-secret`, in that order, each once.

    Raises `Error(USAGE)` with the nearest names for one that is not there.
    """
    wanted = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
    if not wanted:
        raise Error("no claim is named", hint=_there_are(claims), exit_code=ExitCode.USAGE)
    for name in wanted:
        if name not in claims:
            near = difflib.get_close_matches(name, claims, n=3, cutoff=0.4)
            hint = f"do you mean {', '.join(near)}?" if near else _there_are(claims)
            raise Error(f"there is no claim {name[:64]!r}", hint=hint, exit_code=ExitCode.USAGE)
    return [claims[name] for name in wanted]


def rows_of(claim: Claim) -> Iterator[Row]:
    """All rows of a claim: elements, remedies, counter-arguments."""
    yield from claim.elements
    yield from claim.remedies
    yield from claim.counter_arguments


def _there_are(claims: Mapping[str, Claim]) -> str:
    return f"there are {', '.join(sorted(claims))}"


def _by_name(claims: Iterable[Claim]) -> dict[str, Claim]:
    return {claim.claim: claim for claim in claims}


def _read(data: bytes, name: str, file: str) -> Claim:
    claim = strict_yaml.parse(data, Claim, name, FORM)
    if file != f"{claim.claim}.yaml":
        raise _bad(name, f"is of claim {claim.claim}, whose file is called {claim.claim}.yaml")
    if found := cause_in(str(msgspec.to_builtins(claim))):
        raise _bad(name, f"says {found!r}: only what a named person states may name a cause")
    _check_ids(claim, name)
    _check_elements(claim, name)
    _check_days(claim, name)
    return claim


def _check_ids(claim: Claim, name: str) -> None:
    ids = [row.id for row in rows_of(claim)]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise _bad(name, f"has the row {twice[0]} twice")


def _check_elements(claim: Claim, name: str) -> None:
    for element in claim.elements:
        if unknown := [kind for kind in element.exhibits if kind not in EXHIBIT_KINDS]:
            raise _bad(name, f"names a kind of exhibit that there is not: {unknown[0][:64]!r}")
        if not element.question.endswith("?"):
            raise _bad(name, f"has an element {element.id} whose question does not end in a question mark")


def _check_days(claim: Claim, name: str) -> None:
    """Every day exists; no review is due before it was made, and no source is of a later day than it."""
    _order(claim.reviewed, claim.due, "the claim", name)
    for row in rows_of(claim):
        reviewed = row.reviewed or claim.reviewed
        _order(reviewed, row.due or claim.due, row.id, name)
        for source in row.sources:
            if _day(source.dated, row.id, name) > date.fromisoformat(reviewed):
                raise _bad(name, f"has a row {row.id} with a source of a later day than its review")


def _order(reviewed: str, due: str, row: str, name: str) -> None:
    if _day(due, row, name) <= _day(reviewed, row, name):
        raise _bad(name, f"has a review that is due on or before the day it was made ({row})")


def _day(text: str, row: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _bad(name, f"has a day that does not exist: {text} ({row})") from error
