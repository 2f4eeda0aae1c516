"""Disputes whose day is over, and who is late, on a server that runs."""

import time
import uuid
from collections.abc import Callable
from typing import Any

from exchange_parties import indicator
from servers import SHARED, Server
from test_share_releases import API

from countermark.share.server.filed import FILED
from countermark.share.server.folder import opened

QUICK = "watch_seconds = 0.2\n"
ONE = indicator(1)["id"]


def object_of(number: int = 1) -> str:
    """The path of an object in the collection."""
    return f"objects/{indicator(number)['id']}/"


def filed_long_ago(server: Server, number: int = 1, who: str = "alice") -> str:
    """A dispute that was due yesterday: as filing leaves it, but for its times."""
    dispute_id, day = f"dispute--{uuid.uuid4()}", 86_400_000_000
    now = time.time_ns() // 1000
    entry = {"dispute_id": dispute_id, "member": server.members[who], "object_id": indicator(number)["id"]}
    entry |= {"filed": now - 2 * day, "due": now - day, "collections": [SHARED]}
    with opened(server.data) as folder:
        folder.store.outbox.append(FILED, entry)
        folder.drain()
    return dispute_id


def waiting(server: Server) -> set[tuple[str, str]]:
    """Who is late, by dispute."""
    with opened(server.data) as folder:
        return {(one.dispute_id, one.member_id) for one in folder.store.overdue.waiting()}


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What the condition gives once it is true."""
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.05)
    return found


def late(server: Server, number: int = 1, reader: str = "bob") -> str:
    """Bob has read alice's object, it was withdrawn, and he has not fetched that in time; the dispute."""
    server.post("alice", indicator(number))
    assert server.get(reader, object_of(number)).status_code == 200
    server.post("alice", indicator(number, 1, revoked=True))
    dispute_id = filed_long_ago(server, number)
    until(lambda: server.get(reader, "manifest/").status_code == 403)
    return dispute_id


def listed(server: Server, who: str = "alice") -> dict[str, list[str]]:
    """Who is overdue, by dispute, as `GET disputes` has it."""
    answer = server.ask(who, "GET", f"{API}/disputes").json()["disputes"]
    return {one["dispute_id"]: [late["member"] for late in one["overdue"]] for one in answer}
