"""The verbs by which an operator runs an exchange: members, tokens, keys, collections, the log."""

import json
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from servers import TAXII, run

from countermark.trust.checkpoints import read_proof
from countermark.trust.log import Log
from countermark.trust.signing import SigningKey
from running import Done, countermark, start


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A new exchange, whose server was started once."""
    running = run(tmp_path / "data")
    assert running.stop() == 0
    return tmp_path / "data"


def share(data: Path, *arguments: Path | str) -> Done:
    """A verb that succeeds."""
    done = countermark("share", *arguments, "--data", data)
    assert done.code == 0, done.err
    return done


def as_json(data: Path, *arguments: Path | str) -> Any:
    return json.loads(share(data, *arguments, "--json").out)


def test_a_first_start_makes_all_and_says_what_to_do_next(tmp_path: Path) -> None:
    process = start("share", "serve", "--data", "new", "--port", "0", folder=tmp_path)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "share collection add" in err
    assert "share member add" in err
    token = (tmp_path / "new" / "operator.token").read_text().strip()
    assert token.startswith("cmx_")
    assert token not in err
    again = run(tmp_path / "new")
    again.tokens = {"operator": token}
    assert again.ask("operator", "GET", "/taxii2/").json()["api_roots"] == ["/exchange/"]
    again.stop()
    assert not any("share member add" in line for line in again.log_lines)


def test_members_tokens_and_grants_count_at_once_in_a_server_that_runs(data: Path) -> None:
    running = run(data)
    try:
        collection = share(data, "collection", "add", "Indicators", "--alias", "ind").out.strip()
        added = share(data, "member", "add", "alice", "--role", "member", "--collection", "ind")
        running.tokens["alice"] = added.out.strip()
        assert running.tokens["alice"].startswith("cmx_")
        assert running.tokens["alice"] not in added.err
        path = f"/exchange/collections/{collection}/objects/"
        assert running.ask("alice", "GET", path).status_code == 200
        share(data, "member", "add", "bob", "--role", "member", "--group", "desk")
        token = as_json(data, "member", "token", "add", "bob", "--action", "read", "--expires", "2099-01-01")
        running.tokens["bob"] = token["token"]
        assert running.ask("bob", "GET", path).status_code == 404
        share(data, "collection", "grant", "ind", "--group", "desk", "--read")
        wait(lambda: running.ask("bob", "GET", path).status_code == 200)
        body = running.ask("bob", "POST", path, content=b"{}", headers={"Content-Type": TAXII})
        assert body.status_code == 403
        share(data, "member", "token", "revoke", token["token_id"])
        wait(lambda: running.ask("bob", "GET", path).status_code == 401)
        share(data, "member", "disable", "alice")
        wait(lambda: running.ask("alice", "GET", path).status_code == 401)
    finally:
        running.stop()
    kinds = [one.kind for one in Log.open(data / "log").entries()]
    assert kinds.count("token-added") == 4
    assert {"member-disabled", "token-revoked", "collection-granted", "collection-added"} <= set(kinds)
    assert as_json(data, "audit", "verify")["verified"] is True


def wait(condition: Any) -> None:
    """What another process changed counts within a second or so."""
    import time

    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_reviewers_and_keys(data: Path, tmp_path: Path) -> None:
    key = SigningKey.generate()
    public = key.save(tmp_path / "own.key")
    share(data, "member", "add", "alice", "--role", "member", "--key", public)
    share(data, "member", "add", "ada", "--role", "reviewer-security", "--of", "alice")
    share(data, "member", "key", "add", "ada", public)
    listed = {one["name"]: one for one in as_json(data, "member", "list")["members"]}
    assert listed["ada"]["of"] == listed["alice"]["member_id"]
    assert listed["ada"]["keys"] == listed["alice"]["keys"] == [key.public.to_base64()]
    assert "secret" not in json.dumps(listed)
    assert "alice" in share(data, "member", "list").out
    assert share(data, "collection", "list").out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["member", "add", "x", "--role", "king"], 2, "--role is one of"),
        (["member", "add", "x", "--role", "reviewer-counsel", "--of", "y"], 3, "no member"),
        (["member", "attach", "operator", "--of", "operator"], 3, "to review for is not there"),
        (["member", "add", "x", "--role", "member", "--of", "operator"], 2, "a reviewer"),
        (["member", "add", "x", "--role", "member", "--collection", "none"], 3, "no collection"),
        (["member", "add", "x", "--role", "member", "--expires", "soon"], 2, "no date"),
        (["member", "add", "operator", "--role", "member"], 1, "already"),
        (["member", "disable", "nobody"], 3, "no member"),
        (["member", "token", "add", "operator", "--action", "rule"], 2, "may not do all"),
        (["member", "token", "revoke", "cmx_a_b"], 2, "command line"),
        (["member", "token", "revoke", "nothing"], 3, "no such token"),
        (["member", "key", "add", "operator", "log.key"], 2, "private key"),
        (["member", "key", "add", "operator", "missing"], 3, "cannot be read"),
        (["collection", "grant", "none", "--member", "operator"], 3, "no collection"),
        (["collection", "grant", "none"], 2, "either"),
        (["collection", "add", ""], 2, "title"),
        (["audit", "verify", "--entry", "1"], 2, "belong together"),
        (["audit", "verify", "--entry", "99", "--proof", "proof"], 3, "no entry 99"),
        (["serve", "--tls-cert", "x"], 2, "belong together"),
        (["serve", "--host", "192.0.2.1"], 2, "this machine alone"),
        (["serve", "--database", "postgresql://u:pw@h/d"], 2, "password"),
        (["serve", "--database", "sqlite:////tmp/other.db"], 2, "another database"),
    ],
    ids=lambda one: " ".join(one)[:40] if isinstance(one, list) else "",
)
def test_what_cannot_be(
    data: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, says: str
) -> None:
    monkeypatch.chdir(data)
    done = countermark("share", *arguments, "--data", data)
    assert says in done.error()
    assert done.code == code
    assert "pw" not in done.err


@pytest.mark.parametrize("verb", [["member", "list"], ["audit", "verify"], ["collection", "add", "x"]])
def test_where_no_exchange_is_none_is_made(tmp_path: Path, verb: list[str]) -> None:
    done = countermark("share", *verb, "--data", tmp_path / "none")
    assert done.code == 3
    assert "holds no exchange" in done.error()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "text",
    [
        "nonsense = 1\n",
        "[limits]\ncaller_rate = -1\n",
        "[taxii]\nnothing = 1\n",
        "[taxii]\nmax_depth = 'deep'\n",
        "[proxy]\naddresses = ['everywhere']\n",
        "[proxy]\naddresses = []\n",
        "[proxy]\naddresses = ['127.0.0.1']\n[proxy.certificates]\nab = 'nobody'\n",
        "= ",
        "\xff",
    ],
)
def test_settings_that_are_none_are_an_error(data: Path, text: str) -> None:
    path = data / "exchange.toml"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)
    done = countermark("share", "serve", "--data", data, "--port", "0")
    assert done.code == 2
    assert "exchange.toml" in done.error()


def test_settings_that_others_can_read_are_not_read(data: Path) -> None:
    path = data / "exchange.toml"
    path.write_text("basic = true\n")
    path.chmod(0o644)
    assert "can be read by others" in countermark("share", "member", "list", "--data", data).error()


def test_the_proof_of_an_entry_is_written(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "entry.proof"
    share(data, "audit", "verify", "--entry", "0", "--proof", out)
    assert read_proof(out.read_text()).index == 0
    kept = tmp_path / "kept"
    kept.write_bytes((data / "log" / "checkpoint").read_bytes())
    share(data, "member", "add", "x", "--role", "public")
    assert as_json(data, "audit", "verify", "--earlier", kept)["size"] == 4
    other = SigningKey.generate().save(tmp_path / "other.key")
    done = countermark("share", "audit", "verify", "--data", data, "--log-key", other)
    assert done.code == 20


def test_a_change_and_its_entry_are_one_transaction(data: Path) -> None:
    from countermark.share.server.folder import opened

    with opened(data) as folder:  # and killed before the log took it
        folder.store.members.add("alice", "member")
    share(data, "member", "add", "bob", "--role", "member")
    added = [one.payload["name"] for one in Log.open(data / "log").entries("member-added")]
    assert added == ["operator", "alice", "bob"]


def test_a_folder_of_another_exchange_is_not_begun_on_a_database_in_use(tmp_path: Path) -> None:
    from countermark.errors import Error
    from countermark.share.server.folder import opened

    url = f"sqlite:///{tmp_path}/shared.db"
    with opened(tmp_path / "one", url, create=True):
        pass
    with pytest.raises(Error, match="that of another folder"), opened(tmp_path / "two", url, create=True):
        pass
    with opened(tmp_path / "one"):
        pass


def test_who_is_killed_while_making_an_exchange_goes_on(tmp_path: Path) -> None:
    from countermark.share.server.folder import opened

    data = tmp_path / "data"
    (data / "log").mkdir(parents=True)
    (data / "log" / "entries.jsonl").touch()
    with opened(data, create=True) as folder:
        operator = folder.store.members.by_name("operator")
        assert operator is not None
    (data / "operator.token").unlink()
    with sqlite3.connect(data / "exchange.db") as database:
        database.execute("DELETE FROM tokens")
    database.close()
    with opened(data, create=True) as folder:
        assert len(folder.store.members.tokens(operator.member_id)) == 1
        assert len(folder.store.members.all()) == 1
    assert (data / "operator.token").exists()
