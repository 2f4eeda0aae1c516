"""Adding, deleting, statuses: sections 4.3, 5.5, 5.7."""

import uuid
from typing import Any

import msgspec
import pytest
from exchange_parties import OTHER, RELEASED, SHARED, TAXII, Exchange, check, ids, indicator
from test_share_releases import statement

from countermark.share.policy.release import RELEASE_TYPE
from countermark.trust.dsse import seal_envelope
from countermark.trust.signing import SigningKey

ID = indicator(0)["id"]
AT = f"/exchange/collections/{SHARED}/objects/{ID}/"


def counts(status: Any) -> tuple[int, int, int, int]:
    return tuple(status[f"{name}_count"] for name in ("total", "success", "failure", "pending"))  # type: ignore


def test_5_5_adding_is_202_with_a_status_that_can_be_asked_for(exchange: Exchange) -> None:
    answer = exchange.post([indicator(0), indicator(1)])
    assert (answer.status_code, answer.headers["content-type"]) == (202, TAXII)
    status = answer.json()
    assert uuid.UUID(status["id"]).version == 4
    assert status["status"] == "complete"
    assert counts(status) == (2, 2, 0, 0)
    assert status["successes"] == [
        {"id": indicator(n)["id"], "version": "2026-01-01T00:00:00.000Z"} for n in (0, 1)
    ]
    assert set(status) & {"failures", "pendings"} == set()
    again = exchange.ask("alice", "GET", f"/exchange/status/{status['id']}/")
    assert again.content == answer.content


def test_4_3_a_status_is_for_who_sent_the_request_and_the_operator(exchange: Exchange) -> None:
    path = f"/exchange/status/{exchange.post([indicator()]).json()['id']}/"
    scoped = exchange.store.members.add_token(exchange.members["alice"], ["read"], collections=[OTHER])[1]
    exchange.tokens["scoped"] = scoped
    assert exchange.ask("operator", "GET", path).status_code == 200
    for who in ("bob", "carol", "scoped"):
        assert exchange.ask(who, "GET", path).status_code == 404
    assert exchange.ask("alice", "GET", path.replace("/exchange/", "/inner/")).status_code == 404


@pytest.mark.parametrize("name", ["6c2f5f0e-8d3b-4c1e-9a57-0f2d8b6e4a19", "x", "%00", str(uuid.UUID(int=0))])
def test_4_3_an_unknown_status_is_404(exchange: Exchange, name: str) -> None:
    assert exchange.ask("alice", "GET", f"/exchange/status/{name}/").status_code == 404


def test_5_5_a_duplicate_is_a_success_that_changes_nothing(exchange: Exchange) -> None:
    exchange.post([indicator(0), indicator(0)])
    dates = exchange.dates()
    assert len(dates) == 1
    for who in ("alice", "bob"):
        assert counts(exchange.post([indicator(0)], who).json()) == (1, 1, 0, 0)
    assert exchange.dates() == dates


def test_5_5_another_object_of_the_same_version_is_a_failure_that_tells_nothing(exchange: Exchange) -> None:
    exchange.post([indicator(0, name="of alice")])
    status = exchange.post([indicator(0, name="of bob"), indicator(1)], "bob").json()
    assert counts(status) == (2, 1, 1, 0)
    assert status["failures"][0]["id"] == ID
    assert "alice" not in str(status)
    assert exchange.get(f"objects/{ID}/").json()["objects"][0]["name"] == "of alice"


def test_3_7_an_incomplete_indicator_is_a_failure_and_is_not_served(exchange: Exchange) -> None:
    incomplete = {key: value for key, value in indicator(0).items() if key != "pattern"}
    no_version = {"type": "indicator", "id": indicator(2)["id"]}
    status = exchange.post([incomplete, indicator(1), no_version]).json()
    assert counts(status) == (3, 1, 2, 0)
    assert status["failures"][0] == {"id": ID, "version": incomplete["modified"], "message": "has no pattern"}
    assert (
        status["failures"][1]["version"]
        == status["request_timestamp"][:10] + status["failures"][1]["version"][10:]
    )
    assert ids(exchange.get("objects/")) == [indicator(1)["id"]]
    assert exchange.get(f"objects/{ID}/").status_code == 404


def test_objects_are_given_as_the_bytes_that_came(exchange: Exchange) -> None:
    raw = (
        msgspec.json.encode(indicator(0))[:-1] + ' ,\n\t"x_text":"\\u00e4ö😀\\/",  "x_n" : 1.00e2 }'.encode()
    )
    exchange.post(b'{ "x_more" : [1], "objects" : [  ' + raw + b' ] , \n"more":true, "next":"x"}')
    assert exchange.get(f"objects/{ID}/").content == b'{"objects":[' + raw + b"]}"


