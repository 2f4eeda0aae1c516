"""Quotas a day by role, over restarts; every refusal is in the log, with a proof that verifies."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from check_samples import Party, make_party, marked_text
from starlette.testclient import TestClient

from countermark.share.server.folder import DataFolder, open_log, opened
from countermark.share.server.serve import build_exchange
from countermark.share.server.verify import compare
from countermark.share.stix.schemas import check_objects
from countermark.store.exchange import ACTIONS
from countermark.trust.checkpoints import read_proof, verify_proof
from countermark.trust.merkle import leaf_hash
from countermark.trust.notes import VerifierKey
from countermark.trust.signing import PublicKey

PLAIN = marked_text(None, seed=9, tokens=60)
QUOTAS = """
[check]
member_day = 3
regulator_day = 2
fact_checker_day = 1
public_day = 2
public_total_day = 3
asker_day = 1
anonymous = true
"""


def _settings(party: Party, url: str) -> str:
    (one,) = party.settings
    lines = [f"database = {json.dumps(url)}", "[limits]", "failure_burst = 100000", QUOTAS]
    lines += ["[[detectors]]", f'owner = "{party.name}"', f'commitment = "{one.commitment}"']
    files = {"profile": one.profile, "key_pool": one.key_pool, "tokenizer": one.tokenizer}
    lines += ['status = "opened"', *(f'{key} = "{party.folder / str(path)}"' for key, path in files.items())]
    return "\n".join(lines)


class Node:
    """One node in this process."""

    def __init__(self, folder: DataFolder, client: TestClient, tokens: dict[str, str]) -> None:
        self.folder, self.client, self.tokens = folder, client, tokens

    def ask(self, who: str | None, method: str, path: str, **options: Any) -> Any:
        headers = {} if who is None else {"Authorization": f"Bearer {self.tokens[who]}"}
        return self.client.request(method, f"/{path}", headers=headers, **options)

    def statuses(self, who: str | None, times: int) -> list[int]:
        matter = {"matter": "m"} if who is not None else {}
        body = {"text": PLAIN} | matter
        return [self.ask(who, "POST", "watermark/check", json=body).status_code for _ in range(times)]

    def refusals(self) -> list[tuple[int, dict[str, Any]]]:
        lines = (self.folder.path / "log" / "entries.jsonl").read_text().splitlines()
        found = [(index, json.loads(line)) for index, line in enumerate(lines)]
        return [(index, one["payload"]) for index, one in found if one["kind"] == "watermark-refused"]


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> tuple[Path, dict[str, str]]:
    """A data folder with a detector, and tokens."""
    data, tokens = tmp_path / "data", {}
    data.mkdir(mode=0o700)
    (data / "exchange.toml").write_text(_settings(make_party(tmp_path, "delta"), database_url))
    (data / "exchange.toml").chmod(0o600)
    roles: dict[str, Any] = {"ada": "member", "bob": "member", "reg": "regulator", "facts": "fact-checker"}
    with opened(data, create=True) as folder:
        for name, role in (roles | {"crowd": "public", "other": "public"}).items():
            member = folder.store.members.add(name, role)
            tokens[name] = folder.store.members.add_token(member.member_id, ACTIONS[role])[1]
    return data, tokens


@contextmanager
def serving(place: tuple[Path, dict[str, str]]) -> Iterator[Node]:
    """The node, until the block ends."""
    with opened(place[0]) as folder:
        exchange = build_exchange(folder, check_objects, plain=False)
        exchange.auditor.start()
        with TestClient(exchange.app) as client:
            yield Node(folder, client, place[1])
        exchange.close()


def test_quotas_hold_over_a_restart_and_each_refusal_is_proved(place: tuple[Path, dict[str, str]]) -> None:
    with serving(place) as node:
        assert node.statuses("ada", 2) == [200, 200]
        assert node.statuses("reg", 3) == [200, 200, 429]
    with serving(place) as node:
        assert node.statuses("ada", 2) == [200, 429]
        assert node.statuses("bob", 1) == [200]
        assert node.statuses("facts", 2) == [200, 429]
        answer = node.ask("ada", "POST", "watermark/check", json={"text": PLAIN, "matter": "m"})
        assert 0 < int(answer.headers["retry-after"]) <= 86_400
        refusals = node.refusals()
        assert [(one["role"], one["quota"], one["count"]) for _, one in refusals] == [
            ("regulator", "checks", 1),
            ("member", "checks", 1),
            ("fact-checker", "checks", 1),
            ("member", "checks", 2),
        ]
        public = PublicKey.parse((place[0] / "log.key.pub").read_text())
        key = VerifierKey(node.folder.open_log().verifier.name, public)
        for (index, payload), who in zip(refusals, ("reg", "ada", "facts", "ada"), strict=True):
            proof = node.ask(who, "GET", f"exchange-api/v1/audit/entries/{index}/proof")
            assert proof.status_code == 200
            shown = read_proof(proof.text)
            verify_proof(shown, leaf_hash(shown.extra), key)
            assert json.loads(shown.extra)["payload"] == payload
            assert node.ask("bob", "GET", f"exchange-api/v1/audit/entries/{index}/proof").status_code == 404


def test_the_public_has_a_quota_each_and_one_together(place: tuple[Path, dict[str, str]]) -> None:
    with serving(place) as node:
        assert node.statuses("crowd", 3) == [200, 200, 429]
        assert node.statuses("other", 2) == [200, 429]
        assert node.statuses(None, 1) == [429]
        quotas = [one["quota"] for _, one in node.refusals()]
        assert quotas == ["checks", "public-checks", "public-checks"]
        assert node.statuses("ada", 1) == [200]  # a member is not of the public


def test_who_brings_no_credentials_is_counted_by_address_which_no_entry_has(
    place: tuple[Path, dict[str, str]],
) -> None:
    with serving(place) as node:
        assert node.statuses(None, 3) == [200, 200, 429]
        log = (place[0] / "log" / "entries.jsonl").read_text()
        assert "address" not in log
        assert "testclient" not in log
        (_, refused) = node.refusals()[-1]
        assert refused["by"] == "public"
        assert "member" not in refused


def test_two_servers_of_one_exchange_tell_the_entries_that_are_theirs(
    place: tuple[Path, dict[str, str]],
) -> None:
    def ask(number: int) -> tuple[str, list[int]]:
        body = {"text": PLAIN, "matter": "m"}
        who = ("ada", "bob")[number % 2]
        found = (one, other)[number // 2 % 2].ask(who, "POST", "watermark/check", json=body).json()
        return found["check_id"], found["entries"]

    with serving(place) as one, serving(place) as other, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(6)))
        lines = (place[0] / "log" / "entries.jsonl").read_text().splitlines()
        for check_id, entries in found:
            assert [json.loads(lines[index])["payload"]["check"] for index in entries] == [check_id] * 2


def test_the_log_and_the_database_agree_on_the_registered_keys(place: tuple[Path, dict[str, str]]) -> None:
    with serving(place) as node:
        node.statuses("ada", 4)
        log = node.folder.path
        found = compare(node.folder.store, lambda: open_log(log, writing=False), check_objects)
        assert (found.problems, found.waiting) == ([], 0)
        with node.folder.store._database.writing() as connection:
            connection.execute(sa.text("UPDATE watermark_pools SET member = 'other'"))
        found = compare(node.folder.store, lambda: open_log(log, writing=False), check_objects)
        assert len(found.problems) == 1
        assert "watermark keys" in found.problems[0]


def test_a_check_that_is_refused_has_no_place_in_its_matter(place: tuple[Path, dict[str, str]]) -> None:
    with serving(place) as node:
        node.statuses("ada", 5)
        kept = node.ask("ada", "GET", "watermark/matters/m").json()
        assert kept["checks"] == 3
        assert [one["ordinal"] for one in kept["last"]] == [1, 2, 3]
