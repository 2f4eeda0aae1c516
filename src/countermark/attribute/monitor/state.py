"""The state of one key's e-process: one file of its owner alone, replaced as a whole after each batch.

It is one line of JSON (`Head`), a line feed, and the pairs as 8 bytes each, little-endian. A killed run
leaves the state before its batch, and the batch can be given again; a batch that stands in the
state is not counted twice. The file holds what a key makes of text (never the key), hence its mode 0600.
"""

import math
from pathlib import Path

import msgspec
import numpy as np

from countermark.errors import Error, ExitCode
from countermark.stats.evalues import Floats, mixed, shares
from countermark.trust.keyfiles import read_secret, write_secret
from countermark.watermark.schemes.base import UIntArray

SCHEMA = "countermark/monitor-state/v1"
MAX_PAIRS = 20_000_000
MAX_BYTES = (MAX_PAIRS * 8) + (64 << 20)
MAX_BATCHES = 100_000
_SEEN = np.dtype("<u8")


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one batch added."""

    sha256: str
    transcripts: int
    without_prompt: int
    """Answers whose prompt is not known."""
    pairs: int
    """New pairs."""
    log10_e: float
    """Of the whole process after it."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Everything but the pairs."""

    schema: str = SCHEMA
    name: str
    """Of the monitoring, as announced; empty where it was not."""
    key_id: str
    profile_id: str
    bets: list[float]
    logs: list[float]
    """Natural log of what each bet has won."""
    largest_log10_e: float = 0.0
    """Over all times, from e = 1 on."""
    batches: list[Batch] = []


class State(msgspec.Struct, frozen=True):
    """Head and pairs."""

    head: Head
    seen: UIntArray
    """Identities of pairs that were counted, ascending."""

    @property
    def log10_e(self) -> float:
        """Of the process now."""
        return mixed(self.head.logs) / float(np.log(10))

    @property
    def next_bet(self) -> dict[str, float]:
        """How the next batch will be bet: the share of each bet."""
        held: Floats = shares(self.head.logs)
        return {f"{bet:g}": float(share) for bet, share in zip(self.head.bets, held, strict=True)}


def write_state(path: Path, state: State) -> None:
    """Replace the file as a whole."""
    data = msgspec.json.encode(state.head) + b"\n" + state.seen.astype(_SEEN).tobytes()
    write_secret(path, data, replace=True)


def read_state(path: Path) -> State | None:
    """The state in a file; None where there is no file. Raises `Error` for one that is no state."""
    if not path.exists():
        return None
    data = read_secret(path, what="state file", most_bytes=MAX_BYTES).reveal()
    end = data.find(b"\n")
    try:
        head = msgspec.json.decode(data[: max(end, 0)], type=Head)
        seen: UIntArray = np.frombuffer(data, _SEEN, offset=end + 1).astype(np.uint64)
    except (ValueError, RecursionError, msgspec.DecodeError):
        pass
    else:
        if head.schema == SCHEMA and _consistent(head) and bool((seen[1:] > seen[:-1]).all()):
            return State(head, seen)
    raise Error(f"{path} is no state of a monitoring", exit_code=ExitCode.NO_INPUT)


def _consistent(head: Head) -> bool:
    """Whether the values are those that the batches have given."""
    if not 0 < len(head.logs) == len(head.bets) or not head.batches:
        return False
    values = [one.log10_e for one in head.batches]
    last = State(head, np.empty(0, np.uint64)).log10_e
    return head.largest_log10_e == max(0.0, *values) and math.isclose(last, values[-1], abs_tol=1e-9)
