"""Each refusal of the joint check and the overlap is in the log: by itself, or counted with others."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from servers import run, start
from starlette.testclient import TestClient

from countermark.errors import Error
from countermark.share.server import refusals as counting
from countermark.share.server.folder import DataFolder, open_log, opened
from countermark.share.server.serve import Exchange, build_exchange
from countermark.share.server.verify import compare
from countermark.share.stix.schemas import check_objects
from countermark.store.exchange import ACTIONS
from countermark.store.exchange.quotas import LOGGED_EACH
from countermark.trust.checkpoints import read_proof, verify_proof
from countermark.trust.merkle import leaf_hash
from countermark.trust.notes import VerifierKey
from countermark.trust.signing import PublicKey
from running import countermark

SECRET = "zanzibar"
LIMITS = "[limits]\ncaller_burst = 100000\naddress_burst = 100000\nopen_of_address = 1000\n"
FAILURES = "failure_burst = 100000\n"
Place = tuple[Path, dict[str, str]]


class Node:
    """One server in this process."""

    def __init__(self, folder: DataFolder, exchange: Exchange, client: TestClient, place: Place) -> None:
        self.folder, self.exchange, self.client = folder, exchange, client
        self.tokens, self.hour = place[1], 490_000

    def ask(self, who: str | None, method: str, path: str, **options: Any) -> Any:
        token = self.tokens.get(who or "", who)
        headers = options.pop("headers", {}) | ({} if who is None else {"Authorization": f"Bearer {token}"})
        return self.client.request(method, f"/{path}", headers=headers, **options)

    def clock(self) -> float:
        return self.hour * 3600.0 + 1

    def later(self) -> None:
        """An hour goes by."""
        self.hour += 1
        self.exchange.refusals.flush()


def entries(place: Place, kind: str = "") -> list[tuple[int, str, dict[str, Any]]]:
    """Index, kind and payload of the log's entries of refusals."""
    lines = (place[0] / "log" / "entries.jsonl").read_text().splitlines()
    found = [(index, json.loads(line)) for index, line in enumerate(lines)]
    kinds = (
        (kind,) if kind else ("refusals", "watermark-refused", "overlap-refused", "watermark-keys-refused")
    )
    return [(index, one["kind"], one["payload"]) for index, one in found if one["kind"] in kinds]


def counted(place: Place) -> int:
    """How many refusals the log accounts for."""
    return sum(one["count"] if kind == "refusals" else 1 for _, kind, one in entries(place))


def rows(place: Place) -> list[tuple[str, int, str, int]]:
    """Endpoint, status, reason and count of what was counted."""
    names = ("endpoint", "status", "reason", "count")
    all_of = [row for _, _, one in entries(place, "refusals") for row in one["refused"]]
    return sorted(tuple(row[name] for name in names) for row in all_of)  # type: ignore[misc]


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Place:
    """A data folder, and tokens."""
    data, tokens = tmp_path / "data", {}
    data.mkdir(mode=0o700)
    (data / "exchange.toml").write_text(f"database = {json.dumps(database_url)}\n{LIMITS}{FAILURES}")
    (data / "exchange.toml").chmod(0o600)
    roles: dict[str, Any] = {"ada": "member", "bob": "member", "reg": "regulator"}
    with opened(data, create=True) as folder:
        for name, role in roles.items():
            member = folder.store.members.add(name, role)
            tokens[name] = folder.store.members.add_token(member.member_id, ACTIONS[role])[1]
    tokens["operator"] = (data / "operator.token").read_text().strip()
    return data, tokens


@contextmanager
def serving(place: Place, *, killed: bool = False) -> Iterator[Node]:
    """A server, until the block ends; `killed` leaves all as it is."""
    with opened(place[0]) as folder:
        exchange = build_exchange(folder, check_objects, plain=False)
        exchange.auditor.start()
        client = TestClient(exchange.app)
        node = Node(folder, exchange, client, place)
        exchange.refusals._clock = node.clock
        exchange.refusals.flush()
        yield node
        if killed:
            exchange.auditor.close()
        else:
            exchange.close()


