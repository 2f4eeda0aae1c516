"""Scan of a corpus: `store` reads and keeps, `watermark` scores, and a killed scan goes on where it stood."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from countermark.errors import Error
from countermark.flow.case_runs import CaseRun, InCase, case_run
from countermark.flow.scores import open_profile
from countermark.records.canonical import file_sha256
from countermark.store.corpus_files import count_rows, find_files
from countermark.store.engines import open_engine
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
from countermark.watermark.key_pools import read_keys

ProgressCall = Callable[[float, float], None]


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
    case: InCase = field(default_factory=InCase)
    trust: Path | None = None


def scan_corpus(options: ScanOptions, progress: ProgressCall | None = None) -> dict[str, Any]:
    """Scan a corpus into a SCAN folder and give `scan.json`; a killed run is resumed by asking the same.

    In a case the rows are counted before anything is scored, and the start declares them and the pooled body.
    """
    profile = open_profile(options.profile, options.trust)
    if take_finished(options.out, SCAN_JSON):
        return read_scan(options.out)
    files = find_files(options.corpus)
    task = CorpusTask.open(
        options.profile, options.key_file, options.key_pool, options.tokenizer, options.fields
    )
    if task.profile_id != profile.profile_id:
        raise Error(f"the profile {options.profile} has changed while it was read", hint="scan again")
    request = task.request() | {"max_documents": options.max_documents, "alpha": options.alpha}
    request["matter"] = options.case.matter
    request["corpus"] = [[file.name, file.size, file.modified_ns] for file in files]
    keys = read_keys(options.key_file, options.key_pool).keys
    bodies = count_rows(files) + 1 if options.case.log else 1
    with (
        unfinished(options.out, request, SCAN_FILES, SCAN_JSON) as folder,
        open_engine(options.engine, options.threads) as engine,
        case_run(options.case, profile, keys, bodies, {}) as run,
    ):
        content = _scan(options, task, Work(folder, files, engine, progress), run)
        run.answer = content
        run.files[SCAN_JSON] = file_sha256(options.out / SCAN_JSON)
        return content


def _scan(options: ScanOptions, task: CorpusTask, work: Work, run: CaseRun) -> dict[str, Any]:
    """The passes over the corpus, and the files of the answer."""
    frequent = None
    if options.max_documents is not None:
        work.map("windows", CountWindows(task))
        work.reduce("windows", WINDOWS, FrequentWindows(options.max_documents))
        frequent = frequent_windows(work.tables("windows", FREQUENT), work.folder / "frequent.npy")
    work.map("scores", ScoreBatch(task, None if frequent is None else str(work.folder / "frequent.npy")))
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
    family = asked if run.number is None else max(asked, run.family)
    content = task.described() | run.to_dict() | answer(seen, pooled, options.alpha, family)
    content |= work.totals("scores") | {"quarantined": quarantined}
    content["left_out"] = {"max_documents": options.max_documents, "windows": left_out.num_rows}
    return write_scan(options.out, content, work.digests())
