"""A world is reproducible, grows by whole days, and writes what LiteLLM writes."""

import csv
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from countermark.errors import Error
from countermark.world.provider import LOG_FILE, WorldPlan, write_world
from countermark.world.truth import read_truth

TINY = WorldPlan.tiny()
# fields of LiteLLM's StandardLoggingPayload and its metadata that its documentation lists
DOCUMENTED = set(
    """id trace_id call_type response_cost status total_tokens prompt_tokens completion_tokens startTime
    endTime completionStartTime response_time model_map_information model model_id model_group api_base
    metadata cache_hit cache_key saved_cache_cost request_tags end_user requester_ip_address messages
    response error_str error_information model_parameters hidden_params""".split()  # noqa: SIM905 (shorter)
)
DOCUMENTED_METADATA = set(
    """user_api_key_hash user_api_key_alias user_api_key_org_id user_api_key_team_id user_api_key_user_id
    user_api_key_team_alias spend_logs_metadata requester_ip_address requester_metadata""".split()  # noqa: SIM905
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a world")
    write_world(folder, TINY, 11)
    return folder


@pytest.fixture(scope="module")
def lines(world: Path) -> list[dict]:
    return [json.loads(line) for line in (world / LOG_FILE).read_bytes().splitlines()]


def account_of(line: dict) -> str:
    return line["metadata"]["user_api_key_user_id"]


def test_the_same_seed_gives_the_same_bytes(world, tmp_path):
    write_world(tmp_path, TINY, 11)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in world.iterdir()
    }


def test_another_seed_gives_another_world(world, tmp_path):
    write_world(tmp_path, TINY, 12)
    seen = set(read_truth(tmp_path).pool) & set(read_truth(world).pool)
    assert not seen


def test_a_longer_plan_begins_with_the_same_lines(world, tmp_path):
    write_world(tmp_path, TINY.but(days=3), 11)
    earlier = (world / LOG_FILE).read_bytes()
    later = (tmp_path / LOG_FILE).read_bytes()
    assert later.startswith(earlier)
    assert len(later) > 1.2 * len(earlier)


def test_a_file_per_day_holds_the_same_lines(world, tmp_path):
    write_world(tmp_path, TINY.but(file_per_day=True), 11)
    days = sorted(tmp_path.glob("*.jsonl"))
    assert [path.name for path in days] == ["litellm-2026-03-01.jsonl", "litellm-2026-03-02.jsonl"]
    assert b"".join(path.read_bytes() for path in days) == (world / LOG_FILE).read_bytes()


def test_every_line_has_the_documented_fields(lines):
    for line in lines:
        assert line.keys() >= DOCUMENTED
        assert line["metadata"].keys() >= DOCUMENTED_METADATA
        assert line["status"] in ("success", "failure")
        assert line["total_tokens"] == line["prompt_tokens"] + line["completion_tokens"]
        assert line["messages"][-1]["role"] == "user"
        assert isinstance(line["model_parameters"], dict)
        assert line["startTime"] <= line["completionStartTime"] <= line["endTime"]
    assert len({line["id"] for line in lines}) == len(lines)


def test_lines_stand_in_the_order_in_which_answers_ended_within_a_day(lines):
    first_end_of_day = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    ends = [line["endTime"] for line in lines if line["startTime"] < first_end_of_day]
    assert ends == sorted(ends)


def test_prompts_have_the_length_of_real_ones(lines):
    lengths = sorted(len(line["messages"][-1]["content"]) for line in lines)
    assert 100 <= lengths[len(lengths) // 2] <= 700
    assert lengths[-1] < 4000


def test_accounts_in_the_log_are_in_the_table_and_open(world, lines):
    with (world / "accounts.csv").open(newline="") as stream:
        table = {row["account_id"]: row for row in csv.DictReader(stream)}
    for line in lines:
        row = table[account_of(line)]
        at = datetime.fromtimestamp(line["startTime"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert row["signup_ts"] <= at
        assert not row["ban_ts"] or at <= row["ban_ts"]
        assert "@" in row["email"]
        assert row["email"].endswith(".example")
        assert row["payment"]


def test_harvesters_make_some_26_calls_a_day_each(world, lines):
    members = {account for network in read_truth(world).harvest for account in network.accounts}
    active_days = {(account_of(line), int(line["startTime"] // 86_400)) for line in lines}
    calls = sum(account_of(line) in members for line in lines)
    days = sum(account in members for account, _ in active_days)
    assert 23.5 <= calls / days <= 28.5
    most = Counter((account_of(line), int(line["startTime"] // 86_400)) for line in lines)
    assert max(most[key] for key in most if key[0] in members) < 60
    assert max(most[key] for key in most if key[0] not in members) > 60, "the busiest accounts are ordinary"


def test_harvested_prompts_are_seldom_repeated(world, lines):
    members = {account for network in read_truth(world).harvest for account in network.accounts}
    prompts = [line["messages"][-1]["content"] for line in lines if account_of(line) in members]
    assert len(set(prompts)) > 0.97 * len(prompts)


def test_truth_names_only_accounts_of_the_log(world, lines):
    truth = read_truth(world)
    seen = {account_of(line) for line in lines}
    groups = [network.accounts for network in truth.harvest] + [truth.pool, *truth.look_alikes.values()]
    assert all(groups)
    assert all(set(group) <= seen for group in groups)
    assert set(truth.look_alikes) == {"coding agent", "class", "ci", "company", "viral"}
    assert truth.requests == len(lines)
    assert truth.active_accounts == len(seen)
    networks = [set(network.accounts) for network in truth.harvest]
    assert networks[0].isdisjoint(networks[1])


def test_no_prompts_is_redacted_as_litellm_does_it(tmp_path):
    plan = WorldPlan(days=1, ordinary=120, networks=(12,), pool=10, no_prompts=True)
    write_world(tmp_path, plan, 3)
    for line in (tmp_path / LOG_FILE).read_bytes().splitlines():
        payload = json.loads(line)
        assert payload["messages"] == [{"role": "user", "content": "redacted-by-litellm"}]
        if payload["response"]:
            assert payload["response"]["choices"][0]["message"]["content"] == "redacted-by-litellm"


def test_a_benign_world_plants_nothing(tmp_path):
    truth = write_world(tmp_path, WorldPlan.benign(ordinary=150, days=2), 5)
    assert truth.harvest == []
    assert truth.pool == []
    assert all(truth.look_alikes.values())


def test_look_alikes_can_be_left_out(tmp_path):
    truth = write_world(tmp_path, WorldPlan(days=1, ordinary=100, networks=(), pool=0, look_alikes=False), 5)
    assert truth.look_alikes == {}


@pytest.mark.parametrize(
    "changes", [{"days": 0}, {"networks": (3,)}, {"ordinary": 20}, {"pool": -1}, {"ordinary": 10_000_000}]
)
def test_an_impossible_plan_is_refused(changes):
    with pytest.raises(Error):
        TINY.but(**changes)


@pytest.mark.parametrize("content", [None, b"{", b'{"harvest": 3}'])
def test_an_unreadable_truth_is_an_error(tmp_path, content):
    if content is not None:
        (tmp_path / "truth.json").write_bytes(content)
    with pytest.raises(Error):
        read_truth(tmp_path)
