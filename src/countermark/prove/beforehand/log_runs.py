"""Whose runs and plans a log has, and that none of the case's matter is kept back (spec/package.md, 'Log').

    heads of run-start and run-outcome   number, tag of the matter, space: of every run, opened or not
    heads of analysis-plan               tag of the matter
    opened entries                       what each was, and which tag stands for which matter

A run of the matter that is testifying is opened. One that is done has a file in the package that came out of
it, whatever it says: a null result is a result. Every plan of the matter is opened, and its file is there:
who may leave plans out can write twenty and show the one that was right.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from countermark.errors import Error, ExitCode
from countermark.prove.beforehand.log_view import OUTCOME, PLAN, PRIVILEGED, START, LogView, Opened, in_words
from countermark.prove.package.layout import PLANS, RUNS, failed, run_of

_VERBS = {
    "findings.json": "detect",
    "scan.json": "watermark scan",
    "scores.jsonl": "watermark score",
    "spans.jsonl": "watermark locate",
}


@dataclass
class Run:
    """One run of the log."""

    number: int
    start: Opened
    outcome: Opened | None = None

    @property
    def status(self) -> str:
        """`done`, `failed`, `interrupted`, or that it has no outcome; empty where it stays closed."""
        if self.start.entry is None:
            return ""
        if self.outcome is None or self.outcome.entry is None:
            return "without an outcome"
        return str(self.outcome.entry.payload.get("status"))

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of what came out of it, by name; empty where that is not shown."""
        outcome = self.outcome.entry if self.outcome else None
        digests = outcome.payload.get("digests") if outcome else None
        return {name: str(one) for name, one in digests.items()} if isinstance(digests, dict) else {}

    @property
    def verb(self) -> str:
        """The command that it was, by the names of what came out; `a run` where they do not tell."""
        return next((verb for name, verb in _VERBS.items() if name in self.digests), "a run")


@dataclass(frozen=True)
class Accounts:
    """What became of the runs of a log."""

    runs: int
    shown: tuple[Run, ...]
    """Of the matter, in order."""
    privileged: int
    """Of the matter, which stay closed; where nothing of the matter is opened, of all matters."""
    others: int
    """Of other matters; where nothing of the matter is opened, all that are not privileged."""
    known: bool
    """Whether the tag of the matter is known: where nothing of it is opened, it is not."""
    plans: int
    """Analysis plans of all matters."""
    plans_shown: tuple[str, ...]
    """Ids of those of the matter, in order."""
    notes: tuple[str, ...] = field(default=())

    def sentence(self, matter: str) -> str:
        """In words."""
        shown = [f"{len(self.shown)} of matter {matter} shown"] if self.known else []
        bad = [f"run {run.number} {_said(run.status)}" for run in self.shown if run.status != "done"]
        undisclosed = f"{self.privileged} privileged and not disclosed"
        rest = f"{self.others} of other matters"
        if not self.known:
            rest += f" or of {matter}, of which none is shown"
        parts = [*shown, *bad, undisclosed, rest]
        plans = f"{_count(self.plans, 'analysis plan')} in the log"
        if self.known:
            plans += f", {len(self.plans_shown)} of matter {matter}, each shown"
        return "; ".join([f"{_count(self.runs, 'run')}: {', '.join(parts)}", plans, *self.notes])


def account(view: LogView, matter: str, sealed: Mapping[str, str]) -> Accounts:
    """What became of the runs; `sealed` are the digests of the payload files as they were sealed, by name.

    Raises `Error(VERIFICATION_FAILED)` where numbers do not follow, a tag is used for two matters, a
    testifying run or a plan of the matter stays closed, or the package has nothing that came out of a run
    that is done, or not the file of a plan.
    """
    runs = _runs(view)
    tag = _tags(view).get(matter)
    for run in runs:
        for one in (run.start, run.outcome):
            if one is not None and one.head.matter == tag and one.entry is None and not _privileged(one):
                raise failed(f"run {run.number} is of matter {matter}, testifying, and is not opened")
    shown = tuple(run for run in runs if run.start.head.matter == tag and run.start.entry is not None)
    for run in shown:
        _check_shown(run, sealed)
    _check_files(shown, sealed, matter)
    closed = [run for run in runs if run.start.entry is None]
    privileged = [run for run in closed if _privileged(run.start) and tag in (None, run.start.head.matter)]
    return Accounts(
        runs=len(runs),
        shown=shown,
        privileged=len(privileged),
        others=len(runs) - len(shown) - len(privileged),
        known=tag is not None,
        plans=sum(one.head.kind == PLAN for one in view.opened),
        plans_shown=tuple(_plans(view, matter, tag, sealed)),
        notes=_notes(view),
    )


