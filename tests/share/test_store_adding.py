"""Adding: what is the same, what is refused, statuses, outbox, releases; many writers and one who polls."""

import socket
import subprocess
import sys
import threading
import time

import pytest
from stores import COLLECTION, Exchange, count, exchange, new_id, prepare

from countermark.errors import Error
from countermark.store.exchange import ExchangeStore, Filters, Outcome, database, deleting, rfc3339
from countermark.store.exchange.adding import OTHER_BYTES


def test_the_same_again_changes_nothing(database_url: str) -> None:
    ours = [prepare(new_id()) for _ in range(3)]
    with exchange(database_url) as one:
        first = one.add(*ours)
        again = one.add(*ours, who="bob")
        assert [outcome.new for outcome in (*first, *again)] == [True] * 3 + [False] * 3
        assert [outcome.date_added for outcome in again] == [outcome.date_added for outcome in first]
        assert [row.owner for row in one.walk()] == [one.caller("ada").member.member_id] * 3


def test_another_object_of_an_id_and_version_is_refused(database_url: str) -> None:
    stix_id = new_id()
    with exchange(database_url) as one:
        one.add(prepare(stix_id, "2026-01-01T00:00:00Z"))
        other, same_time, twice, also = one.add(
            prepare(stix_id, "2026-01-01T00:00:00Z", pad="x"),
            prepare(stix_id, "2026-01-01T00:00:00.000Z"),
            prepare(stix_id, "2026-01-02T00:00:00Z"),
            prepare(stix_id, "2026-01-02T00:00:00Z", pad="x"),
        )
        assert [outcome.problem for outcome in (other, same_time, also)] == [OTHER_BYTES] * 3
        assert twice.new
        assert len(one.walk(versions=("all",))) == 2


def test_objects_without_a_version_are_told_apart_by_their_bytes(database_url: str) -> None:
    stix_id = new_id("ipv4-addr")
    with exchange(database_url) as one:
        first, second, again = one.add(
            prepare(stix_id, None), prepare(stix_id, None, pad="x"), prepare(stix_id, None)
        )
        assert (first.new, second.new, again.new) == (True, True, False)
        assert first.date_added is not None
        assert first.version == again.version == rfc3339(first.date_added)
        assert [row.version for row in one.walk()] == [second.version]
        assert [row.version for row in one.walk(versions=(first.version,))] == [first.version]


@pytest.mark.parametrize(
    "one",
    [
        prepare(new_id(), "2026"),
        prepare(new_id(), "2026-01-01T00:00:00.0000001Z"),
        prepare(new_id(), spec="3"),
    ],
)
def test_what_cannot_be_stored_fails_by_itself(sqlite_url: str, one: object) -> None:
    with exchange(sqlite_url) as store:
        failed, taken = store.add(one, prepare(new_id()))  # type: ignore[arg-type]
        assert failed.problem
        assert taken.new


def test_a_request_has_a_status_and_a_log_entry(database_url: str) -> None:
    with exchange(database_url) as one:
        ada, stix_id = one.caller("ada"), new_id()
        bad = Outcome(stix_id="indicator--bad", version="", problem="no pattern")
        seen: list[Outcome] = []
        outcomes, status = one.store.objects.add(
            ada,
            COLLECTION,
            [prepare(stix_id, "2026-01-01T00:00:00Z"), prepare(stix_id, "2026-01-01T00:00:00Z", pad="x")],
            refused=[bad],
            entry=lambda found: seen.extend(found) or {"count": len(found)},  # type: ignore[func-returns-value]
        )
        assert seen == outcomes
        assert one.store.statuses.get(status.status_id) == status
        assert (status.total, status.pendings) == (3, [])
        assert status.successes == [{"id": stix_id, "version": "2026-01-01T00:00:00Z"}]
        assert [failure["message"] for failure in status.failures] == [OTHER_BYTES, "no pattern"]
        assert status.member_id == ada.member.member_id
        assert [row[1:] for row in one.store.outbox.take()] == [("objects-added", {"count": 3})]
        assert one.store.statuses.get("none") is None
        assert one.store.statuses.forget(status.requested) == 0
        assert one.store.statuses.forget(status.requested + 1) == 1


