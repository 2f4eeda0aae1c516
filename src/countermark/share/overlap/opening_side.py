"""Tier 2 at one member: both have opened the run, each gives the other which of its items match."""

from collections.abc import Collection

import msgspec
import numpy as np

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.share.overlap.batches import blind_all
from countermark.share.overlap.commitments import failed
from countermark.share.overlap.counting import as_points, taken
from countermark.share.overlap.identifier_rows import ItemSet
from countermark.share.overlap.identifiers import unframed
from countermark.share.overlap.members_side import MembersSide
from countermark.share.overlap.messages import (
    COMMITMENT_TYPE,
    FLOOR,
    OPENING_TYPE,
    POINT_BYTES,
    Commitment,
    Run,
)
from countermark.share.overlap.opening_form import parse_opening
from countermark.share.overlap.peers_part import check_given, check_matches
from countermark.share.overlap.set_folder import TAGS
from countermark.trust.dsse import open_envelope


class Match(msgspec.Struct, frozen=True, order=True):
    """An item that the peer has too. Raw: it is written to a file of the owner's alone, and nowhere else."""

    kind: str
    value: str
    tag: str
    """Hex; the peer has the same."""

    def __repr__(self) -> str:
        return f"Match({self.kind}, …)"


class Opened(MembersSide):
    """The side of a member whose reviewers have opened the run."""

    def matches(self, envelope: bytes, items: ItemSet) -> list[Match]:
        """Which of the member's items the peer has too; `items` are those that the set was prepared from.

        Nothing is deleted yet: `done` does, when they are written.
        """
        self.check_openable()
        found = self.client.run()
        if found is None:
            raise failed("the exchange does not know the run")
        run = self.told(found)
        theirs = self.theirs(run)
        self._check_opens(envelope)
        if run.size != self.folder.state.size:
            raise failed("the exchange announces another size now than before")
        run = self.told(self.client.open(envelope))
        run = self.until(run, lambda one: one.state == "opened", "has not opened the run yet")
        tags = self._give(run, theirs)
        self.until(run, lambda one: self.peers(one).unshuffled, "has not given its part yet")
        return self._taken(tags, items)

    def check_openable(self) -> None:
        """Raise `Error` for a run that is void, not counted yet, under the floor, or opened before."""
        self.check_not_void()
        state = self.folder.state
        if state.opened:
            raise Error(
                "the run was opened, and its matches were written", hint="list and scalar are deleted"
            )
        if not state.counted:
            raise Error("the run has no size yet", hint="share overlap run DIR comes first")
        if state.size is None:
            raise Error(f"the overlap is under {FLOOR}: it is not opened", exit_code=ExitCode.NO_INPUT)

    def _check_opens(self, envelope: bytes) -> None:
        """Raise `Error` 20 for an opening of something else than its two people signed for."""
        opening, folder = parse_opening(open_envelope(envelope, OPENING_TYPE).body), self.folder
        theirs = open_envelope(folder.state.peer_commitment.encode(), COMMITMENT_TYPE).body
        prepared, opens = folder.prepared, ("run", "member", "peer")
        right = all(getattr(opening, name) == getattr(prepared, name) for name in opens)
        digests = folder.commitment_sha256, sha256_hex(theirs)
        right &= (opening.commitment_sha256, opening.peer_commitment_sha256) == digests
        if not right or opening.size != folder.state.size:
            raise failed("the opening is of another run, of other commitments, or of another size")

    def done(self) -> None:
        """The matches are written: delete what is not needed any more."""
        self.folder.note(opened=True)

    def _give(self, run: Run, theirs: Commitment) -> list[bytes]:
        """Give the peer, through the operator, which points of its list match; the matching tags."""
        folder = self.folder
        order, tags = self.order(theirs), folder.read(TAGS)
        place = np.empty(theirs.size, np.int64)
        place[order] = np.arange(theirs.size)
        planted = set(place[folder.state.peer_planted].tolist())
        at = self.client.matches()
        check_matches(at, folder.state.size or 0, theirs.size, planted)
        if not self.mine(run).unshuffled:
            points = self.peers_list(theirs)
            self.told(self.client.give(self.proven(order[at].tolist(), points)))
        return taken(tags, at)

    def _taken(self, tags: list[bytes], items: ItemSet) -> list[Match]:
        folder = self.folder
        given, mine = self.client.given(), folder.blinded
        with self.asked.bars("verify what the peer gave"):
            check_given(given, bytes.fromhex(folder.state.peer_key), mine, tags, set(self.own_planted()))
        wanted = dict(zip(taken(mine, given.positions), given.evaluated, strict=True))
        return sorted(self._translated(wanted, items))

    def _translated(self, wanted: dict[bytes, str], items: ItemSet) -> Collection[Match]:
        """The items of some points of the own list, found by blinding all again."""
        with self.asked.bars("find the matching items") as bar:
            points = blind_all(items.items, self.folder.scalar, self.asked.workers, bar)
        every = np.isin(as_points(points), as_points(b"".join(wanted)))
        found = []
        for at in np.flatnonzero(every).tolist():
            kind, value = unframed(items.items[at])
            found.append(Match(kind, value, wanted[points[at * POINT_BYTES :][:POINT_BYTES]]))
        if len(found) != len(wanted):
            raise Error(
                f"{len(wanted) - len(found)} of the {len(wanted)} matches are not in the file of identifiers",
                hint="give the file that the set was prepared from",
                exit_code=ExitCode.NO_INPUT,
            )
        return found


def match_lines(found: Collection[Match]) -> bytes:
    """JSON lines: kind, value, tag."""
    return b"".join(canonical_json(one) + b"\n" for one in found)
