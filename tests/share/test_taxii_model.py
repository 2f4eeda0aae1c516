"""Random histories and random queries: pages together are what a naive model of section 3.4 says."""

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from exchange_parties import SHARED, Exchange, exchange_at, indicator, walk
from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = ("indicator", "malware", "campaign")


@dataclass
class Row:
    stix_id: str
    kind: str
    version: str
    date: str = ""


@dataclass
class Model:
    """Everything that was added and not deleted, in order of arrival."""

    rows: list[Row] = field(default_factory=list)

    def query(self, after: str, ids: list[str], kinds: list[str], versions: list[str]) -> list[Row]:
        """Straight from the text: filters first, then the versions of what matches."""
        found = [one for one in self.rows if not after or one.date > after]
        found = [one for one in found if not ids or one.stix_id in ids]
        found = [one for one in found if not kinds or one.kind in kinds]
        if versions == ["all"]:
            return found
        chosen = []
        for one in found:
            same = sorted(row.version for row in self.rows if row.stix_id == one.stix_id)
            wanted = {"last": same[-1], "first": same[0]}
            if one.version in [wanted.get(version, version) for version in versions or ["last"]]:
                chosen.append(one)
        return chosen


def build(exchange: Exchange, seed: int) -> Model:
    """Some requests that add and delete."""
    rng, model = random.Random(seed), Model()
    for _ in range(rng.randint(1, 8)):
        objects = []
        for _ in range(rng.randint(1, 6)):
            kind, number = rng.choice(KINDS), rng.randrange(6)
            made = indicator(number, rng.randrange(4))
            objects.append(made | {"type": kind, "id": made["id"].replace("indicator", kind)})
        who = "alice"
        assert exchange.post(objects, who).json()["failure_count"] == 0
        known = {(one.stix_id, one.version) for one in model.rows}
        for one in objects:
            if (one["id"], one["modified"]) not in known:
                known.add((one["id"], one["modified"]))
                model.rows.append(Row(one["id"], one["type"], one["modified"]))
        if rng.random() < 0.3:
            gone = rng.choice(model.rows)
            path = f"/exchange/collections/{SHARED}/objects/{gone.stix_id}/?match[version]={gone.version}"
            assert exchange.ask(who, "DELETE", path).status_code == 200
            model.rows.remove(gone)
    manifest = exchange.get("manifest/?match[version]=all&limit=1000").json().get("objects", [])
    assert [(one["id"], one["version"]) for one in manifest] == [
        (one.stix_id, one.version) for one in model.rows
    ]
    for one, record in zip(model.rows, manifest, strict=True):
        one.date = record["date_added"]
    return model


def ask_as_the_model(exchange: Exchange, model: Model, rng: random.Random) -> None:
    """One random query at every endpoint that takes it."""
    ids = sorted({one.stix_id for one in model.rows})
    chosen_ids = rng.sample(ids, rng.randint(0, min(3, len(ids)))) if rng.random() < 0.5 else []
    kinds = rng.sample(KINDS, rng.randint(0, 2))
    after = rng.choice(["", *(one.date for one in model.rows)])
    times = [f"2026-01-01T00:00:0{n}.000Z" for n in range(4)]
    versions = rng.choice(
        [[], ["all"], ["first"], ["last", "first"], rng.sample(times, 2), ["last", times[1]]]
    )
    query: dict[str, Any] = {"added_after": after, "match[id]": ",".join(chosen_ids)}
    query |= {"match[type]": ",".join(kinds), "match[version]": ",".join(versions)}
    text = "&".join(
        [f"limit={rng.randint(1, 7)}", *(f"{name}={value}" for name, value in query.items() if value)]
    )
    wanted = [(one.stix_id, one.version) for one in model.query(after, chosen_ids, kinds, versions)]
    objects = walk(exchange.get, f"objects/?{text}")
    assert [(one["id"], one["modified"]) for one in objects] == wanted, text
    records = walk(exchange.get, f"manifest/?{text}")
    assert [(one["id"], one["version"]) for one in records] == wanted, text
    if ids:
        one_id = rng.choice(ids)
        path = f"objects/{one_id}/versions/?limit=2" + (f"&added_after={after}" if after else "")
        assert walk(exchange.get, path, "versions") == [
            one.version for one in model.query(after, [one_id], [], ["all"])
        ]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=12)
def test_pages_of_random_queries_are_those_of_the_model(
    tmp_path_factory: pytest.TempPathFactory, founded: tuple[Path, Any, Any], seed: int
) -> None:
    path = shutil.copy(founded[0], tmp_path_factory.mktemp("model") / "x.sqlite")
    with exchange_at(f"sqlite:///{path}", founded[1:], reads_inline=True) as exchange:
        rng, model = random.Random(seed), build(exchange, seed)
        for _ in range(12):
            ask_as_the_model(exchange, model, rng)


def test_pages_of_random_queries_on_each_database(each_exchange: Exchange) -> None:
    rng, model = random.Random(5), build(each_exchange, 5)
    for _ in range(30):
        ask_as_the_model(each_exchange, model, rng)
