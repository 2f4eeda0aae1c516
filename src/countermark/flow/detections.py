"""`detect` in a case: a start in the log before anything is looked at, and the digest of what came out.

Detection corrects within itself, over all candidate networks: for the matter it is one hypothesis.
"""

from collections.abc import Callable

from countermark.detect.findings_folder import FINDINGS_FILE
from countermark.detect.run import DetectOptions, Findings, detect_networks
from countermark.flow.case_runs import InCase, declared_run
from countermark.records.canonical import file_sha256
from countermark.store.events import open_events
from countermark.trust.runs import Declared

ProgressCall = Callable[[float, float], None]


def detect_in_case(
    options: DetectOptions, case: InCase, progress: ProgressCall = lambda _done, _total: None
) -> Findings:
    """Find account networks; the run is logged where the case has a log.

    Raises `Error` for EVENTS that are not whole, before the log hears of it.
    """
    digests = {"capture.json": open_events(options.events).manifest_sha256}
    with declared_run(case, Declared(bodies=1, keys=1, digests=digests)) as run:
        findings = detect_networks(options, progress=progress)
        run.answer = findings.content
        run.files[FINDINGS_FILE] = file_sha256(options.out / FINDINGS_FILE)
    return findings
