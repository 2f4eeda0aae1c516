"""A prepared set: what a member needs for one run with one peer, in a folder of its own (0700).

    overlap.json           run, member, peer, counts by kind, kinds that were asked for, size, rules
    commitment.dsse.json   the commitment, signed by the member's own key
    blinded.bin            the list that is committed to
    scalar.key             the scalar, hex (0600)
    state.json             the peer's commitment once it was checked, and what the run came to
    peer.bin, order.bin, tags.bin   the peer's list, the order of the tags made from it, and these tags

No item is in it, and nothing from which an item would be found without trying all that it may be. When the
run is over, all but the first two and `state.json` are deleted.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.records.files import TEMPORARY, sync_folder, write_atomic
from countermark.share.overlap import batches, group
from countermark.share.overlap.commitments import rounded_up
from countermark.share.overlap.identifier_rows import ItemSet
from countermark.share.overlap.identifiers import rules
from countermark.share.overlap.messages import COMMITMENT_TYPE, Commitment, MemberName, RunName, Size
from countermark.share.overlap.order import ordered, random_order
from countermark.share.overlap.padding import padded_size
from countermark.share.overlap.planted import planted_items
from countermark.trust.dsse import seal_envelope
from countermark.trust.keyfiles import Secret, write_secret
from countermark.trust.signing import SigningKey

SET, COMMITMENT, BLINDED, SCALAR, STATE = (
    *("overlap.json", "commitment.dsse.json", "blinded.bin"),
    *("scalar.key", "state.json"),
)
Bar = Callable[[float, float], None]


class Prepared(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`overlap.json`."""

    schema: Literal["countermark/overlap-set/v1"] = "countermark/overlap-set/v1"
    run: RunName
    member: MemberName
    peer: MemberName
    counts: dict[str, int]
    """Items by kind, exact: it stays with the member."""
    kinds: list[str]
    """That were asked for."""
    size: Size
    rules: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    created: datetime


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What `prepare` makes a set for."""

    run: str
    member: str
    peer: str
    kinds: Sequence[str]
    key: SigningKey
    now: datetime
    workers: int = batches.WORKERS


def prepare(out: Path, items: ItemSet, wanted: Wanted, progress: Bar | None = None) -> Prepared:
    """Blind a member's items with a new scalar, commit to them, and write the folder.

    `Error` where the folder is there, there is no item, or a name is none. A process that is killed leaves no
    folder; what it had written beside it is deleted by the next.
    """
    prepared = _described(items, wanted)
    with _NewFolder(out) as folder:
        scalar = group.random_scalar()
        planted = planted_items(wanted.run, wanted.member, wanted.peer)
        known = batches.blind_all([*items.items, *planted], scalar, wanted.workers, progress)
        missing = prepared.size - len(items.items) - len(planted)
        points = known + batches.random_points(missing, wanted.workers)
        blinded = ordered(points, random_order(prepared.size))
        commitment = Commitment(
            run=wanted.run,
            member=wanted.member,
            peer=wanted.peer,
            size=prepared.size,
            list_sha256=sha256_hex(blinded),
            key_sha256=sha256_hex(group.base(scalar)),
            kinds={kind: rounded_up(count) for kind, count in prepared.counts.items()},
            rules=prepared.rules,
            created=prepared.created,
        )
        envelope = seal_envelope(COMMITMENT_TYPE, canonical_json(commitment), [wanted.key])
        write_secret(folder.path / SCALAR, scalar.reveal().hex().encode() + b"\n")
        write_atomic(folder.path / BLINDED, blinded, 0o600)
        write_atomic(folder.path / COMMITMENT, envelope, 0o600)
        write_atomic(folder.path / SET, canonical_json(prepared) + b"\n", 0o600)
        folder.finish()
    return prepared


def own_planted(prepared: Prepared, scalar: Secret) -> bytes:
    """The points of the planted times the scalar: where they are in the list is found again with them."""
    return batches.blind_all(planted_items(prepared.run, prepared.member, prepared.peer), scalar, 1)


def _described(items: ItemSet, wanted: Wanted) -> Prepared:
    if not items.items:
        raise Error(
            "the identifiers hold no item of a suspended account",
            hint="rows name when their account was suspended; the reasons of those not taken are above",
            exit_code=ExitCode.NO_INPUT,
        )
    if wanted.member == wanted.peer:
        raise Error("a run is of two members", exit_code=ExitCode.USAGE)
    try:
        prepared = Prepared(
            run=wanted.run,
            member=wanted.member,
            peer=wanted.peer,
            counts=dict(items.counts),
            kinds=sorted(wanted.kinds),
            size=padded_size(len(items.items)),
            rules=rules(),
            created=wanted.now.replace(microsecond=0),
        )
        return msgspec.json.decode(msgspec.json.encode(prepared), type=Prepared)
    except msgspec.ValidationError:
        raise Error(
            "the name of the run is of a-z, 0-9 and hyphens, a member's has 1 to 200 characters",
            exit_code=ExitCode.USAGE,
        ) from None
    except ValueError as error:
        raise Error(f"the set is too large: {error}", hint="ask for fewer kinds") from None


class _NewFolder:
    """A folder beside `out` that becomes it at `finish`; locked, so that a left-over is told."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def __enter__(self) -> "_NewFolder":
        out = self._out
        try:
            if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
                raise Error(
                    f"{out} exists already",
                    hint="a set is for one run; choose another",
                    exit_code=ExitCode.USAGE,
                )
            out.parent.mkdir(parents=True, exist_ok=True)
            _remove_left_overs(out)
            self.path = out.parent / f"{TEMPORARY}{secrets.token_hex(6)}-{out.name}"
            self.path.mkdir(mode=0o700)
            self._lock = _lock(self.path)
        except OSError as error:
            raise Error(f"{out} cannot be made: {error.strerror}") from None
        return self

    def finish(self) -> None:
        """Give it its name."""
        try:
            sync_folder(self.path)
            self.path.replace(self._out)
            sync_folder(self._out.parent)
        except OSError as error:
            raise Error(f"{self._out} cannot be made: {error.strerror}") from None

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)


def _lock(path: Path) -> int | None:
    """A descriptor that locks a folder as long as it is open; None where somebody else has it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_left_overs(out: Path) -> None:
    for path in out.parent.glob(f"{TEMPORARY}*-{out.name}"):
        if path.is_dir() and not path.is_symlink() and (lock := _lock(path)) is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)
