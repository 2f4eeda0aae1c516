"""The exchange draws releases under standing approvals, and takes no more while nobody reports on them."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from release_folders import indicators
from servers import RELEASED, Server, serving
from standing_samples import address, approval, drawn, report, under
from stores import exchange as store_at
from test_share_releases import API, give, logged, statement

from countermark.share.policy.sampling import DUE, ONE_IN, is_drawn, is_the_draw, make_report
from countermark.share.server.folder import opened
from countermark.store.exchange import Under
from countermark.store.exchange.tables import standing_uses
from countermark.trust.signing import PublicKey, SigningKey
from running import countermark


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[Server]:
    url = None if database_url.startswith("sqlite") else database_url
    with serving(tmp_path, url) as running:
        yield running


def make_overdue(server: Server) -> None:
    """As if the days for every report were over."""
    with opened(server.data) as folder, folder.store._database.writing() as connection:
        change = sa.update(standing_uses).where(standing_uses.c.due.is_not(None))
        connection.execute(change.values(due=1_000_000))


def test_the_first_is_drawn_with_a_draw_that_all_can_check(server: Server) -> None:
    standing = approval(server)
    release, answer = under(server, standing, 1)
    assert answer.status_code == 201
    (one,) = drawn(server)
    assert (one["release_id"], one["place"], one["state"]) == (release.release_id, 0, "due")
    assert one["missing"] == ["counsel", "security"]
    due = datetime.fromisoformat(one["due"]) - datetime.now(UTC)
    assert DUE.total_seconds() - 60 < due.total_seconds() <= DUE.total_seconds()
    key = PublicKey.parse((server.data / "log.key.pub").read_text())
    assert is_the_draw(key, release.release_id, one["draw"])
    (entry,) = logged(server, "release-taken")
    assert (entry["place"], entry["draw"], entry["standing_id"]) == (0, one["draw"], one["standing_id"])
    assert give(server, "alice", release, "alice").status_code == 200  # the same again draws nothing
    assert len(drawn(server, "operator")) == len(drawn(server, "security")) == 1
    assert drawn(server, "bob") == drawn(server, "public") == []


def test_every_release_gets_its_place_and_one_in_ten_is_drawn(server: Server) -> None:
    standing = approval(server)
    made = [statement(server.members["alice"], address(server, at), standing=standing) for at in range(24)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda one: give(server, "alice", one, "alice").status_code, made))
    assert answers == [201] * len(made)
    entries = sorted(logged(server, "release-taken"), key=lambda one: one["place"])
    assert [one["place"] for one in entries] == list(range(24))
    since = 0
    for one in entries:
        assert (one["due"] is not None) == is_drawn(one["draw"], one["place"], since)
        since = 0 if one["due"] is not None else since + 1
        assert since < ONE_IN
    assert len(drawn(server)) >= 3
    server.stop()
    done = countermark("share", "audit", "verify", "--data", server.data)
    assert done.code == 0, done.err


def test_one_of_ten_in_a_row_is_drawn_whatever_chance_says(database_url: str) -> None:
    asked: dict[str, list[tuple[int, int]]] = {"one": [], "other": []}
    with store_at(database_url) as exchange:
        member_id = exchange.caller("ada").member.member_id
        for number in range(22):
            for standing_id, of in asked.items():

                def drawn(place: int, since: int, of: list[tuple[int, int]] = of) -> bool:
                    of.append((place, since))
                    return place == 0 or since >= ONE_IN - 1

                under = Under(standing_id=standing_id, withdrawal=False, draw="", drawn=drawn, due=1 << 62)
                release_id = f"{standing_id}-{number}"
                exchange.store.releases.add(member_id, release_id, b"", [], 1 << 62, entry={}, under=under)
        found = [(one.standing_id, one.place) for one in exchange.store.samples.drawn()]
    assert found == [(standing_id, place) for standing_id in asked for place in (0, 10, 20)]
    for of in asked.values():
        assert of == [(0, -1), *((place, (place - 1) % 10) for place in range(1, 22))]


def test_overdue_nothing_more_is_taken_until_both_have_reported(server: Server) -> None:
    standing = approval(server)
    first, _ = under(server, standing, 1)
    assert server.post("alice", address(server, 1), collection=RELEASED).json()["failure_count"] == 0
    second, _ = under(server, standing, 2)
    make_overdue(server)
    assert drawn(server)[0]["state"] == "overdue"
    third, answer = under(server, standing, 3)
    assert answer.status_code == 422
    said = answer.json()["description"]
    assert said.startswith("the standing approval is suspended: ")
    assert f"{first.release_id} was drawn for review" in said
    assert "two people can approve this release" in said
    (refused,) = logged(server, "release-refused")
    assert refused["reason"] == said
    # another approval does not help, a release that was taken before lets nothing in, two people do
    assert under(server, approval(server, 29), 3)[1].status_code == 422
    (failure,) = server.post("alice", address(server, 2), collection=RELEASED).json()["failures"]
    assert failure["message"] == said
    by_two = statement(server.members["alice"], address(server, 3))
    assert give(server, "alice", by_two, "security", "counsel").status_code == 201
    assert server.post("alice", address(server, 3), collection=RELEASED).json()["failure_count"] == 0
    assert report(server, first, "clean", "security") == [201]
    assert give(server, "alice", third, "alice").status_code == 422
    for one in drawn(server):  # the second may have been drawn as well
        found = first if one["release_id"] == first.release_id else second
        report(server, found, "clean", "security", "counsel")
    assert give(server, "alice", third, "alice").status_code == 201
    assert server.post("alice", address(server, 2), collection=RELEASED).json()["failure_count"] == 0


def test_a_withdrawal_gets_through_whatever_is_suspended(server: Server) -> None:
    standing = approval(server)
    under(server, standing, 1)
    assert server.post("alice", address(server, 1), collection=RELEASED).json()["failure_count"] == 0
    make_overdue(server)
    gone = address(server, 1, revoked=True) | {"modified": "2026-11-21T08:00:00.000Z"}
    withdrawal = statement(
        server.members["alice"], gone, standing=standing, classes={"revocation": 0}, legal_basis=[]
    )
    assert give(server, "alice", withdrawal, "alice").status_code == 201
    assert server.post("alice", gone, collection=RELEASED).json()["failure_count"] == 0


def withdrawn(one: dict[str, Any], **more: Any) -> dict[str, Any]:
    return one | {"revoked": True, "modified": "2026-11-21T08:00:00.000Z"} | more


@pytest.mark.parametrize("suspend", [True, False])
def test_what_calls_itself_a_withdrawal_tells_nothing_new(server: Server, suspend: bool) -> None:
    standing, alice = approval(server), server.members["alice"]
    under(server, standing, 1)
    there = address(server, 1)
    assert server.post("alice", there, collection=RELEASED).json()["failure_count"] == 0
    if suspend:
        make_overdue(server)
    new = withdrawn(address(server, 2))
    changed = withdrawn(there, name="Our price is 3")
    plain = {key: there[key] for key in ("type", "spec_version", "created", "modified", "created_by_ref")}
    plain |= {"type": "identity", "id": f"identity--{uuid.uuid4()}", "name": "Our customer"}
    good = withdrawn(there)
    objects = [new, changed, good] + ([plain] if suspend else [])
    release = statement(alice, *objects, standing=standing, classes={"revocation": 0}, legal_basis=[])
    assert give(server, "alice", release, "alice").status_code == 201
    done = server.post("alice", *objects, collection=RELEASED).json()
    assert [one["id"] for one in done["successes"]] == [there["id"]]
    assert len(done["failures"]) == len(objects) - 1
    said = "suspended" if suspend else "a withdrawal repeats a version that is here"
    assert all(said in one["message"] for one in done["failures"])


def test_what_was_deleted_can_still_be_withdrawn(server: Server) -> None:
    standing, there = approval(server), address(server, 1)
    under(server, standing, 1)
    server.post("alice", there, collection=RELEASED)
    path = f"/exchange/collections/{RELEASED}/objects/{there['id']}/"
    assert server.ask("alice", "DELETE", path).status_code == 200
    make_overdue(server)
    gone = withdrawn(there)
    release = statement(
        server.members["alice"], gone, standing=standing, classes={"revocation": 0}, legal_basis=[]
    )
    assert give(server, "alice", release, "alice").status_code == 201
    assert server.post("alice", gone, collection=RELEASED).json()["failure_count"] == 0


def test_a_problem_ends_this_approval_alone_and_is_not_taken_back(server: Server) -> None:
    standing, other = approval(server), approval(server, 29)
    first, _ = under(server, standing, 1)
    assert report(server, first, "clean", "security", "security", "counsel") == [201, 200, 201]
    assert under(server, standing, 2)[1].status_code == 201
    assert report(server, first, "problem", "security", who="security") == [201]
    answer = under(server, standing, 3)[1]
    assert f"found a problem in {first.release_id}" in answer.json()["description"]
    assert server.post("alice", address(server, 2), collection=RELEASED).json()["failure_count"] == 1
    assert report(server, first, "clean", "security") == [409]
    assert report(server, first, "problem", "security") == [200]
    assert under(server, other, 4)[1].status_code == 201
    kinds = [(one["role"], one["outcome"]) for one in logged(server, "sample-reported")]
    assert kinds == [("security", "clean"), ("counsel", "clean"), ("security", "problem")]
    assert drawn(server)[0]["state"] in ("problem", "due")
    assert {one["state"] for one in drawn(server) if one["release_id"] == first.release_id} == {"problem"}


def test_who_may_report_and_on_what(server: Server) -> None:
    first, _ = under(server, approval(server), 1)
    assert report(server, first, "clean", "security", who="bob") == [404]
    assert report(server, first, "clean", "security", who="operator") == [403]
    by_two = statement(server.members["alice"], address(server, 3))
    give(server, "alice", by_two, "security", "counsel")
    assert report(server, by_two, "clean", "security") == [404]
    path = f"{API}/samples/{first.release_id}/reports"
    now = datetime.now(UTC)
    stranger = make_report(SigningKey.generate(), first.release_id, "security", "clean", now)
    swapped = make_report(server.keys["counsel"], first.release_id, "security", "clean", now)
    elsewhere = make_report(server.keys["security"], by_two.release_id, "security", "clean", now)
    for body in (stranger, swapped, elsewhere, b"{}", b"\xff", b"[" * 5000):
        assert server.ask("alice", "POST", path, content=body).status_code == 422
    assert drawn(server)[0]["reports"] == {}


def test_killed_between_the_release_and_its_answer_it_is_drawn_once(
    tmp_path: Path, database_url: str
) -> None:
    """The release, its draw and its entry are one transaction: all of it, or nothing."""
    url = None if database_url.startswith("sqlite") else database_url
    program = """
