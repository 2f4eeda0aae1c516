"""Releases under a standing approval are drawn, two people report on each, else it is suspended."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from policy_samples import MEMBER
from test_policy_commands import Desk, current, desk

from countermark.errors import Error, ExitCode
from countermark.share.client.samples import Told
from countermark.share.policy import samples, sampling
from countermark.share.policy.home import Home
from countermark.share.policy.verify import MemberKey
from countermark.trust.log import Log
from countermark.trust.signing import PublicKey, SigningKey
from running import Done

__all__ = ["desk"]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def standing(desk: Desk, name: str) -> Path:
    """A standing approval for addresses and withdrawals that both roles signed."""
    assert begin(desk, name).code == 0
    assert desk.approve(desk.folder / name, "counsel").code == 0
    return desk.folder / name


def begin(desk: Desk, name: str) -> Done:
    """The same, signed by security alone."""
    # two of one content made in the same second are one approval
    days = 30 if name == "s" else 29
    wanted: dict[str, Any] = {"member_id": MEMBER, "grounds": ["fabricated-accounts"], "days": days}
    wanted["kinds"] = {"address": 3, "revocation": 0}
    (desk.folder / "class.yaml").write_text(json.dumps(wanted))
    key = ["--as", "security", "--key", desk.folder / "security.pem", "--name", "security"]
    where = ["--standing", desk.folder / "class.yaml", "--out", desk.folder / name]
    return desk.run("approve", *where, *key)


def report(desk: Desk, release_id: str, what: str, role: str, **more: str) -> Done:
    """One reviewer's report."""
    given = {"key": role, "name": role} | more
    key = desk.folder / f"{given['key']}.pem"
    said = ["--outcome", f"{release_id}={what}", "--as", role, "--key", key, "--name", given["name"]]
    return desk.run("review", *said, "--json")


def released(desk: Desk, number: int, under: Path) -> str:
    """A release under a standing approval; its id."""
    folder = desk.release(number, "--standing", under)
    assert desk.approve(folder, "member").code == 0
    return str(json.loads((folder / "release.json").read_bytes())["release_id"])


def shown(desk: Desk) -> list[dict[str, Any]]:
    """What `share review --samples` shows."""
    found: list[dict[str, Any]] = json.loads(desk.run("review", "--samples", "--json").out)["samples"]
    return found


