"""The page that joins the stages; a newcomer reads this first.

    capture  ->  detect  ->  prove
    logs         networks    a sealed package, verified offline

    watermark: is this text independent of this key?  Every run in a case is logged before it starts.

Stages never import each other: they exchange folders of records (EVENTS, FINDINGS, an EvidencePackage), and
only this module knows the order.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
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
from countermark.records.canonical import canonical_json, file_sha256, sha256_hex
from countermark.records.capture import Capture
from countermark.store.corpus_files import find_files
from countermark.store.scans import (
    LEFT_OUT_FILE,
    QUARANTINE_FILE,
    SCAN_FILES,
    SCAN_JSON,
    SCORES_FILE,
    Work,
    read_scan,
    write_lines,
    write_parquet,
    write_scan,
)
from countermark.store.unfinished import take_finished, unfinished
from countermark.trust import exposure, runs
from countermark.trust.log import Log
from countermark.trust.signing import SigningKey
from countermark.watermark.corpus import (
    DISTINCT,
    FREQUENT,
    LEFT_OUT,
    QUARANTINE,
    SCORE_SCHEMA,
    SCORES,
    WINDOWS,
    CountWindows,
    FrequentWindows,
    PoolPairs,
    ScoreBatch,
    pairs_name,
)
from countermark.watermark.corpus_answer import (
    Candidates,
    answer,
    frequent_windows,
    left_out_table,
    pooled_score,
)
from countermark.watermark.corpus_rows import Fields
from countermark.watermark.corpus_task import CorpusTask
from countermark.watermark.decisions import DEFAULT_ALPHA
from countermark.watermark.examination import Examination, Row
from countermark.watermark.key_names import name_of_key
from countermark.watermark.key_pools import read_keys
from countermark.watermark.profile import Profile, read_profile
from countermark.watermark.schemes.base import NULL
from countermark.world.plan import WorldPlan
from countermark.world.provider import write_world
from countermark.world.truth import Truth

MOST_NAMED_KEYS = 100
"""A log entry names so many keys of a pool; their number is always there."""
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


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """What `watermark score` is asked."""

    profile: Path
    source: Path
    """JSON lines of bodies."""
    key_file: Path | None = None
    key_pool: Path | None = None
    """Exactly one of the two."""
    tokenizer: Path | None = None
    as_one: bool = False
    alpha: float = DEFAULT_ALPHA
    matter: str = ""
    log: Path | None = None
    log_key: Path | None = None
    acquired: date | None = None
    """Day on which the text was acquired; refused where the log says that the key was out by then."""
    trust: Path | None = None


@dataclass(frozen=True)
class ScoreAnswer:
    """What came out of one scoring run."""

    profile: Profile
    rows: list[Row]
    family: int
    """Hypotheses of the correction: this run's, and those asked before in the matter."""
    alpha: float
    matter: str = ""
    run: int | None = None
    """Number of the run in the log."""

    def to_dict(self) -> dict[str, Any]:
        """What stands above the rows."""
        fields = {
            "profile": self.profile.profile_id,
            "null": NULL,
            "alpha": self.alpha,
            "family": self.family,
        }
        return fields | ({"matter": self.matter, "run": self.run} if self.run is not None else {})


def score_bodies(options: ScoreOptions, progress: ProgressCall | None = None) -> ScoreAnswer:
    """Score bodies under a key; in a case the run is logged before anything is scored, and its outcome after.

    A run that dies leaves its start without an outcome, which stays visible.
    """
    signed = read_profile(options.profile)
    if options.trust:
        signed.check_signed_by(read_trust(options.trust).keys)
    asked = Examination.read(
        signed.profile,
        read_keys(options.key_file, options.key_pool),
        options.source,
        options.tokenizer,
        as_one=options.as_one,
    )
    if options.log is None:
        if options.matter or options.acquired:
            raise Error("--matter and --acquired need the log", hint="--log", exit_code=ExitCode.USAGE)
        rows = asked.score(options.alpha, progress=progress)
        return ScoreAnswer(signed.profile, rows, asked.hypotheses, options.alpha)
    return _score_logged(options, signed.profile, asked, progress)


