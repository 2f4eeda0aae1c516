"""Detection in a case: its start is logged before anything is looked at, then the digest of the answer.

All candidate networks of one call are one hypothesis of the matter: among themselves they are corrected by
the false discovery rate that `findings.json` names.
"""

from collections.abc import Callable
from dataclasses import replace

from countermark.detect.run import DetectOptions, Findings, detect_networks
from countermark.flow.case_runs import InCase, declared_run
from countermark.records.canonical import file_sha256
from countermark.store.events import open_events
from countermark.trust.runs import Declared

CAPTURE, FINDINGS = "capture.json", "findings.json"


def detect_in_case(
    options: DetectOptions, case: InCase, progress: Callable[[float, float], None]
) -> Findings:
    """Detect networks as a run of a case: `capture.json` by digest in the start, `findings.json` in the end.

    The findings of a case are blind: its package may have to be redacted. Raises `Error` where there are no
    events, before anything is logged.
    """
    asked = Declared(1, 1, digests={CAPTURE: open_events(options.events).manifest_sha256})
    with declared_run(case, asked) as run:
        findings = detect_networks(replace(options, blind=bool(case.matter)), progress=progress)
        run.files[FINDINGS] = file_sha256(options.out / FINDINGS)
        run.answer = run.files
    return findings
