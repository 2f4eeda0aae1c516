"""A real server on loopback: `countermark share serve` in a process of its own, with members and tokens."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from countermark.records.exchange import Collection
from countermark.share.server.folder import DataFolder, opened
from countermark.store.exchange import ACTIONS
from countermark.trust.signing import SigningKey

TAXII = "application/taxii+json;version=2.1"
SHARED = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
RELEASED = "5a1f6a3c-6a8e-4b57-8b27-0f3ba8b0a7a3"
HIDDEN = "0d7b0d6d-6d5a-4cb6-9c4a-1f3bb1d9f5aa"
OLD_ACTIONS: dict[str, Any] = {"member": ("read", "write"), "public": ()}
"""Of tokens from before there was the action `check`, which they go without."""
ABSENT = "11111111-1111-4111-8111-111111111111"
START_SECONDS = 60


def new_client() -> httpx2.Client:
    """It opens a connection anew before the server can have closed it as idle: both at once is a race."""
    return httpx2.Client(trust_env=False, timeout=30, limits=httpx2.Limits(keepalive_expiry=0.5))


@dataclass
class Server:
    """A server that runs, or ran."""

    url: str
    data: Path
    process: "subprocess.Popen[str]"
    tokens: dict[str, str] = field(default_factory=dict)
    """By member: operator, alice, bob (read and write SHARED and RELEASED), carol (nothing), reader (reads
    SHARED), security and counsel (alice's reviewers), public, regulator, facts; and expired, revoked,
    disabled, scoped (alice's, for HIDDEN alone), noread (alice's, write alone)."""
    members: dict[str, str] = field(default_factory=dict)
    keys: dict[str, SigningKey] = field(default_factory=dict)
    """Keys by which alice, security and counsel sign."""
    log_lines: list[str] = field(default_factory=list)
    """What it wrote to standard error."""
    client: httpx2.Client = field(default_factory=new_client)

    def ask(self, who: str | None, method: str, path: str, **options: Any) -> httpx2.Response:
        """One request as a member, or as nobody."""
        headers = {"Accept": TAXII} | options.pop("headers", {})
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        try:
            return self.client.request(method, self.url + path, headers=headers, **options)
        except httpx2.TransportError as error:
            error.add_note(
                f"server: exit code {self.process.poll()}, wrote {''.join(self.log_lines)[-2000:]}"
            )
            raise

    def post(self, who: str, *objects: dict[str, Any], collection: str = SHARED) -> httpx2.Response:
        """Add objects."""
        body = json.dumps({"objects": objects}).encode()
        path = f"/exchange/collections/{collection}/objects/"
        return self.ask(who, "POST", path, content=body, headers={"Content-Type": TAXII})

    def get(self, who: str, path: str = "objects/", collection: str = SHARED) -> httpx2.Response:
        """Read below a collection."""
        return self.ask(who, "GET", f"/exchange/collections/{collection}/{path}")

    def stop(self, sig: int = signal.SIGTERM) -> int:
        """Tell it to stop, and wait; its exit code."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(sig)
        code = self.process.wait(30)
        for stream in (self.process.stdout, self.process.stdin):
            if stream is not None:
                stream.close()
        return code


def start(
    tmp: Path, database_url: str | None = None, *, settings: str = "", arguments: tuple[str, ...] = ()
) -> Server:
    """A new exchange in `tmp/data` with members, and its server."""
    data = tmp / "data"
    data.mkdir(mode=0o700, parents=True)
    text = (f"database = {json.dumps(database_url)}\n" if database_url else "") + settings
    (data / "exchange.toml").write_text(text)
    (data / "exchange.toml").chmod(0o600)
    with opened(data, create=True) as folder:
        made = populate(folder)
    tokens, members, keys = made
    tokens["operator"] = (data / "operator.token").read_text().strip()
    server = run(data, arguments)
    server.tokens, server.members, server.keys = tokens, members, keys
    return server


def run(
    data: Path, arguments: tuple[str, ...] = (), program: tuple[str, ...] = ("-m", "countermark")
) -> Server:
    """A server over a data folder that is there; `program` is what Python is given."""
    line = [sys.executable, *program, "share", "serve", "--data", str(data), "--port", "0", "--json"]
    process = subprocess.Popen(
        [*line, *arguments],
        env={**os.environ, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    server = Server("", data, process)
    threading.Thread(target=_keep, args=(process.stderr, server.log_lines), daemon=True).start()
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=lambda: lines.put(process.stdout.readline()), daemon=True).start()
    try:
        server.url = json.loads(lines.get(timeout=START_SECONDS))["url"]
    except (queue.Empty, ValueError):
        server.stop(signal.SIGKILL)
        raise AssertionError(f"the server did not start: {''.join(server.log_lines)}") from None
    return server


@contextmanager
def serving(tmp: Path, database_url: str | None = None, **options: Any) -> Iterator[Server]:
    """`start`, and stopped afterwards."""
    server = start(tmp, database_url, **options)
    try:
        yield server
    finally:
        server.stop()


def populate(folder: DataFolder) -> tuple[dict[str, str], dict[str, str], dict[str, SigningKey]]:
    """Collections, members with tokens, ids and keys, as `Server` describes them."""
    store, tokens, keys = folder.store, {}, {}
    for one, title in ((SHARED, "Shared"), (RELEASED, "Released"), (HIDDEN, "Hidden")):
        store.collections.add(
            Collection(collection_id=one, api_root="exchange", title=title, require_release=one == RELEASED)
        )
    roles: dict[str, Any] = dict.fromkeys(("alice", "bob", "carol", "reader", "gone"), "member")
    members = {name: store.members.add(name, role).member_id for name, role in roles.items()}
    for name in ("security", "counsel"):
        role: Any = f"reviewer-{name}"
        members[name] = store.members.add(name, role, of=members["alice"]).member_id
    members["public"] = store.members.add("public", "public").member_id
    members["regulator"] = store.members.add("regulator", "regulator").member_id
    members["facts"] = store.members.add("facts", "fact-checker").member_id
    for name in ("alice", "bob"):
        for one in (SHARED, RELEASED):
            store.collections.grant(one, member_id=members[name], read=True, write=True)
    for name in ("reader", "gone"):
        store.collections.grant(SHARED, member_id=members[name], read=True, write=False)
    for name, member_id in members.items():
        member = store.members.get(member_id)
        assert member is not None
        actions: Any = OLD_ACTIONS.get(member.role, tuple(ACTIONS[member.role]))
        tokens[name] = store.members.add_token(member_id, actions)[1]
    alice = members["alice"]
    past = datetime.now(UTC) - timedelta(minutes=1)
    tokens["expired"] = store.members.add_token(alice, ["read", "write"], expires=past)[1]
    token_id, tokens["revoked"] = store.members.add_token(alice, ["read", "write"])
    store.members.revoke_token(token_id)
    tokens["scoped"] = store.members.add_token(alice, ["read", "write"], collections=[HIDDEN])[1]
    tokens["noread"] = store.members.add_token(alice, ["write"])[1]
    tokens["disabled"] = tokens.pop("gone")
    store.members.disable(members["gone"])
    for name in ("alice", "security", "counsel"):
        keys[name] = SigningKey.generate()
        store.members.add_key(members[name], keys[name].public.to_base64())
    members["operator"] = next(one.member_id for one in store.members.all() if one.role == "operator")
    return tokens, members, keys


def _keep(stream: Any, lines: list[str]) -> None:
    with stream:
        lines.extend(stream)
