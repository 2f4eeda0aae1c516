"""What the log shows of a matter: its runs, closed ones too, and since when a key was committed to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from countermark.prove.beforehand.log_runs import Run, runs_of_matter
from countermark.prove.beforehand.log_view import COMMITMENTS, PRIVILEGED, TESTIFYING, LogView, in_words
from countermark.trust.entries import Entry


@dataclass(frozen=True, kw_only=True)
class LoggedRun:
    """One run of the matter."""

    number: int
    """Over the whole log, every matter together, from 1."""
    space: str
    """`testifying`, or `privileged`: for counsel alone."""
    disclosed: bool
    """Whether it is opened; of one that is not, nothing but its number and space is known."""
    kind: str = ""
    """The command that it was, as far as the names of what came out tell."""
    status: str = ""
    """`done`, `failed`, `interrupted` or `without an outcome`."""
    started: str = ""
    """By the clock of who wrote the log, UTC."""
    ended: str = ""
    """The same; empty without an outcome."""
    digests: Sequence[str] = ()
    """SHA-256 of what came out of it."""


def logged_runs(view: LogView, matter: str) -> list[LoggedRun]:
    """Every run of the matter, in order; those of which nothing tells the matter are left out."""
    return [_logged(run) for run in runs_of_matter(view, matter)]


def committed(view: LogView, commitments: Collection[str]) -> dict[str, str]:
    """By commitment, when it is first shown to have been there and who says so; none where nobody does."""
    found: dict[str, str] = {}
    for one, entry in view.entries(*COMMITMENTS):
        value, shown = str(entry.payload.get("commitment")), view.shown_at(one)
        if value in commitments and shown is not None:
            found.setdefault(value, f"{in_words(shown.time)[:10]} ({shown.by})")
    return found


def _logged(run: Run) -> LoggedRun:
    start = run.start.entry
    space = PRIVILEGED if run.start.head.space == PRIVILEGED else TESTIFYING
    if start is None:
        return LoggedRun(number=run.number, space=space, disclosed=False)
    return LoggedRun(
        number=run.number,
        space=space,
        disclosed=True,
        kind=run.verb,
        status=run.status,
        started=in_words(start.time),
        ended=_time(run.outcome.entry if run.outcome else None),
        digests=tuple(run.digests.values()),
    )


def _time(entry: Entry | None) -> str:
    return in_words(entry.time) if entry else ""
