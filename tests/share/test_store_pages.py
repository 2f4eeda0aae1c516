"""Pages and filters against a naive model, whatever is added and deleted before, on both databases."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import COLLECTION, Exchange, exchange, new_id, prepare

from countermark.errors import Error
from countermark.store.exchange import Filters, microseconds, rfc3339
from countermark.store.exchange.adding import OF_ANOTHER
from countermark.store.exchange.queries import page_statement, shape_of
from countermark.store.exchange.tables import objects

KINDS = ("indicator", "malware", "ipv4-addr")
IDS = [f"{kind}--00000000-0000-4000-8000-00000000000{at}" for kind in KINDS for at in range(2)]
# the first two are one instant
VERSIONS = (
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.000Z",
    "2026-01-02T00:00:00.5Z",
    "2027-01-01T00:00:00Z",
)
SPECS = ("2.0", "2.1")

adds = st.tuples(
    st.just("add"),
    st.lists(
        st.builds(
            prepare,
            st.sampled_from(IDS),
            st.sampled_from([*VERSIONS, None]),
            st.sampled_from(["2.1", "2.1", "2.0"]),
            st.sampled_from(["", "other"]),
        ),
        max_size=5,
    ),
    st.sampled_from(["ada", "bob"]),
)
asked_versions = st.lists(st.sampled_from(["last", "first", "all", *VERSIONS]), max_size=3, unique=True).map(
    tuple
)
asked_specs = st.lists(st.sampled_from([*SPECS, "3.0"]), max_size=2, unique=True).map(tuple)
deletes = st.tuples(
    st.just("delete"),
    st.sampled_from(IDS),
    st.sampled_from(["ada", "bob", "op"]),
    asked_versions,
    asked_specs,
)
queries = st.tuples(
    st.just("query"),
    st.lists(st.sampled_from([*IDS, "indicator--none"]), max_size=3).map(tuple),
    st.lists(st.sampled_from([*KINDS, "tool"]), max_size=2).map(tuple),
    asked_versions,
    asked_specs,
    st.none() | st.integers(0, 12),
    st.integers(1, 4),
)


@dataclass
class Row:
    date_added: int
    stix_id: str
    version_at: int
    spec: str
    owner: str
    data: bytes


@dataclass
class Model:
    """What an exchange must answer, by looking at everything each time."""

    rows: list[Row] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)

    def add(self, one: object, who: str, outcome: object) -> None:
        at = None if one.version is None else microseconds(one.version)  # type: ignore[attr-defined]
        same = [
            row
            for row in self.rows
            if (row.stix_id, row.spec) == (one.stix_id, one.spec_version)
            and (row.data == one.data if at is None else row.version_at == at)
        ]
        ours = self.owners.setdefault(one.stix_id, who) == who
        if same or not ours:
            assert bool(outcome.problem) == (not same or same[0].data != one.data)
            assert not outcome.new
            assert (outcome.problem == OF_ANOTHER) == (bool(outcome.problem) and not ours)
            if not same:
                return
            assert outcome.date_added in (None, same[0].date_added)
            return
        assert outcome.new
        assert outcome.date_added > max([0, *(row.date_added for row in self.rows)])
        at = outcome.date_added if at is None else at
        self.rows.append(Row(outcome.date_added, one.stix_id, at, one.spec_version, who, one.data))

    def match(self, row: Row, versions: tuple[str, ...], specs: tuple[str, ...]) -> bool:
        mine = [other for other in self.rows if other.stix_id == row.stix_id]
        if (row.spec not in specs) if specs else (row.spec != max(other.spec for other in mine)):
            return False
        same = sorted((other.version_at, other.date_added) for other in mine if other.spec == row.spec)
        at = (row.version_at, row.date_added)
        words = {"last": at == same[-1], "first": at == same[0], "all": True}
        return any(
            words[one] if one in words else row.version_at == microseconds(one)
            for one in versions or ["last"]
        )


def query(store: Exchange, model: Model, ids, types, versions, specs, after_row, limit) -> None:
    after = (
        None
        if after_row is None
        else ([0] + [row.date_added for row in model.rows])[after_row % (len(model.rows) + 1)]
    )
    expected = [
        row
        for row in model.rows
        if (not ids or row.stix_id in ids)
        and (not types or row.stix_id.split("--")[0] in types)
        and model.match(row, versions, specs)
        and row.date_added > (after or 0)
    ]
    asked = {"ids": ids, "types": types, "versions": versions, "spec_versions": specs, "added_after": after}
    found = store.walk(limit, **asked)
    assert [(one.date_added, one.stix_id, one.data) for one in found] == [
        (row.date_added, row.stix_id, row.data) for row in expected
    ]
    names = [store.caller(row.owner).member.member_id for row in expected]
    assert [one.owner for one in found] == names
    assert [one.media_type[-3:] for one in found] == [row.spec for row in expected]


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(adds | deletes | queries, min_size=4, max_size=25))
def check(store: Exchange, steps: list[Any]) -> None:
    _empty(store)
    model = Model()
    for kind, *rest in steps:
        if kind == "add":
            objects, who = rest
            for one, outcome in zip(objects, store.add(*objects, who=who), strict=True):
                model.add(one, who, outcome)
        elif kind == "delete":
            stix_id, who, versions, specs = rest
            gone = [
                row
                for row in model.rows
                if row.stix_id == stix_id and model.match(row, versions, specs) and who in ("op", row.owner)
            ]
            assert store.delete(stix_id, who, versions=versions, spec_versions=specs) == len(gone)
            model.rows = [row for row in model.rows if row not in gone]
        else:
            query(store, model, *rest)
    query(store, model, (), (), ("all",), SPECS, None, 3)
    query(store, model, (), (), (), (), None, 2)


def test_every_page_is_that_of_a_naive_model(database_url: str) -> None:
    with exchange(database_url) as store:
        check(store)


def _empty(store: Exchange) -> None:
    """Without tombstones, which say whose an id was."""
    with store.store.objects._database.writing() as connection:
        connection.execute(sa.delete(objects))


def test_many_ids_and_types_at_once(database_url: str) -> None:
    ids = [new_id(KINDS[at % 3]) for at in range(150)]
    with exchange(database_url) as store:
        store.add(*map(prepare, ids))
        some = set(ids[::2])
        found = store.walk(7, ids=tuple(some), versions=("last", "first"))
        assert [row.stix_id for row in found] == ids[::2]
        types = (*(f"x-type-{at}" for at in range(40)), "malware")
        assert [row.stix_id for row in store.walk(7, types=types)] == ids[1::3]


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(versions=("first",), spec_versions=("2.0",)),
        Filters(versions=("all", "2026-01-01T00:00:00Z")),
        Filters(versions=("last", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")),
        Filters(types=("indicator", "malware"), added_after=5),
        Filters(ids=tuple(IDS), types=("indicator",), versions=("first", "last")),
    ],
)
def test_no_page_reads_more_than_it_gives(database_url: str, filters: Filters) -> None:
    with exchange(database_url) as store:
        database = store.store._database
        shape, values = shape_of(1, filters, 101, True)
        statement = page_statement(shape, database.postgres)
        assert statement is not None
        query = database.compile(statement).text
        explain = "EXPLAIN " if database.postgres else "EXPLAIN QUERY PLAN "
        with database.reading() as connection:
            cursor = connection.connection.cursor()
            cursor.execute(explain + query, values | {"after": 7})
            plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
            cursor.close()
        assert "ix_objects_" in plan
        assert not [
            word for word in ("Sort  (", "Seq Scan", "Bitmap", "TEMP B-TREE", "SCAN objects") if word in plan
        ]


def test_too_many_values_are_refused(sqlite_url: str) -> None:
    with exchange(sqlite_url) as store:
        store.add(*map(prepare, some := [new_id() for _ in range(3)]))
        ids = (*some, *(new_id() for _ in range(400)))
        times = tuple(rfc3339(at) for at in range(90))
        assert len(store.walk(ids=ids, versions=(*times, "2026-01-01T00:00:00Z"))) == 3
        assert len(store.walk(versions=(*times, "2026-01-01T00:00:00Z"))) == 3
        with pytest.raises(Error, match="500 values"):
            store.page(ids=ids, versions=tuple(rfc3339(at) for at in range(98)))


def test_versions_of_an_object_have_no_data(database_url: str) -> None:
    with exchange(database_url) as store:
        stix_id = new_id()
        store.add(*(prepare(stix_id, version) for version in VERSIONS[1:]), prepare(new_id()))
        page = store.store.objects.versions(COLLECTION.collection_id, stix_id, Filters(), after=None, limit=2)
        assert [row.version for row in page.rows] == list(VERSIONS[1:3])
        assert page.more
        assert {row.data for row in page.rows} == {b""}


def test_a_tombstone_keeps_who_what_and_when(database_url: str) -> None:
    with exchange(database_url) as store:
        stix_id = new_id()
        (outcome,) = store.add(prepare(stix_id, VERSIONS[1]))
        assert store.delete(stix_id, "bob") == 0
        assert store.delete(stix_id, "ada") == 1
        (stone,) = store.store.objects.at(COLLECTION.collection_id, [outcome.date_added, 5])
        assert (stone.stix_id, stone.version, stone.date_added) == (stix_id, VERSIONS[1], outcome.date_added)
        assert (stone.owner, stone.data) == (store.caller("ada").member.member_id, b"")
        (again,) = store.add(prepare(stix_id, VERSIONS[1]))
        assert again.new
        assert again.date_added > outcome.date_added


@pytest.mark.parametrize(
    "text", ["2026-01-01", "2026-13-01T00:00:00Z", "latest", "2026-01-01T00:00:00+00:00"]
)
def test_what_is_no_version_is_refused(sqlite_url: str, text: str) -> None:
    with exchange(sqlite_url) as store, pytest.raises(Error):
        store.page(versions=(text,))


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800"])
def test_what_is_no_text_is_found_nowhere(database_url: str, text: str) -> None:
    with exchange(database_url) as store:
        found = store.store
        assert found.collections.get("exchange", text) is found.collections.get(text, "ind") is None
        assert found.members.get(text) is found.members.by_name(text) is found.statuses.get(text) is None
        assert found.releases.get(text) is None
        for filters in ({"ids": (text,)}, {"types": (text,)}, {"versions": (text,)}):
            with pytest.raises(Error):
                store.page(**filters)
        assert store.page(spec_versions=(text,)).rows == []


def test_a_cursor_from_anywhere_is_only_a_position(database_url: str) -> None:
    with exchange(database_url) as store:
        store.add(prepare(new_id()))
        assert [len(store.page(after).rows) for after in (-(1 << 80), -1, 0, 1 << 62, 1 << 80)] == [
            1,
            1,
            1,
            0,
            0,
        ]


@given(st.integers(-62135596800 * 10**6, 253402300799 * 10**6))
def test_times_there_and_back(when: int) -> None:
    assert microseconds(rfc3339(when)) == when
