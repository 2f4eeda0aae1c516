"""The members' e-values as one figure, for the global null, which names nobody.

Null: the suspect's answers are independent of *all* keys. Two ways to combine, fixed in the announcement:

- `product`: where the keys were drawn independently. Given the answers, what each key makes of them is then
  independent of all others, and the product of the processes is a process.
- `lookback-average`: else. The mean of `evalues.lookback` of each member's largest value, valid under any
  dependence.

Every member of the announcement contributes every time. The record has no member's own value unless it is
asked for; of two members under `product` each can work out the other's from it.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from countermark.attribute.monitor.announce import Announcement
from countermark.attribute.monitor.state import State
from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.records.files import write_atomic
from countermark.stats.evalues import anytime_log_p, lookback, mixed, product
from countermark.trust.keyfiles import OWNER_ONLY, locked

SCHEMA = "countermark/monitor/v1"
CONTRIBUTION_SCHEMA = "countermark/monitor-contribution/v1"
MAX_BYTES = 1 << 20
MAX_LOG10 = 1e12
LN10 = math.log(10)
T = TypeVar("T", "Contribution", "Joint")


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """What one member hands to whoever joins; its own value, for that one's eyes."""

    schema: str = CONTRIBUTION_SCHEMA
    announcement: str
    key_id: str
    batches: int
    log10_e: float
    largest_log10_e: float


class Join(msgspec.Struct, frozen=True, kw_only=True):
    """One joining."""

    batches: dict[str, int]
    """Of each key, by its id."""
    log10_e: float


class Joint(msgspec.Struct, frozen=True, kw_only=True):
    """The joint record."""

    schema: str = SCHEMA
    kind: str = "joint"
    null: str
    announcement: str
    members: list[str]
    combination: str
    alpha: float
    log10_e: float
    largest_log10_e: float
    p_value: float
    log10_p_value: float
    decision: str
    joins: list[Join]
    by_key_log10_e: dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    """Only where it was asked for."""


def contribution(state: State, announcement: Announcement) -> Contribution:
    """What the owner of a state contributes."""
    return Contribution(
        announcement=announcement.announcement_id,
        key_id=state.head.key_id,
        batches=len(state.head.batches),
        log10_e=state.log10_e,
        largest_log10_e=state.head.largest_log10_e,
    )


def write_contribution(path: Path, one: Contribution) -> None:
    """Write it for its owner alone."""
    write_atomic(path, canonical_json(one) + b"\n", OWNER_ONLY)


def join(
    out: Path, announcement: Announcement, paths: Sequence[Path], *, show_members: bool = False
) -> Joint:
    """Join the contributions of all members into the record at `out`, and replace it.

    Raises `Error` where a member's contribution is missing, stands twice, is of another announcement, or is
    older than one that was joined before.
    """
    given = {one.key_id: one for one in map(_read, paths)}
    wanted = [one.key_id for one in announcement.members]
    if len(given) < len(paths) or any(
        one.announcement != announcement.announcement_id for one in given.values()
    ):
        raise Error("a contribution stands twice, or is of another announcement", exit_code=ExitCode.USAGE)
    missing = [one.member for one in announcement.members if one.key_id not in given]
    if missing or len(given) > len(wanted):
        raise Error(
            f"the contribution of {missing[0]} is missing" if missing else "a contribution is of no member",
            hint="every member contributes every time: one left out would be chosen by what it shows",
            exit_code=ExitCode.USAGE,
        )
    with locked(out):
        before = _before(out, announcement)
        _check_newer(before, given)
        record = _joint(announcement, [given[key] for key in wanted], before, show_members)
        write_atomic(out, canonical_json(record) + b"\n")
    return record


def _joint(
    announcement: Announcement, given: Sequence[Contribution], before: Joint | None, show_members: bool
) -> Joint:
    if announcement.combination == "product":
        log_e = product([one.log10_e * LN10 for one in given])
    else:
        log_e = mixed([lookback(one.largest_log10_e * LN10) for one in given])
    log10_e = log_e / LN10
    largest = max(0.0, log10_e, before.largest_log10_e if before else 0.0)
    log10_p = anytime_log_p(largest * LN10) / LN10 + 0.0
    shown = log10_p <= math.log10(announcement.alpha)
    count = len(given)
    added = Join(batches={one.key_id: one.batches for one in given}, log10_e=log10_e)
    return Joint(
        null=f"the suspect's answers are independent of all {count} keys",
        announcement=announcement.announcement_id,
        members=[one.member for one in announcement.members],
        combination=announcement.combination,
        alpha=announcement.alpha,
        log10_e=log10_e,
        largest_log10_e=largest,
        p_value=10.0 ** max(log10_p, -300.0),
        log10_p_value=log10_p,
        decision=f"not independent of the {count} keys together" if shown else "not shown",
        joins=[*(before.joins if before else []), added],
        by_key_log10_e={one.key_id: one.log10_e for one in given} if show_members else msgspec.UNSET,
    )


def _read(path: Path) -> Contribution:
    one = _decoded(path, Contribution, CONTRIBUTION_SCHEMA)
    finite = all(map(math.isfinite, (one.log10_e, one.largest_log10_e)))
    if not finite or one.batches < 1 or not one.log10_e <= one.largest_log10_e + 1e-9 <= MAX_LOG10:
        raise Error(f"{path} holds figures that cannot be", exit_code=ExitCode.NO_INPUT)
    return one


def _before(out: Path, announcement: Announcement) -> Joint | None:
    if not out.exists():
        return None
    before = _decoded(out, Joint, SCHEMA)
    if before.announcement != announcement.announcement_id:
        raise Error(f"{out} is of another announcement", hint="name another file", exit_code=ExitCode.USAGE)
    return before


def _check_newer(before: Joint | None, given: dict[str, Contribution]) -> None:
    last = before.joins[-1].batches if before and before.joins else {}
    if any(given[key].batches < count for key, count in last.items() if key in given):
        raise Error("a contribution is older than one that was joined before", exit_code=ExitCode.USAGE)


def _decoded(path: Path, kind: type[T], schema: str) -> T:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    try:
        one = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        one = None
    if one is None or one.schema != schema:
        raise Error(f"{path} is not of schema {schema}", exit_code=ExitCode.NO_INPUT)
    return one
