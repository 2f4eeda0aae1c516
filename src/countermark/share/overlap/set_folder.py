"""The folder of a prepared set while its run goes on: read, checked, and what is kept between two starts."""

import stat
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.records.files import remove_left_overs, write_atomic
from countermark.records.strict_yaml import read_bytes
from countermark.share.overlap import group
from countermark.share.overlap.commitments import MAX_ENVELOPE, failed
from countermark.share.overlap.messages import COMMITMENT_TYPE, MOST_POINTS, POINT_BYTES, Commitment
from countermark.share.overlap.prepared import BLINDED, COMMITMENT, SCALAR, SET, STATE, Prepared
from countermark.share.policy.odd_files import refuse_odd_files
from countermark.trust.dsse import open_envelope
from countermark.trust.keyfiles import Secret, read_secret

PEER, ORDER, TAGS = "peer.bin", "order.bin", "tags.bin"
OPENING_FOLDER = "opening"
_LISTS = (BLINDED, PEER, ORDER, TAGS)
_MOST_LIST = MOST_POINTS * POINT_BYTES
_MOST_STATE = 1 << 16
T = TypeVar("T")


class Progress(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`state.json`."""

    schema: Literal["countermark/overlap-state/v1"] = "countermark/overlap-state/v1"
    peer_commitment: str = ""
    """The peer's envelope, which was checked with its pinned key: no other is taken later."""
    peer_planted: list[int] = []
    """Where the peer's planted are in its list, as it has proven."""
    peer_key: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$")] = ""
    """The peer's public key, hex, which came with them."""
    counted: bool = False
    size: int | None = None
    """Once counted; None where it is under the floor."""
    opened: bool = False
    """Whether the matches were written."""
    void: str = ""
    """Why the run is over without a result."""

    @property
    def over(self) -> bool:
        """Whether nothing is left to be done, so that list and scalar are deleted."""
        return self.opened or bool(self.void) or (self.counted and self.size is None)


class SetFolder:
    """A prepared set, opened."""

    def __init__(self, path: Path) -> None:
        """Read it; raises `Error` for a folder that is none, that others can read, or that is damaged."""
        try:
            mode = path.stat().st_mode
        except OSError:
            mode = 0
        if not stat.S_ISDIR(mode) or not (path / SET).exists():
            raise Error(
                f"{path} holds no prepared set",
                hint="share overlap prepare makes one",
                exit_code=ExitCode.NO_INPUT,
            )
        if mode & 0o077:
            raise Error(f"{path} can be read by others", hint=f"chmod 700 '{path}'")
        refuse_odd_files(path, (SET, COMMITMENT, STATE, SCALAR, *_LISTS), ())
        remove_left_overs(path)
        self.path = path
        self.prepared = _decoded(read_bytes(path / SET, _MOST_STATE).removesuffix(b"\n"), Prepared)
        self.envelope = read_bytes(path / COMMITMENT, MAX_ENVELOPE)
        payload = open_envelope(self.envelope, COMMITMENT_TYPE).body
        self.commitment_sha256 = sha256_hex(payload)
        self.commitment = _decoded(payload, Commitment)
        for name in ("run", "member", "peer", "size", "rules", "created"):
            if getattr(self.commitment, name) != getattr(self.prepared, name):
                raise failed("the set is not the one that was committed to")
        self.state = Progress()
        if (path / STATE).exists():
            self.state = _decoded(read_bytes(path / STATE, _MOST_STATE), Progress)

    @cached_property
    def scalar(self) -> Secret:
        """The scalar, which is that of the commitment."""
        data = read_secret(self.path / SCALAR, what="scalar").reveal().strip()
        try:
            scalar = group.decode_scalar(bytes.fromhex(data.decode("ascii")))
        except ValueError:
            raise failed("the scalar is damaged") from None
        if sha256_hex(group.base(scalar)) != self.commitment.key_sha256:
            raise failed("the scalar is not the one that was committed to")
        return scalar

    @cached_property
    def blinded(self) -> bytes:
        """The own list, which is that of the commitment."""
        data = read_bytes(self.path / BLINDED, _MOST_LIST)
        if sha256_hex(data) != self.commitment.list_sha256:
            raise failed("the list is not the one that was committed to")
        return data

    def has(self, name: str) -> bool:
        """Whether a list was kept."""
        return (self.path / name).exists()

    def read(self, name: str) -> bytes:
        """A list that was kept."""
        return read_bytes(self.path / name, _MOST_LIST)

    def keep(self, name: str, data: bytes) -> None:
        """Keep a list; it is on the disk when this returns."""
        write_atomic(self.path / name, data, 0o600)

    def note(self, **changes: Any) -> None:
        """Change the state; where it says that all is over, delete lists and scalar."""
        self.state = msgspec.structs.replace(self.state, **changes)
        write_atomic(self.path / STATE, canonical_json(self.state) + b"\n", 0o600)
        self.tidy()

    def tidy(self) -> None:
        """Delete lists and scalar of a run that is over."""
        if self.state.over:
            for name in (SCALAR, *_LISTS):
                (self.path / name).unlink(missing_ok=True)


def _decoded(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise failed("the prepared set is damaged: prepare another") from None
