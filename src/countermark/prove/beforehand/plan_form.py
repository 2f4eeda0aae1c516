"""The form of a plan in a package (spec/package.md): every field there, no other; null only where taken out.

Looser than what `case plan` writes: a verifier says what is in a package, and not whether it is a good plan.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

import msgspec

from countermark.prove.custody.custody import Sha256, time_of
from countermark.prove.package.layout import failed

_Filled = Annotated[str, msgspec.Meta(min_length=1)]


class _Hypothesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: _Filled | None
    null: str | None
    test: str | None
    alpha: float | None
    keyed: bool | None
    commitments: list[str | None] | None
    given: list[Sha256 | None] | None


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal["countermark/plan/v1"]
    plan_id: str | None
    matter: str | None
    created: str | None
    by: str | None
    title: str | None
    hypotheses: list[_Hypothesis] | None
    multiplicity: Literal["holm", "none", "benjamini-yekutieli"] | None
    controls: list[str | None] | None
    prompts: str | None
    stopping: str | None
    exclusions: str | None


def check_plan_document(document: Mapping[str, Any], name: str, *, redacted: bool = False) -> None:
    """Raise `Error(VERIFICATION_FAILED)` unless it is a plan of its name, with each hypothesis id once."""
    try:
        plan = msgspec.convert(document, _Plan)
        if plan.created is not None:
            time_of(plan.created)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        raise failed(f"{name} is no plan: {error}") from error
    if not redacted and _has_null(msgspec.to_builtins(plan)):
        raise failed(f"{name} has a field that is null")
    if plan.plan_id not in (None, PurePosixPath(name).stem):
        raise failed(f"{name} is a plan of another name")
    ids = [one.id for one in plan.hypotheses or () if one.id is not None]
    if len(set(ids)) != len(ids):
        raise failed(f"{name} has a hypothesis id twice")


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return value is None or (isinstance(value, list) and any(map(_has_null, value)))
