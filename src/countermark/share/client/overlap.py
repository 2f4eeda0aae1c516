"""The member's requests of a private overlap (spec/private-overlap.md, HTTP): one run at one exchange.

Every one may be sent again: the exchange keeps what it has. What comes back is bounded by the transport, and
is no more than bytes until `share.overlap.members_side` has checked it.
"""

from typing import TypeVar
from urllib.parse import quote

import msgspec

from countermark.errors import Error
from countermark.share.client.taxii import refused
from countermark.share.client.transport import Answer, Bounds, Refused, Transport
from countermark.share.overlap.messages import PART_POINTS, POINT_BYTES, Planted, Position, Proven, Run

BASE = "/overlap/v1/runs"
BOUNDS = Bounds(answer_bytes=192 << 20, answer_seconds=300.0, idle_seconds=120.0)
"""The largest answer has the matches of two of the largest sets; to count them takes the exchange long."""
PART_BYTES = PART_POINTS * POINT_BYTES
_BYTES = "application/octet-stream"
T = TypeVar("T")


class _Matches(msgspec.Struct, frozen=True):
    positions: list[Position]


class _Runs(msgspec.Struct, frozen=True):
    runs: list[Run]


class OverlapClient:
    """One run of the member whose token the transport has, with one peer."""

    def __init__(self, transport: Transport, peer: str, run: str) -> None:
        self._transport = transport
        self._path = f"{BASE}/{quote(peer, safe='')}/{quote(run, safe='')}"

    def commit(self, envelope: bytes) -> Run:
        """`POST runs`."""
        return self._read(self._ask("POST", BASE, envelope), Run)

    def run(self) -> Run | None:
        """`GET` the run; None where the member has none of that name with the peer."""
        try:
            return self._read(self._ask("GET", self._path), Run)
        except Refused as error:
            if error.status != 404:
                raise
            return None

    def runs(self) -> list[Run]:
        """`GET runs`: all of the member's, newest first."""
        return self._read(self._ask("GET", BASE), _Runs).runs

    def end(self) -> Run:
        """`DELETE` the run: it is void for both."""
        return self._read(self._ask("DELETE", self._path), Run)

    def put_part(self, what: str, part: int, data: bytes) -> Run:
        """`PUT blinded/{part}` or `tags/{part}`."""
        return self._read(self._ask("PUT", f"{self._path}/{what}/{part}", data, kind=_BYTES), Run)

    def part(self, part: int) -> bytes:
        """`GET blinded/{part}`: of the other's list."""
        return self._ask("GET", f"{self._path}/blinded/{part}", accept=_BYTES).body

    def name_planted(self, planted: Planted) -> Run:
        """`PUT planted`."""
        return self._put("planted", planted)

    def planted(self) -> Planted:
        """`GET planted`: the other's."""
        return self._read(self._ask("GET", f"{self._path}/planted"), Planted)

    def prove(self, proven: Proven) -> Run:
        """`PUT proven`."""
        return self._put("proven", proven)

    def open(self, envelope: bytes) -> Run:
        """`POST opening`."""
        return self._read(self._ask("POST", f"{self._path}/opening", envelope), Run)

    def matches(self) -> list[int]:
        """`GET matches`: positions in the own tags."""
        return self._read(self._ask("GET", f"{self._path}/matches"), _Matches).positions

    def give(self, proven: Proven) -> Run:
        """`PUT unshuffled`."""
        return self._put("unshuffled", proven)

    def given(self) -> Proven:
        """`GET unshuffled`: what the other gave."""
        return self._read(self._ask("GET", f"{self._path}/unshuffled"), Proven)

    def _put(self, what: str, message: Planted | Proven) -> Run:
        return self._read(self._ask("PUT", f"{self._path}/{what}", msgspec.json.encode(message)), Run)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        kind: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """Raises `Refused` for any answer but 200 and 201."""
        headers = {"Accept": accept} | ({} if body is None else {"Content-Type": kind})
        answer = self._transport.ask(method, path, body=body, headers=headers)
        if answer.status not in (200, 201):
            raise refused(answer, self._transport)
        return answer

    @staticmethod
    def _read(answer: Answer, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Error(f"the exchange answers with what is no {kind.__name__.strip('_')}") from None
