"""Pools that somebody registered who does not own them: the node serves, the operator voids them, the owner
registers; an owner retires its own. The log and the database agree throughout."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from check_samples import Party, hexes, make_party, marked_text
from starlette.testclient import TestClient

from countermark.share.check.messages import Keys, RegisteredPool, Retired
from countermark.share.check.register import Registered, sign_registration, sign_retirement
from countermark.share.server.check_node import Node
from countermark.share.server.folder import DataFolder, open_log, opened
from countermark.share.server.serve import build_exchange
from countermark.share.server.verify import compare
from countermark.share.stix.schemas import check_objects
from countermark.store.exchange import ACTIONS
from countermark.trust.signing import SigningKey
from running import countermark

KEY = SigningKey.generate()
TEXT = marked_text("delta")


class Place:
    """A data folder, a detector of delta's that it does not serve yet, and members ada and bob."""

    def __init__(self, tmp: Path, url: str) -> None:
        self.data, self.party, self.tokens = tmp / "data", make_party(tmp, "delta"), dict[str, str]()
        self.url = url
        self.data.mkdir(mode=0o700)
        self.write(None)
        with opened(self.data, create=True) as folder:
            for name in ("ada", "bob"):
                member = folder.store.members.add(name, "member")
                folder.store.members.add_key(member.member_id, KEY.public.to_base64())
                token = folder.store.members.add_token(member.member_id, ACTIONS["member"])
                self.tokens[name] = token[1]
            folder.drain()

    def write(self, party: Party | None) -> None:
        """Settings with the detector of a party."""
        lines = [f"database = {json.dumps(self.url)}"]
        for one in party.settings if party else []:
            assert party is not None
            lines += ["[[detectors]]", f'owner = "{party.name}"', f'commitment = "{one.commitment}"']
            files = {"profile": one.profile, "key_pool": one.key_pool, "tokenizer": one.tokenizer}
            lines += [f'{key} = "{party.folder / str(path)}"' for key, path in files.items()]
            lines += ['status = "opened"']
        (self.data / "exchange.toml").write_text("\n".join(lines))
        (self.data / "exchange.toml").chmod(0o600)

    @property
    def pool(self) -> RegisteredPool:
        """As delta has it."""
        return self.party.pools[0]

    def squat(self, pool: RegisteredPool) -> None:
        """Register it in ada's name."""
        with opened(self.data) as folder:
            Node(folder).add([Registered("ada", pool)], None)
            folder.drain()

    @contextmanager
    def serving(self) -> Iterator[tuple[DataFolder, Any]]:
        """The node, until the block ends."""
        with opened(self.data) as folder:
            exchange = build_exchange(folder, check_objects, plain=False)
            exchange.auditor.start()
            with TestClient(exchange.app) as client:

                def ask(who: str, path: str, **options: Any) -> Any:
                    headers = {"Authorization": f"Bearer {self.tokens[who]}"}
                    return client.post(f"/watermark/{path}", headers=headers, **options)

                yield folder, ask
            exchange.close()
            found = compare(folder.store, lambda: open_log(self.data, writing=False), check_objects)
            assert (found.problems, found.waiting) == ([], 0)

    def voided(self) -> list[dict[str, Any]]:
        """Payloads of the log's entries."""
        lines = (self.data / "log" / "entries.jsonl").read_text().splitlines()
        found = [json.loads(line) for line in lines]
        return [one["payload"] for one in found if one["kind"] == "watermark-keys-voided"]


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Place:
    """One."""
    return Place(tmp_path, database_url)


@pytest.mark.parametrize("what", ["commitment", "epoch"])
def test_a_squatter_stops_no_node_and_is_voided(
    place: Place, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    own = place.pool
    changes = (own.profile_id, hexes("other")) if what == "epoch" else (f"profile-{'0' * 32}", own.commitment)
    squatted = RegisteredPool(profile_id=changes[0], epoch=own.epoch, commitment=changes[1], keys=["k"])
    place.squat(squatted)
    place.write(place.party)
    with caplog.at_level(logging.WARNING, "countermark.exchange"), place.serving() as (_, ask):
        answer = ask("bob", "check", json={"text": TEXT, "matter": "m"})
        assert (answer.status_code, "no keys" in answer.text) == (409, True)
    (said,) = [one.getMessage() for one in caplog.records if "detector" in one.getMessage()]
    assert f"ada has registered {squatted.commitment}" in said
    assert "countermark share keys void" in said

    void = ["share", "keys", "void", squatted.commitment, "--data", str(place.data)]
    assert countermark(*void, "--reason", "a\nb").code == 2
    done = countermark(*void, "--reason", "it is delta's")
    assert (done.code, "ada" in done.err) == (0, True), done.err
    assert "no pool" in countermark(*void, "--reason", "again").error()
    (entry,) = place.voided()
    assert (entry["name"], entry["reason"], entry["keys"]) == ("ada", "it is delta's", 1)
    with place.serving() as (folder, ask):
        assert folder.store.members.get(entry["member"]).name == "ada"  # type: ignore[union-attr]
        found = ask("bob", "check", json={"text": TEXT, "matter": "m"}).json()
        assert (found["marks"], found["hypotheses"]) == (["delta"], len(own.keys))


def test_a_pool_that_is_voided_while_a_node_runs_is_counted_no_more(place: Place) -> None:
    place.write(place.party)
    with place.serving() as (_, ask):
        assert ask("bob", "check", json={"text": TEXT, "matter": "m"}).json()["marks"] == ["delta"]
        void = ["share", "keys", "void", place.pool.commitment, "--data", str(place.data)]
        assert countermark(*void, "--reason", "r").code == 0
        assert ask("bob", "check", json={"text": TEXT, "matter": "m"}).status_code == 409


def test_an_owner_retires_its_pool_and_nobody_elses(place: Place) -> None:
    def retirement(who: str, **changes: Any) -> bytes:
        fields: dict[str, Any] = {"member": who, "commitment": place.pool.commitment}
        fields |= {"created": datetime.now(UTC).replace(microsecond=0)}
        return sign_retirement(KEY, Retired(**(fields | changes)))

    with place.serving() as (folder, ask):
        made = datetime.now(UTC).replace(microsecond=0)
        keys = sign_registration(KEY, Keys(member="ada", pools=[place.pool], created=made))
        assert ask("ada", "keys", content=keys).status_code == 201
        assert ask("bob", "keys/retired", content=retirement("bob")).status_code == 409
        assert ask("bob", "keys/retired", content=retirement("ada")).status_code == 422
        old = made - timedelta(minutes=11)
        assert ask("ada", "keys/retired", content=retirement("ada", created=old)).status_code == 422
        assert ask("ada", "keys/retired", content=keys).status_code == 422
        assert len(folder.store.pools.all()) == 1
        assert ask("ada", "keys/retired", content=retirement("ada")).status_code == 200
        assert folder.store.pools.all() == []
        assert ask("ada", "keys/retired", content=retirement("ada")).status_code == 409
        (entry,) = place.voided()
        assert (entry["name"], entry["commitment"]) == ("ada", place.pool.commitment)
        assert len(entry["envelope_sha256"]) == 64
        mine = sign_registration(KEY, Keys(member="bob", pools=[place.pool], created=made))
        assert ask("bob", "keys", content=mine).status_code == 201
