"""The detector joined, on a small log: planted networks, benign logs, and what must not matter."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from synthetic_events import NETWORK, accounts_table, events_table, opened, small_log

from countermark.detect.cooccurrence import Cooccurrence
from countermark.detect.detection import DetectionOptions


def detect(tables, seed=0):
    with opened(*tables) as database:
        return Cooccurrence().detect(database, DetectionOptions(seed=seed), lambda done, total: None)


@pytest.fixture(scope="module")
def log():
    return small_log()


@pytest.fixture(scope="module")
def found(log):
    return detect(log)


def everything(detection, names=True):
    """All that a detection says, as plain data; account names left out on request."""
    groups = [
        {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(group).items()
        }
        for group in detection.groups
    ]
    rest = {key: value for key, value in vars(detection).items() if key not in ("groups", "account_ids")}
    rest = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in rest.items()}
    return rest | {"groups": groups} | ({"account_ids": list(detection.account_ids)} if names else {})


def members(detection):
    return [{detection.account_ids[i] for i in group.accounts.tolist()} for group in detection.groups]


def network(number):
    return {f"net{number}-{i:03d}" for i in range(NETWORK)}


def test_a_planted_network_is_one_harvest(found):
    [listed] = members(found)
    assert network(0) <= listed
    assert len(listed) <= NETWORK + 4
    [group] = found.groups
    assert group.kind == "harvest"
    assert group.log_p <= group.log_q <= np.log(0.01)
    assert found.conclusive


def test_two_networks_stay_two():
    detection = detect(small_log(3, networks=2))
    assert len(detection.groups) == 2
    for listed in members(detection):
        assert any(len(listed & network(n)) >= 0.95 * NETWORK for n in range(2))
        assert sum(len(listed & network(n)) > 2 for n in range(2)) == 1


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_found_where_nothing_was_planted(seed):
    detection = detect(small_log(seed, ordinary=400, networks=0))
    assert detection.groups == []
    assert detection.conclusive


def test_the_same_again_in_one_process(log, found):
    assert everything(detect(log)) == everything(found)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_rows_does_not_matter(log, found, seed):
    random = np.random.default_rng(seed)
    shuffled = [table.take(random.permutation(table.num_rows)) for table in log]
    assert everything(detect(shuffled)) == everything(found)


@pytest.mark.parametrize("form", ["{:05d}", "user/{:05d}@example", "Ω{:05d}'; --"])
def test_names_do_not_matter_as_long_as_their_order_stays(log, found, form):
    names = sorted(set(log[0].column("account_id").to_pylist()))
    new = dict(zip(names, (form.format(i) for i in range(len(names))), strict=True))
    events, accounts, sketches = (
        table.set_column(
            table.schema.get_field_index("account_id"),
            table.schema.field("account_id"),
            pa.array([new[name] for name in table.column("account_id").to_pylist()]),
        )
        if "account_id" in table.schema.names
        else table
        for table in log
    )
    renamed = detect((events, accounts, sketches))
    assert list(renamed.account_ids) == sorted(new.values())
    assert everything(renamed, names=False) == everything(found, names=False)


def test_the_request_ids_and_where_rows_came_from_do_not_matter(log, found):
    events = log[0]
    for column, values in (
        ("request_id", [f"x{i}" for i in range(events.num_rows)]),
        ("source_offset", list(range(events.num_rows))[::-1]),
    ):
        place = events.schema.get_field_index(column)
        events = events.set_column(place, events.schema.field(column), pa.array(values))
    assert everything(detect((events, *log[1:]))) == everything(found)


def test_a_log_without_prompts_cannot_tell_harvest_from_pool_and_says_so(log):
    """LiteLLM's default: addresses, cards and times only; registration and rhythm confirm."""
    events = log[0]
    for column in ("prompt_hash", "template_hash", "opening_hash", "prompt_lang", "prompt_traits"):
        place = events.schema.get_field_index(column)
        field = events.schema.field(column)
        events = events.set_column(place, field, pa.nulls(events.num_rows, field.type))
    detection = detect((events, log[1], log[2].slice(0, 0)))
    assert all(group.kind == "undecided" for group in detection.groups)
    assert any("cannot be told apart" in note for note in detection.notes)


def test_one_family_only_is_split_by_days_and_says_what_that_cannot_show(log):
    keep = [
        "ts",
        "account_id",
        "request_id",
        "source_digest",
        "source_offset",
        "capture_version",
        "template_hash",
    ]
    rows = log[0].select(keep).to_pylist()
    for row in rows:
        row["object_hash"] = row.pop("template_hash") // 10_000
    detection = detect((events_table(rows), accounts_table([]), log[2].slice(0, 0)))
    assert [len(listed & network(0)) > 0.9 * NETWORK for listed in members(detection)] == [True]
    assert all("odd days" in group.null for group in detection.groups)
    assert any("benign groups" in note for note in detection.notes)


@pytest.mark.parametrize("accounts", [0, 1, 50])
def test_too_few_accounts_are_not_conclusive(log, accounts):
    names = sorted(set(log[0].column("account_id").to_pylist()))[:accounts]
    events = log[0].filter(pc.is_in(log[0].column("account_id"), pa.array(names, pa.string())))
    detection = detect((events, *log[1:]))
    assert detection.groups == []
    assert not detection.conclusive
    assert any("nothing can be tested" in note for note in detection.notes)
