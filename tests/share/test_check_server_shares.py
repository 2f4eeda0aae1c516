"""Of what a node may ask a detector a day one submitter has a quarter."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from check_samples import SALT, hexes, make_party
from starlette.testclient import TestClient

from countermark.share.check.messages import Question
from countermark.share.check.verdicts import text_digest
from countermark.share.server.folder import opened
from countermark.share.server.serve import build_exchange
from countermark.share.stix.schemas import check_objects
from countermark.store.exchange import ACTIONS

TEXT = "w001 w002"


def _settings(tmp: Path, url: str) -> str:
    party = make_party(tmp, "alpha")
    (one,) = party.settings
    lines = [f"database = {json.dumps(url)}", "[check]", "asker_day = 9", 'member = "alpha"']
    party.signing.save(party.folder / "member.key")
    lines += [f'key_file = "{party.folder / "member.key"}"']
    lines += ["[[detectors]]", 'owner = "alpha"', 'status = "own"', f'commitment = "{one.commitment}"']
    files = {"profile": one.profile, "key_pool": one.key_pool, "tokenizer": one.tokenizer}
    return "\n".join([*lines, *(f'{key} = "{party.folder / str(path)}"' for key, path in files.items())])


def test_one_submitter_has_a_quarter_of_a_nodes_questions(tmp_path: Path, database_url: str) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "exchange.toml").write_text(_settings(tmp_path, database_url))
    (data / "exchange.toml").chmod(0o600)
    with opened(data, create=True) as folder:
        hub = folder.store.members.add("hub", "member")
        token = folder.store.members.add_token(hub.member_id, ACTIONS["member"])[1]
        exchange = build_exchange(folder, check_objects, plain=False)
        exchange.auditor.start()
        with TestClient(exchange.app) as client:

            def ask(submitter: str, times: int) -> list[int]:
                question = Question(
                    request_id=hexes(submitter),
                    text=TEXT,
                    salt=SALT,
                    text_digest=text_digest(SALT, TEXT),
                    submitter=submitter,
                    matter="m",
                    consent_entry=1,
                    consent_at=datetime.now(UTC),
                )
                body, headers = msgspec.json.encode(question), {"Authorization": f"Bearer {token}"}
                path = "/watermark/answers"
                return [client.post(path, content=body, headers=headers).status_code for _ in range(times)]

            assert ask("ada", 20) == [200] * 2 + [429] * 18
            # what was beyond the share used up nothing: seven are left of nine
            assert [ask(name, 2) for name in ("bob", "eve", "joe")] == [[200, 200]] * 3
            assert ask("zoë", 2) == [200, 429]
        exchange.close()
    entries = [json.loads(line) for line in (data / "log" / "entries.jsonl").read_text().splitlines()]
    refused = [one["payload"]["quota"] for one in entries if one["kind"] == "watermark-refused"]
    assert (refused.count("questions-of"), refused[-1]) == (18, "questions")
