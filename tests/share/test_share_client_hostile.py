"""An exchange or a RELEASE folder that means harm: the client ends, stays in its folders, tells no token."""

import hashlib
import itertools
import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from faulty_taxii import COLLECTION, ID, Asked, Faulty, Reply, day, faulty, page
from release_folders import indicators, release_folder
from test_share_client_faults import ALICE, SOME, TOKEN, asking, fetch, kept

from countermark.errors import Error
from countermark.share.client.credentials import Credentials, read_credentials
from countermark.share.client.journal import PUBLISHED
from countermark.share.client.publish import Published, publish, read_release_to_publish
from countermark.share.client.taxii import Taxii
from countermark.share.client.transport import Bounds, Transport
from countermark.share.stix.reading import Received
from countermark.trust.keyfiles import Secret
from countermark.trust.signing import SigningKey

KEYS = {"security": SigningKey.generate(), "counsel": SigningKey.generate()}
LATER = "2026-05-01T00:00:00.000Z"


@pytest.fixture
def server() -> Iterator[Faulty]:
    with faulty() as told:
        yield told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A release of three objects."""
    return release_folder(tmp_path / "found.release", indicators(3, ALICE), ALICE, KEYS)


def send(server: Faulty, folder: Path) -> Published:
    """Publish it."""
    release = read_release_to_publish(folder, datetime.now(UTC))
    with asking(server) as taxii:
        return publish(taxii, taxii.find("/", write=True), release, pause=0)


def taken(asked: Asked) -> Reply:
    """All of it."""
    return said(asked, [])


def said(asked: Asked, failures: list[dict[str, str]]) -> Reply:
    """A status of what was posted, all of which failed where there are failures."""
    count = len(json.loads(asked.body)["objects"])
    bad = count if failures else 0
    counts = {"total_count": count, "success_count": count - bad, "failure_count": bad, "pending_count": 0}
    return Reply(json.dumps({"id": "s", "status": "complete", "failures": failures, **counts}).encode(), 202)


def test_pages_of_bad_objects_alone_are_read_to_the_end(server: Faulty, tmp_path: Path) -> None:
    pages = {"": page([{"bad": 1}], day(1), more=True, next="b"), "b": page([{"bad": 2}, SOME[0]], day(2))}
    server.objects = lambda asked: pages[asked.query.get("next", "")]
    done: list[int] = []
    worker = threading.Thread(target=lambda: done.append(fetch(server, tmp_path).quarantined), daemon=True)
    worker.start()
    worker.join(20)
    assert done == [2], "it waits for itself"
    assert kept(tmp_path) == [SOME[0]["id"]]


def test_a_circle_of_one_bad_object_comes_to_an_end(server: Faulty, tmp_path: Path) -> None:
    words = itertools.count()
    server.objects = lambda _: page([{"bad": 1}], day(1), more=True, next=f"n{next(words)}")
    with pytest.raises(Error, match="same place again or nothing"):
        fetch(server, tmp_path)
    assert len(server.queries()) < 120


def test_another_exchange_withdraws_nothing_in_this_folder(server: Faulty, tmp_path: Path) -> None:
    server.objects = lambda _: page([SOME[0]], day(1))
    fetch(server, tmp_path)
    with faulty() as other:
        other.objects = lambda _: page([SOME[0] | {"revoked": True, "modified": LATER}], day(2))
        with pytest.raises(Error, match="came from"):
            fetch(other, tmp_path)
        assert other.queries() == []
    with Received(tmp_path) as received:
        assert not (received.latest(SOME[0]["id"]) or {}).get("revoked")


def test_strangers_withdraw_nothing(server: Faulty, tmp_path: Path) -> None:
    nobody = {key: value for key, value in SOME[0].items() if key != "created_by_ref"}
    stranger = SOME[0] | {"created_by_ref": "identity--22222222-2222-4222-8222-222222222222"}
    versions = [one | {"revoked": True, "modified": LATER} for one in (nobody, stranger)]
    server.objects = lambda _: page([SOME[0], *versions], day(1))
    assert (fetch(server, tmp_path).revoked, fetch(server, tmp_path).quarantined) == (0, 2)


@pytest.mark.parametrize("where", ["type", "redirect", "title", "collections", "roots"])
def test_a_token_that_is_sent_back_is_not_told(server: Faulty, tmp_path: Path, where: str) -> None:
    beyond = "x" * (200 - len(TOKEN) + 3)
    replies = {
        "type": Reply(b"{}", headers={"Content-Type": f"text/{TOKEN}"}),
        "redirect": Reply(b"", 302, {"Location": f"https://other.example/?t={TOKEN}"}),
        "title": Reply(json.dumps({"title": beyond + TOKEN}).encode(), 401),
    }
    server.objects = lambda _: replies[where]
    if where == "collections":
        both = [COLLECTION | {"title": TOKEN}, COLLECTION | {"id": "b"}]
        server.other["/root/collections/"] = lambda _: Reply(json.dumps({"collections": both}).encode())
    if where == "roots":
        root = {"title": "t", "api_roots": [f"https://other.example/{TOKEN}/"]}
        server.other["/taxii2/"] = lambda _: Reply(json.dumps(root).encode())
    with pytest.raises(Error) as told:
        fetch(server, tmp_path)
    text = f"{told.value.message} {told.value.hint}"
    assert "…" in text
    assert TOKEN[:20] not in text


def test_a_password_that_is_sent_back_is_not_told(server: Faulty) -> None:
    server.objects = lambda _: Reply(b'{"title":"no: correct horse"}', 401)
    credentials = Credentials.basic("alice", Secret(b"correct horse\n"))
    with Transport(server.url, credentials, bounds=Bounds(tries=1)) as transport:
        taxii = Taxii(transport)
        with pytest.raises(Error, match="answers 401: no: …"):
            taxii.page(taxii.find("/"), {})


def test_reasons_are_kept_without_the_token(server: Faulty, folder: Path) -> None:
    def add(asked: Asked) -> Reply:
        objects = json.loads(asked.body)["objects"]
        return said(
            asked, [{"id": one["id"], "version": one["modified"], "message": TOKEN} for one in objects]
        )

    server.add = add
    assert {one["reason"] for one in send(server, folder).failures} == {"…"}
    assert TOKEN not in "".join(one.read_text() for one in (folder / PUBLISHED).glob("*.jsonl"))


@pytest.mark.parametrize("what", ["journal", "lock", "folder"])
def test_nothing_is_written_through_a_link(server: Faulty, folder: Path, tmp_path: Path, what: str) -> None:
    name = hashlib.sha256(f"{server.url}\n/root/collections/{ID}/".encode()).hexdigest()[:16]
    mine = tmp_path / "authorized_keys"
    mine.write_text("ssh-ed25519 AAAA\n")
    (tmp_path / "elsewhere").mkdir()
    if what == "folder":
        (folder / PUBLISHED).symlink_to(tmp_path / "elsewhere")
    else:
        (folder / PUBLISHED).mkdir()
        link = folder / PUBLISHED / f"{name}.jsonl{'.lock' if what == 'lock' else ''}"
        link.symlink_to(mine if what == "journal" else tmp_path / "elsewhere" / "new")
    server.add = taken
    with pytest.raises(Error, match="is a link"):
        send(server, folder)
    assert mine.read_text() == "ssh-ed25519 AAAA\n"
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert server.asked == []


@pytest.mark.parametrize("name", ["objects.jsonl", "standing.json", "approvals/counsel.dsse.json"])
def test_a_pipe_in_a_release_is_not_waited_for(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(Error, match="is not a file"):
        read_release_to_publish(folder, datetime.now(UTC))


def test_a_journal_of_another_exchange_does_not_count(server: Faulty, folder: Path) -> None:
    server.add = taken
    send(server, folder)
    (journal,) = (folder / PUBLISHED).glob("*.jsonl")
    journal.write_text(journal.read_text().replace(server.url, "https://other.example"))
    with pytest.raises(Error, match="another place"):
        send(server, folder)


def test_three_at_once_send_each_object_once(server: Faulty, folder: Path) -> None:
    came: list[str] = []

    def add(asked: Asked) -> Reply:
        came.extend(one["id"] for one in json.loads(asked.body)["objects"])
        return taken(asked)

    server.add = add
    done: list[Published] = []
    workers = [threading.Thread(target=lambda: done.append(send(server, folder))) for _ in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(30)
    assert sorted(one.accepted for one in done) == [0, 0, 3]
    assert len(came) == len(set(came)) == 3


@pytest.mark.parametrize("token", [f"cmx_abcdefghij23_{'aB3-_' * 9}", f"eyJ{'aB3.' * 20}"])
def test_a_token_on_the_command_line_is_not_repeated(token: str) -> None:
    with pytest.raises(Error, match="stands on the command line") as told:
        read_credentials(Path(token))
    assert token not in f"{told.value.message} {told.value.hint}"
    with pytest.raises(Error, match="no token file at cmx_of_alice"):
        read_credentials(Path("cmx_of_alice"))
