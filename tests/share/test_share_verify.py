"""`audit verify` finds each change that was made in the database behind the log's back."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from exchange_parties import indicator
from servers import RELEASED, SHARED, Server, serving
from test_share_releases import give, statement

from countermark.share.server.folder import open_log, opened
from countermark.share.server.verify import Found, compare
from countermark.share.stix.schemas import check_objects
from countermark.store.exchange import segments

FIRST, SECOND, THIRD, RELEASE_OBJECT = (indicator(number)["id"] for number in (1, 2, 3, 4))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An exchange in which objects were added, read, deleted and released."""
    with serving(tmp_path_factory.mktemp("verify")) as server:
        server.post("alice", indicator(1), indicator(2), indicator(3))
        server.post("alice", indicator(1, 1))
        server.get("bob")
        server.ask("alice", "DELETE", f"/exchange/collections/{SHARED}/objects/{THIRD}/")
        release = statement(server.members["alice"], indicator(4))
        assert give(server, "alice", release, "security", "counsel").status_code == 201
        assert server.post("alice", indicator(4), collection=RELEASED).json()["success_count"] == 1
        server.stop()
        yield server


def compared(data: Path) -> Found:
    """What `audit verify` compares."""
    with opened(data) as folder:
        return compare(folder.store, lambda: open_log(data, writing=False), check_objects)


def test_what_nobody_changed_verifies(stopped: Server) -> None:
    found = compared(stopped.data)
    assert found.problems == []
    assert (found.added, found.deleted, found.contents, found.reads) == (5, 1, 4, 1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        # an object that no entry names, those that are gone, one that is another
        (
            "INSERT INTO objects SELECT collection, date_added + 1, replace(stix_id, '-8000-', '-9000-'),"
            " type, version, version_at, standing, lane, kin, owner, 'x', sha256, data"
            f" FROM objects WHERE stix_id = '{SECOND}'",
            "has no entry in the log",
        ),
        (f"DELETE FROM objects WHERE stix_id = '{SECOND}'", "the database has not got it"),
        (f"DELETE FROM objects WHERE stix_id = '{THIRD}'", "nothing is left of it"),
        (
            f"UPDATE objects SET data = CAST(replace(data, '.7', '.8') AS BLOB) WHERE stix_id = '{SECOND}'",
            "is not what its row says it is",
        ),
        # hidden, given to another, called another, without its own last word
        (f"UPDATE objects SET standing = 16, lane = 48 WHERE stix_id = '{SECOND}'", "indexes lead to"),
        (f"UPDATE objects SET lane = lane + 32 WHERE stix_id = '{SECOND}'", "indexes lead to"),
        (f"UPDATE objects SET kin = kin + 1 WHERE stix_id = '{SECOND}'", "indexes lead to"),
        (f"UPDATE objects SET data = x'' WHERE stix_id = '{SECOND}'", "indexes lead to"),
        (
            "UPDATE objects SET owner = (SELECT number FROM members WHERE name = 'bob')"
            f" WHERE stix_id = '{SECOND}'",
            "not of the member that added it",
        ),
        (f"UPDATE objects SET owner = 999 WHERE stix_id = '{THIRD}'", "not of the member that added it"),
        (f"UPDATE objects SET type = 'malware' WHERE stix_id = '{SECOND}'", "not what its row says"),
        (f"UPDATE objects SET version_at = 1 WHERE stix_id = '{SECOND}'", "not what its row says"),
        (f"UPDATE objects SET standing = 13, lane = 45 WHERE stix_id = '{FIRST}'", "stands elsewhere"),
        (
            f"UPDATE objects SET data = NULL, standing = 16, lane = (lane / 32) * 32 + 16"
            f" WHERE stix_id = '{SECOND}'",
            "no entry says so",
        ),
        # the register
        ("UPDATE grants SET can_read = 0", "the grant of"),
        ("DELETE FROM grants", "the grant of"),
        (
            "INSERT INTO grants (collection_id, kind, grantee, can_read, can_write)"
            " SELECT collection_id, 'group', 'all', 1, 1 FROM collections",
            "to group all has no entry",
        ),
        ("UPDATE members SET disabled = 0", "is not as the log has it"),
        ("UPDATE members SET role = 'operator' WHERE name = 'bob'", "is not as the log has it"),
        ("UPDATE tokens SET revoked = 0", "token"),
        ("UPDATE tokens SET expires = NULL WHERE expires IS NOT NULL", "token"),
        ("UPDATE tokens SET collections = NULL", "token"),
        ("DELETE FROM member_keys", "key"),
        ("UPDATE collections SET require_release = 0", "collection"),
        ("UPDATE releases SET expires = expires + 1", "release"),
        ("UPDATE releases SET withdrawn = 1", "release"),
        ("UPDATE releases SET envelope = x'00'", "release"),
        (f"UPDATE release_objects SET sha256 = '{'0' * 64}'", "release"),
        (
            "INSERT INTO release_objects SELECT release_id, 'a', stix_id, version FROM release_objects",
            "release",
        ),
        ("DELETE FROM release_objects", "release"),
    ],
)
def test_what_was_changed_behind_the_log_is_found(
    stopped: Server, tmp_path: Path, change: str, says: str
) -> None:
    data = tmp_path / "data"
    shutil.copytree(stopped.data, data)
    with closing(sqlite3.connect(data / "exchange.db")) as database:
        assert database.execute(change).rowcount > 0
        database.commit()
    problems = compared(data).problems
    assert any(says in one for one in problems), problems


def test_pages_that_were_changed_behind_the_log_are_found(
    stopped: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SIZE", 1)
    data = tmp_path / "data"
    shutil.copytree(stopped.data, data)
    with opened(data) as folder:
        assert folder.store.segments.make()
    assert compared(data).problems == []
    with closing(sqlite3.connect(data / "exchange.db")) as database:
        change = f"UPDATE segments SET data = CAST(replace(data, '{SECOND}', '{FIRST}') AS BLOB)"
        assert database.execute(f"{change} WHERE instr(data, '{SECOND}')").rowcount == 1
        database.commit()
    (problem,) = compared(data).problems
    assert "are not those of its objects" in problem


def test_an_entry_that_says_nothing_is_a_problem_and_no_crash(stopped: Server, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(stopped.data, data)
    with opened(data) as folder:
        for kind in ("objects-added", "objects-deleted", "member-added", "token-revoked"):
            folder.store.outbox.append(kind, {"sha256": "", "too_long": 1})
        folder.drain()
    assert len(compared(data).problems) == 4
