"""One member's side of a run, step by step (spec/private-overlap.md).

Every step looks at the run as the operator tells it and does what is missing, so whoever was killed begins
again from the first. A scalar is only ever applied to the one list that its peer committed to.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from countermark.errors import Error, ExitCode
from countermark.records.canonical import sha256_hex
from countermark.share.client.overlap import PART_BYTES, OverlapClient
from countermark.share.overlap import group, voprf
from countermark.share.overlap.batches import WORKERS, multiply_all
from countermark.share.overlap.commitments import failed
from countermark.share.overlap.counting import as_points, taken
from countermark.share.overlap.messages import (
    FLOOR,
    MOST_POINTS,
    PLANTED,
    Commitment,
    Planted,
    Proven,
    Run,
    Side,
)
from countermark.share.overlap.order import Order, order_from, ordered, random_order
from countermark.share.overlap.peers_part import check_list, check_planted, peers_commitment
from countermark.share.overlap.planted import planted_points
from countermark.share.overlap.prepared import own_planted
from countermark.share.overlap.set_folder import ORDER, PEER, TAGS, SetFolder
from countermark.trust.signing import PublicKey

FIRST_PAUSE, LONGEST_PAUSE, SHARE = 0.1, 5.0, 0.1
"""Seconds between two looks at a run, and the share of the time waited that is added to the first."""
Bars = Callable[[str], AbstractContextManager[Callable[[float, float], None]]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a side is run."""

    keys: tuple[PublicKey, ...]
    """The peer's, which this member pinned itself."""
    wait: float
    """Seconds that the peer is waited for, in all."""
    bars: Bars
    workers: int = WORKERS
    sleep: Callable[[float], None] = time.sleep


