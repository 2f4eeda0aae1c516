"""Releases and disputes on a running server: what two people signed gets in, and who read it can be told."""

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import policy_samples
import pytest
from exchange_parties import indicator
from servers import RELEASED, SHARED, Server, serving

from countermark.records.canonical import canonical_json
from countermark.share.policy.disputes import parse_answer
from countermark.share.policy.document import default_policy
from countermark.share.policy.release import RELEASE_TYPE, Held, Release, Rests
from countermark.share.policy.standing import STANDING_TYPE, Class, make_standing
from countermark.trust.checkpoints import read_proof, verify_proof
from countermark.trust.dsse import seal_envelope
from countermark.trust.entries import read_entry
from countermark.trust.notes import VerifierKey
from countermark.trust.signing import PublicKey, SigningKey

API = "/exchange-api/v1"


@pytest.fixture
def server(tmp_path: Any) -> Iterator[Server]:
    with serving(tmp_path) as running:
        yield running


def statement(member_id: str, *objects: dict[str, Any], **more: Any) -> Release:
    """A release of these objects, from now for a day."""
    now = datetime.now(UTC).replace(microsecond=0)
    held = [
        Held(one["id"], one["modified"], hashlib.sha256(canonical_json(one)).hexdigest()) for one in objects
    ]
    release = Release(
        release_id="",
        member_id=member_id,
        policy_sha256=default_policy().sha256,
        purpose="security",
        ground="fabricated-accounts",
        legal_basis=[Rests("us-counsel", "US", date.today() + timedelta(days=30))],
        classes={"address": 3},
        created=now,
        expires=now + timedelta(days=1),
        objects=held,
    )
    release = msgspec.structs.replace(release, **more)
    return msgspec.structs.replace(release, release_id=release.right_id)


def give(server: Server, who: str, release: Release, *keys: str | SigningKey) -> Any:
    """Send a release signed by these."""
    signers = [server.keys[one] if isinstance(one, str) else one for one in keys]
    return server.ask(
        who, "POST", f"{API}/releases", content=seal_envelope(RELEASE_TYPE, release.payload, signers)
    )


def logged(server: Server, kind: str) -> list[dict[str, Any]]:
    """Payloads of a kind of entries."""
    lines = (server.data / "log" / "entries.jsonl").read_bytes().splitlines()
    entries = [msgspec.json.decode(line) for line in lines]
    return [one["payload"] for one in entries if one["kind"] == kind]


def test_objects_get_in_by_a_release_that_two_people_signed(server: Server) -> None:
    release = statement(server.members["alice"], indicator(1))
    assert server.post("alice", indicator(1), collection=RELEASED).json()["failure_count"] == 1
    taken = give(server, "alice", release, "security", "counsel")
    assert (taken.status_code, taken.json()["release_id"]) == (201, release.release_id)
    assert give(server, "alice", release, "security", "counsel").status_code == 200
    done = server.post("alice", indicator(1), indicator(2), collection=RELEASED).json()
    assert [one["id"] for one in done["successes"]] == [indicator(1)["id"]]
    assert [one["id"] for one in done["failures"]] == [indicator(2)["id"]]
    assert server.post("bob", indicator(1, 1), collection=RELEASED).json()["failure_count"] == 1
    entry = logged(server, "release-taken")
    assert [one["release_id"] for one in entry] == [release.release_id]
    seen = {
        who: server.ask(who, "GET", f"{API}/releases/{release.release_id}").status_code
        for who in ("alice", "security", "counsel", "operator", "bob", "public")
    }
    granted = dict.fromkeys(("alice", "security", "counsel", "operator"), 200)
    assert seen == granted | {"bob": 404, "public": 404}


def test_a_release_under_a_standing_approval_lets_in_what_it_declares(server: Server) -> None:
    alice, day = server.members["alice"], f"{date.today()}T00:00:00Z"
    wanted = Class(member_id=alice, grounds=["fabricated-accounts"], kinds={"address": 3}, days=30)
    approval = make_standing(default_policy(), wanted, datetime.now(UTC))
    keys = [server.keys["security"], server.keys["counsel"]]
    standing = seal_envelope(STANDING_TYPE, approval.payload, keys).decode()
    life = {"valid_from": day, "valid_until": f"{date.today() + timedelta(days=2)}T00:00:00Z"}
    good, asn, joined, odd = (
        policy_samples.indicator(number, pattern, created_by_ref=alice, **life, **more)
        for number, (pattern, more) in enumerate(
            [
                ("[ipv4-addr:value = '8.8.4.4']", {}),
                ("[autonomous-system:number = 64500]", {}),
                ("[ipv4-addr:value = '8.8.4.4' AND ipv4-addr:value = '9.9.9.9']", {}),
                ("[ipv4-addr:value = '8.8.4.4']", {"x_price": 5}),
            ],
            1,
        )
    )
    objects = (good, asn, joined, odd)
    silent = statement(alice, *objects, classes={}, standing=standing)
    assert give(server, "alice", silent, "alice").status_code == 201
    assert server.post("alice", good, collection=RELEASED).json()["failure_count"] == 1
    told = statement(alice, *objects, standing=standing)
    assert give(server, "alice", told, "alice").status_code == 201
    done = server.post("alice", *objects, collection=RELEASED).json()
    assert [one["id"] for one in done["successes"]] == [good["id"]]
    assert all("does not declare" in one["message"] for one in done["failures"])
    seen = statement(alice, *objects)
    assert give(server, "alice", seen, "security", "counsel").status_code == 201
    assert server.post("alice", *objects, collection=RELEASED).json()["failure_count"] == 0


