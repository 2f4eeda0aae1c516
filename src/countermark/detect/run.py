"""`detect_networks`: from an EVENTS folder to a FINDINGS folder. Read this first, then `cooccurrence`."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

from countermark import __version__
from countermark.detect.campaigns import build_campaigns, members_table
from countermark.detect.decisions import DISPOSITIONS_FILE, Allowed, read_allowed, read_dispositions
from countermark.detect.detection import Detection, DetectionOptions, Detector
from countermark.detect.findings_folder import (
    prepare_folder,
    read_earlier_members,
    read_earlier_supersedes,
    write_findings,
)
from countermark.detect.kind_errors import kind_errors
from countermark.detect.pages import build_report
from countermark.detect.report import render_report
from countermark.errors import Error, ExitCode
from countermark.plugins import DETECTORS, load
from countermark.records.environment import cpu_flags, environment_sha256
from countermark.records.findings import Campaign
from countermark.store.database import DEFAULT_MEMORY, Database
from countermark.store.events import EventsFolder, open_events

METHOD_SCHEMA_ID = "countermark/method/v1"
CALIBRATED_TO = 0.01
"""The smallest level at which the calibration tests compare p-values with their nominal rate."""


@dataclass(frozen=True)
class DetectOptions:
    """What a run of `detect` is told."""

    events: Path
    out: Path
    detector: str = "cooccurrence"
    detection: DetectionOptions = field(default_factory=DetectionOptions)
    allow: Path | None = None
    """`allow.yaml`: accounts that take part in no campaign."""
    dispositions: Path | None = None
    """What analysts said; None means `dispositions.yaml` in the FINDINGS folder."""
    threads: int = 0
    memory: str = DEFAULT_MEMORY
    blind: bool = False
    """Write random bytes into the findings, so that no digest of theirs can be guessed: for a case."""


@dataclass(frozen=True)
class Findings:
    """What came out: the campaigns, and the content of `findings.json`."""

    campaigns: list[Campaign]
    content: Mapping[str, Any]
    conclusive: bool

    @property
    def found(self) -> bool:
        """Whether there is a campaign that no analyst rejected."""
        return any(campaign.disposition != "rejected" for campaign in self.campaigns)


def detect_networks(
    options: DetectOptions, *, progress: Callable[[float, float], None] = lambda _done, _total: None
) -> Findings:
    """Find account networks and write them; raises `Error` for EVENTS that are not whole."""
    events = open_events(options.events)
    allowed = read_allowed(options.allow)
    prepare_folder(options.out)
    if options.dispositions is not None and not options.dispositions.exists():
        raise Error(f"{options.dispositions}: no such file", exit_code=ExitCode.NO_INPUT)
    dispositions = read_dispositions(options.dispositions or options.out / DISPOSITIONS_FILE)
    plugin = load(DETECTORS, options.detector)
    detector: Detector = plugin.factory()
    with Database(threads=options.threads, memory=options.memory) as database:
        _attach(database, events, allowed)
        detection = detector.detect(database, options.detection, progress)
        campaigns = build_campaigns(
            detection,
            read_earlier_members(options.out),
            read_earlier_supersedes(options.out),
            dispositions,
        )
        method = _method(options, detection, database, plugin.origin.to_dict(), allowed)
        report = render_report(build_report(database, events, detection, campaigns, method))
    header = {
        "countermark_version": __version__,
        "events": {
            "capture_sha256": events.manifest_sha256,
            "key_id": events.manifest.key_id,
            "first_ts": events.manifest.first_ts,
            "last_ts": events.manifest.last_ts,
            "accounts": len(detection.account_ids),
        },
        "fdr": options.detection.fdr,
        "tested": detection.tested,
        "not_testable": detection.not_testable,
        "conclusive": detection.conclusive,
        "calibrated_to": CALIBRATED_TO,
        "notes": list(detection.notes),
        "kind_error_rates": kind_errors(),
    }
    content = write_findings(
        options.out,
        campaigns,
        members_table(detection, campaigns),
        method,
        report,
        header,
        blind=options.blind,
    )
    return Findings(campaigns, content, detection.conclusive)


def _attach(database: Database, events: EventsFolder, allowed: Allowed) -> None:
    database.register(
        "allowed_account", pa.table({"account_id": pa.array(sorted(allowed.accounts), pa.string())})
    )
    for name, files in (("events", events.event_files), ("accounts", [events.accounts_file])):
        database.attach(f"all_{name}", files)
        database.run(
            f"CREATE VIEW {name} AS SELECT * FROM all_{name} "  # noqa: S608 - two fixed names
            "WHERE account_id NOT IN (SELECT account_id FROM allowed_account)"
        )
    database.attach("sketches", [events.sketches_file])


def _method(
    options: DetectOptions, detection: Detection, database: Database, origin: dict[str, str], allowed: Allowed
) -> dict[str, Any]:
    packages = ("duckdb", "numpy", "scipy", "scikit-network", "pyarrow")
    return {
        "schema": METHOD_SCHEMA_ID,
        "countermark_version": __version__,
        "detector": origin,
        "options": asdict(options.detection),
        "allowed": {
            group: sorted(allowed.accounts.values()).count(group)
            for group in sorted(set(allowed.accounts.values()))
        },
        "environment": {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "packages": {name: version(name) for name in packages},
            "environment_sha256": environment_sha256(),
            "cpu_flags": cpu_flags(),
        },
        "detection": detection.method,
        "sql": database.statements,
    }
