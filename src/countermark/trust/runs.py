"""Scoring runs in the log: a start before, an outcome after, and the family of all asked in a matter.

A multiple-testing correction has to count what was tried, not what was kept. Each start therefore declares
its hypotheses (bodies x keys x profiles x epochs) before anything is scored, and `family` adds them up over
all calls under one matter id. The same hypothesis asked twice counts twice: that errs on the safe side.

A run is `testifying` or `privileged`. Numbers and families count both; what a privileged run was about is
sealed to counsel (`trust.privileged`), and its entry has counts and the digest of the sealed file alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec

from countermark.errors import Error, ExitCode
from countermark.trust.entries import Entry
from countermark.trust.log import Log
from countermark.trust.privileged import Counsel, seal_details

START, OUTCOME = "run-start", "run-outcome"
Status = Literal["done", "failed", "interrupted"]
Space = Literal["testifying", "privileged"]
T = TypeVar("T")
_MAX_COUNT = 1 << 48
_IDS = re.compile(r"[^\x00-\x20\x7f-\xa0]{1,200}")
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Declared:
    """What a run is going to ask; ids and digests only, never a key and never a text."""

    bodies: int
    keys: int
    profiles: int = 1
    epochs: int = 1
    key_ids: tuple[str, ...] = ()
    """16 hex digits each, as `derivation.key_id` gives them; may be left out where there are very many."""
    profile_ids: tuple[str, ...] = ()
    text_ids: tuple[str, ...] = ()
    """No blanks, at most 200 characters: an id, and no text."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 (hex) of inputs, by name."""

    @property
    def hypotheses(self) -> int:
        """Number of tests: bodies x keys x profiles x epochs."""
        return self.bodies * self.keys * self.profiles * self.epochs


class _Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    run: int
    matter: str
    bodies: int
    keys: int
    profiles: int
    epochs: int
    hypotheses: int
    family: int
    """Of the matter, this start included."""
    key_ids: list[str]
    profile_ids: list[str]
    text_ids: list[str]
    digests: dict[str, str]
    space: Space = "testifying"
    """An entry without it is of that space."""
    sealed: str = ""
    """SHA-256 of the file that counsel can open; empty of a testifying run, whose entry does not have it."""


class _Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    run: int
    matter: str
    status: Status
    digests: dict[str, str]
    space: Space = "testifying"
    sealed: str = ""


@dataclass(frozen=True)
class Run:
    """A start in the log."""

    number: int
    """From 1, contiguous over the whole log."""
    matter: str
    hypotheses: int
    family: int
    """Hypotheses of the matter up to this start, itself included: the correction's size."""
    entry: Entry
    space: Space = "testifying"


class Heading(msgspec.Struct, frozen=True):
    """What the head of a commitment to a start or an outcome says."""

    run: int
    matter: str
    space: Space = "testifying"


def start(log: Log, matter: str, declared: Declared, *, counsel: Counsel | None = None) -> Run:
    """Log a start; the number and the family are fixed by what stands in the log.

    With `counsel` the run is privileged: its ids and digests are sealed to counsel and stand nowhere else.
    Raises `Error` for counts below 1, and for ids that are none.
    """
    _check_declared(matter, declared)
    with log.writing():
        number, asked = 1, 0
        for earlier in _starts(log):
            number = earlier.number + 1
            asked += earlier.hypotheses if earlier.matter == matter else 0
        details: dict[str, Any] = {
            "key_ids": list(declared.key_ids),
            "profile_ids": list(declared.profile_ids),
            "text_ids": list(declared.text_ids),
            "digests": dict(declared.digests),
        }
        payload = {
            "run": number,
            "matter": matter,
            "bodies": declared.bodies,
            "keys": declared.keys,
            "profiles": declared.profiles,
            "epochs": declared.epochs,
            "hypotheses": declared.hypotheses,
            "family": asked + declared.hypotheses,
        }
        return _run(log.append(START, payload | _shown(log, number, START, details, counsel)))


def finish(
    log: Log,
    run: Run,
    status: Status,
    digests: Mapping[str, str] | None = None,
    *,
    counsel: Counsel | None = None,
) -> Entry:
    """Log the outcome of a run; `digests` are of its results. A second outcome of a run is an `Error`.

    The outcome of a privileged run takes `counsel`, that of a testifying one does not.
    """
    details = {"digests": dict(digests or {})}
    _check_digests(details["digests"])
    if (run.space == "privileged") != (counsel is not None):
        raise Error(f"run {run.number} is {run.space}: its outcome belongs into the same space")
    with log.writing():
        if any(outcome.run == run.number for outcome in _outcomes(log)):
            raise Error(f"run {run.number} has an outcome already")
        payload = {"run": run.number, "matter": run.matter, "status": status}
        return log.append(OUTCOME, payload | _shown(log, run.number, OUTCOME, details, counsel))


