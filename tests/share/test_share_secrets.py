"""No secret, no body and no value of a query stands in a log, a figure, an answer or the Merkle log."""

import base64
import io
import json
import logging
from pathlib import Path

import pytest
from exchange_parties import indicator
from servers import SHARED, TAXII, serving

from countermark.share.server.logs import configure_logs

MARK = "s3cr3tmarker"


@pytest.mark.parametrize("basic", ["", "basic = true\n"])
def test_what_was_sent_is_in_no_log_and_no_figure(tmp_path: Path, basic: str) -> None:
    with serving(tmp_path, settings=f"{basic}[connection]\nbody_seconds = 1\n") as server:
        secrets = [token.split("_", 2)[2] for token in server.tokens.values()]
        server.post("alice", indicator(1, name=MARK, pattern=f"[domain-name:value = '{MARK}.example']"))
        server.post("alice", {"type": MARK, "id": MARK})
        server.get("bob", f"objects/?match[id]={MARK}&{MARK}={MARK}&limit=1&match%5Btype%5D={MARK}")
        server.get("bob", f"objects/?added_after={MARK}")
        server.get("bob", f"objects/indicator--{MARK}/")
        for who in ("expired", "revoked", "disabled"):
            server.get(who)
        password = base64.b64encode(f"alice:{server.tokens['alice']}".encode()).decode()
        for value in (f"Basic {password}", f"Bearer {MARK}", f"Bearer a.{MARK}.c", f"{MARK} {MARK}"):
            headers = {"Authorization": value, "X-Forwarded-For": MARK, "User-Agent": MARK, "Cookie": MARK}
            server.ask(None, "GET", "/taxii2/", headers=headers)
        server.ask("alice", "POST", f"/exchange/collections/{SHARED}/objects/", content=MARK.encode())
        server.ask("alice", "POST", "/exchange-api/v1/releases", content=f'{{"payload": "{MARK}"}}'.encode())
        server.ask("alice", "POST", "/exchange-api/v1/disputes", json={MARK: MARK})
        server.ask("alice", MARK.upper(), f"/{MARK}/{MARK}")
        server.ask("alice", "GET", f"/{MARK}/%2f{MARK}")
        slow = b"x" * 10
        headers = {"Content-Type": TAXII, "Content-Length": "1000"}
        path = f"/exchange/collections/{SHARED}/objects/?{MARK}"
        try:
            server.ask("alice", "POST", path, content=slow, headers=headers)
        except Exception:
            server.log_lines.append("")
        figures = server.ask("operator", "GET", "/metrics").text
        server.stop()
        logs = "".join(server.log_lines)
        merkle = (server.data / "log" / "entries.jsonl").read_text()
    assert len(server.log_lines) > 15
    for text in (logs, figures):
        assert MARK not in text.lower()
        assert password not in text
        assert [one for one in secrets if one in text] == []
    assert [one for one in secrets if one in merkle] == []
    assert MARK not in merkle
    assert not any(one in figures for one in [*server.members.values(), SHARED, "127.0.0.1"])
    stored = b"".join(path.read_bytes() for path in server.data.glob("exchange.db*"))
    assert [one for one in secrets if one.encode() in stored] == []
    lines = [json.loads(line) for line in server.log_lines if line.strip()]
    assert {one["method"] for one in lines if one.get("event") == "request"} <= {"GET", "POST", "other"}


def test_words_of_other_libraries_are_left_out() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before = (root.handlers, root.level)
    try:
        configure_logs(stream=stream)
        logging.getLogger("asyncio").error("exception %s", MARK)
        logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=ValueError(MARK))
        logging.getLogger("httpx2").warning(f"GET https://{MARK}.example")
        logging.getLogger("countermark.exchange").error("error %s", "id")
    finally:
        root.handlers, root.level = before
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert MARK not in stream.getvalue()
    assert [one["logger"] for one in lines] == ["asyncio", "uvicorn.error", "httpx2", "countermark.exchange"]
    assert lines[1]["exception"] == "ValueError"
    assert lines[3]["message"] == "error id"


def test_the_folders_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        data = server.data
    assert data.stat().st_mode & 0o077 == 0
    for name in ("exchange.db", "log.key", "operator.token", "exchange.toml"):
        assert (data / name).stat().st_mode & 0o077 == 0, name