def test_a_change_is_in_the_log_before_it_is_answered(exchange: Exchange) -> None:
    exchange.post([indicator(0), indicator(1)])
    added = exchange.audit.logged[-1]
    assert added["member"] == exchange.members["alice"]
    assert added["collection"] == SHARED
    assert len(added["positions"]) == 2
    assert added["failed"] == 0
    exchange.ask("alice", "DELETE", AT)
    gone = exchange.audit.logged[-1]
    assert (gone["id"], gone["positions"]) == (ID, added["positions"][:1])


def test_a_collection_that_asks_for_a_release_takes_what_stands_in_one(exchange: Exchange) -> None:
    objects = [indicator(0), indicator(1)]
    digests = [one.sha256 for one in check([msgspec.json.encode(one) for one in objects])]
    named = [(ID, "2026-01-01T00:00:00.000Z", digests[0])]
    alice = exchange.members["alice"]
    exchange.store.releases.add(alice, "release--0", b"{}", named, 1 << 60, entry={})
    assert counts(exchange.post(objects[:1], collection=RELEASED).json()) == (1, 0, 1, 0)  # not to be read
    release = statement(alice, objects[0])
    envelope = seal_envelope(RELEASE_TYPE, release.payload, [SigningKey.generate()])
    exchange.store.releases.add(alice, release.release_id, envelope, named, 1 << 60, entry={})
    status = exchange.post(objects, collection=RELEASED).json()
    assert counts(status) == (2, 1, 1, 0)
    assert "release" in status["failures"][0]["message"]
    assert counts(exchange.post(objects[:1], "bob", RELEASED).json()) == (1, 1, 0, 0)  # a duplicate
    assert counts(exchange.post([indicator(0, 1)], "bob", RELEASED).json()) == (1, 0, 1, 0)


def test_5_7_a_deleted_object_is_gone_everywhere(exchange: Exchange) -> None:
    exchange.post([indicator(0), indicator(0, 1), indicator(1)])
    answer = exchange.ask("alice", "DELETE", AT)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"", TAXII)
    assert exchange.get(f"objects/{ID}/").status_code == 404
    assert exchange.get(f"objects/{ID}/versions/").status_code == 404
    assert exchange.ask("alice", "DELETE", AT).status_code == 404
    for path in ("objects/", "manifest/"):
        assert ids(exchange.get(f"{path}?match[version]=all")) == [indicator(1)["id"]]
        assert exchange.get(f"{path}?match[id]={ID}").content == b"{}"
    assert counts(exchange.post([indicator(0)]).json()) == (1, 1, 0, 0)
    assert ids(exchange.get("objects/")) == [indicator(1)["id"], ID]


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("match[version]=first", ["01", "02"]),
        ("match[version]=last", ["00", "01"]),
        ("match[version]=2026-01-01T00:00:01Z", ["00", "02"]),
        ("match[version]=all", []),
        ("match[spec_version]=2.1", []),
    ],
)
def test_5_7_versions_that_are_named_are_deleted(exchange: Exchange, query: str, rest: list[str]) -> None:
    exchange.post([indicator(0, version) for version in (0, 1, 2)])
    assert exchange.ask("alice", "DELETE", f"{AT}?{query}").status_code == 200
    found = exchange.get(f"objects/?match[id]={ID}&match[version]=all").json().get("objects", [])
    assert [one["modified"][17:19] for one in found] == rest
    if "Z" in query:
        assert exchange.get(f"objects/{ID}/?{query}").status_code == 404


@pytest.mark.parametrize("query", ["match[version]=2026-01-01T00:00:09Z", "match[spec_version]=2.0"])
def test_5_7_nothing_to_delete_is_404(exchange: Exchange, query: str) -> None:
    exchange.post([indicator(0)])
    assert exchange.ask("alice", "DELETE", f"{AT}?{query}").status_code == 404


@pytest.mark.parametrize(
    "query", ["added_after=2026-01-01T00:00:00Z", "match[foo]=x", "match[version]=x", "limit=1"]
)
def test_5_7_a_filter_that_would_be_left_aside_is_refused(exchange: Exchange, query: str) -> None:
    exchange.post([indicator(0)])
    assert exchange.ask("alice", "DELETE", f"{AT}?{query}").status_code == 400
    assert len(exchange.dates()) == 1


def test_what_another_member_added_is_deleted_by_the_operator_alone(exchange: Exchange) -> None:
    exchange.post([indicator(0)])
    assert exchange.ask("bob", "DELETE", AT).status_code == 403
    assert exchange.ask("bob", "DELETE", f"{AT}?match[version]=last").status_code == 403
    assert len(exchange.dates()) == 1
    assert exchange.ask("operator", "DELETE", AT).status_code == 200
    assert exchange.dates() == []
