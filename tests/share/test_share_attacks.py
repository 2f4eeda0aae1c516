"""What a member, or somebody who holds its token, might try on a running server beyond its rights."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import pytest
from exchange_parties import indicator
from servers import RELEASED, SHARED, TAXII, Server, serving
from test_share_releases import API, give, logged, statement

from countermark.records.canonical import canonical_json
from countermark.share.policy.release import RELEASE_TYPE, Rests
from countermark.share.server.folder import opened
from countermark.share.server.upkeep import STATUS_DAYS
from countermark.trust.dsse import seal_envelope


@pytest.fixture
def server(tmp_path: Any) -> Iterator[Server]:
    with serving(tmp_path) as running:
        yield running


def objects_of(server: Server, who: str, collection: str) -> list[bytes]:
    """Objects of a collection as the bytes that are given."""
    answer = server.get(who, collection=collection).content
    return [bytes(one) for one in msgspec.json.decode(answer, type=dict[str, list[msgspec.Raw]])["objects"]]


def test_what_is_stored_of_a_release_is_what_was_signed_and_no_other_spelling(server: Server) -> None:
    one = indicator(1, x_note=0.1)
    give(server, "alice", statement(server.members["alice"], one), "security", "counsel")
    smuggled = json.dumps(one).replace("0.1", "0.100000000000000005551115123125782702118158340454101562")
    body = f'{{"objects": [{smuggled + " " * 1000}]}}'.encode()
    path = f"/exchange/collections/{RELEASED}/objects/"
    for _ in range(2):
        done = server.ask("alice", "POST", path, content=body, headers={"Content-Type": TAXII}).json()
        assert done["success_count"] == 1, done
    assert objects_of(server, "bob", RELEASED) == [canonical_json(one)]


def test_a_release_that_was_withdrawn_lets_nothing_in_and_cannot_be_given_again(server: Server) -> None:
    release = statement(server.members["alice"], indicator(1), indicator(2))
    path = f"{API}/releases/{release.release_id}"
    give(server, "alice", release, "security", "counsel")
    server.post("alice", indicator(1), collection=RELEASED)
    refused = {who: server.ask(who, "DELETE", path).status_code for who in ("bob", "public", "reader")}
    assert refused == {"bob": 404, "public": 404, "reader": 404}
    for who in ("counsel", "alice"):
        gone = server.ask(who, "DELETE", path)
        assert (gone.status_code, gone.json()["withdrawn"]) == (200, True)
    again = give(server, "alice", release, "security", "counsel")
    assert (again.status_code, "withdrawn" in again.json()["description"]) == (422, True)
    done = server.post("alice", indicator(1), indicator(2), collection=RELEASED).json()
    assert [one["id"] for one in done["failures"]] == [indicator(2)["id"]]
    (entry,) = logged(server, "release-withdrawn")
    assert (entry["by"], entry["member"]) == (server.members["counsel"], server.members["alice"])
    assert logged(server, "release-refused")[-1]["reason"] == "this release was withdrawn"


def test_a_release_ends_with_its_legal_basis(server: Server) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ends = [Rests("us-counsel", "US", date.today() + timedelta(days=1)), Rests("eu", "EU", date.max)]
    alice = server.members["alice"]
    release = statement(alice, indicator(1), legal_basis=ends, expires=now + timedelta(days=5))
    give(server, "alice", release, "security", "counsel")
    told = server.ask("alice", "GET", f"{API}/releases/{release.release_id}").json()["expires"]
    assert told[:10] == (datetime.now(UTC).date() + timedelta(days=1)).isoformat()


def test_a_release_whose_numbers_have_no_canonical_form_is_refused(server: Server) -> None:
    release = statement(server.members["alice"], indicator(1))
    payload = release.payload.replace(b'{"address":3}', b'{"address":1152921504606846976}')
    body = seal_envelope(RELEASE_TYPE, payload, [server.keys[one] for one in ("security", "counsel")])
    assert server.ask("alice", "POST", f"{API}/releases", content=body).status_code == 422


def test_a_version_finer_than_is_stored_fails_alone(server: Server) -> None:
    fine = indicator(1) | {"modified": "2026-01-02T00:00:00.0000001Z"}
    answer = server.post("alice", fine, indicator(2), collection=RELEASED)
    assert (answer.status_code, answer.json()["failure_count"]) == (202, 2)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (f"/exchange/collections/{SHARED}/objects/", TAXII),
        (f"{API}/releases", "application/json"),
        (f"{API}/disputes", "application/json"),
    ],
)
def test_a_token_that_is_revoked_while_its_body_comes_changes_nothing(
    server: Server, path: str, kind: str
) -> None:
    with opened(server.data) as folder:
        token_id, token = folder.store.members.add_token(server.members["alice"], ["write"])

        def body() -> Iterator[bytes]:
            whole = json.dumps({"objects": [indicator(7)]}).encode()
            yield whole[:10]
            time.sleep(0.5)
            folder.store.members.revoke_token(token_id)
            time.sleep(1.2)
            yield whole[10:]

        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind, "Accept": TAXII}
        with httpx2.Client(trust_env=False) as client:
            assert client.post(server.url + path, content=body(), headers=headers).status_code == 401
    assert server.get("bob").json() == {}


def test_a_token_for_other_collections_sees_neither_disputes_nor_entries_of_this_one(server: Server) -> None:
    server.post("alice", indicator(1))
    server.get("bob")
    filed = server.ask("alice", "POST", f"{API}/disputes", json={"object_id": indicator(1)["id"]}).json()
    with opened(server.data) as folder:
        add = folder.store.members.add_token
        server.tokens["here"] = add(server.members["alice"], ["read", "write"], collections=[SHARED])[1]
    path = f"{API}/disputes/{filed['dispute_id']}"
    assert server.ask("scoped", "GET", path).status_code == 404
    assert server.ask("scoped", "GET", f"{API}/disputes").json() == {"disputes": []}
    assert server.ask("here", "GET", path).json()["readers"] == filed["readers"] != []
    size = int(server.ask("alice", "GET", f"{API}/audit/checkpoint").text.split("\n")[1])
    seen = {server.ask("scoped", "GET", f"{API}/audit/entries/{at}/proof").status_code for at in range(size)}
    assert seen == {404}


def test_old_statuses_go_and_those_of_today_stay(tmp_path: Any) -> None:
    import sqlite3

    from servers import run

    with serving(tmp_path) as server:
        old, young = (server.post("alice", indicator(one)).json()["id"] for one in (1, 2))
    with closing(sqlite3.connect(server.data / "exchange.db")) as database:
        back = (STATUS_DAYS + 1) * 86_400_000_000
        database.execute("UPDATE statuses SET requested = requested - ? WHERE status_id = ?", (back, old))
        database.commit()
    again = run(server.data)
    again.tokens = server.tokens
    try:
        until = time.monotonic() + 10
        while again.ask("alice", "GET", f"/exchange/status/{old}/").status_code != 404:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert again.ask("alice", "GET", f"/exchange/status/{young}/").status_code == 200
    finally:
        again.stop()


def test_what_a_proxy_hands_on_is_no_scraper(tmp_path: Any) -> None:
    with serving(tmp_path, settings='[proxy]\naddresses = ["127.0.0.1/32"]\n') as server:
        assert server.ask(None, "GET", "/metrics").status_code == 401
        assert server.ask("alice", "GET", "/metrics").status_code == 404
        assert server.ask("operator", "GET", "/metrics").status_code == 200


def test_the_owner_can_prove_that_an_operator_deleted_its_object(server: Server) -> None:
    server.post("alice", indicator(1))
    path = f"/exchange/collections/{SHARED}/objects/{indicator(1)['id']}/"
    assert server.ask("operator", "DELETE", path).status_code == 200
    assert logged(server, "objects-deleted")[0]["owners"] == [server.members["alice"]]
    size = int(server.ask("alice", "GET", f"{API}/audit/checkpoint").text.split("\n")[1])
    assert server.ask("alice", "GET", f"{API}/audit/entries/{size - 1}/proof").status_code == 200
    assert server.ask("bob", "GET", f"{API}/audit/entries/{size - 1}/proof").status_code == 404


def test_content_of_what_stays_is_compared_when_others_of_its_entry_are_deleted(tmp_path: Any) -> None:
    import sqlite3

    from countermark.share.server.folder import open_log
    from countermark.share.server.verify import compare
    from countermark.share.stix.schemas import check_objects

    with serving(tmp_path) as server:
        server.post("alice", indicator(1), indicator(2))
        server.ask("alice", "DELETE", f"/exchange/collections/{SHARED}/objects/{indicator(1)['id']}/")
    other = canonical_json(indicator(2) | {"pattern": "[ipv4-addr:value = '198.51.100.8']"})
    with closing(sqlite3.connect(server.data / "exchange.db")) as database:
        row = (other, hashlib.sha256(other).digest(), indicator(2)["id"])
        database.execute("UPDATE objects SET data = ?, sha256 = ? WHERE stix_id = ?", row)
        database.commit()
    with opened(server.data) as folder:
        found = compare(folder.store, lambda: open_log(server.data, writing=False), check_objects)
    (problem,) = found.problems
    assert problem.endswith("is not what was added")
