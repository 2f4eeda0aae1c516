"""Announcements and joint values: all members, every time, nobody named."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from attribute.monitor.making import VOCABULARY, WIDTH, batch, marked
from countermark.attribute.monitor.announce import (
    BATCH,
    Announcement,
    Member,
    announce,
    announced,
    check_later,
    members_of,
    note_batch,
)
from countermark.attribute.monitor.joint import Contribution, contribution, join, write_contribution
from countermark.attribute.monitor.process import Monitored, add_batch
from countermark.attribute.monitor.state import State
from countermark.errors import Error
from countermark.stats.evalues import lookback, mixed
from countermark.trust.keyfiles import Secret
from countermark.trust.log import Log
from countermark.trust.signing import SigningKey
from watermark_samples import own_profile

KEYS = ["00" * 15 + "01", "00" * 15 + "02"]
LN10 = math.log(10)


def announcement(**changes: Any) -> Announcement:
    fields: dict[str, Any] = {
        "name": "suspect-7",
        "members": [Member(member="a", key_id="a" * 16), Member(member="b", key_id="b" * 16)],
        "combination": "product",
        "alpha": 0.01,
    }
    return Announcement(**{**fields, **changes})


def given(folder: Path, key_id: str, log10_e: float, batches: int = 1, **changes: Any) -> Path:
    path = folder / f"{key_id[:2]}-{batches}-{log10_e}.json"
    fields: dict[str, Any] = {
        "announcement": announcement().announcement_id,
        "key_id": key_id,
        "batches": batches,
        "log10_e": log10_e,
        "largest_log10_e": max(log10_e, 0.0),
    }
    write_contribution(path, Contribution(**{**fields, **changes}))
    return path


def test_values_of_independent_keys_multiply(tmp_path: Path) -> None:
    out = tmp_path / "joint.json"
    first = join(out, announcement(), [given(tmp_path, "a" * 16, 1.2), given(tmp_path, "b" * 16, 1.1)])
    assert first.log10_e == pytest.approx(2.3)
    assert first.decision == "not independent of the 2 keys together"
    later = join(out, announcement(), [given(tmp_path, "a" * 16, 0.2, 2), given(tmp_path, "b" * 16, 0.1, 2)])
    assert later.log10_e == pytest.approx(0.3)
    assert later.log10_p_value == pytest.approx(-2.3)  # the largest so far counts
    assert len(later.joins) == 2


def test_values_of_other_keys_are_averaged_after_looking_back(tmp_path: Path) -> None:
    dependent = announcement(combination="lookback-average")
    paths = [
        given(tmp_path, key * 16, value, announcement=dependent.announcement_id)
        for key, value in (("a", 6.0), ("b", -1.0))
    ]
    record = join(tmp_path / "joint.json", dependent, paths)
    assert record.log10_e * LN10 == pytest.approx(mixed([lookback(6 * LN10), lookback(0.0)]))


def test_the_record_names_nobody_unless_asked(tmp_path: Path) -> None:
    paths = [given(tmp_path, "a" * 16, 1.25), given(tmp_path, "b" * 16, 1.5)]
    join(tmp_path / "joint.json", announcement(), paths)
    fields = json.loads((tmp_path / "joint.json").read_text())
    assert "by_key_log10_e" not in fields
    assert "1.25" not in (tmp_path / "joint.json").read_text()
    assert "a" * 16 not in fields["decision"]
    asked = join(tmp_path / "asked.json", announcement(), paths, show_members=True)
    assert asked.by_key_log10_e == {"a" * 16: 1.25, "b" * 16: 1.5}


def test_every_member_contributes_every_time(tmp_path: Path) -> None:
    out = tmp_path / "joint.json"
    a, b = given(tmp_path, "a" * 16, 1.0, 2), given(tmp_path, "b" * 16, 1.0, 2)
    with pytest.raises(Error, match="of b is missing"):
        join(out, announcement(), [a])
    with pytest.raises(Error, match="stands twice"):
        join(out, announcement(), [a, a])
    with pytest.raises(Error, match="of no member"):
        join(out, announcement(), [a, b, given(tmp_path, "c" * 16, 1.0)])
    with pytest.raises(Error, match="another announcement"):
        join(out, announcement(), [a, given(tmp_path, "b" * 16, 1.0, announcement="other")])
    assert not out.exists()
    join(out, announcement(), [a, b])
    with pytest.raises(Error, match="older"):
        join(out, announcement(), [given(tmp_path, "a" * 16, 3.0, 1), b])
    other = announcement(name="other")
    paths = [given(tmp_path, key * 16, 9.0, announcement=other.announcement_id) for key in "ab"]
    with pytest.raises(Error, match="another announcement"):
        join(out, other, paths)


@pytest.mark.parametrize("changes", [{"log10_e": 1e300}, {"largest_log10_e": -5.0}, {"batches": 0}])
def test_figures_that_cannot_be_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = given(
        tmp_path, "a" * 16, 1.0, **{key: value for key, value in changes.items() if key == "largest_log10_e"}
    )
    fields = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(fields))
    with pytest.raises(Error, match="cannot be"):
        join(tmp_path / "joint.json", announcement(), [path, given(tmp_path, "b" * 16, 1.0)])


def test_under_the_global_null_joint_values_hold_their_level() -> None:
    """Two keys that are one and the same, the worst dependence, by lookback-average; one-sided 99%."""
    generator = np.random.default_rng(8)
    totals = generator.gamma(30, size=(20_000, 40))
    rate = 0.2
    paths = np.cumsum(30 * math.log1p(-rate) + rate * totals, axis=1)
    joint = np.array([lookback(float(one)) for one in np.maximum.accumulate(paths, axis=1).max(axis=1)])
    for alpha in (0.05, 0.01):
        reached = int((joint >= -math.log(alpha)).sum())
        assert beta.ppf(0.01, max(reached, 1), len(joint) - reached + 1) <= alpha


def test_two_marked_teachers_are_found_together(tmp_path: Path) -> None:
    profile = own_profile(WIDTH, VOCABULARY)
    states = []
    for at, key in enumerate(KEYS):
        monitored = Monitored(profile, Secret(key.encode()))
        path = batch(tmp_path / f"{at}.jsonl", [marked(1, 25, KEYS[0]), marked(2, 25, KEYS[1])])
        states.append(add_batch(tmp_path / f"s{at}", monitored, path, name="suspect-7"))
    both = announcement(
        members=[Member(member=name, key_id=one.head.key_id) for name, one in zip("ab", states, strict=True)]
    )
    paths = []
    for at, state in enumerate(states):
        paths.append(tmp_path / f"c{at}")
        write_contribution(paths[-1], contribution(state, both))
    record = join(tmp_path / "joint.json", both, paths)
    assert record.log10_e == pytest.approx(sum(one.log10_e for one in states))
    assert record.log10_e > max(one.log10_e for one in states)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.create(tmp_path / "book", "example.org/log", SigningKey.generate())


def test_an_announcement_is_logged_once_and_has_the_same_id_everywhere(log: Log, tmp_path: Path) -> None:
    announce(log, announcement())
    with pytest.raises(Error, match="already"):
        announce(log, announcement(alpha=0.05))
    other = Log.create(tmp_path / "other", "example.org/log", SigningKey.generate())
    announce(other, announcement())
    ids = {announced(one, "suspect-7")[0].announcement_id for one in (log, other)}
    assert ids == {announcement().announcement_id}
    with pytest.raises(Error, match="no announcement"):
        announced(log, "another")


@pytest.mark.parametrize("pair", ["a", "a=", "=" + "a" * 16, "a=" + "g" * 16, "a=" + "0" * 32])
def test_a_member_that_is_none_is_refused_without_being_repeated(log: Log, pair: str) -> None:
    with pytest.raises(Error) as caught:
        announce(log, announcement(members=members_of([pair])))
    assert "0" * 32 not in caught.value.message


def test_no_batch_that_was_logged_is_left_out(log: Log, tmp_path: Path) -> None:
    state = add_batch(
        tmp_path / "s",
        Monitored(own_profile(WIDTH, VOCABULARY), Secret(KEYS[0].encode())),
        batch(tmp_path / "a.jsonl", [marked(1, 30)]),
    )
    empty = State(state.head.__class__(name="", key_id="", profile_id="", bets=[1.0], logs=[0.0]), state.seen)
    first = state.head.batches[0].sha256
    note_batch(log, "n", "a" * 16, first, empty)
    note_batch(log, "n", "a" * 16, first, empty)  # a run that was killed after logging
    with pytest.raises(Error, match="has not been added"):
        note_batch(log, "n", "a" * 16, "b" * 64, empty)
    note_batch(log, "n", "a" * 16, "b" * 64, state)
    note_batch(log, "n", "c" * 16, "d" * 64, empty)  # another member's batches are its own
    assert len(list(log.entries(BATCH))) == 3


def test_what_was_asked_before_the_announcement_does_not_count(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    early = batch(tmp_path / "a.jsonl", [[1, 2, 3, 4]], sent=(now - timedelta(days=1)).isoformat())
    with pytest.raises(Error, match="asked after the announcement"):
        check_later(early, now)
    check_later(batch(tmp_path / "b.jsonl", [[1, 2, 3, 4]], sent=(now + timedelta(days=1)).isoformat()), now)
    for at, fields in enumerate(({}, {"sent": "long ago"}, {"sent": "2999-13-01T00:00:00Z"})):
        with pytest.raises(Error, match="without a time"):
            check_later(batch(tmp_path / f"c{at}.jsonl", [[1, 2, 3, 4]], **fields), now)
