"""What is to be taken out of a package: files, fields by pattern, lines by number, all of some accounts."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.leaves.leaves import GROUNDS

MAX_LIST_BYTES = 64 << 20
"""Largest file of accounts."""
MAX_PLAN_BYTES = 1 << 20
_RANGE = re.compile(r"([1-9][0-9]{0,11})(?:-([1-9][0-9]{0,11}))?")


@dataclass(frozen=True, kw_only=True)
class Take:
    """One thing to take out, and why. Exactly one of `pointers`, `rows`, `accounts` and `whole` is given."""

    ground: str
    name: str = ""
    """A file of the package, with or without `data/`; empty with `accounts`."""
    pointers: tuple[str, ...] = ()
    """JSON Pointers: `*` is any one part, `**` at the end all that is below."""
    rows: tuple[tuple[int, int], ...] = ()
    """Lines of a table, the first is 1, both ends included."""
    accounts: frozenset[str] = frozenset()
    """Every line of every table whose `account_id` is one of these."""
    whole: bool = False


class _PlanTake(msgspec.Struct, forbid_unknown_fields=True):
    ground: str
    name: str = ""
    pointers: list[str] = []
    rows: str = ""
    accounts: list[str] = []
    whole: bool = False


class _Plan(msgspec.Struct, forbid_unknown_fields=True):
    take: list[_PlanTake]
    why: str = ""


def parse_take(text: str) -> Take:
    """`GROUND:NAME` (the whole file) or `GROUND:NAME#PATTERN`."""
    ground, colon, rest = text.partition(":")
    name, hash_sign, pattern = rest.partition("#")
    if not colon or not name:
        raise _usage(f"{text!r} is not GROUND:NAME or GROUND:NAME#POINTER")
    if hash_sign:
        return checked(Take(ground=ground, name=name, pointers=(pattern,)))
    return checked(Take(ground=ground, name=name, whole=True))


def parse_rows(text: str, ground: str) -> Take:
    """`NAME:1-5,9`: lines of a table."""
    name, colon, ranges = text.rpartition(":")
    if not colon or not name:
        raise _usage(f"{text!r} is not NAME:LINES, as requests.jsonl:1-5,9")
    return checked(Take(ground=ground, name=name, rows=_ranges(ranges)))


def read_accounts(path: Path, ground: str) -> Take:
    """A file with one account id a line; empty lines do not count."""
    data = _read(path, MAX_LIST_BYTES)
    try:
        ids = frozenset(line for line in data.decode().splitlines() if line)
    except UnicodeDecodeError as error:
        raise Error(f"{path} is not UTF-8", exit_code=ExitCode.NO_INPUT) from error
    if not ids:
        raise Error(f"{path} has no account id", exit_code=ExitCode.NO_INPUT)
    return checked(Take(ground=ground, accounts=ids))


def read_plan(path: Path) -> tuple[list[Take], str]:
    """What a YAML file lists under `take` (ground, name, pointers, rows, accounts or whole), and `why`."""
    try:
        plan = msgspec.yaml.decode(_read(path, MAX_PLAN_BYTES), type=_Plan)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        reason = " ".join(str(error).split())[:200]
        raise Error(
            f"{path} is no list of what to take out: {reason}", exit_code=ExitCode.NO_INPUT
        ) from error
    takes = [
        Take(
            ground=one.ground,
            name=one.name,
            pointers=tuple(one.pointers),
            rows=_ranges(one.rows) if one.rows else (),
            accounts=frozenset(one.accounts),
            whole=one.whole,
        )
        for one in plan.take
    ]
    return [checked(take) for take in takes], plan.why


def checked(take: Take) -> Take:
    """The same; raises (exit 2) where it does not say one thing, on a ground that is one."""
    if take.ground not in GROUNDS:
        raise _usage(f"{take.ground!r} is no ground; one of {', '.join(GROUNDS)}")
    given = [bool(take.pointers), bool(take.rows), bool(take.accounts), take.whole]
    if sum(given) != 1 or bool(take.name) == bool(take.accounts):
        raise _usage("each thing to take out is a file, fields of one, lines of one, or accounts")
    for pattern in take.pointers:
        if not pattern.startswith("/") or "**" in pattern.split("/")[:-1]:
            raise _usage(f"{pattern!r} is no pointer: it begins with /, and ** stands at its end only")
    return take


def matcher(patterns: Iterable[str]) -> re.Pattern[str]:
    """What matches exactly the pointers of one of these patterns."""
    return re.compile("|".join(f"(?:{_expression(pattern)})" for pattern in patterns), re.DOTALL)


def _expression(pattern: str) -> str:
    parts = pattern.split("/")[1:]
    below = parts[-1] == "**"
    made = "".join("/" + _part(part) for part in (parts[:-1] if below else parts))
    return made + (r"(?:/.*)?" if below else "")


def _part(part: str) -> str:
    if part == "*":
        return "[^/]*"
    # digits are an index, or a key that the leaves write with ~2 before it
    return f"(?:~2)?{part}" if part.isascii() and part.isdigit() else re.escape(part)


class Lines:
    """Line numbers that lie in some ranges."""

    def __init__(self, ranges: Sequence[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(ranges):
            if self._ends and start <= self._ends[-1] + 1:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    @property
    def last(self) -> int:
        """The last line that is meant; 0 where none is."""
        return self._ends[-1] if self._ends else 0

    def __contains__(self, line: int) -> bool:
        at = bisect_right(self._starts, line) - 1
        return at >= 0 and line <= self._ends[at]


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    found = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        start, end = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if end < start:
            raise _usage(f"{text!r} are no lines, as 1-5,9: the first line is 1")
        found.append((start, end))
    return tuple(found)


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from error
    if len(data) > most:
        raise Error(f"{path} is larger than {most >> 20} MiB", exit_code=ExitCode.NO_INPUT)
    return data


def _usage(message: str) -> Error:
    return Error(message, exit_code=ExitCode.USAGE)