def test_releases_that_are_refused_with_the_reason_in_the_log(server: Server) -> None:
    alice = server.members["alice"]
    good, long_ago = statement(alice, indicator(1)), datetime(2026, 1, 1, tzinfo=UTC)
    cases = [
        give(server, "alice", good, "security"),
        give(server, "alice", good, "security", "alice"),
        give(server, "alice", good, "security", SigningKey.generate()),
        give(server, "bob", good, "security", "counsel"),
        give(server, "bob", statement(server.members["bob"], indicator(1)), "security", "counsel"),
        give(server, "alice", statement(alice, indicator(1), policy_sha256="0" * 64), "security", "counsel"),
        give(
            server,
            "alice",
            statement(alice, indicator(1), created=long_ago, expires=long_ago + timedelta(days=1)),
            "security",
            "counsel",
        ),
        server.ask("alice", "POST", f"{API}/releases", content=b"\xff" * 1000),
        server.ask("alice", "POST", f"{API}/releases", content=b"[" * 100_000),
    ]
    assert [one.status_code for one in cases] == [422] * len(cases)
    assert all(one.json()["description"] for one in cases)
    assert len(logged(server, "release-refused")) == len(cases)
    assert server.post("alice", indicator(1), collection=RELEASED).json()["failure_count"] == 1


def test_a_dispute_shows_who_read_the_object_and_who_its_withdrawal(server: Server) -> None:
    server.post("alice", indicator(1), indicator(2))
    assert server.get("bob").status_code == 200
    assert server.get("reader", "manifest/").status_code == 200
    filed = server.ask("alice", "POST", f"{API}/disputes", json={"object_id": indicator(1)["id"]})
    assert filed.status_code == 201
    dispute = filed.json()["dispute_id"]
    path = f"{API}/disputes/{dispute}"
    again = server.ask("alice", "POST", f"{API}/disputes", json={"object_id": indicator(1)["id"]})
    assert (again.status_code, again.json()["dispute_id"]) == (200, dispute)
    bob = server.members["bob"]
    before = server.ask("counsel", "GET", path)
    answer = parse_answer(before.content)
    assert ([one.member for one in answer.readers], answer.receipts) == ([bob], [])
    assert answer.missing() == [bob] == before.json()["missing"]
    assert timedelta(hours=23) < answer.due - datetime.now(UTC) <= timedelta(hours=24)
    assert before.json()["revoked"] is False
    server.post("alice", indicator(1, 1, revoked=True))
    assert server.ask("alice", "GET", path).json()["revoked"] is True
    assert server.get("bob", f"objects/{indicator(1)['id']}/").status_code == 200
    assert server.get("reader").status_code == 200
    after = parse_answer(server.ask("alice", "GET", path).content)
    assert (after.missing(), [one.member for one in after.receipts]) == ([], [bob])
    assert len(logged(server, "dispute-filed")) == 1


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"object_id": 1}', b'{"object_id": "x"}', b"{" * 5000, b"\xff"]
)
def test_what_is_no_dispute(server: Server, body: bytes) -> None:
    assert server.ask("alice", "POST", f"{API}/disputes", content=body).status_code == 422


def test_a_member_can_prove_what_the_log_says_of_it(server: Server) -> None:
    server.post("alice", indicator(1))
    server.get("bob")
    key = PublicKey.parse((server.data / "log.key.pub").read_text())
    note = server.ask("public", "GET", f"{API}/audit/checkpoint").text
    origin, size = note.split("\n")[:2]
    shown = {}
    for who in ("alice", "bob", "carol", "operator"):
        answers = [server.ask(who, "GET", f"{API}/audit/entries/{at}/proof") for at in range(int(size))]
        shown[who] = [one for one in answers if one.status_code == 200]
        for one in shown[who]:
            proof = read_proof(one.text)
            verify_proof(proof, read_entry(proof.extra).leaf_hash, VerifierKey(origin, key))
    entries = {who: [read_entry(read_proof(one.text).extra) for one in shown[who]] for who in shown}
    assert len(entries["operator"]) == int(size)
    for who in ("alice", "bob", "carol"):
        mine = server.members[who]
        assert all(mine == one.payload["member"] or mine in one.payload["owners"] for one in entries[who])
    kinds = {
        who: [one.kind for one in found if one.kind.startswith("objects")] for who, found in entries.items()
    }
    assert kinds["alice"] == ["objects-added", "objects-read"]
    assert kinds["bob"] == ["objects-read"]
    assert kinds["carol"] == []


def test_told_to_stop_it_answers_what_it_has_begun_and_empties_the_outbox(server: Server) -> None:
    server.post("alice", *[indicator(number) for number in range(200)])
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 15
    assert logged(server, "objects-added")[-1]["failed"] == 0
    assert not any("Traceback" in line for line in server.log_lines)
    assert SHARED in logged(server, "objects-added")[-1]["collection"]
