"""A test in a case: a start in the one log before anything is scored, and the outcome after it.

A run that dies leaves its start without an outcome, which stays visible. The family of the correction is
what all starts of the matter have declared so far.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.trust import exposure, runs
from countermark.trust.derivation import Terms
from countermark.trust.keyfiles import Secret
from countermark.trust.log import Log, open_or_create
from countermark.trust.privileged import Counsel
from countermark.watermark.key_names import name_of_key
from countermark.watermark.profile import Profile

PROVISIONAL = "corrected for what had been asked in the matter by this run; later runs enlarge the family"
MOST_NAMED_KEYS = 100
"""A log entry names so many keys of a pool; their number is always there."""


@dataclass(frozen=True)
class InCase:
    """Where a run is logged, under which matter; all empty outside a case."""

    matter: str = ""
    log: Path | None = None
    log_key: Path | None = None
    """`FOLDER.key` beside the log unless another is named; a missing log is made, with its key."""
    acquired: date | None = None
    """Day on which the text was acquired; refused where the log says that the key was out by then."""
    counsel: Counsel | None = None
    """Whom the details of a privileged run are sealed to; a testifying run has none."""

    def __post_init__(self) -> None:
        logged = self.log is not None and bool(self.matter)
        if not logged and (self.log or self.log_key or self.matter or self.acquired or self.counsel):
            hint = "--log FOLDER --matter ID"
            raise Error("a run in a case needs a log and a matter", hint=hint, exit_code=ExitCode.USAGE)


@dataclass
class CaseRun:
    """One run; without a case it has no number, and its family is what it asks itself."""

    family: int
    matter: str = ""
    number: int | None = None
    log: Log | None = field(default=None, repr=False)
    """Where it was logged."""
    entry: int = -1
    """Index of its start in the log: what stands before was there when it began."""
    answer: Any = field(default=None, repr=False)
    """What came out, as plain data; its digest goes into the log, of a privileged run sealed."""
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the files that came out, by name; they go into the log, too."""
    privileged: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Fields of an answer."""
        if self.number is None:
            return {}
        space = {"space": "privileged"} if self.privileged else {}
        return {"matter": self.matter, "run": self.number, "provisional": PROVISIONAL, **space}


@contextmanager
def case_run(
    case: InCase, profile: Profile, keys: Sequence[Secret], bodies: int, digests: Mapping[str, str]
) -> Iterator[CaseRun]:
    """Log a start that declares bodies x keys, run the block, log its outcome; without a case only run it."""
    if case.log is None:
        yield CaseRun(bodies * len(keys))
        return
    key_ids = tuple(name_of_key(key) for key in keys[:MOST_NAMED_KEYS])
    declared = runs.Declared(
        bodies=bodies, keys=len(keys), key_ids=key_ids, profile_ids=(profile.profile_id,), digests=digests
    )
    with declared_run(case, declared, [(profile, key) for key in keys]) as run:
        yield run


@contextmanager
def declared_run(
    case: InCase, declared: runs.Declared, uses: Sequence[tuple[Profile, Secret]] = ()
) -> Iterator[CaseRun]:
    """As `case_run`, for what is declared; `uses` are keys whose exposure is checked first."""
    if case.log is None:
        yield CaseRun(declared.hypotheses)
        return
    log = open_or_create(case.log, case.log_key)
    for terms in dict.fromkeys(_terms(profile) for profile, _ in uses):
        keys = [key for profile, key in uses if _terms(profile) == terms]
        exposure.check_keys(log, map(name_of_key, keys), case.acquired, terms)
    counsel = case.counsel
    started = runs.start(log, case.matter, declared, counsel=counsel)
    privileged = counsel is not None
    entry = started.entry.index
    run = CaseRun(started.family, case.matter, started.number, log, entry, privileged=privileged)
    try:
        yield run
    except BaseException as error:
        status: runs.Status = "failed" if isinstance(error, Exception) else "interrupted"
        runs.finish(log, started, status, counsel=counsel)
        raise
    digests = {"answer": sha256_hex(canonical_json(run.answer)), **run.files}
    runs.finish(log, started, "done", digests, counsel=counsel)


def _terms(profile: Profile) -> Terms:
    return Terms(profile.deployment_id, profile.epoch)
