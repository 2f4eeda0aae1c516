"""The payload of a small package, without the rest: files, their leaves, what the seal would say of them."""

import io
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from countermark.prove.leaves.leaves import Root, check_leaves, form_of, leaves_name, write_leaves
from countermark.prove.package.layout import Contents, Member
from countermark.prove.package.subjects import has_leaves
from countermark.prove.redacting.redact_files import Cut
from countermark.prove.redacting.redaction import TakenOut
from countermark.records.canonical import sha256_hex
from countermark.trust.keyfiles import Secret
from countermark.trust.signing import SigningKey

FINDINGS = "data/findings/findings.json"
REPORT = "data/findings/report.html"
MEMBERS = "data/tables/members.jsonl"
ACCOUNTS = "data/tables/accounts.jsonl"
REQUESTS = "data/tables/requests.jsonl"
RESULTS = "data/results.json"
PARQUET = "data/events/accounts.parquet"
KEY = Secret(b"k" * 32)
SIGNER = SigningKey.generate().public
SEAL = "5e" * 32


def predicate(**changes: Any) -> dict[str, Any]:
    made = {
        "case_id": "CASE-1",
        "created": "2026-08-01T09:00:00Z",
        "previous": "",
        "seal": SEAL,
        "signers": [{"keyid": SIGNER.keyid, "public_key": SIGNER.to_base64()}],
        "taken_out": [TakenOut(count=3, form="fields", ground="privilege", name=FINDINGS)],
        "why": "order of 1 August 2026",
    }
    return msgspec.to_builtins(made | changes)


def lines(*rows: object) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def account(number: int) -> str:
    return f"acct-{number:07d}"


def payload(result_class: str = "exploratory") -> dict[str, bytes]:
    findings = {
        "schema": "countermark/findings/v1",
        "campaigns": [
            {"campaign_id": "campaign-1", "p_value": 1e-9, "reasons": [{"text": f"{account(3)} began it"}]}
        ],
        "files": {"report.html": "ab" * 32},
        "fdr": 0.010,
    }
    result = {"result": "detect", "class": result_class, "plan": "P", "run": 3, "acquisitions": ["acq-1"]}
    return {
        "data/case.json": b"{}",
        FINDINGS: json.dumps(findings, indent=2).encode(),
        REPORT: b"<p>" + account(3).encode() + b"</p>",
        RESULTS: msgspec.json.encode({"results": [result]}),
        "data/plans/P.json": b'{"plan_id":"P","title":"t"}',
        MEMBERS: lines(*({"account_id": account(at), "campaign_id": "campaign-1"} for at in range(6))),
        ACCOUNTS: lines(*({"account_id": account(at), "country": "DE"} for at in range(6))),
        REQUESTS: lines(*({"account_id": account(at % 6), "n": at} for at in range(60))),
        "data/tables/acceptances.jsonl": lines({"account_id": account(1), "source": "signup"}),
        PARQUET: b"PAR1",
    }


def members_of(files: Mapping[str, bytes]) -> Contents:
    """As they are read; every document and table must have its leaves among them."""
    return {name: Member(len(data), sha256_hex(data), None, data) for name, data in files.items()}


def with_leaves(files: Mapping[str, bytes]) -> tuple[Contents, dict[str, Root]]:
    """The files and their leaves, and what the seal says of these."""
    made, roots = dict(files), {}
    for name, data in files.items():
        if has_leaves(name):
            target = io.BytesIO()
            roots[name] = write_leaves(name, form_of(name), io.BytesIO(data), target, KEY)
            made[leaves_name(name)] = target.getvalue()
    return members_of(made), roots


def after(contents: Contents, made: Cut) -> Contents:
    """The payload without what was taken out."""
    kept = {name: one.data or b"" for name, one in contents.items() if name not in made.absent}
    return members_of(kept | {name: Path(path).read_bytes() for name, path in made.changed.items()})


def check(contents: Contents, roots: Mapping[str, Root]) -> dict[str, Counter[str]]:
    """Leaves that are out by name and ground; fails where a root is not the sealed one."""
    found = {}
    for name, sealed in roots.items():
        if name in contents:
            leaves = contents[leaves_name(name)]
            root, found[name] = check_leaves(name, sealed.form, contents[name].open(), leaves.open())
            assert root == sealed, "another root than the sealed one"
    return found


def digests(contents: Contents) -> dict[str, str]:
    return {name: one.sha256 for name, one in contents.items()}
