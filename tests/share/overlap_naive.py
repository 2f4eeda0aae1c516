"""The members' side of a private overlap as a reader of spec/private-overlap.md would write it."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from servers import Server, serving

from countermark.records.canonical import canonical_json
from countermark.share.overlap import group, voprf
from countermark.share.overlap.batches import multiply_all, random_points
from countermark.share.overlap.hash_to_group import hash_to_group
from countermark.share.overlap.messages import COMMITMENT_TYPE, OPENING_TYPE, Commitment, Opening
from countermark.share.overlap.planted import planted_items, planted_points
from countermark.share.policy.document import default_policy
from countermark.share.server.folder import opened
from countermark.trust.dsse import seal_envelope
from countermark.trust.signing import SigningKey

SETTINGS = """
[overlap]
runs_of_pair = 1000
[limits]
caller_rate = 10000
caller_burst = 100000
address_rate = 10000
address_burst = 100000
failure_burst = 10000
"""
BASE = "/overlap/v1/runs"
BYTES = {"Content-Type": "application/octet-stream"}
SHARED_ITEMS = [f"both-{number}" for number in range(40)]


def enrol(server: Server) -> None:
    """Give bob and carol keys, and bob reviewers and a token of each, as alice has them."""
    with opened(server.data) as folder:
        members = folder.store.members
        for name in ("security-bob", "counsel-bob"):
            role: Any = f"reviewer-{name.removesuffix('-bob')}"
            server.members[name] = members.add(name, role, of=server.members["bob"]).member_id
            server.tokens[name] = members.add_token(server.members[name], ["review"])[1]
        for name in ("bob", "carol", "security-bob", "counsel-bob"):
            server.keys[name] = SigningKey.generate()
            members.add_key(server.members[name], server.keys[name].public.to_base64())
        server.tokens["readonly"] = members.add_token(server.members["alice"], ["read"])[1]
        folder.drain()


@contextmanager
def overlap_server(
    request: pytest.FixtureRequest, tmp: Path, kind: str, settings: str = SETTINGS
) -> Iterator[Server]:
    """A server on one kind of database, with members that can take part."""
    url = None
    if kind == "postgresql":
        name = f"o{secrets.token_hex(6)}"
        postgres = request.getfixturevalue("postgres_server")
        with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        url = postgres.get_uri(database=name).replace("postgresql://", "postgresql+psycopg://")
    with serving(tmp, url, settings=settings) as server:
        enrol(server)
        yield server


Item = str | bytes
"""A word, or the bytes of a framed identifier where the other side is the real one."""


def point_of(item: Item) -> bytes:
    """The point of a word, or of a framed item; the operator does not care which."""
    return hash_to_group(item.encode() if isinstance(item, str) else item, voprf.CONTEXT)


class Naive:
    """One member in one run; its list has `size` points."""

    def __init__(
        self,
        server: Server,
        who: str,
        peer: str,
        run: str,
        items: Sequence[Item] = SHARED_ITEMS,
        size: int = 1024,
    ) -> None:
        self.server, self.who, self.peer, self.run = server, who, peer, run
        self.secret = group.random_scalar()
        self.key = group.base(self.secret)
        planted = planted_items(run, who, peer)
        words = [*items, *planted]
        points = b"".join(map(point_of, words)) + random_points(size - len(words))
        self.order = list(range(size))
        secrets.SystemRandom().shuffle(self.order)
        self.words: list[Item | None] = [words[at] if at < len(words) else None for at in self.order]
        self.list = multiply_all(b"".join(points[at * 32 : at * 32 + 32] for at in self.order), self.secret)
        self.planted = [self.words.index(one) for one in planted]
        self.theirs = self.tags = b""
        self.sent: dict[str, Any] = {}
        self.tag_order: list[int] = []

    @property
    def path(self) -> str:
        """Of the run."""
        return f"{BASE}/{self.peer}/{self.run}"

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """A request below the run."""
        return self.server.ask(self.who, method, f"{self.path}{path}", **options)

    def commitment(self, **changes: Any) -> Commitment:
        """What it commits to."""
        made = Commitment(
            run=self.run,
            member=self.who,
            peer=self.peer,
            size=len(self.list) // 32,
            list_sha256=hashlib.sha256(self.list).hexdigest(),
            key_sha256=hashlib.sha256(self.key).hexdigest(),
            kinds={"email": 40},
            created=datetime.now(UTC).replace(microsecond=0),
        )
        return msgspec.structs.replace(made, **changes)

    def seal(self, commitment: Commitment, *keys: SigningKey) -> bytes:
        """Its envelope."""
        signers = keys or (self.server.keys[self.who],)
        return seal_envelope(COMMITMENT_TYPE, canonical_json(commitment), signers)

    def commit(self, envelope: bytes | None = None) -> Any:
        """POST it."""
        self.envelope = envelope or self.seal(self.commitment())
        return self.server.ask(self.who, "POST", BASE, content=self.envelope)

    def put_list(self, data: bytes | None = None, part: int = 0) -> Any:
        """PUT its list, which has one part."""
        content = self.list if data is None else data
        return self.ask("PUT", f"/blinded/{part}", content=content, headers=BYTES)

    def make_tags(self) -> bytes:
        """Fetch the other's list, and make its tags."""
        answer = self.ask("GET", "/blinded/0")
        assert answer.status_code == 200, answer.text
        self.theirs = answer.content
        tags = multiply_all(self.theirs, self.secret)
        self.tag_order = list(range(len(tags) // 32))
        secrets.SystemRandom().shuffle(self.tag_order)
        self.tags = b"".join(tags[at * 32 : at * 32 + 32] for at in self.tag_order)
        return self.tags

    def put_tags(self, data: bytes | None = None) -> Any:
        """PUT them."""
        content = self.make_tags() if data is None else data
        return self.ask("PUT", "/tags/0", content=content, headers=BYTES)

    def put_planted(self) -> Any:
        """PUT where its planted are."""
        self.sent = self.sent or self.named()
        return self.ask("PUT", "/planted", json=self.sent)

    def named(self, at: Sequence[int] | None = None) -> dict[str, Any]:
        """Where they are, with the proof."""
        at = self.planted if at is None else list(at)
        points = [self.list[one * 32 : one * 32 + 32] for one in at]
        proof = voprf.prove(self.secret, self.key, planted_points(self.run, self.who, self.peer), points)
        return {"positions": at, "public_key": self.key.hex(), "proof": proof.hex()}

    def proven(self, positions: Sequence[int]) -> dict[str, Any]:
        """Points of the other's list times the secret, with proofs."""
        inputs = [self.theirs[at * 32 : at * 32 + 32] for at in positions]
        outputs = [group.multiply(self.secret, one) for one in inputs]
        proofs = voprf.prove_all(self.secret, self.key, inputs, outputs)
        return {
            "positions": list(positions),
            "evaluated": [one.hex() for one in outputs],
            "proofs": [one.hex() for one in proofs],
        }

    def put_proven(self) -> Any:
        """PUT the other's planted times the secret."""
        answer = self.ask("GET", "/planted")
        assert answer.status_code == 200, answer.text
        return self.ask("PUT", "/proven", json=self.proven(answer.json()["positions"]))

    def opening(self, other: "Naive", **changes: Any) -> Opening:
        """The statement of its reviewers."""
        now = datetime.now(UTC).replace(microsecond=0)
        mine, theirs = (hashlib.sha256(one.payload).hexdigest() for one in (self, other))
        made = Opening(
            run=self.run,
            member=self.who,
            peer=self.peer,
            commitment_sha256=mine,
            peer_commitment_sha256=theirs,
            size=self.state()["size"],
            ground="fabricated-accounts",
            legal_basis="us-cisa-2015",
            policy_sha256=default_policy().sha256,
            created=now,
            expires=now + timedelta(days=3),
        )
        return msgspec.structs.replace(made, **changes)

    @property
    def payload(self) -> bytes:
        """Of its commitment."""
        return msgspec.json.decode(self.envelope, type=_Envelope).payload

    def reviewers(self) -> tuple[SigningKey, SigningKey]:
        """Keys of both."""
        end = "" if self.who == "alice" else f"-{self.who}"
        return self.server.keys[f"security{end}"], self.server.keys[f"counsel{end}"]

    def open(self, opening: Opening, *keys: SigningKey) -> Any:
        """POST it, signed."""
        envelope = seal_envelope(OPENING_TYPE, canonical_json(opening), keys or self.reviewers())
        return self.ask("POST", "/opening", content=envelope)

    def unshuffle(self) -> Any:
        """Ask which tags match, and give the other its positions."""
        matches = self.ask("GET", "/matches")
        assert matches.status_code == 200, matches.text
        positions = [self.tag_order[at] for at in matches.json()["positions"]]
        return self.ask("PUT", "/unshuffled", json=self.proven(positions))

    def state(self) -> Any:
        """The run as the operator tells it."""
        answer = self.ask("GET", "")
        assert answer.status_code == 200, answer.text
        return answer.json()


class _Envelope(msgspec.Struct):
    payload: bytes  # msgspec decodes base64


STEPS = ("committed", "listed", "tagged", "planted", "counted", "opened", "unshuffled")


def couple(server: Server, run: str, upto: str = "counted", **options: Any) -> tuple[Naive, Naive]:
    """Alice and bob in a run of theirs that has come so far."""
    one = Naive(server, "alice", "bob", run, [*SHARED_ITEMS, "alice's"], **options)
    other = Naive(server, "bob", "alice", run, [*SHARED_ITEMS, "bob's"], **options)
    go_on(one, other, "", upto)
    return one, other


def go_on(one: Naive, other: Naive, after: str, upto: str) -> None:
    """Do the steps behind `after` up to `upto`."""
    begin = STEPS.index(after) + 1 if after else 0
    for step in STEPS[begin : STEPS.index(upto) + 1]:
        for mine, theirs in ((one, other), (other, one)):
            answer = _do(step, mine, theirs)
            assert answer.status_code in (200, 201), (step, mine.who, answer.text)


def _do(step: str, mine: Naive, theirs: Naive) -> Any:
    match step:
        case "committed":
            return mine.commit()
        case "listed":
            return mine.put_list()
        case "tagged":
            return mine.put_tags()
        case "planted":
            return mine.put_planted()
        case "counted":
            return mine.put_proven()
        case "opened":
            return mine.open(mine.opening(theirs))
    return mine.unshuffle()
