"""The tables of docs/sharing.md, made from the shipped policy."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from countermark.share.policy.document import Policy

WORDS = {"law": "law", "guidance": "guidance", "choice": "our choice"}


def tables(policy: Policy) -> dict[str, str]:
    """Markdown by heading."""
    cites = {one.id: f"{WORDS[one.standing]}: {one.cite}" for one in policy.sources}
    return {
        "Conditions": _table(("condition", "why", "rests on"), _rows(policy.conditions, cites)),
        "Grounds": _table(("ground", "what happened", "rests on"), _rows(policy.grounds, cites)),
        "Kinds": _table(("kind", "why", "floor, life", "rests on"), _kinds(policy, cites)),
        "Fields": _table(("rule", "kind, form", "why", "rests on"), _rules(policy, cites)),
        "Topics": _table(("topic", "why", "rests on"), _rows(policy.topics, cites)),
        "Sources": _table(("source", "standing", "what it says", "read here"), _sources(policy)),
    }


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _rests(sources: Iterable[str], cites: Mapping[str, str]) -> str:
    return "; ".join(cites[one] for one in sources)


def _rows(group: Iterable[Any], cites: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    for one in group:
        yield f"`{one.id}`", getattr(one, "why", "") or one.says, _rests(one.sources, cites)


def _kinds(policy: Policy, cites: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    for one in policy.kinds:
        held = (
            f"{one.floor} accounts, {one.valid_days} days" if one.floor else one.refused or "no observation"
        )
        yield f"`{one.id}`", one.why, held, _rests(one.sources, cites)


def _rules(policy: Policy, cites: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    for one in (*policy.rules, *policy.comparisons):
        yield f"`{one.id}`", f"{one.kind}, {one.form}", one.why, _rests(one.sources, cites)


def _sources(policy: Policy) -> Iterator[tuple[str, ...]]:
    for one in policy.sources:
        cite = f"[{one.cite}]({one.url})" if one.url else one.cite
        yield (
            cite,
            WORDS[one.standing],
            one.says,
            "yes" if one.verified else "no: from others' accounts of it",
        )
