"""The statement of a page: index ranges in order of arrival, merged by the database.

`match[…]` becomes a union of branches, each of which reads one index range that is ordered by `date_added`,
so that the cost is that of the rows given and not of the rows there are. Statements are made once per shape
(how many ids, types and timestamps, which standings, what limit); the values are parameters.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from countermark.errors import Error
from countermark.store.exchange import standing
from countermark.store.exchange.database import storable
from countermark.store.exchange.shapes import ALL, FIRST, LAST, Filters
from countermark.store.exchange.tables import objects
from countermark.store.exchange.times import microseconds

MOST_BRANCHES = 64
"""With more alternatives than this the database is given a list and finds its own way."""
MOST_VALUES = 500
"""Of all `match` fields of one query together."""
COLUMNS = (
    objects.c.date_added,
    objects.c.stix_id,
    objects.c.version,
    objects.c.standing,
    objects.c.owner,
)
LEAN = (objects.c.date_added, objects.c.owner, objects.c.data)
_WORDS = frozenset({LAST, FIRST, ALL})


class Shape(msgspec.Struct, frozen=True):
    """What a statement depends on besides its values."""

    ids: int
    types: int
    times: int
    """Number of timestamps among `match[version]`."""
    standings: tuple[int, ...]
    """Standings that the words among `match[version]` ask for."""
    others: tuple[int, ...]
    """Standings that a timestamp may have besides."""
    limit: int
    with_data: bool
    lean: bool = False
    """Whether only `LEAN` is read."""


def shape_of(
    collection: int, filters: Filters, limit: int, with_data: bool, lean: bool = False
) -> tuple[Shape, dict[str, Any]]:
    """The shape of a query and its values, all but `after`, in a collection given by its number.

    Raises `Error` for a version that is no timestamp, more than `MOST_VALUES` values, and what is no text.
    """
    shape, values = _shape_of(collection, filters, limit, with_data, lean)
    return shape, dict(values)


@lru_cache(maxsize=256)
def _shape_of(
    collection: int, filters: Filters, limit: int, with_data: bool, lean: bool
) -> tuple[Shape, dict[str, Any]]:
    if sum(map(len, (filters.ids, filters.types, filters.versions, filters.spec_versions))) > MOST_VALUES:
        raise Error(f"more than {MOST_VALUES} values of match fields", hint="ask for fewer at once")
    if not storable(*filters.ids, *filters.types):
        raise Error("a value of a match field is no text")
    versions = filters.versions or (LAST,)
    standings = standing.asked(versions, filters.spec_versions)
    others = [one for one in standing.of_specs(filters.spec_versions) if one not in standings]
    times = sorted({microseconds(one) for one in versions if one not in _WORDS}) if others else []
    ids, types = sorted(set(filters.ids)), sorted(set(filters.types))
    values: dict[str, Any] = {"lanes": collection * standing.LANES}
    values |= {f"id{at}": one for at, one in enumerate(ids)}
    values |= {f"kin{at}": standing.kin_of(collection, one) for at, one in enumerate(ids)}
    values |= {f"type{at}": one for at, one in enumerate(types)}
    values |= {f"time{at}": one for at, one in enumerate(times)}
    shape = Shape(
        len(ids),
        len(types),
        len(times),
        tuple(standings),
        tuple(others) if times else (),
        limit,
        with_data,
        lean,
    )
    return shape, values


@lru_cache(maxsize=256)
def page_statement(shape: Shape, postgres: bool) -> sa.Select[Any] | sa.CompoundSelect[Any] | None:
    """The statement of a shape; None where nothing can match."""
    branches = [*_by_standing(shape), *_by_time(shape)]
    if not branches:
        return None
    columns = LEAN if shape.lean else (*COLUMNS, objects.c.data) if shape.with_data else COLUMNS
    after = objects.c.date_added > sa.bindparam("after", type_=sa.BigInteger)
    selects = [sa.select(*columns).where(*conditions, after) for conditions in branches]
    limit: sa.ColumnElement[int] = sa.literal_column(str(shape.limit))
    offset: sa.ColumnElement[int] = sa.literal_column("0")  # else SQLAlchemy has a parameter for it
    if len(selects) == 1:
        return selects[0].order_by(objects.c.date_added).limit(limit).offset(offset)
    if postgres:  # which merges ranges only where each is ordered in its own right; SQLite does so by itself
        selects = [one.order_by(objects.c.date_added).limit(limit) for one in selects]
    return sa.union_all(*selects).order_by(sa.literal_column("1")).limit(limit).offset(offset)


def _by_standing(shape: Shape) -> list[list[sa.ColumnElement[bool]]]:
    """Branches for `last`, `first` and `all`: by id, else by type, else all of the collection."""
    rest = _types(shape)
    if shape.ids and shape.ids * len(shape.standings) <= MOST_BRANCHES:
        return [[key, _standing(one), *rest] for key in _ids(shape) for one in shape.standings]
    if shape.ids and shape.standings:
        return [[sa.or_(*_ids(shape)), _standings(shape.standings), *rest]]
    if shape.types and shape.types * len(shape.standings) <= MOST_BRANCHES:
        types = _equal(objects.c.type, "type", shape.types)
        return [[key, _lane(one)] for key in types for one in shape.standings]
    return [[_lane(one), *rest] for one in shape.standings]


def _by_time(shape: Shape) -> list[list[sa.ColumnElement[bool]]]:
    """Branches for timestamps, without what the words have brought already."""
    if not shape.times:
        return []
    times, rest = _equal(objects.c.version_at, "time", shape.times), _types(shape)
    if shape.ids:
        return [[sa.or_(*_ids(shape)), _standings(shape.others), sa.or_(*times), *rest]]
    if len(times) * len(shape.others) <= MOST_BRANCHES:
        return [[one, _lane(other), *rest] for one in times for other in shape.others]
    return [[sa.or_(*times), sa.or_(*map(_lane, shape.others)), *rest]]


def _ids(shape: Shape) -> list[sa.ColumnElement[bool]]:
    pairs = zip(
        _equal(objects.c.kin, "kin", shape.ids), _equal(objects.c.stix_id, "id", shape.ids), strict=True
    )
    return [sa.and_(kin, stix_id) for kin, stix_id in pairs]


def _types(shape: Shape) -> list[sa.ColumnElement[bool]]:
    """The types as a condition that no index need serve."""
    return [sa.or_(*_equal(objects.c.type, "type", shape.types))] if shape.types else []


def _equal(column: sa.Column[Any], name: str, count: int) -> list[sa.ColumnElement[bool]]:
    return [column == sa.bindparam(f"{name}{at}", type_=column.type) for at in range(count)]


def _lane(one: int) -> sa.ColumnElement[bool]:
    return objects.c.lane == sa.bindparam("lanes", type_=sa.Integer) + sa.literal_column(str(one))


def _standing(one: int) -> sa.ColumnElement[bool]:
    return objects.c.standing == sa.literal_column(str(one))


def _standings(some: Sequence[int]) -> sa.ColumnElement[bool]:
    return objects.c.standing.in_([sa.literal_column(str(one)) for one in some])
