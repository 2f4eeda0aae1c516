"""Who may do what: 401, 403 and 404 of sections 5.1 to 5.8, Appendix B."""

from typing import Any

import pytest
from exchange_parties import ABSENT, HIDDEN, READ_ONLY, SHARED, WRITE_ONLY, Exchange, indicator

from countermark.store.exchange import microseconds

ID = indicator()["id"]
BELOW = [
    ("GET", ""),
    ("GET", "manifest/"),
    ("GET", "objects/"),
    ("POST", "objects/"),
    ("GET", f"objects/{ID}/"),
    ("DELETE", f"objects/{ID}/"),
    ("GET", f"objects/{ID}/versions/"),
]
READING = [(method, path) for method, path in BELOW if method == "GET" and path]
ABOVE = [("GET", "/taxii2/"), ("GET", "/exchange/"), ("GET", "/exchange/collections/")]
ABOVE += [("GET", f"/exchange/status/{ABSENT}/")]
EVERY = [*ABOVE, *((method, f"/exchange/collections/{SHARED}/{path}") for method, path in BELOW)]


def same(found: Any) -> tuple[Any, ...]:
    """An answer without what is of this one occurrence."""
    body = found.json()
    body.pop("error_id")
    headers = {name: text for name, text in found.headers.items() if name != "date"}
    return found.status_code, headers, body


@pytest.mark.parametrize(("method", "path"), EVERY)
@pytest.mark.parametrize(
    "authorization", [None, "Bearer cmx_aaaaaaaaaaaa_" + "x" * 43, "Basic YTpi", "Bearer "]
)
def test_5_x_without_valid_credentials_it_is_401_with_a_challenge(
    exchange: Exchange, method: str, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    found = exchange.ask(None, method, path, headers=headers)
    assert found.status_code == 401
    assert found.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), BELOW)
def test_b_what_is_hidden_answers_as_what_is_not_there(exchange: Exchange, method: str, path: str) -> None:
    exchange.post([indicator()], "operator", HIDDEN)
    answers = [
        exchange.ask("alice", method, f"/exchange/collections/{one}/{path}", content=b"not read")
        if method == "POST"
        else exchange.ask("alice", method, f"/exchange/collections/{one}/{path}")
        for one in (HIDDEN, ABSENT)
    ]
    assert same(answers[0]) == same(answers[1])
    assert answers[0].status_code == 404


@pytest.mark.parametrize(("method", "path"), READING)
def test_5_3_to_5_8_who_may_only_write_is_refused_reading(exchange: Exchange, method: str, path: str) -> None:
    exchange.post([indicator()], collection=WRITE_ONLY)
    assert exchange.ask("alice", method, f"/exchange/collections/{WRITE_ONLY}/{path}").status_code == 403


def test_5_5_who_may_only_read_is_refused_writing(exchange: Exchange) -> None:
    assert exchange.post([indicator()], collection=READ_ONLY).status_code == 403
    assert exchange.dates(READ_ONLY) == []


@pytest.mark.parametrize(("collection", "status"), [(HIDDEN, 404), (READ_ONLY, 403), (WRITE_ONLY, 403)])
def test_5_7_delete_has_a_table_of_its_own(exchange: Exchange, collection: str, status: int) -> None:
    exchange.post([indicator()], "operator", collection)
    path = f"/exchange/collections/{collection}/objects/{ID}/"
    assert exchange.ask("alice", "DELETE", path).status_code == status
    assert len(exchange.dates(collection)) == 1


@pytest.mark.parametrize(
    "bad", [{"headers": {"Accept": "text/html"}}, {"params": {"limit": "0"}}, {"params": {"next": "x"}}]
)
def test_b_rights_come_before_everything_that_is_wrong_with_a_request(
    exchange: Exchange, bad: dict[str, Any]
) -> None:
    assert exchange.get("objects/", "carol", **bad).status_code == 404
    assert exchange.get("objects/", None, **bad).status_code == 401


def test_a_token_narrows_what_its_member_may_do(exchange: Exchange) -> None:
    alice = exchange.members["alice"]
    exchange.tokens["narrow"] = exchange.store.members.add_token(alice, ["read"], collections=[READ_ONLY])[1]
    listed = exchange.ask("narrow", "GET", "/exchange/collections/").json()["collections"]
    assert [one["id"] for one in listed] == [READ_ONLY]
    assert exchange.get("objects/", "narrow").status_code == 404
    assert exchange.get("objects/", "narrow", READ_ONLY).status_code == 200


def test_a_right_that_is_withdrawn_ends_with_the_next_page(exchange: Exchange) -> None:
    exchange.post([indicator(n) for n in range(4)], "bob")
    token = exchange.get("objects/?limit=2").json()["next"]
    alice = exchange.members["alice"]
    exchange.store.collections.grant(SHARED, member_id=alice, read=False, write=True)
    assert exchange.get(f"objects/?limit=2&next={token}").status_code == 403
    exchange.store.collections.grant(SHARED, member_id=alice, read=False, write=False)
    assert exchange.get(f"objects/?limit=2&next={token}").status_code == 404


def test_what_is_read_of_others_is_logged_before_it_is_answered(exchange: Exchange) -> None:
    exchange.post([indicator(1)], "bob")
    exchange.post([indicator(2)], "alice")
    for path in ("manifest/", "objects/", f"objects/{indicator(1)['id']}/versions/"):
        exchange.get(path)
    other = [microseconds(exchange.dates()[0])]
    mine = [one for one in exchange.audit.reads if one[0] == "alice"]
    assert mine == [("alice", SHARED, other, what) for what in ("manifest", "objects", "versions")]


def test_what_cannot_be_logged_is_not_answered(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange.post([indicator(1)], "bob")

    async def fail(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(exchange.audit, "read", fail)
    found = exchange.get("objects/")
    assert found.status_code == 500
    assert "objects" not in found.json()
