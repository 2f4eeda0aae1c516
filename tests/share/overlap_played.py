"""Alice by the real client and bob by a naive one, in one thread: bob does a step whenever alice waits.

What the operator tells alice can be changed on the way: an operator that lies, in league with bob or not.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from overlap_members import write_identifiers
from overlap_naive import Item, Naive
from servers import Server

from countermark.cli.output import progress
from countermark.share.client.credentials import Credentials
from countermark.share.client.overlap import OverlapClient
from countermark.share.client.transport import Transport
from countermark.share.overlap.identifier_rows import ItemSet, read_members_items
from countermark.share.overlap.identifiers import canonical_identifier, rules
from countermark.share.overlap.members_side import Asked
from countermark.share.overlap.messages import Commitment
from countermark.share.overlap.opening_side import Opened
from countermark.share.overlap.prepared import Wanted, prepare
from countermark.share.overlap.set_folder import SetFolder
from countermark.trust.keyfiles import Secret
from countermark.trust.signing import PublicKey

Values = Sequence[tuple[str, str]]
STEPS = ("commit", "put_list", "put_tags", "put_planted", "put_proven")
NEEDS = ("", "", "listed", "tagged", "planted")
"""What alice has to have done before each."""


class Bob(Naive):
    """A naive member whose items are true identifiers, so that they match those of the real client."""

    def __init__(self, server: Server, run: str, values: Values, who: str = "bob", **options: Any) -> None:
        items: list[Item] = [canonical_identifier(*one) for one in values]
        super().__init__(server, who, "alice", run, items, **options)
        self.done = 0
        self.may_give = False
        """In tier 2, once both have opened."""

    def commitment(self, **changes: Any) -> Commitment:
        """What he commits to."""
        return super().commitment(**{"rules": rules(), "kinds": {"email": 40}} | changes)

    def commit(self, envelope: bytes | None = None) -> Any:
        """The same one again, where he has committed."""
        return super().commit(envelope or getattr(self, "envelope", None))

    def go_on(self, *_: float) -> None:
        """The next step, if it is time for it."""
        if self.done == len(STEPS):
            if self.may_give and self.state()["state"] == "opened":
                assert self.unshuffle().status_code == 200
                self.may_give = False
            return
        if need := NEEDS[self.done]:
            sides = {one["member"]: one for one in self.state()["sides"]}
            if not sides.get(self.peer, {}).get(need):
                return
        answer = getattr(self, STEPS[self.done])()
        if answer.status_code in (200, 201):
            self.done += 1
        else:
            assert answer.status_code == 409, answer.text  # not yet


class Lying(OverlapClient):
    """What the operator says, as `lies` change it: by the request, a function of what is right."""

    def __init__(self, transport: Transport, peer: str, run: str) -> None:
        super().__init__(transport, peer, run)
        self.lies: dict[str, Callable[..., Any]] = {}

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        lie = None if name[0] == "_" or name == "lies" else self.lies.get(name)
        if lie is None:
            return found
        return lambda *given: lie(found(*given), *given)


class Alice:
    """The real one, with a set of its own."""

    def __init__(self, server: Server, tmp: Path, run: str, values: Values, client: Lying, peer: str) -> None:
        file = write_identifiers(tmp / f"{run}.jsonl", values)
        self.items: ItemSet = read_members_items(file)
        self.client, self.bob = client, None
        self.wanted = Wanted(
            run=run, member="alice", peer=peer, kinds=[], key=server.keys["alice"], now=datetime.now(UTC)
        )
        prepare(tmp / run, self.items, self.wanted)
        self.folder = SetFolder(tmp / run)

    def side(self, bob: Bob, *keys: PublicKey, wait: float = 30) -> Opened:
        """Her side; `keys` are those that she pinned, by default bob's."""
        pinned = keys or (bob.server.keys[bob.who].public,)
        asked = Asked(keys=pinned, wait=wait, bars=progress, sleep=bob.go_on)
        return Opened(self.folder, self.client, asked)


@contextmanager
def alice_at(server: Server, tmp: Path, run: str, values: Values, *, peer: str = "bob") -> Iterator[Alice]:
    """Alice in a run with bob, whose client lies once `client.lies` is set."""
    with Transport(server.url, Credentials.bearer(Secret(server.tokens["alice"].encode()))) as transport:
        client = Lying(transport, peer, run)
        yield Alice(server, tmp, run, values, client, peer)
