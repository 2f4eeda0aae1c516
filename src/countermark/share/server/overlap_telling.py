"""What is told of a run, and what the log has of it."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from countermark.share.overlap.messages import Run, Side
from countermark.share.server.audit import Auditor
from countermark.share.server.times import now
from countermark.share.server.work import Work
from countermark.store.exchange import EXPIRED, VOID, OverlapRun
from countermark.trust.log import Log

COMMITTED, LISTED, TAGGED, NAMED, PROVED = (
    f"overlap-{step}" for step in ("committed", "listed", "tagged", "planted", "proven")
)
COUNTED, OPENING, UNSHUFFLED, GIVEN = (
    f"overlap-{step}" for step in ("counted", "opening", "unshuffled", "given")
)
VOIDED, OVER, REFUSED = (f"overlap-{step}" for step in ("void", "expired", "refused"))
MOST_ENTRIES = 10_000
"""Of a run that are told of."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FLAGS = ("listed", "tagged", "planted", "proven", "opening", "unshuffled")


class _Told(msgspec.Struct):
    kind: str
    payload: "_Of"


class _Of(msgspec.Struct):
    run_id: str = ""
    member: str = ""


class Entries:
    """Where in the log the entries of each run are; reads what was appended since, by whatever process."""

    def __init__(self, auditor: Auditor, work: Work) -> None:
        self._auditor, self._work = auditor, work
        self._lock = threading.Lock()
        self._next = 0
        self._of: dict[str, list[tuple[int, str, str]]] = {}

    async def of(self, *run_ids: str) -> list[list[tuple[int, str, str]]]:
        """Index, kind and member of the entries of some runs, all that is committed included."""
        await self._auditor.drain()
        await self._work.slow(self._read, self._auditor.log)
        return [self._of.get(one, []) for one in run_ids]

    def _read(self, log: Log) -> None:
        with self._lock:
            for index, data in log.lines(self._next):
                self._next = index + 1
                if data.startswith(b'{"kind":"overlap-'):
                    told = msgspec.json.decode(data, type=_Told)
                    known = self._of.setdefault(told.payload.run_id, [])
                    if len(known) < MOST_ENTRIES:
                        known.append((index, told.kind, told.payload.member))


def state_of(run: OverlapRun) -> str:
    """The state, also where nobody has deleted yet what is over."""
    over = run.state not in (VOID, EXPIRED) and run.expires is not None and run.expires <= now()
    return EXPIRED if over else run.state


def run_entry(run: OverlapRun) -> dict[str, Any]:
    """What every log entry of a run has."""
    return {"run_id": run.run_id, "run": run.name, "parties": [run.first, run.second]}


def tell(run: OverlapRun, names: Mapping[str, str], entries: list[tuple[int, str, str]]) -> Run:
    """A run as it is told of; `names` by member id."""
    committed: dict[str, int] = {}
    for index, kind, member_id in entries:
        if kind == COMMITTED:
            committed.setdefault(member_id, index)
    sides = [
        Side(
            member=names.get(one.member_id, one.member_id),
            commitment=one.envelope.decode(),
            entry=committed.get(one.member_id, -1),
            **{flag: getattr(one, flag) for flag in _FLAGS},
        )
        for one in run.sides.values()
    ]
    state: Any = state_of(run)
    open_until = None if run.expires is None or state == EXPIRED else run.expires
    return Run(
        run=run.name,
        state=state,
        sides=sides,
        size=run.size,
        under_floor=run.under_floor,
        reason=run.reason,
        entries=[index for index, _, _ in entries],
        expires=None if open_until is None else _EPOCH + timedelta(microseconds=open_until),
    )
