"""The page that joins the stages; a newcomer reads this first.

    capture  ->  detect  ->  prove
    logs         networks    a sealed package, verified offline

    watermark: is this text, or this corpus, independent of this key?  `scores.py`, `scans.py`
    attribute: was this text or model made independently of ours?      `attributions.py`
    share: what may others know, and what do they tell us?             `releases.py`, `sightings.py`

Stages never import each other: they exchange records (EVENTS, FINDINGS, SCAN, transcripts, attributions, an
EvidencePackage), and only this package knows the order. In a case every run of a test is logged before it
starts (`case_runs.py`), and a batch of commitments to the log goes out at every tick (`publishing.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countermark.capture.run import CaptureOptions, capture_logs
from countermark.detect.run import DetectOptions, Findings
from countermark.flow.case_runs import InCase
from countermark.flow.detections import detect_in_case
from countermark.flow.publishing import publish
from countermark.flow.scans import ScanOptions, scan_corpus
from countermark.prove.package.trustfile import read_trust
from countermark.prove.sealing.seal import SealOptions, seal
from countermark.prove.verifying.verification import Verification
from countermark.prove.verifying.verify import verify
from countermark.records.capture import Capture
from countermark.trust.publication import Publication

ProgressCall = Callable[[float, float], None]


@dataclass(frozen=True)
class Outcome:
    """What came out of one way through, from logs to a verified package."""

    capture: Capture
    findings: Findings
    scan: dict[str, Any]
    """`scan.json`."""
    verification: Verification


def from_logs_to_case(
    captured: CaptureOptions,
    detected: DetectOptions,
    scanned: ScanOptions,
    sealed: SealOptions,
    case: InCase,
    trust: Path,
    step: Callable[[str], ProgressCall],
) -> Outcome:
    """Capture logs, detect networks, scan a corpus for our mark, seal a case and verify it, as single
    commands do by hand.

    `step(name)` is called before each stage and gives the callback that hears of its progress. Detection is
    a run in the log of `case`, where there is one, and a batch of the log goes out before the seal, so that
    the package can show it. `trust` is the trust file that the package is verified with.
    """
    capture = capture_logs(captured, progress=step("capture"))
    findings = detect_in_case(detected, case, step("detect"))
    scan = scan_corpus(scanned, step("scan"))
    step("seal")
    if case.log:
        publish(Publication.open_or_create(case.log), at_once=True)
    package = seal(sealed)
    step("verify")
    return Outcome(capture, findings, scan, verify(package, read_trust(trust)))
