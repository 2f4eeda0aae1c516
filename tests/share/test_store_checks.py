"""Ordinals, quotas and the register of keys in the database, under several at once and over restarts."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from check_samples import hexes
from stores import exchange

from countermark.errors import Error
from countermark.store.exchange import Asked, Begun, ExchangeStore, Over, Pool, Quota
from countermark.store.exchange import quotas as counting

MOST = 25


def asked(number: int, **changes: Any) -> Asked:
    """A check of one matter."""
    fields: dict[str, Any] = {"check_id": hexes("check", number), "submitter": "identity--a", "matter": "m"}
    return Asked(**(fields | {"text_digest": hexes("text"), "hypotheses": 7} | changes))


def begin(store: ExchangeStore, one: Asked, most: int = 1000) -> Begun | Over:
    """Begin it, with one entry for the log."""
    quota = Quota(what="checks", who=one.submitter, most=most)
    return store.checks.begin(
        one,
        [quota],
        lambda begun: [("watermark-check", {"ordinal": begun.ordinal})],
        lambda over: ("watermark-refused", {"count": over.beyond}),
    )


def test_two_at_once_never_share_an_ordinal(database_url: str) -> None:
    with exchange(database_url) as made, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: begin(made.store, asked(number)), range(60)))
        assert sorted(one.ordinal for one in found if isinstance(one, Begun)) == list(range(1, 61))
        assert all(one.asked_so_far == 7 * one.ordinal for one in found if isinstance(one, Begun))
        waiting = made.store.outbox.take()
        assert sorted(payload["ordinal"] for _, _, payload in waiting) == list(range(1, 61))
        number, count, hypotheses, kept = made.store.checks.matter("identity--a", "m") or (0, 0, 0, [])
        assert (count, hypotheses, len(kept)) == (60, 420, 60)
        assert number > 0


def test_nor_do_two_processes(database_url: str) -> None:
    program = (
        "import sys; sys.path[:0] = sys.argv[2].split(':')\n"
        "from test_store_checks import *\n"
        "store = ExchangeStore.open(sys.argv[1])\n"
        f"found = [begin(store, asked(f'{{sys.argv[3]}} {{n}}'), {MOST}) for n in range(20)]\n"
        "print(*(getattr(one, 'ordinal', 0) for one in found))\n"
    )
    with exchange(database_url):
        pass
    command = [sys.executable, "-c", program, database_url, ":".join(sys.path)]
    running = [subprocess.Popen([*command, str(one)], stdout=subprocess.PIPE, text=True) for one in range(2)]
    ordinals = [int(one) for process in running for one in process.communicate(timeout=120)[0].split()]
    given = sorted(one for one in ordinals if one)
    assert given == list(range(1, MOST + 1))
    assert len(ordinals) == 40


def test_a_quota_holds_over_restarts_until_the_day_ends(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exchange(database_url) as made:
        assert [type(begin(made.store, asked(number), 2)) for number in range(3)] == [Begun, Begun, Over]
    with exchange(database_url) as made:
        over = begin(made.store, asked(9), 2)
        assert isinstance(over, Over)
        assert (over.beyond, over.quota.what) == (2, "checks")
        assert 0 < over.seconds <= 86_400
        assert isinstance(begin(made.store, asked(10, submitter="identity--b"), 2), Begun)
        kinds = [kind for _, kind, _ in made.store.outbox.take()]
        assert kinds.count("watermark-refused") == 2
        from countermark.store.exchange import checks

        monkeypatch.setattr(checks, "clock", lambda: 9_999_999_999_999_999)
        assert isinstance(begin(made.store, asked(11), 2), Begun)


def test_who_asks_without_end_does_not_fill_the_log(database_url: str) -> None:
    with exchange(database_url) as made:
        found = [begin(made.store, asked(number), 0) for number in range(300)]
        most = counting.LOGGED_EACH
        assert [one.is_logged for one in found if isinstance(one, Over)] == [True] * most + [False] * 200
        counts = [payload["count"] for _, _, payload in made.store.outbox.take()]
        assert counts == [*range(1, most + 1)]


def test_a_check_that_is_sent_again_keeps_its_place(database_url: str) -> None:
    with exchange(database_url) as made:
        store = made.store
        first = begin(store, asked(1, retry_id="r"))
        again = begin(store, asked(2, retry_id="r"))
        assert isinstance(first, Begun)
        assert isinstance(again, Begun)
        assert (again.check_id, again.ordinal, again.again) == (first.check_id, 1, True)
        assert again.asked_so_far == 7
        for change in ({"text_digest": hexes("other")}, {"hypotheses": 8}, {"matter": "n"}):
            with pytest.raises(Error, match="another check"):
                begin(store, asked(3, retry_id="r", **change))
        for _ in range(20):
            last = begin(store, asked(2, retry_id="r"))
        assert isinstance(last, Over)
        assert isinstance(begin(store, asked(4, retry_id="r", submitter="identity--b")), Begun)


def test_what_came_of_a_check_is_kept_until_all_have_answered(database_url: str) -> None:
    with exchange(database_url) as made:
        checks = made.store.checks
        one = begin(made.store, asked(1))
        two = begin(made.store, asked(2))
        assert isinstance(one, Begun)
        assert isinstance(two, Begun)
        checks.finish(one, [], word="not shown", marks=[], complete=False, figures=b"12345678")
        checks.finish(one, [], word="marked", marks=["beta"], complete=True, figures=b"abcdefgh")
        checks.finish(one, [], word="not shown", marks=[], complete=True, figures=b"xxxxxxxx")
        _, _, _, kept = checks.matter("identity--a", "m") or (0, 0, 0, [])
        assert [(each.word, each.marks, each.complete) for each in kept] == [
            ("marked", ["beta"], True),
            (None, [], None),
        ]
        assert checks.figures(one.number, 2) == b"abcdefgh"
        assert checks.figures(one.number, 1) == b""


def pool(member: str, number: int, *, epoch: str = "1", keys: tuple[str, ...] = ("k1", "k2")) -> Pool:
    """A pool of keys."""
    return Pool(member=member, profile_id="p", epoch=epoch, commitment=hexes(number), keys=keys)


def test_whoever_registers_first_has_it(database_url: str) -> None:
    with exchange(database_url) as made:
        register = made.store.pools.register
        assert register([pool("a", 1), pool("a", 2, epoch="2")], lambda new: {"pools": len(new)})
        assert register([pool("a", 1)], lambda new: {}) == []
        for clash in (pool("b", 1, epoch="9"), pool("b", 9), pool("a", 1, keys=("k1",)), pool("a", 9)):
            with pytest.raises(Error):
                register([pool("a", 5, epoch="5"), clash], lambda new: {})
        assert [(one.member, one.epoch) for one in made.store.pools.all()] == [("a", "1"), ("a", "2")]
        assert [payload for _, kind, payload in made.store.outbox.take() if "keys" in kind] == [{"pools": 2}]


def test_registrations_at_once_do_not_add_up_to_more_than_a_member_may_have(database_url: str) -> None:
    keys = tuple(f"k{number}" for number in range(3000))

    def register(number: int) -> bool:
        try:
            made.store.pools.register([pool("a", number, epoch=str(number), keys=keys)], lambda new: {})
        except Error as error:
            return "10,000 keys" not in error.message
        return True

    with exchange(database_url) as made, ThreadPoolExecutor(5) as threads:
        assert sum(threads.map(register, range(5))) == 3
        assert len(made.store.pools.all()) == 3
        assert made.store.pools.register([pool("b", 9, epoch="9", keys=keys)], lambda new: {})


def test_all_members_together_have_so_many_keys_at_the_most(database_url: str) -> None:
    keys = tuple(f"k{number}" for number in range(10_000))
    with exchange(database_url) as made:
        pools = made.store.pools
        for number, member in enumerate("ab"):
            assert pools.register([pool(member, number, epoch=member, keys=keys)], lambda new: {})
        with pytest.raises(Error, match="20,000 keys"):
            pools.register([pool("c", 3, epoch="c")], lambda new: {})
        pools.void(hexes(0), lambda one: {})
        assert pools.register([pool("c", 3, epoch="c")], lambda new: {})


def test_of_two_that_register_the_same_at_once_one_has_it(database_url: str) -> None:
    def register(member: str) -> str:
        try:
            made.store.pools.register([pool(member, 1)], lambda new: {})
        except Error:
            return ""
        return member

    with exchange(database_url) as made, ThreadPoolExecutor(8) as threads:
        owners = [one for one in threads.map(register, "abcdefgh") if one]
        assert owners == [one.member for one in made.store.pools.all()]


def test_a_voided_pool_makes_room_and_changes_the_version(database_url: str) -> None:
    with exchange(database_url) as made:
        pools, seen = made.store.pools, set()
        for owner in "abab":
            pools.register([pool(owner, 1)], lambda new: {})
            seen.add(pools.version())
            with pytest.raises(Error, match="no pool of c"):
                pools.void(hexes(1), lambda one: {}, member="c")
            assert pools.void(hexes(1), lambda one: {"of": one.member}).member == owner
            seen.add(pools.version())
        assert len(seen) >= 5  # nobody takes a register for the one that he has read
        assert pools.all() == []
        voided = [payload for _, kind, payload in made.store.outbox.take() if "voided" in kind]
        assert voided == [{"of": one} for one in "abab"]


def test_every_voiding_is_seen(database_url: str) -> None:
    with exchange(database_url) as made:
        pools = made.store.pools
        seen = [pools.version()]
        for number in (1, 2, 3):
            pools.register([pool("a", number, epoch=str(number))], lambda new: {})
            seen.append(pools.version())
        pools.void(hexes(3), lambda one: {})  # the last number of all is not given again
        pools.register([pool("b", 3, epoch="3")], lambda new: {})
        seen.append(pools.version())
        pools.void(hexes(1), lambda one: {})
        seen.append(pools.version())
        assert len(set(seen)) == len(seen)
