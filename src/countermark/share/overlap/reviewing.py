"""What opening a run lets the other learn, whether the policy allows it, and the statement for two people.

DIR/opening/opening.json    the statement, canonical JSON; `share approve` signs it
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json, content_id, sha256_hex
from countermark.records.files import write_atomic
from countermark.share.overlap.messages import COMMITMENT_TYPE, FLOOR, Commitment, Opening
from countermark.share.overlap.opening_form import MAX_OPENING_DAYS
from countermark.share.overlap.set_folder import OPENING_FOLDER, SetFolder
from countermark.share.policy.approvals import APPROVALS, OPENING
from countermark.share.policy.context import Ground, unmet
from countermark.trust.dsse import open_envelope

ENUMERABLE: Mapping[str, int] = {"ipv4": 50_000, "ipv6": 200_000, "phone": 50_000}
"""Kinds whose values can be tried one after the other, and of how many a set begins to look like that: the
largest harvest that is known was of some 25,000 accounts."""
FAR_ABOVE, LEAST_FAR = 20, 10_000
"""A kind of which the peer has that many times as many, and at least so many."""
MOST_SHARE = 0.5
"""Of the own set: more in common than that with a rival is odd."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer is shown."""

    run: str
    member: str
    peer: str
    size: int
    mine: Mapping[str, int]
    """Own items by kind, as declared (rounded up to two digits)."""
    theirs: Mapping[str, int]
    """The peer's, as it declared them."""
    warnings: Sequence[str]
    conditions: Mapping[str, str]
    """Of the policy, that do not hold; nothing is written then."""
    opening_id: str | None = None


def check_reviewable(folder: SetFolder) -> int:
    """The size of a run that can be opened; `Error` where it is void, opened, not counted, too small."""
    state = folder.state
    problem, hint = "", ""
    if state.void or state.opened:
        problem = f"the run is void: {state.void}" if state.void else "the run was opened before"
    elif not state.counted:
        problem, hint = "the run has no size yet", "share overlap run comes first"
    elif state.size is None:
        problem = f"the overlap is under {FLOOR}: it is not opened"
    if problem or state.size is None:
        raise Error(problem, hint=hint, exit_code=ExitCode.NO_INPUT)
    return state.size


def look(folder: SetFolder, ground: Ground, runs: int) -> tuple[Looked, Opening | None]:
    """Look at a run with a size; `runs` is how many runs of the pair the exchange knows."""
    size, state, prepared = check_reviewable(folder), folder.state, folder.prepared
    payload = open_envelope(state.peer_commitment.encode(), COMMITMENT_TYPE).body
    theirs = msgspec.json.decode(payload, type=Commitment)
    looked = Looked(
        run=prepared.run,
        member=prepared.member,
        peer=prepared.peer,
        size=size,
        mine=folder.commitment.kinds,
        theirs=theirs.kinds,
        warnings=warnings(folder.prepared.counts, theirs, size, runs),
        conditions=unmet(ground),
    )
    if looked.conditions:
        return looked, None
    days = min(ground.policy.limits.release_days, MAX_OPENING_DAYS)
    ends = [ground.now + timedelta(days=days)]
    ends += [
        datetime.combine(one.until, datetime.max.time(), UTC).replace(microsecond=0) for one in ground.bases
    ]
    opening = Opening(
        run=prepared.run,
        member=prepared.member,
        peer=prepared.peer,
        commitment_sha256=folder.commitment_sha256,
        peer_commitment_sha256=sha256_hex(payload),
        size=size,
        ground=ground.context.ground,
        legal_basis=",".join(one.id for one in ground.bases),
        policy_sha256=ground.policy.sha256,
        created=ground.now,
        expires=min(ends),
    )
    return msgspec.structs.replace(looked, opening_id=opening_id(opening)), opening


def warnings(mine: Mapping[str, int], theirs: Commitment, size: int, runs: int) -> list[str]:
    """What may make a reviewer refuse: signs that the peer's set is a list of guesses."""
    found = []
    for kind, count in sorted(theirs.kinds.items()):
        own = mine.get(kind, 0)
        if count >= ENUMERABLE.get(kind, count + 1):
            found.append(f"{theirs.member} declares {count:,} of {kind}, which can be enumerated")
        elif count >= LEAST_FAR and count > FAR_ABOVE * max(own, 1):
            found.append(f"{theirs.member} declares {count:,} of {kind}, and you have {own:,}")
    total, declared = sum(mine.values()), sum(theirs.kinds.values())
    if size > MOST_SHARE * total:
        found.append(f"{size:,} of your {total:,} items are said to be in the other's set")
    if size > declared:
        found.append(f"{theirs.member} declares {declared:,} items, and {size:,} are said to match")
    if theirs.size > 1024 and theirs.size > 2 * (declared + 100):
        found.append(f"{theirs.member} declares {declared:,} items in a list of {theirs.size:,}")
    if runs > 1:
        found.append(f"one of {runs} runs with {theirs.member}: sets that differ a little tell more")
    return found


def opening_id(opening: Opening) -> str:
    """The id that an opening's content gives it."""
    return content_id("opening", msgspec.to_builtins(opening))


def write_opening(folder: SetFolder, opening: Opening) -> Path:
    """Write the statement; `Error` where somebody decided on another already."""
    out = folder.path / OPENING_FOLDER
    if (out / APPROVALS).exists():
        raise Error(
            f"somebody has decided on {out} already",
            hint="move it away to begin anew",
            exit_code=ExitCode.USAGE,
        )
    out.mkdir(mode=0o700, exist_ok=True)
    write_atomic(out / OPENING, canonical_json(opening) + b"\n", 0o600)
    return out
