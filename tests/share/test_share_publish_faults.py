"""What servers say of what is published, in all the ways the standard allows; and journals that go on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from faulty_taxii import Asked, Faulty, Reply, faulty
from release_folders import indicators, release_folder, unsigned_folder

from countermark.errors import Error
from countermark.share.client.credentials import Credentials
from countermark.share.client.journal import PUBLISHED
from countermark.share.client.publish import Published, publish, read_release_to_publish
from countermark.share.client.taxii import Taxii
from countermark.share.client.transport import Bounds, Transport
from countermark.trust.keyfiles import Secret
from countermark.trust.signing import SigningKey

ALICE = "identity--11111111-1111-4111-8111-111111111111"
KEYS = {"security": SigningKey.generate(), "counsel": SigningKey.generate()}
STATUS_ID = "2d086da7-4bdc-4f91-900e-d77486753710"
RELEASES = "/exchange-api/v1/releases"


@pytest.fixture
def server() -> Iterator[Faulty]:
    with faulty() as told:
        yield told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A release of twelve objects."""
    return release_folder(tmp_path / "found.release", indicators(12, ALICE), ALICE, KEYS)


def send(server: Faulty, folder: Path, **more: Any) -> Published:
    """Publish to it."""
    release = read_release_to_publish(folder, datetime.now(UTC))
    bounds = Bounds(tries=3, idle_seconds=5)
    with Transport(
        server.url, Credentials.bearer(Secret(b"a-token-of-alice")), bounds=bounds, sleep=lambda _: None
    ) as transport:
        taxii = Taxii(transport)
        return publish(taxii, taxii.find("/", write=True), release, **{"pause": 0, **more})


def status(
    sent: Asked, failed: Sequence[int] = (), lists: Sequence[str] = ("failures",), **more: Any
) -> Reply:
    """A status of what was posted; the objects at `failed` were not taken."""
    objects = json.loads(sent.body)["objects"]
    details = [{"id": one["id"], "version": one["modified"]} for one in objects]
    bad = [one | {"message": "no room"} for at, one in enumerate(details) if at in failed]
    good = [one for at, one in enumerate(details) if at not in failed]
    said = {
        "id": STATUS_ID,
        "status": "complete",
        "total_count": len(objects),
        "success_count": len(good),
        "failure_count": len(bad),
        "pending_count": 0,
    }
    said |= {name: found for name, found in (("successes", good), ("failures", bad)) if name in lists}
    return Reply(json.dumps(said | more).encode(), 202)


def posted(server: Faulty) -> list[str]:
    """Ids of all objects that came, in order."""
    found = [one for one in server.asked if one.method == "POST" and one.path != RELEASES]
    return [one["id"] for sent in found for one in json.loads(sent.body)["objects"]]


def test_exactly_the_approved_bytes_are_sent_in_one_envelope(server: Faulty, folder: Path) -> None:
    server.add = status
    done = send(server, folder, batch=5)
    assert (done.accepted, done.failures, done.statement) == (12, [], False)
    posts = [one for one in server.asked if one.method == "POST" and one.path != RELEASES]
    lines = (folder / "objects.jsonl").read_bytes().splitlines()
    assert [one.body for one in posts] == [
        b'{"objects":[%s]}' % b",".join(lines[start : start + 5]) for start in (0, 5, 10)
    ]
    assert all(one.headers["content-type"] == "application/taxii+json;version=2.1" for one in posts)


def test_batches_stay_below_what_the_api_root_takes(server: Faulty, folder: Path) -> None:
    line = max(len(one) for one in (folder / "objects.jsonl").read_bytes().splitlines())
    most = 3 * (line + 1) + 20
    root = {"title": "t", "versions": ["application/taxii+json;version=2.1"], "max_content_length": most}
    server.other["/root/"] = lambda _: Reply(json.dumps(root).encode())
    server.add = status
    assert send(server, folder).accepted == 12
    assert max(len(one.body) for one in server.asked if one.path != RELEASES) <= most


@pytest.mark.parametrize("lists", [("failures",), ("successes",), ("successes", "failures"), ()])
def test_who_failed_is_found_out_whatever_lists_there_are(
    server: Faulty, folder: Path, lists: Sequence[str]
) -> None:
    bad = {one["id"] for one in indicators(12, ALICE)[3:12:4]}

    def add(sent: Asked) -> Reply:
        objects = json.loads(sent.body)["objects"]
        return status(sent, [at for at, one in enumerate(objects) if one["id"] in bad], lists)

    server.add = add
    done = send(server, folder)
    assert ({one["id"] for one in done.failures}, done.accepted) == (bad, 9)
    if "failures" in lists:
        assert {one["reason"] for one in done.failures} == {"no room"}
    server.asked.clear()
    again = send(server, folder)
    assert set(posted(server)) == bad, "what was taken is not sent again"
    assert (again.before, len(again.failures)) == (9, 3)