def test_every_refusal_of_one_caller_is_accounted_for(place: Place) -> None:
    with serving(place) as node:
        answers = [node.ask("reg", "POST", "watermark/keys", content=SECRET) for _ in range(300)]
        assert {answer.status_code for answer in answers} == {403}
        told = [answer.headers.get("refusals-hour") for answer in answers]
        assert told == [None] * LOGGED_EACH + ["2025-11-24T16:00:00Z"] * 200
        node.exchange.refusals.flush()
        assert counted(place) == LOGGED_EACH
        node.later()
        (mine,) = node.ask("reg", "GET", "exchange-api/v1/audit/refusals").json()["refusals"]
        assert (mine["hour"], mine["count"]) == ("2025-11-24T16:00:00Z", 200)
        assert node.ask("bob", "GET", "exchange-api/v1/audit/refusals").json() == {"refusals": []}
        assert node.ask("operator", "GET", "exchange-api/v1/audit/refusals").json() == {"refusals": [mine]}
        path = f"exchange-api/v1/audit/entries/{mine['entry']}/proof"
        shown = read_proof(node.ask("reg", "GET", path).text)
        public = PublicKey.parse((place[0] / "log.key.pub").read_text())
        verify_proof(shown, leaf_hash(shown.extra), VerifierKey(open_log(place[0]).verifier.name, public))
        assert json.loads(shown.extra)["payload"]["count"] == 200
        assert node.ask("bob", "GET", path).status_code == 404
        node.later()
        assert counted(place) == 300
        assert rows(place) == [("POST /watermark/keys", 403, "role", 200)]
        log = node.folder.path
        found = compare(node.folder.store, lambda: open_log(log, writing=False), check_objects)
        assert (found.problems, found.waiting) == ([], 0)
    assert counted(place) == 300


def test_refusals_from_before_anything_is_known_are_counted_without_what_was_sent(place: Place) -> None:
    with serving(place) as node:
        sent = [
            node.ask("ada", "POST", "watermark/check", content=f'{{"text": "{SECRET}'),
            node.ask("ada", "POST", "watermark/check", json={"text": 7, SECRET: SECRET}),
            node.ask("ada", "POST", "watermark/answers", json={"text": SECRET}),
            node.ask("ada", "POST", "watermark/check", content=SECRET, headers={"Content-Length": "x"}),
            node.ask(None, "POST", "watermark/check", json={"text": SECRET, "matter": SECRET}),
            node.ask(SECRET, "POST", "watermark/check", json={"text": SECRET}),
            node.ask("ada", "GET", f"overlap/v1/runs/{SECRET}/{SECRET}?member={SECRET}"),
            node.ask("ada", SECRET.upper(), "watermark/check"),
            node.ask("ada", "GET", f"watermark/{SECRET}"),
            node.ask("reg", "POST", "overlap/v1/runs", json={}),
            node.ask("ada", "POST", "overlap/v1/runs", json={}),
            node.ask("ada", "POST", "watermark/check", content=b"x" * 5_000_000),
        ]
        statuses = [422, 422, 422, 400, 401, 401, 404, 405, 404, 403, 422, 413]
        assert [one.status_code for one in sent] == statuses
        node.ask("ada", "GET", "exchange/collections/none/")  # neither of the two
        figures = node.ask("operator", "GET", "metrics").text
        assert 'method="GET",route="/overlap/v1/runs/{peer}/{run}",status="404"' in figures
    assert counted(place) == len(sent)
    assert rows(place) == [
        ("GET /overlap/v1/runs/{peer}/{run}", 404, "not there", 1),
        ("GET others", 404, "not there", 1),
        ("POST /overlap/v1/runs", 403, "rights", 1),
        ("POST /watermark/answers", 422, "malformed", 1),
        ("POST /watermark/check", 400, "malformed", 1),
        ("POST /watermark/check", 401, "credentials", 2),
        ("POST /watermark/check", 422, "malformed", 2),
        ("other /watermark/check", 405, "method", 1),
    ]
    kinds = [kind for _, kind, _ in entries(place)]
    assert kinds.count("refusals") == 3  # of ada, of the regulator, of nobody
    assert kinds.count("overlap-refused") == kinds.count("watermark-refused") == 1
    assert SECRET not in (place[0] / "log" / "entries.jsonl").read_text().lower()


def test_refusals_of_the_overlap_beyond_the_first_hundred_are_counted(place: Place) -> None:
    with serving(place) as node:
        for _ in range(LOGGED_EACH + 30):
            assert node.ask("ada", "POST", "overlap/v1/runs", content=SECRET).status_code == 422
        assert node.ask("bob", "POST", "overlap/v1/runs", content=SECRET).status_code == 422
    kinds = [kind for _, kind, _ in entries(place)]
    assert kinds.count("overlap-refused") == LOGGED_EACH + 1
    assert rows(place) == [("POST /overlap/v1/runs", 422, "malformed", 30)]


