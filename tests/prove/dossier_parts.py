"""The records of the sample dossier: findings, a scan, attributions, custody, a log, what stands beside."""

from typing import Any

from countermark.prove.custody.custody import Acquisition, Action, Clock, Custody, Hold, Item
from countermark.prove.custody.terms import TermsEntry
from countermark.prove.dossier.exposures import KeyExposure
from countermark.prove.dossier.proficiency import Proficiency, Samples, Trial
from countermark.prove.dossier.runs import LoggedRun
from countermark.prove.dossier.statements import PersonsStatement
from countermark.records.attributions import Attribution, Conclusion, Control, Test, ValidityDomain
from countermark.records.canonical import sha256_hex

KEY_ID = "5a0c1d7e9b3f4826"
REFERENCE = sha256_hex(b"reference weights")
ACCOUNTS = {"harvest-0001": 40, "pool-0001": 12}
"""Accounts by campaign."""
TERMS_TEXT = b"You will not use outputs to develop a competing model."


def campaign(name: str, kind: str, size: int, log10_p: float) -> dict[str, Any]:
    """As `findings.json` has it."""
    return {
        "campaign_id": name,
        "kind": kind,
        "size": size,
        "window": {"first": "2026-05-20T00:00:00Z", "last": "2026-06-14T23:00:00Z"},
        "p_value": 10.0**log10_p,
        "log10_p_value": log10_p,
        "q_value": min(1.0, 10.0 ** (log10_p + 2)),
        "null": "its accounts are exchangeable with the ordinary accounts of their stratum",
        "discovery_families": ["infrastructure"],
        "confirmation_families": ["prompts"],
        "reasons": [
            {"sign": "shared_templates", "value": 0.82, "text": "82% of the prompts share a template"},
            {"sign": "requests_per_day", "value": 26.0, "text": "26 requests an account and day"},
        ],
        "members_digest": sha256_hex(name.encode()),
        "supersedes": [],
        "disposition": None,
        "revision": sha256_hex(name.encode())[:32],
    }


def findings() -> dict[str, Any]:
    """The content of `findings.json`."""
    return {
        "schema": "countermark/findings/v1",
        "countermark_version": "0.1.0",
        "events": {
            "capture_sha256": sha256_hex(b"capture"),
            "key_id": "4a",
            "first_ts": "2026-05-01T00:00:00Z",
            "last_ts": "2026-06-15T00:00:00Z",
            "accounts": 3_000,
        },
        "fdr": 0.01,
        "tested": 9,
        "not_testable": 1,
        "conclusive": True,
        "calibrated_to": 0.01,
        "notes": ["One candidate is too small to be tested."],
        "kind_error_rates": {
            "measured_on": "generated worlds",
            "rates": {"harvest": {"trials": 100, "wrong": 2, "low": 0.0024, "high": 0.0704}},
        },
        "campaigns": [
            campaign("harvest-0001", "harvest", ACCOUNTS["harvest-0001"], -41.2),
            campaign("pool-0001", "pool", ACCOUNTS["pool-0001"], -6.3),
        ],
        "files": {},
    }


def capture() -> dict[str, Any]:
    """The content of `capture.json`, as far as a report looks at it."""
    return {
        "schema": "countermark/capture/v1",
        "countermark_version": "0.1.0",
        "sources": [
            {
                "name": "gateway.jsonl",
                "sha256": sha256_hex(b"raw log"),
                "bytes": 81_000_000,
                "format": "litellm",
                "records": 120_000,
                "requests": 119_990,
                "quarantined": 10,
            }
        ],
        "counts": {"records": 120_000, "requests": 119_990, "quarantined": 10, "accounts": 3_000},
        "costs": ["No TLS fingerprints: networks that share nothing else are seen later."],
        "first_ts": "2026-05-01T00:00:00Z",
        "last_ts": "2026-06-15T00:00:00Z",
        "tombstones": [],
    }


