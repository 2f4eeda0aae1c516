"""Files that came out of runs that are no step of the case: which run each is of, and its name.

A finished `watermark score` or `locate`, a further scan or attribution, a detection that was run again: none
is a result of the case, and each has to be shown. Source: spec/package.md, 'data/runs/'.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.prove.beforehand.log_view import OUTCOME, in_words
from countermark.prove.package.layout import RUNS
from countermark.records.canonical import file_sha256
from countermark.trust.log import Log

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]")
_MOST_NAME = 120


@dataclass(frozen=True)
class RunFile:
    """A file, and the run that it came out of."""

    path: Path
    sha256: str
    run: int
    entry: int
    """Of the run's outcome, in the private log."""
    time: datetime
    """Of that entry."""

    def __str__(self) -> str:
        """For people."""
        return f"{self.path.name} came out of run {self.run}, which ended {in_words(self.time)}"


def runs_of(log: Path, matter: str, paths: Iterable[Path]) -> list[RunFile]:
    """The run of the matter that each file came out of, by the log's outcomes; the same twice counts once.

    Raises `Error(NO_INPUT)` for a file that cannot be read, and for one that is the outcome of no run.
    """
    outcomes = _outcomes(log)
    found: dict[str, RunFile] = {}
    for path in paths:
        sha256 = _digest(path)
        of = outcomes.get(sha256, {})
        if matter not in of:
            others = f"; it came out of run {min(of.values())[0]} of another matter" if of else ""
            hint = "the file as --out wrote it; what came out of a privileged run only counsel can say"
            raise Error(
                f"{path} is the outcome of no run of matter {matter}{others}",
                hint=hint,
                exit_code=ExitCode.NO_INPUT,
            )
        run, entry, time = of[matter]
        found.setdefault(sha256, RunFile(path, sha256, run, entry, time))
    return list(found.values())


def _outcomes(log: Path) -> dict[str, dict[str, tuple[int, int, datetime]]]:
    """By digest and matter the first run that it came out of: number, entry of the outcome, its time."""
    found: dict[str, dict[str, tuple[int, int, datetime]]] = {}
    for entry in Log.open(log).entries(OUTCOME):
        said = entry.payload
        for sha256 in said.get("digests", {}).values():
            of = found.setdefault(sha256, {})
            of.setdefault(str(said.get("matter")), (int(said["run"]), entry.index, entry.time))
    return found


def _digest(path: Path) -> str:
    if path.is_dir():
        hint = (
            "of findings its findings.json, of a scan its scan.json, of an attribution its attribution.json"
        )
        raise Error(f"{path} is a folder: name the JSON file in it", hint=hint, exit_code=ExitCode.NO_INPUT)
    try:
        return file_sha256(path)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None


def name_for(run: int, path: Path, taken: Collection[str] = ()) -> str:
    """`RUN.NAME`: what a file of a run is called; not one of `taken`, where case does not count."""
    plain = _NOT_PLAIN.sub("_", path.name)[-_MOST_NAME:]
    rest = plain.removeprefix(f"{run}.") or "file"
    folded = {one.lower() for one in taken}
    names = [f"{run}.{rest}", *(f"{run}.{number}.{rest}" for number in range(2, len(folded) + 3))]
    return next(one for one in names if one.lower() not in folded)


def run_sources(
    files: Sequence[RunFile], there: Collection[str], shown: Collection[int]
) -> tuple[dict[str, Path], list[str]]:
    """What goes into the package below `data/runs/`, by name, and a sentence for each file.

    `there` are digests of what the package has already, `shown` the entries of the log that it shows whole.
    Raises `Error(NO_INPUT)` where the outcome of a run is in no batch yet: the package could not show it.
    """
    sources: dict[str, Path] = {}
    said: list[str] = []
    for one in files:
        if one.sha256 in there:
            said.append(f"{one}: it is in the package as a result")
            continue
        if one.entry not in shown:
            raise Error(
                f"the outcome of run {one.run} is in no batch of the public log yet, and cannot be shown",
                hint="countermark log publish LOG makes the next batch when it is due; then seal",
                exit_code=ExitCode.NO_INPUT,
            )
        taken = [name.removeprefix(RUNS) for name in sources]
        name = RUNS + name_for(one.run, one.path, taken)
        sources[name] = one.path
        said.append(f"{one}: {name}")
    return sources, said