def test_who_asks_too_often_is_counted_too(place: Place) -> None:
    settings = (place[0] / "exchange.toml").read_text().replace(FAILURES, "failure_burst = 5\n")
    settings = settings.replace("caller_burst = 100000", "caller_burst = 7")
    (place[0] / "exchange.toml").write_text(settings.replace("address_burst = 100000", "address_burst = 60"))
    with serving(place) as node:
        asked = [None] * 20 + ["ada"] * 20 + [None] * 40
        statuses = [node.ask(who, "GET", "watermark/matters/m").status_code for who in asked]
    assert statuses[:5] == [401] * 5
    assert {404, 429} == set(statuses[20:])
    assert counted(place) == len(asked)
    by = {one.get("member", ""): one["count"] for _, _, one in entries(place, "refusals")}
    assert sorted(by.values()) == [20, 60]
    assert {row[2] for row in rows(place)} == {"credentials", "not there", "rate"}


def test_what_a_killed_server_had_counted_is_in_the_log_when_the_next_one_starts(place: Place) -> None:
    with serving(place, killed=True) as node:
        for _ in range(5):
            node.ask(None, "GET", "watermark/keys")
        node.exchange.refusals.flush()
        node.ask(None, "GET", "watermark/keys")  # and dies before the next flush: this one is lost
    assert counted(place) == 0
    with serving(place) as node:
        node.ask("operator", "GET", "exchange-api/v1/audit/refusals")
        assert counted(place) == 5
        node.ask(None, "GET", "watermark/keys")
    assert [one["count"] for _, _, one in entries(place, "refusals")] == [5, 1]


def test_a_process_that_is_killed_and_one_that_is_told_to_stop(tmp_path: Path, database_url: str) -> None:
    server = start(tmp_path, None if database_url.startswith("sqlite") else database_url)
    place = (server.data, server.tokens)
    try:
        for _ in range(5):
            assert "refusals-hour" in server.ask(None, "GET", "/watermark/keys").headers
        time.sleep(counting.FLUSH_SECONDS + 1)
        server.stop(signal.SIGKILL)
        tokens, server = server.tokens, run(server.data)
        server.tokens = tokens
        for _ in range(120):
            assert server.ask("noread", "POST", "/watermark/keys", content=SECRET).status_code == 422
    finally:
        server.stop()
    assert counted(place) == 125
    by = {one.get("by", "ada"): one["count"] for _, _, one in entries(place, "refusals")}
    assert by == {"nobody": 5, "ada": 20}
    done = countermark("share", "audit", "verify", "--data", server.data)
    assert done.code == 0, done.err


def test_a_flood_of_made_up_callers_and_paths_grows_neither_log_nor_database(place: Place) -> None:
    with serving(place) as node:
        before = len(entries(place))
        for number in range(1500):
            path = ("watermark/check", f"watermark/{number}", f"overlap/v1/runs/{number}/r")[number % 3]
            node.ask(f"cmx_{number:012d}_{'a' * 43}", "GET", f"{path}?{number}", headers={"X-A": str(number)})
        assert len(node.exchange.refusals._counts) <= 4
        node.later()
        node.ask("operator", "GET", "exchange-api/v1/audit/refusals")
        assert len(entries(place)) - before == 1
        assert counted(place) == 1500


def test_kinds_beyond_the_most_of_a_caller_are_others(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_KINDS", 3)
    with serving(place) as node:
        for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "GET"):
            for name in ("watermark/keys", "watermark/check"):
                node.ask(None, method, name)
        node.ask("ada", "GET", "watermark/matters/m")  # has kinds of its own
    assert counted(place) == 13
    found = rows(place)
    assert len([one for one in found if one[0] != "others"]) == 3 + 1
    assert {one[2] for one in found if one[0] == "others"} == {"others"}


def test_two_servers_of_one_exchange_count_each_refusal_once(place: Place) -> None:
    with serving(place) as one, serving(place) as other:
        for number in range(40):
            node = (one, other)[number % 2]
            node.ask("ada", "GET", "watermark/matters/m")
            if number % 7 == 0:
                node.exchange.refusals.flush()
            if number % 11 == 0:
                node.later()
    assert counted(place) == 40


def test_a_database_that_does_not_answer_costs_no_count(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(place) as node:
        node.ask("ada", "GET", "watermark/matters/m")
        with monkeypatch.context() as patch:
            patch.setattr(node.folder.store.refusals, "add", _fail)
            with pytest.raises(Error):
                node.exchange.refusals.flush()
        node.ask("ada", "GET", "watermark/matters/m")
    assert rows(place) == [("GET /watermark/matters/{matter}", 404, "not there", 2)]


def _fail(*_: Any) -> int:
    raise Error("the database does not answer")