def _shown(
    log: Log, number: int, kind: str, details: dict[str, Any], counsel: Counsel | None
) -> dict[str, Any]:
    """What an entry says of these details: all, or that they are sealed in a file that is there before it."""
    if counsel is None:
        return {"space": "testifying", **details}
    sealed = seal_details(log.folder, number, kind, details, counsel)
    return {
        "space": "privileged",
        "sealed": sealed,
        **{name: type(value)() for name, value in details.items()},
    }


def heading(entry: Entry) -> Heading:
    """Number, matter and space of a start or an outcome; raises `Error` where the entry is none."""
    if entry.kind == START:
        one = _run(entry)
        return Heading(one.number, one.matter, one.space)
    outcome = _outcome(entry)
    return Heading(outcome.run, outcome.matter, outcome.space)


def family(log: Log, matter: str) -> int:
    """Number of hypotheses that all starts of this matter declared, over all calls."""
    return sum(one.hypotheses for one in _starts(log) if one.matter == matter)


def all_runs(log: Log) -> list[Run]:
    """Every start, in order."""
    return list(_starts(log))


def unfinished(log: Log, matter: str | None = None) -> list[Run]:
    """Starts without an outcome: killed runs, and runs whose outcome nobody wanted to log."""
    finished = {outcome.run for outcome in _outcomes(log)}
    return [
        one for one in _starts(log) if one.number not in finished and (matter is None or one.matter == matter)
    ]


def check_runs(log: Log) -> int:
    """Number of runs; raises `Error` unless numbers, families and outcomes follow from the entries alone."""
    families: dict[str, int] = {}
    begun: dict[int, Heading] = {}
    count = 0
    for entry in log.entries():
        if entry.kind == START:
            one = _run(entry)
            families[one.matter] = families.get(one.matter, 0) + one.hypotheses
            count += 1
            if one.number != count or one.family != families[one.matter]:
                raise _bad(f"entry {entry.index} has a run number or family that does not follow")
            begun[one.number] = heading(entry)
        elif entry.kind == OUTCOME:
            found = heading(entry)
            if begun.pop(found.run, None) != found:
                raise _bad(
                    f"entry {entry.index} is the outcome of a run that never started so, or a second one"
                )
    return count


def _starts(log: Log) -> Iterator[Run]:
    return map(_run, log.entries(START))


def _outcomes(log: Log) -> Iterator[_Outcome]:
    return map(_outcome, log.entries(OUTCOME))


def _run(entry: Entry) -> Run:
    body = _convert(entry, _Start)
    if body.hypotheses != body.bodies * body.keys * body.profiles * body.epochs:
        raise _bad(f"entry {entry.index} declares a number of hypotheses that is not its product")
    _check_space(entry, body, [body.key_ids, body.profile_ids, body.text_ids, body.digests])
    return Run(body.run, body.matter, body.hypotheses, body.family, entry, body.space)


def _outcome(entry: Entry) -> _Outcome:
    body = _convert(entry, _Outcome)
    _check_space(entry, body, [body.digests])
    return body


def _check_space(entry: Entry, body: _Start | _Outcome, details: Sequence[object]) -> None:
    privileged = body.space == "privileged"
    if privileged != bool(_DIGEST.fullmatch(body.sealed)) or (privileged and any(details)):
        raise _bad(f"entry {entry.index} shows details of a privileged run, or seals those of another")
    if not privileged and "sealed" in entry.payload:
        raise _bad(f"entry {entry.index} is of a testifying run and sealed")


def _convert(entry: Entry, kind: type[T]) -> T:
    try:
        return msgspec.convert(entry.payload, kind)
    except msgspec.ValidationError as error:
        raise _bad(f"entry {entry.index} is no {entry.kind}: {error}") from error


def _check_declared(matter: str, declared: Declared) -> None:
    counts = (declared.bodies, declared.keys, declared.profiles, declared.epochs)
    if min(counts) < 1 or declared.hypotheses >= _MAX_COUNT:
        raise Error("a run has at least one body, key, profile and epoch, and fewer than 2^48 hypotheses")
    _check_ids([matter], "matter id")
    _check_ids(declared.profile_ids, "profile id")
    _check_ids(declared.text_ids, "text id")
    if any(not _KEY_ID.fullmatch(one) for one in declared.key_ids):
        # not quoted: whoever passes a key where its id belongs should not find it in a log
        raise Error("a key id in a run is not 16 hex digits", hint="log key ids, never keys")
    _check_digests(declared.digests)


def _check_ids(ids: Sequence[str], what: str) -> None:
    if any(not _IDS.fullmatch(one) for one in ids):
        raise Error(
            f"a {what} is empty, over 200 characters or holds blanks", hint="log ids or digests, never text"
        )


def _check_digests(digests: Mapping[str, str]) -> None:
    _check_ids(list(digests), "name of a digest")
    if any(not _DIGEST.fullmatch(one) for one in digests.values()):
        raise Error("a digest in a run is not the hex of a SHA-256")


def _bad(message: str) -> Error:
    return Error(f"run log: {message}", exit_code=ExitCode.VERIFICATION_FAILED)
