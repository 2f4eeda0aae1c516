"""Days that are added, days that are replayed, another hash key, and what people decided."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import capture, files, findings, harvests, members, rewrite_members
from generated import generate, write_hash_keys

from countermark.records.canonical import file_sha256
from countermark.trust.log import Log
from countermark.world.plan import WorldPlan
from countermark.world.provider import Truth
from running import countermark, in_process_of_its_own

PLAN = WorldPlan(days=6, ordinary=900, networks=(70, 90), pool=40, file_per_day=True)
SEED = 3


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """Six days of logs, a file a day."""
    folder = tmp_path_factory.mktemp("provider")
    write_hash_keys(folder / "hash-keys.json", 0)
    return folder, generate(folder, PLAN, SEED)


@pytest.fixture(scope="module")
def days(provider: tuple[Path, Truth]) -> Callable[[int, int], list[Path]]:
    """The logs of the days first..last, from 1."""
    logs = sorted((provider[0] / "logs").iterdir())
    return lambda first, last: logs[first - 1 : last]


@pytest.fixture(scope="module")
def five(days: Callable[[int, int], list[Path]], provider: tuple[Path, Truth]) -> tuple[Path, Path]:
    """EVENTS and FINDINGS of five days. Tests work on copies."""
    events, out = provider[0] / "events", provider[0] / "findings"
    assert capture(days(1, 5), events).code == 0
    assert countermark("detect", events, "--out", out).code == 10
    assert len(harvests(out)) == 2
    return events, out


@pytest.fixture
def copies(five: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    events, out = (Path(shutil.copytree(path, tmp_path / path.name)) for path in five)
    return events, out


def detect(events: Path, out: Path, *more: Path | str) -> dict[str, set[str]]:
    """Run it and give the members."""
    done = countermark("detect", events, "--out", out, *more)
    assert done.code in (0, 10), done.err
    return members(out)


def likeness(one: set[str], other: set[str]) -> float:
    """Share of all accounts of the two that are in both."""
    return len(one & other) / len(one | other)


def test_detection_in_a_case_is_logged_with_the_digest_of_its_findings(
    copies: tuple[Path, Path], tmp_path: Path
) -> None:
    events, out = copies
    case = ["--log", tmp_path / "log", "--matter", "matter-7"]
    assert detect(events, out, *case) == members(out)
    missing = countermark("detect", tmp_path / "none", "--out", tmp_path / "other", *case)
    assert missing.code == 3
    started, ended = Log.open(tmp_path / "log").entries()
    assert (started.kind, started.payload["hypotheses"]) == ("run-start", 1)
    assert started.payload["digests"] == {"capture.json": file_sha256(events / "capture.json")}
    assert ended.payload["status"] == "done"
    assert ended.payload["digests"]["findings.json"] == file_sha256(out / "findings.json")
    assert len(findings(out)["blind"]) == 64, "no digest of it can be guessed once something is taken out"
    detect(events, out)
    assert "blind" not in findings(out), "outside a case the same events give the same bytes"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_a_day_more_keeps_the_harvests_of_the_demos_world(tmp_path, seed):
    truth = generate(tmp_path, WorldPlan.demo().but(days=6, file_per_day=True), seed)
    write_hash_keys(tmp_path / "hash-keys.json", seed)
    logs = sorted((tmp_path / "logs").iterdir())
    events, out = tmp_path / "events", tmp_path / "findings"
    assert capture(logs[:5], events).code == 0
    detect(events, out)
    before = harvests(out)
    assert len(before) == len(truth.harvest)
    assert capture(logs[5:], events, "--append").code == 0
    after = detect(events, out)
    assert harvests(out).keys() == before.keys()
    for name, accounts in before.items():
        assert likeness(accounts, after[name]) >= 0.9, name
    detect(events, tmp_path / "fresh")
    assert harvests(tmp_path / "fresh").keys() == before.keys()


def test_a_day_more_keeps_the_ids(copies, days, provider, tmp_path):
    folder, _ = provider
    events, out = copies
    before = members(out)
    more = ("--hash-key", folder / "hash-keys.json", "--append")
    assert capture(days(6, 6), events, *more).code == 0
    after = detect(events, out)
    assert before.keys() <= after.keys()
    for name, accounts in before.items():
        assert len(accounts & after[name]) > len(accounts) / 2, name
    assert all(not campaign["supersedes"] for campaign in findings(out)["campaigns"])
    assert harvests(out).keys() <= before.keys()
    assert len(harvests(out)) == 2

    fresh = detect(events, tmp_path / "fresh")
    assert fresh == after, "without the earlier findings, the founder gives the same ids"
    assert capture(days(1, 6), tmp_path / "at once", "--hash-key", folder / "hash-keys.json").code == 0
    assert detect(tmp_path / "at once", tmp_path / "findings at once") == after


def test_the_same_days_give_the_same_bytes(five, days, provider, tmp_path):
    """Captured again, on one thread and on two, here and in another process, over findings and without."""
    events, out = five
    keys = ("--hash-key", provider[0] / "hash-keys.json")
    assert capture(days(1, 5), tmp_path / "again", *keys, "--threads", "1").code == 0
    assert files(tmp_path / "again") == files(events)
    expected = files(out)
    done = in_process_of_its_own("detect", "again", "--out", "findings", "--threads", "1", folder=tmp_path)
    assert done.code == 10, done.err
    assert files(tmp_path / "findings") == expected
    detect(events, tmp_path / "findings", "--threads", "2")
    assert files(tmp_path / "findings") == expected


def test_another_hash_key_finds_the_same_harvests(five, days, tmp_path):
    write_hash_keys(tmp_path / "other-keys.json", 1)
    keys = ("--hash-key", tmp_path / "other-keys.json")
    assert capture(days(1, 5), tmp_path / "events", *keys).code == 0
    detect(tmp_path / "events", tmp_path / "findings")
    ours, others = harvests(five[1]), harvests(tmp_path / "findings")
    assert len(ours) == len(others)
    for accounts in ours.values():
        assert max(likeness(accounts, other) for other in others.values()) >= 0.95


def test_dispositions_survive_a_rerun(copies):
    events, out = copies
    written = {
        name: ("confirmed", "rejected", "unsure")[i % 3] for i, name in enumerate(sorted(members(out)))
    }
    text = "".join(f"{name}: {said}\n" for name, said in written.items())
    (out / "dispositions.yaml").write_text(text)
    revisions = {one["campaign_id"]: one["revision"] for one in findings(out)["campaigns"]}
    assert countermark("detect", events, "--out", out).code == 10
    campaigns = findings(out)["campaigns"]
    assert {one["campaign_id"]: one["disposition"] for one in campaigns} == written
    assert {one["campaign_id"]: one["revision"] for one in campaigns} == revisions
    assert (out / "dispositions.yaml").read_text() == text

    (out / "dispositions.yaml").write_text("".join(f"{name}: rejected\n" for name in written))
    assert countermark("detect", events, "--out", out).code == 0, "all that was found is rejected"


def test_allowed_accounts_never_appear(copies, provider, tmp_path):
    _, truth = provider
    events, out = copies
    [first, *_] = truth.harvest
    allowed = [*first.accounts, *truth.pool[::2]]
    document = {"groups": [{"name": "own red team", "accounts": allowed}]}
    (tmp_path / "allow.yaml").write_text(json.dumps(document))
    found = detect(events, out, "--allow", tmp_path / "allow.yaml")
    assert not set().union(*found.values()) & set(allowed)
    assert len(harvests(out)) == len(truth.harvest) - 1
    said = json.loads((out / "method.json").read_bytes())["allowed"]
    assert said == {"own red team": len(allowed)}
    everything = b"".join(content for name, content in files(out).items() if name != "members.parquet")
    assert not [account for account in allowed if account.encode() in everything]


def test_a_merge_and_a_split_supersede(copies):
    """Earlier findings held one of today's campaigns as two, and two of them as one."""
    events, out = copies
    whole = members(out)
    cut, first, second = sorted(whole, key=lambda name: -len(whole[name]))[:3]
    third = sorted(whole[cut])[: len(whole[cut]) // 3]

    rewrite_members(out, {cut: "campaign-third"}, third)
    rewrite_members(out, {first: "campaign-joined", second: "campaign-joined"})
    detect(events, out)
    today = {accounts: name for name, accounts in ((n, frozenset(a)) for n, a in members(out).items())}
    said = {one["campaign_id"]: one["supersedes"] for one in findings(out)["campaigns"]}
    assert today[frozenset(whole[cut])] == cut
    assert said[cut] == ["campaign-third"]
    parts = [today[frozenset(whole[name])] for name in (first, second)]
    assert parts[0] == "campaign-joined", "the larger part keeps the id"
    assert parts[1] == second, "the other gets its founder's"
    assert said["campaign-joined"] == []
    assert said[second] == ["campaign-joined"]

    recorded = files(out)
    detect(events, out)
    assert files(out) == recorded, "the same days again: what was superseded stays recorded"


def test_two_hash_keys_are_not_mixed(copies, days, provider, tmp_path):
    events, _ = copies
    before = files(events)
    mixed = capture(days(6, 6), events, "--append", "--hash-key", tmp_path / "other-keys.json")
    assert mixed.code == 1
    assert "mixing two key ids" in mixed.error()
    assert files(events) == before


def test_a_detection_in_a_case_is_a_run_of_it(copies: tuple[Path, Path], tmp_path: Path) -> None:
    """The start names the events before, the outcome what came out; the answer is the same as without one."""
    events, out = copies
    before = harvests(out)
    case = ("--log", tmp_path / "log", "--matter", "m-1")
    assert countermark("detect", events, "--out", out, *case).code == 10
    start, outcome = Log.open(tmp_path / "log").entries()
    assert start.payload["digests"] == {"capture.json": file_sha256(events / "capture.json")}
    assert outcome.payload["digests"]["findings.json"] == file_sha256(out / "findings.json")
    assert harvests(out) == before
    (tmp_path / "none").mkdir()
    assert countermark("detect", tmp_path / "none", "--out", tmp_path / "f", *case).code == 3
    assert len(Log.open(tmp_path / "log")) == 2