def runs_of_matter(view: LogView, matter: str) -> list[Run]:
    """The runs of a matter in order, those that stay closed too; where nothing of it is opened, none: no tag
    tells them from those of other matters."""
    tag = _tags(view).get(matter)
    return [run for run in _runs(view) if tag is not None and run.start.head.matter == tag]


def _runs(view: LogView) -> list[Run]:
    """All runs, by their heads: numbers without a gap, each with one outcome at most, after its start."""
    runs: list[Run] = []
    for one in view.opened:
        head = one.head
        if head.kind == START:
            if head.run != len(runs) + 1:
                raise failed(f"run {len(runs) + 1} is left out of the log: run {head.run} follows")
            runs.append(Run(len(runs) + 1, one))
        elif head.kind == OUTCOME:
            run = runs[head.run - 1] if head.run is not None and head.run <= len(runs) else None
            if run is None or run.outcome is not None:
                raise failed(f"the log has an outcome of run {head.run} that never started, or a second one")
            if (head.matter, head.space) != (run.start.head.matter, run.start.head.space):
                raise failed(f"run {head.run} has an outcome of another matter or space than its start")
            run.outcome = one
    return runs


def _tags(view: LogView) -> dict[str, str]:
    """Tag by matter, of what is opened; each stands for one matter, and each matter has one."""
    tags: dict[str, str] = {}
    for kind in (START, OUTCOME, PLAN):
        for one, entry in view.entries(kind):
            if tags.setdefault(str(entry.payload.get("matter", "")), one.head.matter) != one.head.matter:
                raise failed(f"entry {entry.index} of the log has another tag than its matter elsewhere")
    if len(set(tags.values())) != len(tags):
        raise failed("one tag stands for two matters in the log")
    return tags


def _privileged(one: Opened) -> bool:
    return one.head.space == PRIVILEGED


def _check_shown(run: Run, sealed: Mapping[str, str]) -> None:
    there = set(sealed.values()) - {""}  # what the seal covers by its root alone has no digest
    if _privileged(run.start) or run.status != "done" or _is_there(run.digests, there):
        return
    entry = run.start.entry
    when = f" of {in_words(entry.time)}" if entry else ""
    files = " or ".join(name for name in run.digests if name != "answer") or "attribution.json"
    raise Error(
        f"run {run.number} is done, and nothing that came out of it is in the package: {run.verb}{when}",
        hint=f"countermark case add run CASE FILE, with the {files} that it wrote",
        exit_code=ExitCode.VERIFICATION_FAILED,
    )


def _is_there(digests: Mapping[str, str], files: set[str]) -> bool:
    """Whether everything that came out of a run is in the package: two runs may have made the same picture.

    `answer` is over the answer as plain data, which is no file where a `.json` or `.jsonl` file holds it.
    """
    held = any(name.endswith((".json", ".jsonl")) for name in digests)
    needed = {sha256 for name, sha256 in digests.items() if not held or name != "answer"}
    return bool(needed) and needed <= files


def _check_files(shown: Sequence[Run], sealed: Mapping[str, str], matter: str) -> None:
    """Every file below `data/runs/` came out of the run of the matter that its name says."""
    by_number = {run.number: run for run in shown}
    for name, sha256 in sealed.items():
        if name.startswith(RUNS):
            run = by_number.get(run_of(name) or 0)
            if run is None or sha256 not in run.digests.values():
                raise failed(f"{name} came out of no such run of matter {matter} that is shown")


def _plans(view: LogView, matter: str, tag: str | None, sealed: Mapping[str, str]) -> Iterator[str]:
    """Ids of the plans of the matter, each opened and with its file in the package."""
    files = {sha256 for name, sha256 in sealed.items() if name.startswith(PLANS)}
    for one in view.opened:
        if one.head.kind != PLAN or one.head.matter != tag:
            continue
        if one.entry is None:
            raise failed(f"entry {one.head.index} of the log is a plan of matter {matter} and is not opened")
        plan = str(one.entry.payload.get("plan_id"))
        if str(one.entry.payload.get("sha256")) not in files:
            raise Error(
                f"plan {plan} of {in_words(one.entry.time)} is of matter {matter}, and its file is not in the"
                " package",
                hint="countermark case add plan CASE PLAN.json adds it, also where no result rests on it",
                exit_code=ExitCode.VERIFICATION_FAILED,
            )
        yield plan


def _notes(view: LogView) -> tuple[str, ...]:
    """Up to when the log is shown."""
    if not view.shown:
        return ("no checkpoint is witnessed from outside the alliance or timestamped",)
    size = max(view.shown)
    shown = view.shown[size]
    return (f"its first {size} of {view.size} entries {shown.by} at {in_words(shown.time)}",)


def _said(status: str) -> str:
    return {"failed": "failed", "interrupted": "was interrupted"}.get(status, "has no outcome")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
