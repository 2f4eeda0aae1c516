"""Simulated cheats of a private overlap and of a joint check: how many were caught."""

import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from joint_setting import FOLDER, at_least, at_most  # isort: skip  (finds the tests' helpers)
from alliances import alliance
from check_samples import marked_text
from overlap_members import mails
from overlap_naive import Naive, enrol
from overlap_played import Bob, alice_at
from servers import Server, serving
from test_check_server_peers import LIES

from countermark.errors import Error
from countermark.share.overlap.batches import random_points
from countermark.share.overlap.counting import as_points, without
from countermark.share.overlap.identifiers import rules
from countermark.share.overlap.messages import MOST_POINTS, PLANTED

COMMON = mails(*range(40))
SHARES = (0.005, 0.01, 0.02, 0.05, 0.1)
SIZE = 2560
IPV4 = 1 << 32
LIMITS = """
[limits]
caller_rate = 10000
caller_burst = 100000
address_rate = 10000
address_burst = 100000
failure_burst = 10000
"""


def cheats(repeats: int, simulated: int) -> dict[str, Any]:
    """Every cheat, tried at a started exchange or at started nodes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        tmp = Path(name)
        settings = LIMITS + "[overlap]\nruns_of_pair = 1000\n"
        with serving(tmp / "one", settings=settings) as server:
            enrol(server)
            found["enlarging the set after the commitment"] = _enlarged(server, repeats)
            found["the same list or key in another run"] = _again(server)
            found["dropping a tenth of the other's items"] = _dropped(server, tmp, repeats)
            found["wrong proofs"] = _proofs(server, tmp, repeats)
            found["enumerating IPv4"] = _enumerated(server, tmp)
        with serving(tmp / "two", settings=LIMITS) as server:
            enrol(server)
            found["repeated runs with changed sets"] = _repeated(server)
        found |= _verdicts(tmp / "nodes")
    return found | {"dropping, simulated": dropping(simulated)}


def _caught(caught: int, of: int, **more: Any) -> dict[str, Any]:
    return {"caught": caught, "of": of} | more


def _enlarged(server: Server, repeats: int) -> dict[str, Any]:
    caught = tried = 0
    for number in range(repeats):
        bob = Bob(server, f"enlarged-{number}", COMMON)
        more = Bob(server, f"enlarged-{number}", [*COMMON, *mails(*range(500, 700))])
        alice = Naive(server, "alice", "bob", bob.run)
        assert bob.commit().status_code == 201
        assert alice.commit(alice.seal(alice.commitment(rules=rules()))).status_code == 201
        for data in (more.list, bob.list + more.list[:32], bob.list[:-32], bob.list[::-1]):
            caught, tried = caught + (bob.put_list(data).status_code == 422), tried + 1
    return _caught(caught, tried)


def _again(server: Server) -> dict[str, Any]:
    bob = Bob(server, "once", COMMON)
    assert bob.commit().status_code == 201
    replays = [
        bob.seal(bob.commitment(run="twice")),  # both again
        bob.seal(bob.commitment(run="twice", list_sha256="bb" * 32)),
        bob.seal(bob.commitment(run="twice", key_sha256="cc" * 32)),
    ]
    codes = [bob.commit(one).status_code for one in replays]
    carol = Naive(server, "carol", "alice", "once")  # another's commitment in one's own name
    codes.append(carol.commit(carol.seal(bob.commitment(member="carol"))).status_code)
    codes.append(carol.commit(bob.envelope).status_code)
    return _caught(sum(code in (409, 422) for code in codes), len(codes))


def _void(side: Any) -> bool:
    try:
        side.count()
    except Error as error:
        return int(error.exit_code) == 20
    return False


def _dropped(server: Server, tmp: Path, repeats: int) -> dict[str, Any]:
    chance, caught = np.random.default_rng(64), 0
    for number in range(repeats):
        run = f"dropped-{number}"
        with alice_at(server, tmp, run, COMMON) as alice:
            bob = Bob(server, run, COMMON)
            honest = bob.make_tags

            def fewer(honest: Any = honest) -> bytes:
                tags = bytearray(honest())
                for at in chance.choice(len(tags) // 32, len(tags) // 320, replace=False).tolist():
                    tags[at * 32 : at * 32 + 32] = random_points(1)
                return bytes(tags)

            bob.make_tags = fewer  # type: ignore[method-assign]
            caught += _void(alice.side(bob))
    return _caught(caught, repeats, docs="0.00003 pass")


def _proofs(server: Server, tmp: Path, repeats: int) -> dict[str, Any]:
    changes: Sequence[dict[str, Any]] = (
        {"proofs": ["11" * 64]},
        {"evaluated": ["22" * 32] * PLANTED},
        {"proofs": ["00" * 64]},
    )
    caught = 0
    for number in range(repeats * len(changes)):
        run, change = f"proof-{number}", changes[number % len(changes)]
        with alice_at(server, tmp, run, COMMON) as alice:
            bob = Bob(server, run, COMMON)
            right = bob.proven
            bob.proven = lambda at, right=right, change=change: right(at) | change  # type: ignore[method-assign]
            caught += _void(alice.side(bob))
    return _caught(caught, repeats * len(changes))


def _enumerated(server: Server, tmp: Path) -> dict[str, Any]:
    """2,400 guesses of which 24 are right; and a list that is longer than any may be."""
    held = [("ipv4", f"198.51.{number}.7") for number in range(24)]
    guesses = [("ipv4", f"198.51.{number // 100}.{number % 100 + 1}") for number in range(2400)]
    with alice_at(server, tmp, "guesses", [*held, *mails(*range(300, 400))]) as alice:
        told = alice.side(Bob(server, "guesses", guesses, size=SIZE)).count()
    bob = Bob(server, "long", COMMON)
    refused = bob.commit(bob.seal(bob.commitment(size=MOST_POINTS + 1))).status_code == 422
    return {
        "24 of 2,400 guesses right": "under 25" if told is None else told,
        "a longer list refused": refused,
        "guesses a run at most": MOST_POINTS,
        "of all addresses, one in": IPV4 // MOST_POINTS,
        "months for all, 4 runs in 30 days": IPV4 // (4 * MOST_POINTS),
    }


def _repeated(server: Server, tries: int = 12) -> dict[str, Any]:
    """Runs of one pair, each with a set of its own, at the default quota."""
    codes = []
    for number in range(tries):
        bob = Bob(server, f"r{number}", mails(*range(number, number + 30)))
        codes.append(bob.commit().status_code)
    return {"allowed": codes.count(201), "refused": tries - codes.count(201), "docs": "4 in 30 days"}


def _verdicts(tmp: Path) -> dict[str, Any]:
    """Lies of a member's node: for another's keys, a replay, and others, each asked about afresh."""
    tmp.mkdir()
    text, earlier, found = marked_text(None, seed=6), marked_text(None, seed=7), {}
    with alliance(tmp) as allied:
        allied.check("alpha", earlier, consent=True)  # to be replayed
        for lie, (made, reason) in LIES.items():
            allied.gamma.answer = lambda question, made=made: (200, made(allied.gamma, allied, question))
            told = allied.check("alpha", text, consent=True, matter=secrets.token_hex(8)).json()
            refused = told["missing"] == {"gamma": f"its verdict is refused: {reason}"}
            found[f"a verdict with {lie}"] = _caught(int(refused and not told["complete"]), 1)
    return found


def dropping(simulated: int) -> dict[str, Any]:
    """Who replaces a share of the other's places in a list at random: how often the operator's look at the
    planted lets it pass."""
    rng, rows = np.random.default_rng(65), {}
    tags = random_points(SIZE)
    points, others = as_points(tags), as_points(random_points(SIZE))
    for share in SHARES:
        dropped, passed = round(SIZE * share), 0
        for _ in range(simulated):
            at = rng.permutation(SIZE)
            uploaded = points.copy()
            uploaded[at[:dropped]] = others[:dropped]
            passed += not len(without(points[:PLANTED], uploaded.tobytes()))
        law = (1 - dropped / SIZE) ** PLANTED
        limits = [round(at_least(passed, simulated, 0.995), 5), round(at_most(passed, simulated, 0.995), 5)]
        rows[f"{share:.1%}"] = {
            "passed": passed,
            "of": simulated,
            "rate": round(passed / simulated, 5),
            "99% interval": limits,
            "(1 - f)^100": float(f"{law:.3g}"),
        }
    return rows
