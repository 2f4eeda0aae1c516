"""A reader that is late with a withdrawal gets on with nothing else of the collection until it has it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dispute_samples import QUICK, filed_long_ago, late, listed, object_of, until, waiting
from exchange_parties import indicator
from servers import RELEASED, SHARED, TAXII, Server, serving
from test_share_client import token
from test_share_releases import API, logged

from countermark.share.stix.reading import Received
from running import countermark

PATH = f"/exchange/collections/{SHARED}/"


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[Server]:
    url = None if database_url.startswith("sqlite") else database_url
    with serving(tmp_path, url, settings=QUICK) as running:
        yield running


def attempts(server: Server, who: str) -> dict[str, int]:
    """What else of the collection there is to do, and the statuses."""
    headers = {"Content-Type": TAXII}
    body = json.dumps({"objects": [indicator(9)]}).encode()
    post = server.ask(who, "POST", f"{PATH}objects/", content=body, headers=headers)
    return {
        "manifest": server.get(who, "manifest/").status_code,
        "another": server.get(who, object_of(2)).status_code,
        "versions of another": server.get(who, f"{object_of(2)}versions/").status_code,
        "of a type": server.get(who, "objects/?match[type]=campaign").status_code,
        "first versions": server.get(who, "objects/?match[version]=first").status_code,
        "behind it": server.get(who, "objects/?added_after=2100-01-01T00:00:00Z").status_code,
        "post": post.status_code,
        "delete": server.ask(who, "DELETE", f"{PATH}{object_of(9)}").status_code,
    }


def test_all_else_is_refused_with_the_way_out_until_it_is_fetched(server: Server) -> None:
    server.post("alice", indicator(2))
    server.post("bob", indicator(9))
    assert set(attempts(server, "bob").values()) <= {200, 202}
    server.post("bob", indicator(9))
    dispute = late(server)
    assert set(attempts(server, "bob").values()) == {403}
    answer = server.get("bob", "manifest/")
    assert answer.headers["content-type"] == TAXII
    said = answer.json()
    assert (said["error_code"], said["details"]) == ("revocation-overdue", {"objects": [indicator(1)["id"]]})
    assert f"{PATH}{object_of()}" in said["description"]
    assert dispute not in answer.text
    # nobody else, nothing elsewhere, and not what leads there
    assert server.get("reader", "manifest/").status_code == 200
    assert server.get("alice", "manifest/").status_code == 200
    assert server.get("bob", "manifest/", collection=RELEASED).status_code == 200
    for path in ("/taxii2/", "/exchange/", "/exchange/collections/", PATH):
        assert server.ask("bob", "GET", path).status_code == 200
    # an older version is not the withdrawal
    assert server.get("bob", f"{object_of()}?match[version]=first").status_code == 200
    assert server.get("bob", "manifest/").status_code == 403
    assert server.get("bob", object_of()).json()["objects"][0]["revoked"] is True
    server.post("bob", indicator(9))
    assert set(attempts(server, "bob").values()) <= {200, 202}
    assert waiting(server) == set()


def test_an_ordinary_poll_gets_through_by_itself(server: Server) -> None:
    server.post("alice", indicator(1))
    first = server.get("bob").headers["X-TAXII-Date-Added-Last"]
    server.post("alice", *[indicator(number) for number in range(100, 110)])
    server.post("alice", indicator(1, 1, revoked=True))
    server.post("alice", *[indicator(number) for number in range(200, 205)])
    filed_long_ago(server)
    until(lambda: server.get("bob", "manifest/").status_code == 403)
    seen, query = [], f"added_after={first}&limit=3"
    while True:
        page = server.get("bob", f"objects/?{query}")
        assert page.status_code == 200, page.text
        seen += [one["id"] for one in page.json()["objects"]]
        if "next" not in page.json():
            break
        query = f"added_after={first}&limit=3&next={page.json()['next']}"
    assert len(seen) == len(set(seen)) == 16
    assert server.get("bob", "manifest/").status_code == 200


def test_our_client_gets_through_though_it_has_read_past_it(server: Server, tmp_path: Path) -> None:
    server.post("alice", indicator(1))
    line = ("share", "poll", server.url, "--collection", SHARED, "--out", tmp_path / "out", "--json")
    line = (*line, *token(server, "bob", tmp_path))
    assert countermark(*line).code == 0
    server.post("alice", indicator(1, 1, revoked=True))
    server.post("alice", indicator(2))
    past = server.get("alice").headers["X-TAXII-Date-Added-Last"]
    (cursor,) = (tmp_path / "out" / "cursors").glob("*.json")
    kept = json.loads(cursor.read_bytes())
    cursor.write_text(json.dumps(kept | {"after": past}))  # as of a client that left the page out
    filed_long_ago(server)
    until(lambda: server.get("bob", "manifest/").status_code == 403)
    done = countermark(*line)
    assert done.code == 0, done.err
    assert (json.loads(done.out)["withdrawals"], json.loads(done.out)["revoked"]) == (1, 1)
    with Received(tmp_path / "out") as received:
        found = received.latest(indicator(1)["id"])
    assert found is not None
    assert found["revoked"] is True
    assert server.get("bob", "manifest/").status_code == 200


def test_who_read_only_a_part_is_late_with_that_part_alone(server: Server) -> None:
    server.post("alice", *[indicator(number) for number in (1, 2, 3)])
    server.get("bob", object_of(1))
    server.get("bob", object_of(2))
    server.get("reader", object_of(3))
    server.get("reader", "manifest/")
    server.post("alice", *[indicator(number, 1, revoked=True) for number in (1, 2, 3)])
    one, two, three = (filed_long_ago(server, number) for number in (1, 2, 3))
    bob, reader = server.members["bob"], server.members["reader"]
    until(lambda: len(waiting(server)) == 3)
    assert waiting(server) == {(one, bob), (two, bob), (three, reader)}
    until(lambda: server.get("bob", "manifest/").status_code == 403)
    assert server.get("bob", object_of(1)).status_code == 200
    assert server.get("bob", "manifest/").json()["details"] == {"objects": [indicator(2)["id"]]}
    assert server.get("bob", object_of(3)).status_code == 403
    assert server.get("bob").status_code == 200
    assert server.get("bob", "manifest/").status_code == 200
    assert waiting(server) == {(three, reader)}


def test_operator_and_discloser_see_who_is_overdue(server: Server, tmp_path: Path) -> None:
    dispute = late(server)
    bob = server.members["bob"]
    for who in ("alice", "counsel", "operator"):
        assert listed(server, who) == {dispute: [bob]}
        found = server.ask(who, "GET", f"{API}/disputes/{dispute}").json()
        assert ([one["member"] for one in found["overdue"]], found["late"]) == ([bob], True)
    assert listed(server, "bob") == {}
    where = ("--to", server.url, *token(server, "operator", tmp_path))
    done = countermark("share", "dispute", "list", *where, "--json")
    (row,) = json.loads(done.out)["disputes"]
    assert (done.code, row["dispute_id"], row["overdue"][0]["member"]) == (11, dispute, bob)
    assert f"{bob}  overdue, noticed 20" in countermark("share", "dispute", "list", *where).out
    shown = countermark("share", "dispute", "status", dispute, *where)
    assert f"not confirmed, overdue, noticed {row['overdue'][0]['noticed']}" in shown.out
    said = json.loads(countermark("share", "dispute", "status", dispute, *where, "--json").out)
    assert said["overdue"] == [bob]
    server.get("bob")
    assert listed(server) == {dispute: []}
    assert countermark("share", "dispute", "list", *where).code == 0


def test_it_is_told_once_in_log_figures_and_lines(server: Server) -> None:
    dispute = late(server)
    bob = server.members["bob"]
    gauge = 'countermark_exchange_overdue_revocations{late="reader"}'
    assert f"{gauge} 1.0" in server.ask("operator", "GET", "/metrics").text
    until(lambda: logged(server, "revocation-overdue"))
    server.get("bob")
    assert f"{gauge} 0.0" in server.ask("operator", "GET", "/metrics").text
    (entry,) = logged(server, "revocation-overdue")
    assert (entry["member"], entry["owners"], entry["as"]) == (bob, [server.members["alice"]], "reader")
    until(lambda: any("revocation-overdue" in one for one in server.log_lines))
    lines = [json.loads(one) for one in server.log_lines if "revocation-overdue" in one]
    assert [(one["event"], one["dispute_id"], one["member"]) for one in lines] == [
        ("revocation-overdue", dispute, bob)
    ]
    server.stop()
    done = countermark("share", "audit", "verify", "--data", server.data)
    assert done.code == 0, done.err


def test_without_a_withdrawal_the_discloser_is_late_and_nobody_pressed(server: Server) -> None:
    server.post("alice", indicator(1))
    server.get("bob")
    dispute = filed_long_ago(server)
    until(lambda: waiting(server) == {(dispute, server.members["alice"])})
    assert server.get("bob", "manifest/").status_code == 200
    assert server.post("alice", indicator(1, 1, revoked=True)).status_code == 202
    until(lambda: waiting(server) == {(dispute, server.members["bob"])})
    until(lambda: len(logged(server, "revocation-overdue")) == 2)
    assert {one["as"] for one in logged(server, "revocation-overdue")} == {"reader", "discloser"}


@pytest.mark.parametrize("how", ["deleted", "rights"])
def test_nobody_is_pressed_for_what_cannot_be_fetched(server: Server, how: str) -> None:
    late(server)
    if how == "deleted":
        answer = server.ask("alice", "DELETE", f"{PATH}{object_of()}?match[version]=last")
        assert answer.status_code == 200
        until(lambda: server.get("bob", "manifest/").status_code == 200)
    else:
        from countermark.share.server.folder import opened

        with opened(server.data) as folder:
            folder.store.collections.grant(SHARED, member_id=server.members["bob"], read=False, write=True)
            folder.drain()
        until(lambda: server.get("bob", "manifest/").status_code == 403 and _taken(server))
    assert _taken(server)


def test_an_operator_is_shown_and_not_pressed(server: Server) -> None:
    server.post("alice", indicator(1))
    server.get("operator")
    server.post("alice", indicator(1, 1, revoked=True))
    dispute = filed_long_ago(server)
    until(lambda: listed(server) == {dispute: [server.members["operator"]]})
    assert server.get("operator", "manifest/").status_code == 200
    assert server.ask("operator", "DELETE", f"{PATH}{object_of()}").status_code == 200


def _taken(server: Server) -> bool:
    found: Any = server.post("bob", indicator(77))
    return bool(found.status_code == 202)
