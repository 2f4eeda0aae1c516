"""The page that joins the stages; a newcomer reads this first.

    capture  ->  detect  ->  prove
    logs         networks    a sealed package, verified offline

Stages never import each other: they exchange folders of records (EVENTS, FINDINGS, an EvidencePackage), and
only this module knows the order.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countermark.capture.hashkeys import write_public_key
from countermark.capture.run import CaptureOptions, capture_logs
from countermark.detect.findings_folder import REPORT_FILE
from countermark.detect.run import DetectOptions, Findings, detect_networks
from countermark.errors import Error, ExitCode
from countermark.prove.seal import SealOptions, seal
from countermark.prove.trustfile import SignerEntry, read_trust, write_trust
from countermark.prove.verification import Verification
from countermark.prove.verify import verify
from countermark.records.capture import Capture
from countermark.trust.signing import SigningKey
from countermark.world.plan import WorldPlan
from countermark.world.provider import write_world
from countermark.world.truth import Truth

ProgressCall = Callable[[float, float], None]

EVENTS, FINDINGS, PACKAGE, TRUST = "events", "findings", "case.zip", "trust.json"
DEMO_SCHEMA_ID = "countermark/demo/v1"
MARK = "demo.json"
_KEYS = {"analyst.key", "analyst.key.pub", "hash-keys.json", "hash-keys.json.lock"}
_INPUT = {"logs", "accounts.csv", "truth.json"}
OURS = {MARK, EVENTS, FINDINGS, PACKAGE, TRUST, REPORT_FILE, *_KEYS, *_INPUT}
"""What a demo's folder holds."""


@dataclass(frozen=True)
class Outcome:
    """What came out of one way through, from logs to a verified package."""

    capture: Capture
    findings: Findings
    verification: Verification


def from_logs_to_case(
    captured: CaptureOptions,
    detected: DetectOptions,
    sealed: SealOptions,
    trust: Path,
    step: Callable[[str], ProgressCall],
) -> Outcome:
    """Capture logs, detect networks, seal a case and verify it, as the four commands do by hand.

    `step(name)` is called before each stage and gives the callback that hears of its progress. `trust` is
    the trust file that the package is verified with.
    """
    capture = capture_logs(captured, progress=step("capture"))
    findings = detect_networks(detected, progress=step("detect"))
    step("seal")
    package = seal(sealed)
    step("verify")
    return Outcome(capture, findings, verify(package, read_trust(trust)))


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
    """Write the generated world: a LiteLLM log, the account table, and what was planted.

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
    return truth


def run_demo(demo: Demo, step: Callable[[str], ProgressCall]) -> Outcome:
    """Send the generated log the way that real logs go."""
    key = SigningKey.generate()
    key.save(demo.path("analyst.key"))
    case_id = f"demo-{demo.seed}"
    write_public_key(demo.path("hash-keys.json"), case_id)
    write_trust(demo.path(TRUST), [SignerEntry("demo analyst", key.public.to_base64())], cases=[case_id])
    outcome = from_logs_to_case(
        CaptureOptions(
            sources=[str(demo.logs)],
            out=demo.path(EVENTS),
            format="litellm",
            accounts=demo.path("accounts.csv"),
            hash_key=demo.path("hash-keys.json"),
        ),
        DetectOptions(events=demo.path(EVENTS), out=demo.path(FINDINGS)),
        SealOptions(
            findings=demo.path(FINDINGS),
            events=demo.path(EVENTS),
            case_id=case_id,
            out=demo.path(PACKAGE),
            keys=[key],
        ),
        demo.path(TRUST),
        step,
    )
    shutil.copyfile(demo.path(FINDINGS) / REPORT_FILE, demo.path(REPORT_FILE))
    return outcome


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
