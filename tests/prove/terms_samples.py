"""Policies, acceptances and dossiers for tests of the terms, and the answer day by day, no short cut."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
from dossier_samples import dossier

from countermark.prove.clauses.policy import Clause, Policies, Policy
from countermark.prove.custody.terms import TermsEntry
from countermark.prove.dossier.dossier import Dossier
from countermark.records.canonical import sha256_hex

REASONS = [{"sign": "distinct_prompts", "value": 0.9, "text": "90% of the prompts are distinct"}]


def text_digest(terms_id: str, version: str) -> str:
    return sha256_hex(f"{terms_id} {version}".encode())


def policy(
    version: str, effective: str, ended: str | None = None, *, terms_id: str = "use", **more: Any
) -> Policy:
    """A version that forbids model training and multiple accounts."""
    clauses = [clause("no-model", "model-training"), clause("one-account", "multiple-accounts")]
    fields = {"clauses": clauses, "text_sha256": text_digest(terms_id, version)} | more
    return Policy(
        schema="countermark/policy/v1",
        id=terms_id,
        version=version,
        title="Usage policy",
        provider="Example AI (invented)",
        effective=effective,
        ended=ended,
        read="2026-07-01",
        by="Ann Example, counsel",
        **fields,
    )


def clause(name: str, *forbids: Any, **more: Any) -> Clause:
    fields = {"title": f"Clause {name}", "where": "section 1", "quote": f"Words of {name}."} | more
    return Clause(id=name, forbids=list(forbids), **fields)


def policies(*given: Policy, refused: dict[tuple[str, str], str] | None = None) -> Policies:
    return Policies({one.key: one for one in given}, refused or {})


def sealed(*given: Policy) -> list[TermsEntry]:
    """The terms of a case with the texts of these policies."""
    return [
        TermsEntry(
            id=one.id,
            version=one.version,
            title=one.title,
            effective=one.effective,
            ended=one.ended or "",
            file=f"{one.id}-{one.version}.txt",
            sha256=one.text_sha256,
        )
        for one in given
    ]


Row = tuple[str, str, str, str]
"""Account, terms id, version, time."""


def write_acceptances(path: Path, rows: Iterable[Row]) -> Path:
    with path.open("wb") as stream:
        for account, terms_id, version, accepted in rows:
            row = {"account_id": account, "terms_id": terms_id, "version": version, "accepted": accepted}
            row |= {"record_sha256": sha256_hex(repr(row).encode()), "source": "sign-up"}
            stream.write(msgspec.json.encode(row) + b"\n")
    return path


def case(
    folder: Path,
    terms: Sequence[TermsEntry],
    rows: Sequence[Row] | None,
    members: dict[str, list[str]],
    *,
    kind: str = "harvest",
    window: tuple[str, str] = ("2026-05-20", "2026-06-14"),
) -> Dossier:
    """A dossier with these members and acceptances; `rows` None: no table."""
    whole = dossier(folder)
    (template, *_) = whole.findings["campaigns"]
    days = {"first": f"{window[0]}T03:00:00Z", "last": f"{window[1]}T23:00:00Z"}
    campaigns = [
        template
        | {"campaign_id": name, "kind": kind, "size": len(accounts), "window": days, "reasons": REASONS}
        for name, accounts in members.items()
    ]
    table = folder / "these-members.jsonl"
    with table.open("w") as stream:
        for name, accounts in members.items():
            stream.writelines(
                json.dumps({"account_id": one, "campaign_id": name, "score": 1.0}) + "\n" for one in accounts
            )
    accepted = None if rows is None else write_acceptances(folder / "these-acceptances.jsonl", rows)
    findings = {**whole.findings, "campaigns": campaigns}
    return replace(whole, findings=findings, terms=terms, members=table, acceptances=accepted)


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def version_on(rows: Sequence[Row], account: str, terms_id: str, day: date) -> str | None:
    """The version accepted last, looked for in the whole table."""
    own = [row for row in rows if row[:2] == (account, terms_id) and row[3][:10] <= day.isoformat()]
    newest = max((row[3] for row in own), default=None)
    return next((row[2] for row in reversed(own) if row[3] == newest), None)


def bound_on(
    given: Policies, rows: Sequence[Row], account: str, day: date, conduct: set[str]
) -> set[tuple[str, str, str]]:
    """Policy, version, clause that bound the account on the day, by the rule read literally."""
    found = set()
    for terms_id in {one for one, _ in given.by_key}:
        version = version_on(rows, account, terms_id, day)
        one = given.by_key.get((terms_id, version or ""))
        if one is None or day.isoformat() < one.effective or (one.ended and day.isoformat() > one.ended):
            continue
        found |= {(terms_id, one.version, each.id) for each in one.clauses if conduct & set(each.forbids)}
    return found