import os, sys
from pathlib import Path
from countermark.share.server.folder import opened
from countermark.store.exchange import Under
with opened(Path(sys.argv[1])) as folder:
    if sys.argv[2] == "before":
        from countermark.store.exchange import releases
        releases.write_entry = lambda *_: os._exit(9)
    under = Under(standing_id="standing-1", withdrawal=False, draw="AAAA", drawn=lambda *_: True, due=1 << 51)
    entry = {"member": sys.argv[3], "envelope_sha256": "", "objects_sha256": "", "expires": 1 << 51}
    entry["release_id"] = "release-1"
    folder.store.releases.add(sys.argv[3], "release-1", b"x", [], 1 << 51, entry=entry, under=under)
    os._exit(9)
"""
    with serving(tmp_path, url) as server:
        for moment, expected in (("before", 0), ("after", 1), ("again", 1)):
            line = [sys.executable, "-c", program, str(server.data), moment, server.members["alice"]]
            assert subprocess.run(line, check=False, timeout=60).returncode == 9
            server.ask("alice", "GET", f"{API}/disputes")  # which takes the outbox
            assert len(drawn(server)) == len(logged(server, "release-taken")) == expected


def test_publishing_learns_what_was_drawn_and_hands_in_reports(server: Server, tmp_path: Path) -> None:
    """With the member's own commands, from the release to the report that the exchange has."""
    from test_share_client import token

    home = tmp_path / "home"
    folder = _folder(server, tmp_path / "one.release", 1)
    _complete(server, folder, home)
    where = ("--to", server.url, *token(server, "alice", tmp_path))
    done = countermark("share", "publish", folder, "--collection", RELEASED, "--home", home, *where)
    assert done.code == 0, done.err
    assert "drew 1 releases for review" in done.err
    (one,) = drawn(server)
    server.keys["security"].save(tmp_path / "security.pem")
    server.keys["counsel"].save(tmp_path / "counsel.pem")
    for role in ("security", "counsel"):
        key = ("--as", role, "--key", tmp_path / f"{role}.pem", "--name", role)
        said = ("--outcome", f"{one['release_id']}=clean", "--home", home)
        assert countermark("share", "review", *said, *key, *(where if role == "counsel" else ())).code == 0
    assert drawn(server)[0]["state"] == "clean"
    done = countermark("share", "review", "--samples", "--home", home, *where)
    assert "0 more; 0 reports sent" in done.err


def _folder(server: Server, out: Path, number: int) -> Path:
    """A RELEASE folder of alice's under a standing approval."""
    from release_folders import unsigned_folder

    alice = server.members["alice"]
    life = {"valid_until": "2027-01-01T00:00:00Z"}
    return unsigned_folder(out, indicators(1, alice, start=number, **life), alice, standing=approval(server))


def _complete(server: Server, folder: Path, home: Path) -> None:
    server.keys["alice"].save(home.with_name("alice.pem"))
    key: tuple[Any, ...] = ("--as", "member", "--key", home.with_name("alice.pem"), "--name", "desk")
    done = countermark("share", "approve", folder, *key, "--home", home)
    assert done.code == 0, done.err