def test_counts_that_do_not_add_up_are_not_believed(server: Faulty, folder: Path) -> None:
    server.add = lambda sent: status(sent, total_count=99)
    done = send(server, folder)
    assert (done.accepted, len(done.failures)) == (0, 12)
    assert done.failures[0]["reason"] == "the exchange does not say what became of it"


def test_a_pending_status_is_asked_for_until_it_is_complete(server: Faulty, folder: Path) -> None:
    asked: list[Asked] = []
    waits = ["pending", "pending", "complete"]

    def add(sent: Asked) -> Reply:
        asked.append(sent)
        return status(sent, status="pending", success_count=0, pending_count=12)

    def later(_: Asked) -> Reply:
        state = waits.pop(0)
        return status(asked[0], status=state, **({} if state == "complete" else {"success_count": 0}))

    server.add = add
    server.other[f"/root/status/{STATUS_ID}/"] = later
    assert send(server, folder).accepted == 12
    assert waits == []


@pytest.mark.parametrize("code", [413, 422])
def test_a_batch_that_is_refused_whole_is_sent_in_parts(server: Faulty, folder: Path, code: int) -> None:
    bad = indicators(12, ALICE)[7]["id"]

    def add(sent: Asked) -> Reply:
        refuse = bad.encode() in sent.body
        return Reply(b'{"title":"one is bad"}', code) if refuse else status(sent)

    server.add = add
    done = send(server, folder)
    assert (done.accepted, [one["id"] for one in done.failures]) == (11, [bad])
    assert "one is bad" in done.failures[0]["reason"]


def test_the_statement_goes_first_and_its_refusal_ends_it(server: Faulty, folder: Path) -> None:
    server.add = status
    taken = Reply(b'{"release_id":"r"}', 201, {"Content-Type": "application/json"})
    server.other[RELEASES] = lambda _: taken
    assert send(server, folder).statement
    order = [one.path for one in server.asked if one.method == "POST"]
    assert order[0] == RELEASES
    assert order.count(RELEASES) == 1

    other = release_folder(folder.parent / "other", indicators(2, ALICE, start=50), ALICE, KEYS)
    server.other[RELEASES] = lambda _: Reply(b'{"title":"refused","description":"who signed it?"}', 422)
    server.asked.clear()
    with pytest.raises(Error, match="who signed it"):
        send(server, other)
    assert posted(server) == []


def test_nothing_is_sent_that_was_taken(server: Faulty, folder: Path) -> None:
    server.add = status
    send(server, folder)
    server.asked.clear()
    assert send(server, folder).before == 12
    assert [one for one in server.asked if one.method == "POST"] == []


def test_a_broken_connection_leaves_what_was_said_in_the_journal(server: Faulty, folder: Path) -> None:
    def add(sent: Asked) -> Reply:
        if len(set(posted(server))) <= 8:
            return status(sent)
        return Reply(cut=0)

    server.add = add
    with pytest.raises(Error, match="3 times"):
        send(server, folder, batch=4)
    server.add = status
    server.asked.clear()
    done = send(server, folder, batch=4)
    assert (done.before, done.accepted) == (8, 4)
    assert posted(server) == [one["id"] for one in indicators(12, ALICE)[8:]]


def test_a_torn_line_of_the_journal_does_not_count(server: Faulty, folder: Path) -> None:
    server.add = status
    send(server, folder, batch=4)
    (journal,) = (folder / PUBLISHED).glob("*.jsonl")
    os.truncate(journal, journal.stat().st_size - 5)
    server.asked.clear()
    done = send(server, folder, batch=4)
    assert done.before + done.accepted == 12
    assert 0 < done.accepted <= 4


def test_a_journal_of_another_release_is_refused(server: Faulty, folder: Path, tmp_path: Path) -> None:
    server.add = status
    send(server, folder)
    other = release_folder(tmp_path / "other", indicators(2, ALICE, start=50), ALICE, KEYS)
    (folder / PUBLISHED).rename(other / PUBLISHED)
    with pytest.raises(Error, match="another release"):
        send(server, other)


def test_without_a_release_nothing_is_asked(server: Faulty, tmp_path: Path) -> None:
    with pytest.raises(Error, match="has no release"):
        send(server, tmp_path)
    unsigned_folder(tmp_path / "u", indicators(1, ALICE), ALICE)
    with pytest.raises(Error, match="not approved"):
        send(server, tmp_path / "u")
    assert server.asked == []


def test_the_token_stands_in_no_argument_and_no_output(server: Faulty, folder: Path, tmp_path: Path) -> None:
    server.add = status
    path = tmp_path / "token"
    path.write_text("cmx_very-secret-token")
    path.chmod(0o600)
    words = ["share", "publish", str(folder), "--to", server.url, "--token-file", str(path)]
    done = subprocess.run(
        [sys.executable, "-m", "countermark", *words], capture_output=True, text=True, timeout=120, check=True
    )
    assert "12 accepted" in done.stdout
    assert "very-secret" not in done.stdout + done.stderr
    held = b"".join(one.read_bytes() for one in folder.rglob("*") if one.is_file())
    assert b"very-secret" not in held
