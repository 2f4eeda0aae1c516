"""A small dossier in memory: a harvest and a pool, a key that is shown, a lineage that is not."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from dossier_parts import (
    ACCOUNTS,
    EXPOSURE,
    PLAN,
    PROFICIENCY,
    RUNS,
    STATEMENTS,
    TERMS_ENTRY,
    capture,
    custody,
    findings,
    lineage,
    scan,
    text_marks,
)

from countermark.prove.beforehand.result_files import plan_name
from countermark.prove.custody.custody import Custody
from countermark.prove.custody.terms import TermsEntry
from countermark.prove.dossier.dossier import Dossier, Exhibit
from countermark.prove.dossier.exhibits import Contained, exhibits_of
from countermark.prove.package.case import CASE_SCHEMA_ID, Case, LogHead, Signer
from countermark.prove.package.layout import (
    CAPTURE_JSON,
    CASE,
    CUSTODY,
    ENTRIES,
    FINDINGS_JSON,
    METHOD_JSON,
    SCAN_JSON,
    TERMS,
    attribution_name,
    steps_of,
)
from countermark.prove.package.tables import ACCEPTANCES, MEMBERS, REQUESTS
from countermark.prove.verifying.verification import Plans, ResultFound, Runs, Step, Verification
from countermark.records.attributions import Attribution
from countermark.records.canonical import canonical_json, sha256_hex

PARTS = [
    "networks",
    "scan",
    "text",
    "lineage",
    "controls",
    "terms",
    "acceptances",
    "custody",
    "hold",
    "plan",
    "log",
    "exposure",
    "proficiency",
    "statements",
    "members",
    "parties",
]
"""What `dossier(folder, without=…)` can leave out."""


def dossier(folder: Path, *, without: Iterable[str] = (), sealed: bool = True, trust: bool = True) -> Dossier:
    """A dossier with all of PARTS but those that are left out; tables stand in `folder` as JSON lines."""
    out = set(without)
    assert out <= set(PARTS), out - set(PARTS)

    def on(part: str) -> bool:
        return part not in out

    attributions = [text_marks(20 if on("controls") else 0)] * on("text") + [lineage()] * on("lineage")
    case = _case(on("scan"), len(attributions), on("log"))
    held = custody(on("hold")) if on("custody") else Custody()
    terms = [TERMS_ENTRY] if on("terms") else []
    plans = {"PLAN": PLAN} if on("plan") else {}
    said = findings() if on("networks") else findings() | {"campaigns": []}
    results = _results(case, attributions, on("plan") and on("log"))
    members = _members(folder, said) if on("members") else None
    acceptances = _acceptances(folder) if on("acceptances") and on("terms") else None
    scanned = scan() if on("scan") else None
    contained = Contained(
        digests=_digests(attributions, case, held, terms, plans, members, acceptances),
        findings=said,
        scan=scanned,
        attributions=attributions,
        results=results,
        plans=plans,
        custody=held,
        terms=terms,
    )
    return Dossier(
        case=case,
        sealed=sealed,
        package_sha256=sha256_hex(b"package") if sealed else "",
        verification=_verification(case, results, trust, on("log"), on("plan")),
        capture=capture(),
        findings=said,
        method={"schema": "countermark/method/v1", "countermark_version": "0.1.0"},
        scan=scanned,
        attributions=attributions,
        results=results,
        plans=plans,
        custody=held,
        terms=terms,
        statements=STATEMENTS if on("statements") else (),
        parties={"claimant": "Example AI Inc.", "defendant": "Example Labs Ltd."} if on("parties") else {},
        exhibits=exhibits_of(contained, _beside(out), sealed=sealed, checked=trust),
        runs=RUNS if on("log") and trust else (),
        committed={sha256_hex(b"commitment"): "2026-06-02 (cosigned by university.example)"}
        if on("log") and on("plan") and trust
        else {},
        proficiency=PROFICIENCY if on("proficiency") else None,
        exposures=(EXPOSURE,) if on("exposure") else (),
        acceptances=acceptances,
        members=members,
    )


def with_attribution(one: Dossier, attribution: Attribution) -> Dossier:
    """The same with another first attribution; its exhibit stays."""
    return replace(one, attributions=[attribution, *one.attributions[1:]])


def _case(has_scan: bool, attributions: int, log: bool) -> Case:
    return Case(
        schema=CASE_SCHEMA_ID,
        case_id="CASE-1",
        created="2026-07-01T12:00:00Z",
        software={"countermark": "0.1.0", "python": "3.12.3"},
        steps=steps_of(has_scan, attributions),
        signers=[Signer("11" * 32, "AAAA")],
        timestamps=0,
        events_included=False,
        matter="matter-7" if log else "",
        log=LogHead("member-a.example/log", 40) if log else None,
    )


def _results(case: Case, attributions: list[Attribution], planned: bool) -> list[dict[str, Any]]:
    """Confirmatory is the text, where it was planned; all else is exploratory."""
    found = []
    for step in case.steps[1:-1]:
        at = int(step.removeprefix("attribute-")) - 1 if step.startswith("attribute-") else None
        confirmed = planned and at is not None and attributions[at].kind == "text"
        kind = "confirmatory" if confirmed else "exploratory"
        found.append(
            {
                "result": step,
                "heading": f"{kind.capitalize()}: {step}",
                "class": kind,
                "reasons": [] if confirmed else ["it names no plan"],
                "plan": "PLAN" if confirmed else "",
                "hypothesis": "H1" if confirmed else "",
                "run": None if at is None else at + 2,
                "acquisitions": ["acq-2"] if confirmed else [],
                "commitments": [sha256_hex(b"commitment")] if confirmed else [],
            }
        )
    return found


def _verification(
    case: Case, results: list[dict[str, Any]], trust: bool, log: bool, plan: bool
) -> Verification:
    steps = [Step(1, "outer layer", "ok", "The zip holds 30 files and nothing else.")]
    if trust:
        steps.append(Step(10, "signers", "ok", "Ann Example signed it (1 accepted, 1 needed)."))
        steps.append(Step(12, "results", "ok", "3 results are exploratory, 1 confirmatory."))
    else:
        steps.append(Step(10, "signers", "NOT CHECKED", "No trust file: whose keys these are is open."))
        steps.append(Step(12, "results", "NOT CHECKED", "No trust file: it says that 1 is confirmatory."))
    return Verification(
        package="CASE-1.zip",
        verdict="VERIFIED" if trust else "INTACT, SIGNER NOT CHECKED",
        case_id=case.case_id,
        created=case.created,
        signers=("Ann Example",) if trust else (),
        timestamps=(),
        runs=Runs(logged=9, shown=3, privileged=1, other_matters=5) if log and trust else None,
        plans=Plans(1 if plan else 0, ()) if log and trust else None,
        results=tuple(
            ResultFound(one["result"], one["heading"], one["class"], tuple(one["reasons"])) for one in results
        ),
        taken_out=(),
        steps=tuple(steps),
    )


def _members(folder: Path, said: dict[str, Any]) -> Path:
    path = folder / "members.jsonl"
    rows = [
        {
            "account_id": f"{one['campaign_id']}-{at}",
            "campaign_id": one["campaign_id"],
            "member_p": 0.001,
            "member_q": 0.01,
            "reasons": ["shared template"],
            "score": 0.9,
        }
        for one in said["campaigns"]
        for at in range(ACCOUNTS[one["campaign_id"]])
    ]
    path.write_bytes(b"".join(canonical_json(row) + b"\n" for row in rows))
    return path


def _acceptances(folder: Path) -> Path:
    """Every account of the harvest accepted the policy; none of the pool did."""
    path = folder / "acceptances.jsonl"
    rows = [
        {
            "account_id": f"harvest-0001-{at}",
            "terms_id": "usage-policy",
            "version": "2026-03",
            "accepted": "2026-05-01T10:00:00Z",
            "record_sha256": sha256_hex(b"record %d" % at),
            "source": "sign-up",
        }
        for at in range(ACCOUNTS["harvest-0001"])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _digests(
    attributions: list[Attribution],
    case: Case,
    held: Custody,
    terms: list[TermsEntry],
    plans: dict[str, Any],
    members: Path | None,
    acceptances: Path | None,
) -> dict[str, str]:
    """Name and SHA-256 of what such a package would hold."""
    names = [CASE, CAPTURE_JSON, FINDINGS_JSON, METHOD_JSON]
    names += [SCAN_JSON] * case.has_scan + [ENTRIES] * (case.log is not None)
    names += [CUSTODY] * bool(held.acquisitions) + [MEMBERS, REQUESTS] * (members is not None)
    names += [ACCEPTANCES] * (acceptances is not None) + [plan_name(one) for one in plans]
    names += [attribution_name(at) for at in range(1, len(attributions) + 1)]
    return {name: sha256_hex(name.encode()) for name in names} | {
        TERMS + one.file: one.sha256 for one in terms
    }  # type: ignore[operator]  # ours name their file


def _beside(out: set[str]) -> list[Exhibit]:
    """Exhibits that stand beside the package."""
    named = [
        ("statements", "statement", "Company register of Example Labs Ltd.", "registry.pdf"),
        ("exposure", "key-exposure", "Exposure ledger of the key", "exposure.json"),
        ("proficiency", "proficiency", "Blind proficiency trials of May 2026", "proficiency.json"),
    ]
    return [
        Exhibit(
            number=0,
            kind=kind,  # type: ignore[arg-type]  # each of EXHIBIT_KINDS
            title=title,
            name=name,
            sha256=sha256_hex(name.encode()),
            sealed=False,
            fact="defendant-identity" if kind == "statement" else "",
        )
        for part, kind, title, name in named
        if part not in out
    ]