def scan() -> dict[str, Any]:
    """The content of `scan.json`: the corpus as a whole passes, and two documents of it."""
    return {
        "schema": "countermark/watermark-scan/v1",
        "null": "the text is independent of the key",
        "key_id": KEY_ID,
        "weak": "",
        "keys": 1,
        "documents": 5_000,
        "family": 5_001,
        "alpha": 0.01,
        "pooled": [
            {
                "scored_tokens": 1_200_000,
                "statistic": 1_260_000.0,
                "p_value": 1e-300,
                "log10_p_value": -612.4,
                "adjusted_p_value": 1e-300,
                "adjusted_log10_p_value": -608.7,
                "family": 5_001,
                "passes": True,
            }
        ],
        "documents_passing": 2,
        "passing": [],
        "quarantined": 3,
        "sources": [{"name": "corpus.jsonl", "sha256": sha256_hex(b"corpus")}],
        "files": {},
    }


def a_test(subject: str, log10_p: float, calibrated_to: float = 1e-4, **changes: Any) -> Test:
    """One test of one null."""
    fields: dict[str, Any] = {
        "name": "mark in text",
        "subject": subject,
        "null": f"the text is independent of key {subject}",
        "statistic": 4_400.0,
        "n": 4_000,
        "p_value": max(10.0**log10_p, 2.3e-308),
        "log10_p_value": log10_p,
        "law": "exact law of the sum",
        "exact": True,
        "calibrated_to": calibrated_to,
        "calibration": "docs/attribution-benchmarks.md",
        "alternatives": ["somebody who holds the key marked the text"],
    }
    return Test(**(fields | changes))


def text_marks(controls: int = 20) -> Attribution:
    """`not independent of key …`, with negative controls that stay quiet."""
    verdict = f"not independent of key {KEY_ID}"
    quiet = [
        Control(
            name=f"unrelated text {number}",
            sha256=sha256_hex(b"control %d" % number),
            tests=[a_test(KEY_ID, -0.05 * number)],
        )
        for number in range(1, controls + 1)
    ]
    return Attribution(
        kind="text",
        verdict=verdict,
        reasons=[],
        conclusions=[_conclusion(KEY_ID, verdict, -28.3, "p < 0.0001")],
        tests=[a_test(KEY_ID, -28.3)],
        alpha=0.01,
        family=1,
        minimum_detectable={"share": 0.08, "model": "8% of the text"},
        other_explanations=[
            "forgery: somebody who holds the key marked the text",
            "public data in which outputs of ours stand",
            "a third model in between that gave the text",
        ],
        controls=quiet,
        validity_domain=ValidityDomain(
            measured={"tokens": [200.0, 100_000.0]}, where="docs/attribution-benchmarks.md"
        ),
        not_validated=[],
        inputs={"suspect": sha256_hex(b"suspect text")},
        parameters={"seed_source": {"source": "what decides hangs on no random draw"}},
        origin={"name": "text", "distribution": "countermark", "version": "0.1.0", "sha256": "0" * 64},
        software={"countermark": "0.1.0"},
        case_run={"matter": "matter-7", "run": 2},
        files={},
    )


def lineage() -> Attribution:
    """`not shown`: a test was made and did not pass."""
    test = a_test(REFERENCE, -0.4, name="order of nearest units", null="the weights are independent", n=64)
    return replace_record(
        text_marks(0),
        kind="lineage",
        verdict="not shown",
        conclusions=[_conclusion(REFERENCE, "not shown", -0.4, "p = 0.4")],
        tests=[test],
        minimum_detectable={"share": 0.3, "model": "30% of the units"},
        other_explanations=["a common ancestor", "a public checkpoint that both began with"],
        not_validated=["layers 48"],
        inputs={"suspect": sha256_hex(b"suspect weights"), "reference": REFERENCE},
        case_run={"matter": "matter-7", "run": 3},
    )


def replace_record(one: Attribution, **changes: Any) -> Attribution:
    """The record with other fields."""
    return Attribution(**({name: getattr(one, name) for name in one.__struct_fields__} | changes))


def _conclusion(subject: str, verdict: str, log10_p: float, reported: str) -> Conclusion:
    return Conclusion(
        subject=subject,
        verdict=verdict,
        adjusted_p_value=max(10.0**log10_p, 2.3e-308),
        adjusted_log10_p_value=log10_p,
        reported=reported,
    )