def test_a_failure_half_way_leaves_nothing(database_url: str) -> None:
    def refuse(_: object) -> dict[str, int]:
        raise RuntimeError("no entry")

    with exchange(database_url) as one:
        with pytest.raises(RuntimeError):
            one.store.objects.add(one.caller("ada"), COLLECTION, [prepare(new_id())], entry=refuse)
        assert (one.walk(), one.store.outbox.take()) == ([], [])
        one.add(prepare(stix_id := new_id()))
        with pytest.raises(RuntimeError):
            one.store.objects.delete(one.caller("ada"), COLLECTION, stix_id, Filters(), entry=refuse)
        assert len(one.walk()) == 1


def test_outbox_in_order_and_dropped_once(database_url: str) -> None:
    with exchange(database_url) as one:
        outbox = one.store.outbox
        first, *rest = [outbox.append("note", {"n": at}) for at in range(3)]
        assert rest == [first + 1, first + 2]
        assert outbox.take(2) == [(first, "note", {"n": 0}), (first + 1, "note", {"n": 1})]
        outbox.drop(first + 2)
        assert outbox.take() == []
        assert outbox.append("note", {}) == first + 3  # never a number again


def test_a_release_lets_its_objects_in_while_it_holds(database_url: str) -> None:
    with exchange(database_url) as one:
        releases = one.store.releases
        ada, bob = (one.caller(name).member.member_id for name in ("ada", "bob"))
        objects = [(new_id(), "v", f"{at:064x}") for at in range(3)]
        assert releases.add(ada, "r1", b"signed", objects, 100, entry={"release": "r1"})
        assert not releases.add(ada, "r1", b"signed", objects, 100, entry={"release": "r1"})
        with pytest.raises(Error, match="another release"):
            releases.add(bob, "r1", b"other", objects, 100, entry={})
        digests = [digest for _, _, digest in objects]
        assert releases.allowed(ada, [*digests, "f" * 64], 99) == set(digests)
        assert not releases.allows(ada, digests[0], 100)
        assert not releases.allows(bob, digests[0], 99)
        found = releases.get("r1")
        assert found is not None
        assert (found.envelope, found.member_id, found.withdrawn) == (b"signed", ada, False)
        assert not releases.withdraw(bob, "r1", entry={})
        assert releases.withdraw(ada, "r1", entry={"withdrawn": "r1"})
        assert not releases.withdraw(ada, "r1", entry={})
        assert not releases.allows(ada, digests[0], 99)
        assert [kind for _, kind, _ in one.store.outbox.take()] == ["release-taken", "release-withdrawn"]


def poll(one: Exchange, found: list[int], done: threading.Event) -> None:
    """Read on from the last position, until the writers are done and nothing more comes."""
    while True:
        finished = done.is_set()
        page = one.page(found[-1] if found else None, 7, versions=("all",))
        found += [row.date_added for row in page.rows]
        if finished and not page.more:
            return


