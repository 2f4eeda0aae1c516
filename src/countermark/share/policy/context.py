"""What is said of a release besides its objects: purpose, ground, who scrubbed, on which legal basis; counts.

The counts are those that a floor is held against: how many accounts of the campaign showed a value. They come
from the member's own systems, are used here and stay here.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from countermark.records import strict_yaml
from countermark.share.policy.document import FORM, Policy
from countermark.share.policy.legal import Basis, today
from countermark.share.stix.markings import Iep, Tlp

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
MAX_COUNTS = 1_000_000


class Scrubbed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who says that personal data that the threat does not need was taken out, and when."""

    by: Text
    on: date


class Count(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value and how many distinct accounts of the campaign showed it."""

    kind: Text
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    accounts: Annotated[int, msgspec.Meta(ge=0)]


class Context(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The document that `share review --context` reads."""

    schema: Literal["countermark/sharing-context/v1"] = "countermark/sharing-context/v1"
    member_id: Annotated[str, msgspec.Meta(pattern=r"^identity--[0-9a-f-]{36}$")]
    member_name: Text
    purpose: str = ""
    ground: str = ""
    acted_upon: date | None = None
    """Day since which the member has acted upon the accounts; what it did has no field."""
    scrubbed: Scrubbed | None = None
    jurisdictions: list[str] = []
    """Whose law the release has to have a basis under."""
    legal_basis: list[str] = []
    """Ids of records (`legal.Basis`), at least one for each jurisdiction."""
    counts: list[Count] = []
    tlp: Tlp = "amber"
    iep: Iep | None = None
    """The markings that the member's objects get; objects that are given as such keep theirs."""


def read_context(path: Path) -> Context:
    """A context from its YAML; raises `Error` for anything else."""
    return strict_yaml.read(path, Context, FORM)


class Ground(msgspec.Struct, frozen=True):
    """What a release rests on, resolved: made by `resolve`, used by the evaluation."""

    policy: Policy
    context: Context
    bases: tuple[Basis, ...]
    now: datetime
    counts: Mapping[tuple[str, str], int]
    released: Mapping[str, Mapping[str, Any]] = {}
    """Objects that left earlier, by id: what a revocation may repeat."""

    def accounts(self, kind: str, value: str) -> int:
        """How many accounts showed it; 0 where nobody says."""
        return self.counts.get((kind, value), 0)


def resolve(
    policy: Policy,
    context: Context,
    bases: Mapping[str, Basis],
    *,
    now: datetime | None = None,
    counts: Iterable[tuple[str, str, int]] = (),
    released: Mapping[str, Mapping[str, Any]] | None = None,
) -> Ground:
    """Context and policy together; counts of the context and those given, the smaller where both name one."""
    merged: dict[tuple[str, str], int] = {}
    listed = [(one.kind, one.value, one.accounts) for one in context.counts]
    for kind, value, accounts in (*listed, *counts):
        merged[kind, value] = min(accounts, merged.get((kind, value), accounts))
        if len(merged) > MAX_COUNTS:
            raise strict_yaml.bad("the context", f"counts over {MAX_COUNTS:,} values", FORM)
    named = tuple(bases[one] for one in context.legal_basis if one in bases)
    when = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    return Ground(policy, context, named, when, merged, released or {})


def unmet(ground: Ground) -> dict[str, str]:
    """Conditions that do not hold, by id, each with the reason; empty where all hold."""
    context, policy, day = ground.context, ground.policy, today(ground.now)
    problems = {}
    if context.purpose not in policy.purposes:
        problems["purpose"] = "the purpose is not security"
    if context.ground not in {one.id for one in policy.grounds}:
        problems["ground"] = "no ground beyond a breach of terms is named, of those that the policy lists"
    if context.acted_upon is None or context.acted_upon > day:
        problems["acted-upon"] = "the member has not yet acted upon the accounts itself"
    if context.scrubbed is None or context.scrubbed.on > day:
        problems["scrubbed"] = "nobody says that personal data was taken out"
    legal = _legal_problem(ground, day)
    if legal:
        problems["legal-basis"] = legal
    return problems


def _legal_problem(ground: Ground, day: date) -> str:
    context = ground.context
    missing = set(context.legal_basis) - {one.id for one in ground.bases}
    if missing:
        return f"legal basis {sorted(missing)[0]} is not recorded"
    for one in ground.bases:
        if one.problem(day):
            return one.problem(day)
    uncovered = set(context.jurisdictions) - {one.jurisdiction for one in ground.bases}
    if uncovered or not context.jurisdictions:
        return f"no legal basis for {', '.join(sorted(uncovered)) or 'any jurisdiction'}"
    return ""
