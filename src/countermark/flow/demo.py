"""The whole way on a generated world, as `countermark demo` takes it, beside what was planted."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countermark.capture.hashkeys import write_public_key
from countermark.capture.run import CaptureOptions
from countermark.detect.findings_folder import REPORT_FILE
from countermark.detect.run import DetectOptions, Findings
from countermark.errors import Error, ExitCode
from countermark.flow import Outcome, ProgressCall, from_logs_to_case
from countermark.flow.case_runs import InCase
from countermark.flow.publishing import publish
from countermark.flow.scans import ScanOptions
from countermark.prove.beforehand import plans
from countermark.prove.beforehand.results import ResultLink
from countermark.prove.package.trustfile import SignerEntry, read_trust, write_trust
from countermark.prove.sealing.seal import SealOptions
from countermark.trust.log import open_or_create
from countermark.trust.publication import Publication
from countermark.trust.signing import SigningKey
from countermark.world.leak import CORPUS, MARK_KEY, MARK_PROFILE, write_leak
from countermark.world.plan import WorldPlan
from countermark.world.provider import write_world
from countermark.world.truth import Truth

EVENTS, FINDINGS, SCAN, PACKAGE, TRUST = "events", "findings", "scan", "case.zip", "trust.json"
DEMO_SCHEMA_ID = "countermark/demo/v1"
BOOK, PLAN, MATTER, PLAN_ID = "book", "plan.json", "demo", "networks"
MARK = "demo.json"
_KEYS = {"analyst.key", "analyst.key.pub", "hash-keys.json", "hash-keys.json.lock"}
_LOG = {BOOK, PLAN, *(f"{BOOK}.{end}" for end in ("key", "key.pub", "public", "salts", "salts.lock"))}
_INPUT = {"logs", "accounts.csv", "truth.json", MARK_KEY, MARK_PROFILE, CORPUS}
OURS = {MARK, EVENTS, FINDINGS, SCAN, PACKAGE, TRUST, REPORT_FILE, *_KEYS, *_LOG, *_INPUT}
"""What a demo's folder holds."""


@dataclass(frozen=True)
class Demo:
    """The demo's folder: what stands where."""

    out: Path
    seed: int = 0

    @property
    def logs(self) -> Path:
        """Where the generated provider's gateway wrote its log."""
        return self.out / "logs"

    def path(self, name: str) -> Path:
        """A file or folder of the demo."""
        return self.out / name


def _remove_earlier(demo: Demo) -> None:
    """Remove what an earlier demo left, and nothing else: a folder with anything beside it is refused."""
    if not demo.out.exists() or (demo.out.is_dir() and not any(demo.out.iterdir())):
        return
    foreign = (
        [path.name for path in demo.out.iterdir() if path.name not in OURS] if demo.out.is_dir() else [""]
    )
    mark = demo.path(MARK)
    if foreign or not mark.is_file() or DEMO_SCHEMA_ID.encode() not in mark.read_bytes()[:4096]:
        raise Error(
            f"{demo.out} holds something else", hint="give --out a new folder", exit_code=ExitCode.USAGE
        )
    shutil.rmtree(demo.out)


def prepare_demo(demo: Demo, plan: WorldPlan) -> Truth:
    """Write the generated world: a LiteLLM log, the account table, what was planted, and a leaked corpus.

    An earlier demo is replaced.
    """
    _remove_earlier(demo)
    demo.logs.mkdir(parents=True)
    demo.path(MARK).write_text(
        json.dumps({"schema": DEMO_SCHEMA_ID, "seed": demo.seed}) + "\n", encoding="utf-8"
    )
    truth = write_world(demo.logs, plan, demo.seed)
    for name in ("accounts.csv", "truth.json"):
        (demo.logs / name).rename(demo.path(name))
    write_leak(demo.out, demo.seed)
    return truth