def overdue(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A standing approval whose first release should have been reported on by now."""
    under = standing(desk, "s")
    monkeypatch.setattr(samples, "DUE", -timedelta(seconds=1))
    return under, released(desk, 1, under)


def test_the_first_is_drawn_and_one_in_every_ten_at_least() -> None:
    key = SigningKey.generate()
    since, longest, drawn = 0, 0, 0
    for place in range(2000):
        if sampling.is_drawn(sampling.draw(key, f"release-{place}"), place, since):
            since, drawn = 0, drawn + 1
        else:
            since += 1
        longest = max(longest, since)
        assert place or drawn == 1
    assert longest == sampling.ONE_IN - 1
    # a draw at random, or at the end of nine: one in (1 - 0.9**10) / 0.1 = 6.5, give or take five deviations
    assert 2000 / 6.5 - 5 * 16 < drawn < 2000 / 6.5 + 5 * 16


def test_anybody_can_check_a_draw_and_only_the_key_makes_it() -> None:
    key, other = SigningKey.generate(), SigningKey.generate()
    draw = sampling.draw(key, "release-1")
    assert draw == sampling.draw(key, "release-1")
    assert sampling.is_the_draw(key.public, "release-1", draw)
    assert not sampling.is_the_draw(key.public, "release-2", draw)
    assert not sampling.is_the_draw(key.public, "release-1", sampling.draw(other, "release-1"))


def test_a_drawn_release_is_due_until_both_roles_have_reported(desk: Desk) -> None:
    under = standing(desk, "s")
    first = released(desk, 1, under)
    (one,) = shown(desk)
    assert (one["release_id"], one["state"], one["missing"]) == (first, "due", ["security", "counsel"])
    due = datetime.fromisoformat(one["due"]) - datetime.now(UTC)
    assert timedelta(days=2, hours=23) < due <= timedelta(days=3)
    assert (desk.folder / one["objects"]).read_bytes()
    log = Log.open(desk.folder / "home" / "log")
    entry = next(one for one in log.entries("release"))
    key = PublicKey.parse((desk.folder / "home" / "log.key.pub").read_text())
    assert sampling.is_the_draw(key, first, entry.payload["draw"])
    assert "security and counsel did not report" in begin(desk, "t").error()
    assert report(desk, first, "clean", "security").code == 0
    assert shown(desk)[0]["missing"] == ["counsel"]
    assert report(desk, first, "clean", "counsel").code == 0
    assert shown(desk)[0]["state"] == "clean"
    assert begin(desk, "t").code == 0
    for role in ("security", "counsel"):
        path = desk.folder / "home" / "samples" / f"{first}.{role}.dsse.json"
        said, _ = sampling.open_report(path.read_bytes())
        assert (said.release_id, said.role, said.outcome) == (first, role, "clean")


def test_once_overdue_all_but_a_withdrawal_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    under = standing(desk, "s")
    waiting = desk.release(2, "--standing", under)
    monkeypatch.setattr(samples, "DUE", -timedelta(seconds=1))
    first = released(desk, 1, under)
    says = f"the standing approval is suspended: reports on {first} by security and counsel were due 20"
    done = desk.review(tmp_path / "o1.jsonl", "--standing", under, "--out", tmp_path / "again")
    assert says in done.error()
    assert "two people can approve a release meanwhile" in done.err
    assert done.code == ExitCode.VERIFICATION_FAILED
    assert says in desk.approve(waiting, "member").error()
    assert not (waiting / "approvals").exists()
    folder = tmp_path / "o1.jsonl.release"
    done = desk.run("publish", folder, "--to", "http://127.0.0.1:1", "--token-file", tmp_path / "none")
    assert says in done.error()
    assert desk.run("review", "--samples").code == ExitCode.INCONCLUSIVE
    where = ["--out", tmp_path / "w", "--context", tmp_path / "context.yaml", "--standing", under]
    assert desk.run("dispute", "revoke", current(1)[1]["id"], *where).code == 0
    assert desk.approve(tmp_path / "w", "member").code == 0
    assert desk.approve(desk.release(3), "security").code == 0  # which two people approve


def test_a_report_that_comes_late_lets_go_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    under, first = overdue(desk, monkeypatch)
    assert shown(desk)[0]["state"] == "overdue"
    report(desk, first, "clean", "security")
    assert (
        "by counsel were due"
        in desk.review(desk.folder / "o1.jsonl", "--standing", under, "--out", desk.folder / "x").error()
    )
    report(desk, first, "clean", "counsel")
    desk.release(2, "--standing", under)


def test_a_problem_ends_the_approval_and_two_people_can_begin_another(desk: Desk) -> None:
    under = standing(desk, "s")
    first = released(desk, 1, under)
    assert report(desk, first, "clean", "counsel").code == 0
    assert report(desk, first, "problem", "security").code == ExitCode.INCONCLUSIVE
    done = desk.review(desk.folder / "o1.jsonl", "--standing", under, "--out", desk.folder / "x")
    assert f"a reviewer found a problem in {first}" in done.error()
    assert "security reported on it already: problem" in report(desk, first, "clean", "security").error()
    other = standing(desk, "t")
    assert released(desk, 2, other)


@pytest.mark.parametrize(
    ("role", "more", "says"),
    [
        ("counsel", {"key": "security"}, "this person or key acted as security"),
        ("counsel", {"name": "SECURITY"}, "this person or key acted as security"),
        ("counsel", {"key": "member"}, "this person or key acted as member"),
        ("counsel", {"name": "member"}, "this person or key acted as member"),
        ("member", {}, "--as security|counsel"),
    ],
)
def test_two_people_report_and_neither_released_it(
    desk: Desk, role: str, more: dict[str, str], says: str
) -> None:
    first = released(desk, 1, standing(desk, "s"))
    report(desk, first, "clean", "security")
    done = report(desk, first, "clean", role, **more)
    assert says in done.error()
    assert done.code == ExitCode.USAGE
    assert len(shown(desk)[0]["reports"]) == 1


def test_what_was_not_drawn_takes_no_report(desk: Desk) -> None:
    assert report(desk, "release-x", "clean", "security").code == ExitCode.NO_INPUT
    assert report(desk, "release-x", "fine", "security").code == ExitCode.USAGE


def test_what_an_exchange_drew_is_due_here_too_and_noted_once(desk: Desk) -> None:
    ids = [released(desk, number, standing_) for number, standing_ in enumerate([standing(desk, "s")] * 4, 1)]
    home = Home(desk.folder / "home")
    own = {one["release_id"] for one in shown(desk)}
    told = [
        {"release_id": one, "standing_id": "standing-1", "due": NOW + timedelta(days=3), "draw": ""}
        for one in [*ids, "release-of-somebody-else"]
    ]
    assert samples.note_drawn(home, "https://exchange.example", told) == 4
    assert samples.note_drawn(home, "https://exchange.example", told) == 0
    found = {one["release_id"]: one["drawn_by"] for one in shown(desk)}
    assert set(found) == set(ids)
    assert found[ids[0]] == ["this member", "https://exchange.example"]
    assert all(("this member" in by) == (one in own) for one, by in found.items())


@pytest.mark.parametrize("fault", ["other key", "other role", "later", "spelling", "two names", "long"])
def test_the_exchange_takes_a_report_of_the_registered_reviewer_alone(fault: str) -> None:
    key, other = SigningKey.generate(), SigningKey.generate()
    keys = [MemberKey("reviewer-security", "S. Ecure", key.public), MemberKey("member", "A", other.public)]
    good = sampling.make_report(key, "release-1", "security", "clean", NOW)
    assert sampling.verify_report(good, keys, NOW).outcome == "clean"
    if fault == "two names":
        keys.append(MemberKey("reviewer-counsel", "s. ecure", SigningKey.generate().public))
    bad = {
        "other key": sampling.make_report(other, "release-1", "security", "clean", NOW),
        "other role": sampling.make_report(key, "release-1", "counsel", "clean", NOW),
        "later": sampling.make_report(key, "release-1", "security", "clean", NOW + timedelta(hours=1)),
        "spelling": good.replace(b'"payload"', b' "payload"'),
        "long": good + b" " * sampling.MAX_REPORT,
    }.get(fault, good)
    with pytest.raises(Error) as refused:
        sampling.verify_report(bad, keys, NOW)
    assert refused.value.exit_code == ExitCode.VERIFICATION_FAILED


@pytest.mark.parametrize("due", ["2026-01-01T00:00:00", "2026-01-01", "", 5])
def test_a_time_without_a_zone_from_an_exchange_is_refused_before_it_is_noted(due: object) -> None:
    told = {"release_id": "release-1", "standing_id": "standing-1", "due": "2026-01-01T00:00:00Z"}
    assert msgspec.convert(told, Told).due.tzinfo is not None
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(told | {"due": due}, Told)
