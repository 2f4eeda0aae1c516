"""HTTP Basic, where the operator switches it on: the token as password, for clients that know nothing else.

That it counts for nothing without `basic = true` is in test_share_access.py and test_interop_taxii2.py.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
import stix2
from exchange_parties import indicator
from hostile_wire import ask, head, statuses
from servers import HIDDEN, SHARED, Server, serving
from taxii2client.v21 import ApiRoot, Collection, as_pages
from taxii2client.v21 import Server as Discovery
from typer.testing import CliRunner

from countermark.cli import app

OBJECTS = f"/exchange/collections/{SHARED}/objects/"
MANY = 12


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with Basic on, to which alice posted."""
    url = None
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres_server")
        with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE basic TEMPLATE template0")
        url = postgres.get_uri(database="basic").replace("postgresql://", "postgresql+psycopg://")
    settings = "basic = true\n[limits]\nfailure_burst = 1000\n"
    with serving(tmp_path_factory.mktemp("basic"), url, settings=settings) as running:
        assert running.post("alice", *(indicator(n) for n in range(MANY))).json()["success_count"] == MANY
        yield running


def login(server: Server, who: str) -> dict[str, str]:
    """How `taxii2-client` is told."""
    return {"user": who, "password": server.tokens[who]}


def collection(server: Server, who: str, name: str = SHARED) -> Collection:
    return Collection(f"{server.url}/exchange/collections/{name}/", **login(server, who))


def coded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


def test_the_token_counts_as_password_of_its_own_member_alone(server: Server) -> None:
    def status(text: str) -> int:
        headers = {"Authorization": f"Basic {coded(text)}"}
        return server.ask(None, "GET", OBJECTS, headers=headers).status_code

    alice = server.tokens["alice"]
    assert status(f"alice:{alice}") == status(f":{alice}") == 200
    assert status(f"bob:{alice}") == status("alice:wrong") == status("alice") == status(":") == 401
    for who in ("expired", "revoked"):
        assert status(f"alice:{server.tokens[who]}") == 401, who
    assert status(f"gone:{server.tokens['disabled']}") == 401
    assert status(f"carol:{server.tokens['carol']}") == status(f"alice:{server.tokens['scoped']}") == 404
    assert status(f"alice:{server.tokens['noread']}") == 403
    assert server.get("alice").status_code == 200, "bearer tokens count as ever"


def test_both_schemes_are_offered_and_described(server: Server) -> None:
    challenge = server.ask(None, "GET", "/taxii2/").headers["www-authenticate"]
    assert challenge == 'Bearer realm="countermark", Basic realm="countermark", charset="UTF-8"'
    document = server.ask(None, "GET", "/exchange-api/openapi.json").json()
    assert {one["scheme"] for one in document["components"]["securitySchemes"].values()} == {
        "bearer",
        "basic",
    }
    ways = [operation["security"] for path in document["paths"].values() for operation in path.values()]
    either = [{"bearer": []}, {"basic": []}]
    assert all(one in ([], either, [{}, *either]) for one in ways)
    assert either in ways


@pytest.mark.parametrize("token", ["cmx_\0", "cmx_aaaaaaaaaaaa_\0", "\0", "a:\ud800", ":cmx_" + "a" * 5000])
def test_no_credentials_upset_a_database(server: Server, token: str) -> None:
    for text in (coded(f"alice:{token}"), coded(token), "é", "====", "a" * 9000):
        line = f"Authorization: Basic {text}"
        answer = ask(server, head(server, "GET", OBJECTS, line, "Connection: close", who=""))
        assert statuses(answer) == [401]
    assert server.ask(None, "GET", "/readyz").json()["status"] == "ok"
    assert not [one for one in server.log_lines if "Traceback" in one]


def test_taxii2_client_finds_pages_and_adds_by_user_and_password(server: Server) -> None:
    root = Discovery(f"{server.url}/taxii2/", **login(server, "bob")).default
    shared = next(one for one in root.collections if one.id == SHARED)
    pages = list(as_pages(shared.get_objects, 5))
    assert [one["id"] for page in pages for one in page["objects"]][:MANY] == [
        indicator(n)["id"] for n in range(MANY)
    ]
    alice, new = collection(server, "alice"), indicator(2000)
    assert alice.add_objects({"objects": [new]}).success_count == 1
    assert collection(server, "bob").get_object(new["id"])["objects"] == [new]
    alice.delete_object(new["id"])
    for who, name in (("carol", SHARED), ("alice", HIDDEN)):
        with pytest.raises(requests.HTTPError) as caught:
            collection(server, who, name).refresh()
        assert caught.value.response.status_code == 404
    with pytest.raises(requests.HTTPError) as caught:
        ApiRoot(f"{server.url}/exchange/", user="alice", password="cmx_wrong").refresh()
    assert caught.value.response.status_code == 401


def test_stix2_reads_by_user_and_password(server: Server) -> None:
    source = stix2.TAXIICollectionSource(collection(server, "bob"))
    assert source.get(indicator(3)["id"]) == stix2.parse(indicator(3))
    assert source.query([stix2.Filter("type", "=", "malware")]) == []


def test_our_client_speaks_it(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.touch(0o600)
    path.write_text(server.tokens["bob"] + "\n")
    where = ("share", "poll", server.url, "--collection", SHARED, "--out", str(tmp_path / "out"))

    def run(user: str) -> Any:
        return CliRunner().invoke(app, [*where, "--user", user, "--token-file", str(path)])

    assert run("bob").exit_code == 0
    refused: Any = run("alice").exception
    assert refused.message.startswith("the exchange answers 401")
    assert "revoked" in refused.hint