def run_demo(demo: Demo, step: Callable[[str], ProgressCall]) -> Outcome:
    """Send the generated log the way that real logs go."""
    key = SigningKey.generate()
    key.save(demo.path("analyst.key"))
    case_id = f"demo-{demo.seed}"
    write_public_key(demo.path("hash-keys.json"), case_id)
    step("plan")
    vkey = _fix_plan(demo)
    signer = SignerEntry("demo analyst", key.public.to_base64())
    write_trust(demo.path(TRUST), [signer], cases=[case_id], logs=[vkey])
    outcome = from_logs_to_case(
        CaptureOptions(
            sources=[str(demo.logs)],
            out=demo.path(EVENTS),
            format="litellm",
            accounts=demo.path("accounts.csv"),
            hash_key=demo.path("hash-keys.json"),
        ),
        DetectOptions(events=demo.path(EVENTS), out=demo.path(FINDINGS)),
        ScanOptions(
            corpus=demo.path(CORPUS),
            profile=demo.path(MARK_PROFILE),
            key_file=demo.path(MARK_KEY),
            out=demo.path(SCAN),
        ),
        SealOptions(
            findings=demo.path(FINDINGS),
            events=demo.path(EVENTS),
            scan=demo.path(SCAN),
            case_id=case_id,
            out=demo.path(PACKAGE),
            keys=[key],
            log=demo.path(BOOK),
            matter=MATTER,
            plans=[demo.path(PLAN)],
            results=[ResultLink(result="detect", plan=PLAN_ID, hypothesis="H1", run=1)],
            trust=read_trust(demo.path(TRUST)),
        ),
        InCase(MATTER, demo.path(BOOK)),
        demo.path(TRUST),
        step,
    )
    shutil.copyfile(demo.path(FINDINGS) / REPORT_FILE, demo.path(REPORT_FILE))
    return outcome


def _fix_plan(demo: Demo) -> str:
    """Write the plan and log it, and a batch; gives the verifier key of the public log. Nobody cosigns it."""
    hypothesis = {
        "id": "H1",
        "null": "accounts are exchangeable within their strata",
        "test": "campaigns",
        "alpha": 0.01,
        "keyed": False,
        "commitments": [],
        "given": [],
    }
    fields = {
        "schema": plans.PLAN_SCHEMA_ID,
        "plan_id": PLAN_ID,
        "matter": MATTER,
        "created": plans.now(),
        "by": "demo analyst",
        "title": "Do accounts act as one?",
        "hypotheses": [hypothesis],
        "multiplicity": "none",
        "controls": ["a coding agent, a class, CI, an office, a viral prompt"],
        "prompts": "none: access logs",
        "stopping": "the whole of the log",
        "exclusions": "nobody",
    }
    log = open_or_create(demo.path(BOOK))
    data = plans.write_plan(demo.path(PLAN), plans.plan_of(fields, PLAN))
    plans.log_plan(log, data, PLAN)
    publication = Publication.open_or_create(demo.path(BOOK))
    publish(publication, at_once=True)
    return str(publication.public.verifier)


def second_verdict(demo: Demo) -> str:
    """What `countermark-verify` says of the package, in a process of its own: its first words."""
    command = [sys.executable, "-m", "countermark_verify", str(demo.path(PACKAGE))]
    command += ["--trust", str(demo.path(TRUST))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own)
    return (done.stdout or done.stderr).partition("\n")[0].partition(" case ")[0] or "no answer"


def compare(truth: Truth, findings: Findings, members: dict[str, set[str]]) -> list[dict[str, Any]]:
    """For each planted group the campaign that holds most of it: kind, accounts found, accounts that are
    not of it."""
    kinds = {campaign.campaign_id: campaign.kind for campaign in findings.campaigns}
    planted = [(network.name, "harvest", set(network.accounts)) for network in truth.harvest]
    planted.append(("reseller pool", "pool", set(truth.pool)))
    planted += [(name, "benign", set(accounts)) for name, accounts in sorted(truth.look_alikes.items())]
    rows = []
    for name, planted_as, accounts in planted:
        best = max(members, key=lambda campaign: len(members[campaign] & accounts), default=None)
        hits = len(members[best] & accounts) if best else 0
        if best is None or hits < 0.5 * min(len(accounts), len(members[best])):
            rows.append({"name": name, "planted": planted_as, "accounts": len(accounts), "kind": None})
            continue
        row = {"name": name, "planted": planted_as, "accounts": len(accounts), "kind": kinds[best]}
        rows.append({**row, "found": hits, "others": len(members[best]) - hits, "campaign_id": best})
    return rows
