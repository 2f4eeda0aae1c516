"""What the held-out worlds promise, measured from the files they write."""

import csv
import json
from collections import Counter
from pathlib import Path
from types import ModuleType

import measure
import pytest
import world_a
import world_b
import world_c

WORLDS = [world_a, world_b, world_c]
LIMIT = 0.30
INJECTED = {
    ("world_c", "pool", "system prompt")
}  # one reseller puts one prompt into every call: that is the point


def names(module: ModuleType) -> str:
    return module.__name__


@pytest.fixture(scope="module", params=WORLDS, ids=names)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, dict]:
    """A small whole world: its name, its folder and its truth."""
    folder = tmp_path_factory.mktemp(names(request.param))
    return names(request.param), folder, request.param.write(folder, 7, days=2, scale=0.35)


def planted_groups(truth: dict) -> dict[str, set[str]]:
    groups = {network["name"]: set(network["accounts"]) for network in truth["harvest"]}
    return groups | {"pool": set(truth["pool"])}


def test_no_value_is_shared_by_more_than_three_tenths_and_each_has_ordinary_users(world):
    name, folder, truth = world
    users, groups = measure.usage(folder, truth["frames"]), planted_groups(truth)
    planted = set().union(*groups.values())
    for group, accounts in groups.items():
        found = measure.shares(users, accounts, planted)
        expected = {"ip", "prefix", "payment", "email domain", "signup day", "system prompt"}
        assert set(found) == expected | ({"template"} if group != "pool" else set())
        for kind, entry in found.items():
            assert not entry["exclusive"], (group, kind, entry["exclusive"][:3])
            assert entry["share"] <= LIMIT or (name, group, kind) in INJECTED, (group, kind, entry["share"])


def test_networks_call_about_twenty_six_times_a_day_and_every_account_is_listed(world):
    _, folder, truth = world
    with (folder / "litellm.jsonl").open(encoding="utf-8") as log:
        records = [json.loads(raw) for raw in log]
    calls = Counter(measure.account_of(record) for record in records)
    assert len({record["id"] for record in records}) == len(records)
    assert all(record["endTime"] > record["startTime"] for record in records)
    with (folder / "accounts.csv").open(encoding="utf-8", newline="") as table:
        listed = [row["account_id"] for row in csv.DictReader(table)]
    assert len(listed) == len(set(listed))
    assert set(calls) <= set(listed)
    for network in truth["harvest"]:
        rate = sum(calls[who] for who in network["accounts"]) / len(network["accounts"]) / 2
        assert 20 < rate < 33


@pytest.mark.parametrize("module", WORLDS, ids=names)
def test_a_seed_repeats_and_a_benign_run_is_the_same_world_without_the_planted(module, tmp_path):
    small = {"days": 1, "scale": 0.2}
    truth = module.write(tmp_path / "whole", 3, **small)
    assert module.write(tmp_path / "again", 3, **small) == truth
    assert module.write(tmp_path / "benign", 3, benign_only=True, **small)["harvest"] == []
    module.write(tmp_path / "other", 4, **small)
    whole, again, benign, other = (
        (tmp_path / name / "litellm.jsonl").read_text(encoding="utf-8").splitlines()
        for name in ("whole", "again", "benign", "other")
    )
    planted = set().union(*planted_groups(truth).values())
    assert whole == again != other
    assert benign == [raw for raw in whole if measure.account_of(json.loads(raw)) not in planted]
    assert 0 < len(benign) < len(whole)