def _score_logged(
    options: ScoreOptions, profile: Profile, asked: Examination, progress: ProgressCall | None
) -> ScoreAnswer:
    log = _open_log(options)
    key_ids = tuple(name_of_key(key) for key in asked.pool.keys[:MOST_NAMED_KEYS])
    if options.acquired:
        for key_id in key_ids:
            exposure.check_acquired(log, key_id, options.acquired)
    declared = runs.Declared(
        bodies=len(asked.bodies),
        keys=len(asked.pool),
        key_ids=key_ids,
        profile_ids=(profile.profile_id,),
        digests={"input": file_sha256(options.source)},
    )
    run = runs.start(log, options.matter, declared)
    try:
        rows = asked.score(options.alpha, run.family, progress)
    except Exception:
        runs.finish(log, run, "failed")
        raise
    digest = sha256_hex(canonical_json([row.to_dict() for row in rows]))
    runs.finish(log, run, "done", {"answer": digest})
    return ScoreAnswer(profile, rows, run.family, options.alpha, options.matter, run.number)


def _open_log(options: ScoreOptions) -> Log:
    if not options.matter or options.log is None or options.log_key is None:
        hint = "--log FOLDER --log-key KEY --matter ID"
        raise Error("a logged run needs a log, its key and a matter", hint=hint, exit_code=ExitCode.USAGE)
    key = SigningKey.load(options.log_key)
    if options.log.exists() and any(options.log.iterdir()):
        return Log.open(options.log, key)
    return Log.create(options.log, f"countermark.local/{options.log.name}", key)


@dataclass(frozen=True, kw_only=True)
class ScanOptions:
    """What `watermark scan` is asked."""

    corpus: Path
    """JSON lines (also .gz, .zst) or Parquet, a file or a folder."""
    profile: Path
    out: Path
    key_file: Path | None = None
    key_pool: Path | None = None
    """Exactly one of the two."""
    tokenizer: Path | None = None
    fields: Fields = field(default_factory=Fields)
    max_documents: int | None = None
    """Pairs that stand in more unrelated documents do not count; None: all do."""
    engine: str = "local"
    threads: int = 0
    alpha: float = DEFAULT_ALPHA


def scan_corpus(
    options: ScanOptions,
    progress: ProgressCall | None = None,
    family: Callable[[int], int] | None = None,
) -> dict[str, Any]:
    """Scan a corpus into a SCAN folder and give `scan.json`; a killed run is resumed by asking the same.

    `family` turns the number of hypotheses of this scan into the size of the correction, where more was
    asked before in the matter.
    """
    if take_finished(options.out, SCAN_JSON):
        return read_scan(options.out)
    files = find_files(options.corpus)
    task = CorpusTask.open(
        options.profile, options.key_file, options.key_pool, options.tokenizer, options.fields
    )
    request = task.request() | {"max_documents": options.max_documents, "alpha": options.alpha}
    request["corpus"] = [[file.name, file.size, file.modified_ns] for file in files]
    with unfinished(options.out, request, SCAN_FILES, SCAN_JSON) as folder:
        work = Work(folder, files, options.engine, options.threads, progress)
        frequent = None
        if options.max_documents is not None:
            work.map("windows", CountWindows(task))
            work.reduce("windows", WINDOWS, FrequentWindows(options.max_documents))
            frequent = frequent_windows(work.tables("windows", FREQUENT), folder / "frequent.npy")
        work.map("scores", ScoreBatch(task, None if frequent is None else str(folder / "frequent.npy")))
        pooled = []
        for key, name in enumerate(task.opened().names):
            counts = work.reduce("scores", pairs_name(key), PoolPairs(task, key))
            pooled.append((name, pooled_score(task, key, counts, work.tables("scores", f"{DISTINCT}{key}"))))
        seen = Candidates(options.alpha)
        write_parquet(options.out / SCORES_FILE, seen.through(work.tables("scores", SCORES)), SCORE_SCHEMA)
        quarantined = write_lines(options.out / QUARANTINE_FILE, work.tables("scores", QUARANTINE))
        left_out = left_out_table(work.tables("scores", LEFT_OUT), frequent)
        write_parquet(options.out / LEFT_OUT_FILE, [left_out], left_out.schema)
        asked = seen.scores + len(pooled)
        content = task.described() | answer(seen, pooled, options.alpha, family(asked) if family else asked)
        content |= work.totals("scores") | {"quarantined": quarantined}
        content["left_out"] = {"max_documents": options.max_documents, "windows": left_out.num_rows}
        return write_scan(options.out, content, work.digests())