PLAN: dict[str, Any] = {
    "schema": "countermark/plan/v1",
    "plan_id": "PLAN",
    "matter": "matter-7",
    "created": "2026-06-01T00:00:00Z",
    "by": "Ann Example, examiner",
    "title": "Is this text independent of our key?",
    "hypotheses": [
        {
            "id": "H1",
            "null": "the text is independent of the key",
            "test": "mark in text",
            "alpha": 0.01,
            "keyed": True,
            "commitments": [sha256_hex(b"commitment")],
            "given": [],
        }
    ],
    "multiplicity": "holm",
    "controls": ["20 unrelated texts"],
    "prompts": "none",
    "stopping": "all of the text",
    "exclusions": "none",
}
TERMS_ENTRY = TermsEntry(
    id="usage-policy",
    version="2026-03",
    title="Usage policy",
    effective="2026-03-01",
    ended="",
    file="usage-policy-2026-03.txt",
    sha256=sha256_hex(TERMS_TEXT),
)
STATEMENTS = (
    PersonsStatement(
        fact="defendant-identity",
        says="The accounts were opened for Example Labs Ltd.",
        by="Ann Example, head of trust and safety",
        dated="2026-06-20",
        files=["registry.pdf"],
    ),
)


def custody(hold: bool = True) -> Custody:
    """One routine log, one acquisition for the case, a hold, who sealed."""
    took = {"by": "Ann Example", "role": "examiner", "source": "gateway-3", "method": "copy"}
    log = Acquisition(
        id="acq-1",
        what="gateway log",
        purpose="routine",
        started="2026-06-15T08:00:00Z",
        ended="2026-06-15T08:10:00Z",
        clock=Clock("ntp", 0.02),
        items=[Item("gateway.jsonl", sha256_hex(b"raw log"), 81_000_000)],
        **took,
    )
    text = Acquisition(
        id="acq-2",
        what="suspect text",
        purpose="case",
        started="2026-06-16T08:00:00Z",
        ended="2026-06-16T08:10:00Z",
        clock=Clock("ntp", 0.02),
        items=[Item("answers.jsonl", sha256_hex(b"suspect text"), 90_000)],
        **took,
    )
    held = Hold(
        id="hold-1",
        by="Bob Example, counsel",
        started="2026-06-15T09:00:00Z",
        anticipated="a dispute about accounts that act as one",
        accounts=52,
        control_accounts=52,
        manifest_sha256=sha256_hex(b"held lines"),
    )
    sealed = Action(
        at="2026-07-01T12:00:00Z", by="Ann Example", action="sealed", what="case CASE-1", sha256=[], to=""
    )
    return Custody(acquisitions=[log, text], holds=[held] if hold else [], actions=[sealed])


RUNS = (
    LoggedRun(
        number=1,
        space="testifying",
        disclosed=True,
        kind="detect",
        status="done",
        started="2026-06-15 09:00:00Z",
        ended="2026-06-15 09:10:00Z",
    ),
    LoggedRun(
        number=2,
        space="testifying",
        disclosed=True,
        kind="a run",
        status="done",
        started="2026-06-16 09:00:00Z",
        ended="2026-06-16 09:01:00Z",
    ),
    LoggedRun(
        number=3,
        space="testifying",
        disclosed=True,
        kind="a run",
        status="failed",
        started="2026-06-17 09:00:00Z",
    ),
    LoggedRun(number=4, space="privileged", disclosed=False),
)
EXPOSURE = KeyExposure(
    schema="countermark/watermark-exposure/v1",
    key_id=KEY_ID,
    tokens=9_000_000,
    days=45,
    most_accounts=2_900,
    publications=["a public data set of conversations"],
    refused_from=None,
)
PROFICIENCY = Proficiency(
    schema="countermark/proficiency/v1",
    trials=[
        Trial(
            id="2026-05",
            procedure="text",
            dated="2026-05-20",
            prepared_by="Carl Example",
            examined_by="Ann Example",
            answer_sheet_sha256=sha256_hex(b"answers"),
            unrelated=Samples(n=60, wrong=0),
            related=Samples(n=60, wrong=3, inconclusive=1),
        )
    ],
)
