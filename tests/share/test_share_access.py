"""Every endpoint by every caller: only what is granted answers; what is hidden looks absent."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from exchange_parties import indicator
from servers import ABSENT, HIDDEN, SHARED, TAXII, Server, serving

MEMBERS = ("carol", "reader", "bob", "alice", "scoped", "noread", "operator")
KNOWN = ("public", "regulator", "facts", "security", "counsel", *MEMBERS)
OTHER_SCHEMES = ("basic", "basic-nameless", "basic-operator", "token-scheme")
"""Tokens that hold, carried otherwise than by Bearer: where nothing was switched on, they are nobody's."""
STRANGERS = ("nobody", "garbage", "guessed", "expired", "revoked", "disabled", *OTHER_SCHEMES)
C = f"/exchange/collections/{SHARED}/"
API = "/exchange-api/v1"
READ = {"reader": 200, "bob": 200, "alice": 200, "operator": 200, "noread": 403}
WRITE = {"reader": 403, "bob": 202, "alice": 202, "operator": 202, "noread": 202}
DELETE = {"reader": 403, "bob": 404, "alice": 404, "operator": 404, "noread": 403}
ALICES = dict.fromkeys(("alice", "noread", "security", "counsel", "operator"), 200)
GIVE = dict.fromkeys(("alice", "bob", "carol", "reader", "scoped", "noread"), 422)
NO = 403
ABSENT_OBJECT = f"{C}objects/{indicator(999)['id']}/"
# method, path, who gets which status, and what everybody else that is known gets
MATRIX: list[tuple[str, str, dict[str, int], int]] = [
    ("GET", "/taxii2/", {}, 200),
    ("GET", "/exchange/", {}, 200),
    ("GET", "/other/", {}, 404),
    ("GET", "/exchange/collections/", {}, 200),
    ("GET", C, READ | {"noread": 200}, 404),
    ("GET", f"{C}manifest/", READ, 404),
    ("GET", f"{C}objects/", READ, 404),
    ("POST", f"{C}objects/", WRITE, 404),
    ("GET", f"{C}objects/ALICES/", READ, 404),
    ("GET", f"{C}objects/ALICES/versions/", READ, 404),
    ("GET", ABSENT_OBJECT, {"noread": 403}, 404),
    ("DELETE", ABSENT_OBJECT, DELETE, 404),
    ("DELETE", f"{C}objects/ALICES/?match[version]=2001-01-01T00:00:00Z", DELETE, 404),
    ("GET", f"/exchange/collections/{HIDDEN}/", {"operator": 200}, 404),
    ("GET", f"/exchange/collections/{HIDDEN}/objects/", {"operator": 200}, 404),
    ("POST", f"/exchange/collections/{HIDDEN}/objects/", {"operator": 202}, 404),
    ("GET", f"/exchange/collections/{ABSENT}/objects/", {}, 404),
    ("POST", f"/exchange/collections/{ABSENT}/objects/", {}, 404),
    ("GET", "/exchange/status/STATUS/", {"alice": 200, "noread": 200, "operator": 200}, 404),
    ("GET", f"/exchange/status/{ABSENT}/", {}, 404),
    ("POST", f"{API}/releases", GIVE, NO),
    ("GET", f"{API}/releases/absent", {}, 404),
    ("DELETE", f"{API}/releases/absent", {}, 404),
    ("GET", f"{API}/samples", {}, 200),
    ("POST", f"{API}/samples/absent/reports", {}, 404),
    ("POST", f"{API}/disputes", GIVE, NO),
    ("GET", f"{API}/disputes", {}, 200),
    ("GET", f"{API}/disputes/DISPUTE", ALICES, 404),
    ("GET", f"{API}/disputes/dispute--{ABSENT}", {}, 404),
    ("GET", f"{API}/audit/checkpoint", {}, 200),
    ("GET", f"{API}/audit/entries/ENTRY/proof", ALICES, 404),
    ("GET", f"{API}/audit/entries/99999/proof", {}, 404),
    ("GET", f"{API}/audit/entries/-1/proof", {}, 404),
    ("GET", "/metrics", {"operator": 200}, 404),
    # without a key to ask; of the members' tokens none has the action, being from before it was there
    ("POST", "/watermark/check", dict.fromkeys(("regulator", "facts", "operator"), 422), NO),
    ("POST", "/watermark/answers", {"operator": 422}, NO),
    ("GET", "/watermark/keys", {"operator": 200}, NO),
    ("GET", "/watermark/matters/m", dict.fromkeys(("regulator", "facts", "operator"), 404), NO),
    ("POST", "/watermark/keys", GIVE, NO),
    ("POST", "/watermark/keys/retired", GIVE, NO),
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an object of alice's, and the names of what belongs to it."""
    url = None
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres_server")
        with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE access TEMPLATE template0")
        url = postgres.get_uri(database="access").replace("postgresql://", "postgresql+psycopg://")
    settings = "[limits]\nfailure_burst = 10000\ncaller_burst = 10000\naddress_burst = 10000\n"
    with serving(tmp_path_factory.mktemp("access"), url, settings=settings) as running:
        posted = running.post("alice", indicator(1))
        running.tokens |= {"garbage": "cmx_", "guessed": running.tokens["alice"][:-4] + "AAAA"}
        dispute = running.ask(
            "alice", "POST", f"{API}/disputes", json={"object_id": indicator(1)["id"]}
        ).json()
        running.names = {  # type: ignore[attr-defined]
            "ALICES": indicator(1)["id"],
            "STATUS": posted.json()["id"],
            "DISPUTE": dispute["dispute_id"],
            "ENTRY": _entry_of(running, "objects-added"),
        }
        yield running


def _entry_of(server: Server, kind: str) -> str:
    lines = (server.data / "log" / "entries.jsonl").read_text().splitlines()
    return str(next(at for at, line in enumerate(lines) if json.loads(line)["kind"] == kind))


def _otherwise(server: Server, who: str) -> str:
    """Authorization of one of `OTHER_SCHEMES`."""
    alice = server.tokens["alice"]
    texts = {"basic": f"alice:{alice}", "basic-nameless": f":{alice}"}
    texts["basic-operator"] = f"operator:{server.tokens['operator']}"
    if who in texts:
        return f"Basic {base64.b64encode(texts[who].encode()).decode()}"
    return f"Token {alice}"  # as taxii2-client's TokenAuth has it


def _ask(server: Server, who: str, method: str, path: str) -> Any:
    for name, value in server.names.items():  # type: ignore[attr-defined]
        path = path.replace(name, value)
    content, headers = None, {"X-Forwarded-For": "203.0.113.7"}
    if method == "POST":
        taxii = path.endswith("/objects/")
        content = json.dumps({"objects": [indicator(1)]} if taxii else {"none": 1}).encode()
        headers["Content-Type"] = TAXII if taxii else "application/json"
    if who in OTHER_SCHEMES:
        headers["Authorization"] = _otherwise(server, who)
    known = who != "nobody" and who not in OTHER_SCHEMES
    return server.ask(who if known else None, method, path, content=content, headers=headers)


@pytest.mark.parametrize(("method", "path", "granted", "others"), MATRIX, ids=lambda one: str(one)[:60])
def test_only_what_is_granted_answers(
    server: Server, method: str, path: str, granted: dict[str, int], others: int
) -> None:
    expected = {who: granted.get(who, others) for who in KNOWN} | dict.fromkeys(STRANGERS, 401)
    assert {who: _ask(server, who, method, path).status_code for who in expected} == expected


@pytest.mark.parametrize("who", ["nobody", "expired", "public"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_answers_anybody_and_tells_nothing_else(server: Server, path: str, who: str) -> None:
    answer = server.ask(None if who == "nobody" else who, "GET", path)
    assert answer.status_code == 200
    assert set(answer.json()) <= {"status", "time", "checks"}


def test_the_description_of_the_endpoints_is_public_and_shows_no_data(server: Server) -> None:
    answers = {who: _ask(server, who, "GET", "/exchange-api/openapi.json") for who in (*KNOWN, *STRANGERS)}
    assert {who: answer.status_code for who, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert len({answer.content for answer in answers.values()}) == 1
    text = answers["nobody"].text
    assert json.loads(text)["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer"}
    }
    described = set(json.loads(text)["paths"])
    assert {f"{API}/releases", f"{API}/disputes", "/{root}/collections/{collection}/objects/"} <= described
    kept = [*server.members.values(), *server.names.values(), SHARED, HIDDEN, "Shared", "Hidden"]  # type: ignore[attr-defined]
    kept += [*server.tokens.values(), str(server.data), indicator(1)["pattern"]]
    assert [one for one in kept if len(one) > 4 and one in text] == []


def test_only_its_creator_gives_an_object_a_new_version(server: Server) -> None:
    before = server.get("operator").content
    forged = (indicator(1, 5, revoked=True), indicator(1, 5, created_by_ref=server.members["alice"]))
    expected = {who: WRITE.get(who, 404) for who in KNOWN} | dict.fromkeys(STRANGERS, 401)
    for who in set(expected) - {"nobody", *OTHER_SCHEMES}:
        if who in ("alice", "noread"):  # noread is a token of alice's
            continue
        for one in forged:
            answer = server.post(who, one)
            assert answer.status_code == expected[who], who
            assert answer.status_code != 202 or answer.json()["failure_count"] == 1, who
            assert server.members["alice"] not in answer.text
    assert server.get("operator").content == before


@pytest.mark.parametrize("who", ["bob", "carol", "scoped", "public", "security"])
def test_what_is_hidden_looks_like_what_is_absent(server: Server, who: str) -> None:
    pairs = [
        (f"/exchange/collections/{HIDDEN}/", f"/exchange/collections/{ABSENT}/"),
        (f"/exchange/collections/{HIDDEN}/objects/", f"/exchange/collections/{ABSENT}/objects/"),
        (f"{API}/audit/entries/0/proof", f"{API}/audit/entries/99999/proof"),
    ]
    if who in ("bob", "carol", "public"):
        pairs.append((f"{API}/disputes/DISPUTE", f"{API}/disputes/dispute--{ABSENT}"))
        pairs.append(("/exchange/status/STATUS/", f"/exchange/status/{ABSENT}/"))
    for hidden, absent in pairs:
        one, other = _ask(server, who, "GET", hidden), _ask(server, who, "GET", absent)
        assert (one.status_code, _same(one)) == (other.status_code, _same(other)), hidden
        assert one.status_code == 404


def _same(answer: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Body and headers without what differs in every answer."""
    body = {key: value for key, value in answer.json().items() if key != "error_id"}
    return body, {key: value for key, value in answer.headers.items() if key != "date"}


@pytest.mark.parametrize("who", STRANGERS)
def test_strangers_are_told_how_to_prove_who_they_are(server: Server, who: str) -> None:
    answer = _ask(server, who, "GET", "/taxii2/")
    assert answer.headers.get_list("www-authenticate") == ['Bearer realm="countermark"']
    assert answer.headers["content-type"] == TAXII


def test_nobody_deletes_what_another_added_nor_sees_another_members_disputes(server: Server) -> None:
    assert _ask(server, "bob", "DELETE", f"{C}objects/ALICES/").status_code == 403
    assert _ask(server, "bob", "GET", f"{API}/disputes").json() == {"disputes": []}
    assert len(_ask(server, "counsel", "GET", f"{API}/disputes").json()["disputes"]) == 1
    about = server.ask("bob", "POST", f"{API}/disputes", json={"object_id": indicator(1)["id"]})
    scoped = server.ask("scoped", "POST", f"{API}/disputes", json={"object_id": indicator(1)["id"]})
    assert (about.status_code, scoped.status_code) == (404, 404)


def test_the_server_does_not_say_what_it_is(server: Server) -> None:
    assert "server" not in _ask(server, "alice", "GET", "/taxii2/").headers
    assert "server" not in _ask(server, "alice", "GET", "/nothing").headers