class MembersSide:
    """A prepared set and the run that it is for."""

    def __init__(self, folder: SetFolder, client: OverlapClient, asked: Asked) -> None:
        self.folder, self.client, self.asked = folder, client, asked
        self._ends = time.monotonic() + asked.wait

    def count(self) -> int | None:
        """Tier 1: the size, or None where it is under the floor. `Error` 20 where the run is void."""
        folder = self.folder
        self.check_not_void()
        if folder.state.counted:
            return folder.state.size
        run = self.told(self.client.commit(folder.envelope))
        run = self.until(run, lambda one: len(one.sides) == 2, "has not committed to the run yet")
        theirs = self.theirs(run)
        if run.state != "counted":
            run = self._list_to(run)
            run = self._tag(run, theirs)
            run = self._plant(run, theirs)
            run = self.until(run, lambda one: one.state == "counted", "has not proven the planted yet")
        self._check_size(run, theirs)
        folder.note(counted=True, size=run.size)
        return run.size

    def _check_size(self, run: Run, theirs: Commitment) -> None:
        """Raise `Error` 20 for a size that no two such lists can have."""
        if (run.size is None) != run.under_floor:
            raise failed("the exchange announces no size, and not that it is under the floor")
        most = min(sum(self.folder.prepared.counts.values()), theirs.size - PLANTED)
        if run.size is not None and not FLOOR <= run.size <= most:
            raise failed(f"the exchange announces a size that is not from {FLOOR} to {most}")

    def theirs(self, run: Run) -> Commitment:
        """The peer's commitment, checked, and the same as before."""
        envelope = self.side(run, self.folder.prepared.peer).commitment
        theirs = peers_commitment(envelope.encode(), self.asked.keys, self.folder.commitment)
        if self.folder.state.peer_commitment not in ("", envelope):
            raise failed("the exchange has another commitment of the peer now than before")
        if not self.folder.state.peer_commitment:
            self.folder.note(peer_commitment=envelope)
        return theirs

    def told(self, run: Run) -> Run:
        """A run as the operator tells it, looked at; `Error` 20 for one that is void, or of others."""
        prepared = self.folder.prepared
        names = [one.member for one in run.sides]
        if run.run != prepared.run or sorted(set(names)) != sorted(names) or len(names) > 2:
            raise failed("the exchange tells of another run")
        if set(names) - {prepared.member, prepared.peer}:
            raise failed("the exchange tells of a run of others")
        for one in run.sides:
            if one.member == prepared.member and one.commitment.encode() != self.folder.envelope:
                raise failed("the exchange has another commitment of this member than this set's")
        if run.state in ("void", "expired"):
            reason = run.reason[:300] if run.state == "void" else "its time ran out"
            told = run.under_floor if run.size is None else FLOOR <= run.size <= MOST_POINTS
            if told and not self.folder.state.counted:  # ended by whoever saw the size first
                size = f"under {FLOOR}" if run.size is None else f"size {run.size}"
                reason += f"; the exchange had counted {size}"
            self.folder.note(void=reason or "no reason is given")
            self.check_not_void()
        return run

    def check_not_void(self) -> None:
        """Raise `Error` 20 where the run is known to be void; what was kept of it is deleted."""
        self.folder.tidy()
        if self.folder.state.void:
            raise Error(
                f"the run is void: {self.folder.state.void}",
                hint="a new run needs a new set: share overlap prepare --run ANOTHER",
                exit_code=ExitCode.VERIFICATION_FAILED,
            )

    def until(self, run: Run, done: Callable[[Run], bool], missing: str) -> Run:
        """Ask until the peer has done its part; `Error` 11 where it has not when the time is over."""
        begin = time.monotonic()
        while not done(run):
            left = self._ends - time.monotonic()
            if left <= 0:
                raise Error(
                    f"{self.folder.prepared.peer} {missing}",
                    hint="run it again later: nothing is lost",
                    exit_code=ExitCode.INCONCLUSIVE,
                )
            waited = time.monotonic() - begin
            self.asked.sleep(min(FIRST_PAUSE + SHARE * waited, LONGEST_PAUSE, left))
            found = self.client.run()
            if found is None:
                raise failed("the exchange does not know the run any more")
            run = self.told(found)
        return run

    def side(self, run: Run, member: str) -> Side:
        """A member's side, which is there."""
        for one in run.sides:
            if one.member == member:
                return one
        raise failed("the exchange does not tell of both members")

    def mine(self, run: Run) -> Side:
        """The own side."""
        return self.side(run, self.folder.prepared.member)

    def peers(self, run: Run) -> Side:
        """The peer's side."""
        return self.side(run, self.folder.prepared.peer)

    def _list_to(self, run: Run) -> Run:
        """Upload the own list, and wait for the peer's."""
        if not self.mine(run).listed:
            run = self._upload("blinded", self.folder.blinded)
        return self.until(run, lambda one: self.peers(one).listed, "has not sent its list yet")

    def _upload(self, what: str, data: bytes) -> Run:
        run: Run | None = None
        with self.asked.bars(f"send {'list' if what == 'blinded' else 'tags'}") as bar:
            for begin in range(0, len(data), PART_BYTES):
                run = self.told(self.client.put_part(what, begin // PART_BYTES, data[begin:][:PART_BYTES]))
                bar(min(begin + PART_BYTES, len(data)), len(data))
        assert run is not None  # no list is empty
        return run

    def _tag(self, run: Run, theirs: Commitment) -> Run:
        """Fetch the peer's list, multiply and shuffle it, upload the tags, and wait for the peer's."""
        folder = self.folder
        if not folder.has(PEER):
            folder.keep(PEER, self._fetch(theirs))
        if not self.mine(run).tagged:
            run = self._upload("tags", self._tags(theirs))
        return self.until(run, lambda one: self.peers(one).tagged, "has not sent its tags yet")

    def _fetch(self, theirs: Commitment) -> bytes:
        whole, size = bytearray(), theirs.size * 32
        with self.asked.bars("fetch the peer's list") as bar:
            while len(whole) < size:
                data = self.client.part(len(whole) // PART_BYTES)
                if len(data) != min(PART_BYTES, size - len(whole)):
                    raise failed("the exchange gives a part of the peer's list that is too long or too short")
                whole += data
                bar(len(whole), size)
        with self._ending():
            check_list(bytes(whole), theirs, self.folder.blinded)
        return bytes(whole)

    def _tags(self, theirs: Commitment) -> bytes:
        folder = self.folder
        if not folder.has(ORDER):
            folder.keep(ORDER, random_order(theirs.size).tobytes())
        if not folder.has(TAGS):
            listed, what = self.peers_list(theirs), "the peer's list"
            with self._ending(), self.asked.bars("multiply the peer's list") as bar:
                try:
                    points = multiply_all(listed, folder.scalar, self.asked.workers, bar, what)
                except Error as error:  # names what is no point
                    raise failed(error.message) from None
            folder.keep(TAGS, ordered(points, self.order(theirs)))
        return folder.read(TAGS)

    def peers_list(self, theirs: Commitment) -> bytes:
        """The peer's list as it was kept, once it was checked: the one that it committed to."""
        points = self.folder.read(PEER)
        if sha256_hex(points) != theirs.list_sha256:
            raise failed("the peer's list, as it was kept, is damaged")
        return points

    def order(self, theirs: Commitment) -> Order:
        """Of the tags: at which place of the peer's list the point of each stands."""
        return order_from(self.folder.read(ORDER), theirs.size)

    def own_planted(self) -> list[int]:
        """Where the planted are in the own list, in order of their numbers."""
        folder = self.folder
        points = as_points(own_planted(folder.prepared, folder.scalar))
        place = as_points(folder.blinded)
        order = np.argsort(place)
        found: list[int] = order[np.searchsorted(place, points, sorter=order)].tolist()
        return found

    def _plant(self, run: Run, theirs: Commitment) -> Run:
        """Name the own planted, and give the peer's times the scalar."""
        if not self.mine(run).planted:
            run = self.told(self.client.name_planted(self._named()))
        run = self.until(run, lambda one: self.peers(one).planted, "has not named its planted yet")
        if not self.mine(run).proven:
            points, named = self.peers_list(theirs), self.client.planted()
            with self._ending():
                check_planted(named, points, theirs)
            self.folder.note(peer_planted=named.positions, peer_key=named.public_key)
            run = self.told(self.client.prove(self.proven(named.positions, points)))
        return run

    def _named(self) -> Planted:
        folder = self.folder
        at, prepared = self.own_planted(), folder.prepared
        inputs = planted_points(prepared.run, prepared.member, prepared.peer)
        key = group.base(folder.scalar)
        proof = voprf.prove(folder.scalar, key, inputs, taken(folder.blinded, at))
        return Planted(at, key.hex(), proof.hex())

    def proven(self, at: list[int], points: bytes) -> Proven:
        """Points of the peer's list times the scalar, with proofs."""
        folder, inputs = self.folder, taken(points, at)
        outputs = taken(multiply_all(b"".join(inputs), folder.scalar, self.asked.workers), [*range(len(at))])
        proofs = voprf.prove_all(folder.scalar, group.base(folder.scalar), inputs, outputs)
        return Proven(at, [one.hex() for one in outputs], [one.hex() for one in proofs])

    def _ending(self) -> "_Ending":
        return _Ending(self)


class _Ending:
    """Ends the run for both where what the peer sent does not hold: nothing more of it is answered."""

    def __init__(self, side: MembersSide) -> None:
        self._side = side

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Error) and error.exit_code == ExitCode.VERIFICATION_FAILED:
            self._side.folder.note(void=error.message)
            with suppress(Error):  # what was found is told all the same
                self._side.client.end()
