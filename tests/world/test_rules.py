"""No value is held by more than 30% of a network, and what is shared is used by ordinary accounts too."""

import json
from pathlib import Path

import pytest

from countermark.errors import Error
from countermark.world.provider import LOG_FILE, WorldPlan, write_world
from countermark.world.rules import LIMIT, STRICT, check
from countermark.world.truth import read_truth


@pytest.mark.parametrize("seed", range(6))
def test_the_rule_holds(tmp_path, seed):
    write_world(tmp_path, WorldPlan.tiny(), seed)
    shares = check(tmp_path)
    assert {share.field for share in shares} >= STRICT
    assert [share for share in shares if not share.holds] == []
    assert max(share.share for share in shares if share.field in STRICT) <= LIMIT


def test_the_rule_holds_over_more_days(tmp_path):
    """Caps come from each account's own share of the lists, so time does not wear them out."""
    write_world(tmp_path, WorldPlan.tiny().but(days=6), 1)
    assert [share for share in check(tmp_path) if not share.holds] == []


def _rewrite(folder: Path, members: set[str], change) -> None:
    log = folder / LOG_FILE
    lines = [json.loads(line) for line in log.read_bytes().splitlines()]
    for line in lines:
        if line["metadata"]["user_api_key_user_id"] in members:
            change(line)
    log.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


@pytest.fixture
def world(tmp_path):
    write_world(tmp_path, WorldPlan(days=1, ordinary=300, networks=(20,), pool=0, look_alikes=False), 2)
    return tmp_path


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("ip", lambda line: line.update(requester_ip_address="10.1.2.3")),
        (
            "prefix",
            lambda line: line.update(requester_ip_address=f"10.1.2.{len(line['id'] + line['model']) % 250}"),
        ),
        (
            "system",
            lambda line: line["messages"].insert(0, {"role": "system", "content": "You answer 7 at a time."}),
        ),
        (
            "opening",
            lambda line: line["messages"][-1].update(content="Now take a careful look at " + line["id"]),
        ),
        (
            "closing",
            lambda line: line["messages"][-1].update(content=line["id"] + " and show all of your steps"),
        ),
        (
            "template",
            lambda line: line["messages"][-1].update(content=f"Add 1 to {line['startTime']} and explain"),
        ),
    ],
)
def test_a_shared_value_is_noticed(world, field, change):
    members = set(read_truth(world).harvest[0].accounts)
    half = set(sorted(members)[: len(members) // 2])
    _rewrite(world, half, change)
    worst = next(share for share in check(world) if share.field == field)
    assert worst.share >= len(half) / len(members) > LIMIT
    assert worst.unshared
    assert not worst.holds


def test_a_value_that_is_common_anyway_is_excused_outside_the_strict_fields(world):
    members = set(read_truth(world).harvest[0].accounts)
    common = next(share for share in check(world) if share.field == "model")
    assert common.common
    _rewrite(world, members, lambda line: line.update(model="atlas-large"))
    share = next(share for share in check(world) if share.field == "model")
    assert share.share == 1.0
    assert share.holds


def test_an_account_table_with_one_card_is_noticed(world):
    members = set(read_truth(world).harvest[0].accounts)
    path = world / "accounts.csv"
    rows = [row.split(",") for row in path.read_text().splitlines()]
    for row in rows:
        if row[0] in members:
            row[2] = "one-card"
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    worst = next(share for share in check(world) if share.field == "payment")
    assert worst.share == 1.0
    assert not worst.holds


def test_a_folder_without_a_log_or_with_a_broken_line_is_an_error(world):
    with (world / LOG_FILE).open("ab") as stream:
        stream.write(b"{\n")
    with pytest.raises(Error):
        check(world)
    (world / LOG_FILE).unlink()
    with pytest.raises(Error):
        check(world)