def test_who_polls_by_cursor_misses_and_repeats_nothing(database_url: str) -> None:
    found: list[int] = []
    done = threading.Event()
    with exchange(database_url) as one:
        added: list[int] = []

        def write(who: str) -> None:
            for size in (1, 5, 2, 8, 1, 3) * 2:
                outcomes = one.add(*(prepare(new_id()) for _ in range(size)), who=who)
                added.extend(outcome.date_added or 0 for outcome in outcomes)

        reader = threading.Thread(target=poll, args=(one, found, done))
        writers = [threading.Thread(target=write, args=(who,)) for who in ("ada", "bob", "ada", "bob")]
        for thread in (reader, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        done.set()
        reader.join()
        assert len(added) == 4 * 40
        assert found == sorted(added)
        numbers = [number for number, _, _ in one.store.outbox.take()]
        assert numbers == list(range(numbers[0], numbers[0] + 4 * 12))


def test_a_process_that_dies_in_its_transaction_leaves_nothing(database_url: str) -> None:
    program = (
        "import sys, time; sys.path[:0] = sys.argv[2:]\n"
        "from stores import COLLECTION, exchange, prepare, new_id\n"
        "def entry(outcomes):\n"
        "    print('within', flush=True)\n"
        "    time.sleep(60)\n"
        "with exchange(sys.argv[1]) as one:\n"
        "    objects = [prepare(new_id()) for _ in range(20)]\n"
        "    one.store.objects.add(one.caller('ada'), COLLECTION, objects, entry=entry)\n"
    )
    with exchange(database_url) as one:
        command = [sys.executable, "-c", program, database_url, *sys.path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "within\n"
            assert one.walk() == []
            process.kill()
        (outcome,) = one.add(prepare(new_id()))
        assert [row.date_added for row in one.walk()] == [outcome.date_added]
        assert [payload for _, _, payload in one.store.outbox.take()] == [{"count": 1}]


def test_several_processes_write_and_one_dies_in_the_middle(database_url: str) -> None:
    program = (
        "import sys, uuid; sys.path[:0] = sys.argv[2:]\n"
        "from stores import exchange, prepare, new_id\n"
        "with exchange(sys.argv[1]) as one:\n"
        "    print('open', flush=True)\n"
        "    while True:\n"
        "        done = one.add(*(prepare(new_id()) for _ in range(40)))\n"
        "        print(*(outcome.date_added for outcome in done), flush=True)\n"
    )
    with exchange(database_url) as one:
        command = [sys.executable, "-c", program, database_url, *sys.path]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        found: list[int] = []
        done = threading.Event()
        reader = threading.Thread(target=poll, args=(one, found, done))
        reader.start()
        acknowledged: list[int] = []
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            acknowledged += [int(word) for word in process.stdout.readline().split()]
        time.sleep(0.5)
        for process in running:
            process.kill()
            assert process.stdout is not None
            lines = process.stdout.read().split("\n")[:-1]  # the last one may be torn
            acknowledged += [int(word) for line in lines for word in line.split()]
            process.stdout.close()
            process.wait()
        after = one.add(prepare(new_id()))  # the lock went with the process
        done.set()
        reader.join()
        assert found == sorted(set(found))
        assert set(acknowledged) <= set(found)
        assert after[0].date_added == found[-1]
        assert found == [row.date_added for row in one.walk(versions=("all",))]
        assert (len(found) - 1) % 40 == 0  # whole requests only
        entries = one.store.outbox.take()
        assert len(entries) == (len(found) - 1) // 40 + 1
        assert {payload["count"] for _, _, payload in entries} == {1, 40}
        assert count([1]) == {"count": 1}


def test_a_deletion_of_many_versions_has_entries_that_the_log_takes(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleting, "_MOST_IN_ENTRY", 3)
    with exchange(database_url) as one:
        stix_id = new_id()
        one.add(*(prepare(stix_id, f"2026-01-01T00:00:0{at}Z") for at in range(8)))
        assert one.delete(stix_id, versions=("all",)) == 8
        taken = [(kind, payload["count"]) for _, kind, payload in one.store.outbox.take()]
        assert taken == [("objects-added", 8), *(("objects-deleted", size) for size in (3, 3, 2))]


def test_a_database_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CONNECT_SECONDS", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql+psycopg://u@127.0.0.1:{silent.getsockname()[1]}/d"
        began = time.monotonic()
        with pytest.raises(Error, match="does not answer"):
            ExchangeStore.open(url)
    assert time.monotonic() - began < 15
