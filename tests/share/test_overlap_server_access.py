"""Every endpoint of the private overlap by every caller: for others than its members a run is not there."""

from collections.abc import Iterator
from typing import Any

import pytest
from overlap_naive import BASE, BYTES, couple, overlap_server
from servers import Server

PARTS = ("alice", "bob")
LOOK = ("security", "counsel", "security-bob", "counsel-bob", "readonly", "scoped", "operator")
OTHERS = ("carol", "reader", "public")
STRANGERS = ("nobody", "garbage", "guessed", "expired", "revoked", "disabled")
WHO = (*PARTS, "noread", *LOOK, *OTHERS)
NO = dict.fromkeys(LOOK, 403)
HIDDEN = dict.fromkeys(OTHERS, 404)


def steps(member: int, noread: int | None = None) -> dict[str, int]:
    """What who takes part gets, 403 for who may look, 404 for the rest; `noread` is a token of alice's."""
    return dict.fromkeys(PARTS, member) | {"noread": noread or member} | NO | HIDDEN


SEEN = dict.fromkeys((*PARTS, "noread", *LOOK), 200) | HIDDEN
ALL = dict.fromkeys(WHO, 200)
MAKE = dict.fromkeys(WHO, 403) | dict.fromkeys((*PARTS, "noread", "carol", "reader"), 422)
# method, path below the run, body, who gets what; the run is tagged, nobody has named anything
MATRIX: list[tuple[str, str, dict[str, Any], dict[str, int]]] = [
    ("POST", BASE, {"content": b"{}"}, MAKE),
    ("GET", BASE, {}, ALL),
    ("GET", "", {}, SEEN),
    ("GET", "/blinded/0", {}, steps(200)),
    ("GET", "/blinded/1", {}, steps(404)),
    ("GET", "/blinded/00", {}, steps(404)),
    ("GET", "/blinded/x", {}, steps(404)),
    ("GET", "/blinded/99999", {}, steps(404)),
    ("PUT", "/blinded/0", {"content": b"x", "headers": BYTES}, steps(422)),
    ("PUT", "/blinded/1", {"content": b"x", "headers": BYTES}, steps(404)),
    ("PUT", "/tags/0", {"content": b"x", "headers": BYTES}, steps(422)),
    ("PUT", "/tags/7", {"content": b"x", "headers": BYTES}, steps(404)),
    ("PUT", "/planted", {"json": {}}, steps(422)),
    ("GET", "/planted", {}, steps(404)),
    ("PUT", "/proven", {"json": {}}, steps(422)),
    ("POST", "/opening", {"json": {}}, steps(409)),
    ("GET", "/matches", {}, steps(404)),
    ("PUT", "/unshuffled", {"json": {}}, steps(422)),
    ("GET", "/unshuffled", {}, steps(404)),
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with overlap_server(request, tmp_path_factory.mktemp("who"), request.param) as running:
        running.tokens |= {"garbage": "cmx_", "guessed": running.tokens["alice"][:-4] + "AAAA"}
        couple(running, "secret", "tagged")
        yield running


def ask(server: Server, who: str, method: str, path: str, run: str = "secret", **options: Any) -> Any:
    """As who they are: each names the other member of the run, an operator both."""
    peer = "alice" if who in ("bob", "security-bob", "counsel-bob") else "bob"
    url = path if path == BASE else f"{BASE}/{peer}/{run}{path}"
    if who == "operator" and path != BASE:
        url += "?member=alice"
    return server.ask(None if who == "nobody" else who, method, url, **options)


@pytest.mark.parametrize(("method", "path", "options", "expected"), MATRIX, ids=lambda one: str(one)[:40])
def test_only_its_members_take_part(
    server: Server, method: str, path: str, options: dict[str, Any], expected: dict[str, int]
) -> None:
    expected = expected | dict.fromkeys(STRANGERS, 401)
    assert {who: ask(server, who, method, path, **options).status_code for who in expected} == expected


@pytest.mark.parametrize("who", [*WHO])
def test_a_run_that_is_guessed_is_not_there(server: Server, who: str) -> None:
    for run in ("secre", "secret-2", "SECRET", "x" * 100, "%2e%2e", "a%00b"):
        for method, path, options, _ in MATRIX[2:]:
            assert ask(server, who, method, path, run, **options).status_code == 404, (run, method, path)


def test_what_is_hidden_looks_like_what_is_absent(server: Server) -> None:
    for who in OTHERS:
        for method, path, options, _ in MATRIX[2:]:
            hidden = ask(server, who, method, path, **options)
            absent = ask(server, who, method, path, "absent", **options)
            same = [
                {key: value for key, value in answer.json().items() if key != "error_id"}
                for answer in (hidden, absent)
            ]
            assert same[0] == same[1]


def test_only_its_members_and_the_operator_end_a_run(server: Server) -> None:
    couple(server, "ending", "committed")
    expected = dict.fromkeys(LOOK, 403) | HIDDEN | dict.fromkeys(STRANGERS, 401)
    del expected["operator"]
    assert {who: ask(server, who, "DELETE", "", "ending").status_code for who in expected} == expected
    assert ask(server, "operator", "DELETE", "", "ending").json()["state"] == "void"


def test_an_operator_says_for_which_member_it_asks_and_a_peer_has_two_names(server: Server) -> None:
    path = f"{BASE}/bob/secret"
    assert "?member=" in server.ask("operator", "GET", path).json()["description"]
    for member in ("alice", server.members["alice"]):
        assert server.ask("operator", "GET", f"{path}?member={member}").status_code == 200
    for member in ("bob", "carol", "nobody", "", "security", "operator"):
        assert server.ask("operator", "GET", f"{path}?member={member}").status_code == 404
    assert server.ask("alice", "GET", f"{BASE}/{server.members['bob']}/secret").status_code == 200
    assert server.ask("carol", "GET", f"{path}?member=alice").status_code == 404
    assert server.ask("alice", "GET", f"{BASE}/alice/secret").status_code == 404


def test_the_description_has_every_endpoint(server: Server) -> None:
    document = server.ask(None, "GET", "/exchange-api/openapi.json").json()
    described = {(path, method.upper()) for path, found in document["paths"].items() for method in found}
    below = f"{BASE}/{{peer}}/{{run}}"
    wanted = {
        (BASE if path == BASE else below + path.replace("/0", "/{part}"), method)
        for method, path, _, _ in MATRIX
        if path[-1:] not in ("1", "7", "x", "9") and not path.endswith("00")
    }
    assert wanted | {(below, "DELETE")} == {one for one in described if one[0].startswith("/overlap/")}
    run = document["components"]["schemas"]["overlap-Run"]
    assert {"run", "state", "sides"} <= set(run["properties"])
    given = document["paths"][f"{below}/blinded/{{part}}"]["get"]["responses"]["200"]["content"]
    assert list(given) == ["application/octet-stream"]
