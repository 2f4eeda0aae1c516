"""Whose an id is: in a collection it belongs to the member that first added an object of it.

Only that member may give it a new version or a revocation; otherwise another's would be what pollers see. It
stays so when all is deleted: those who read the earlier version would take another's for a newer one.
"""

import json
from collections.abc import Iterable

import sqlalchemy as sa

from countermark.store.exchange.database import Database
from countermark.store.exchange.tables import objects


def owners_of(
    database: Database, connection: sa.Connection, asked: Iterable[tuple[int, str]]
) -> dict[str, int]:
    """Numbers of the members whose these ids are, by id; an id that was never used has none.

    `asked` are ids with their kin (standing.py). As all rows of an id are one member's, one of them tells,
    tombstones included, however many there are. The collection is locked.
    """
    pairs = list({stix_id: kin for kin, stix_id in asked}.items())
    if not pairs:
        return {}
    if database.postgres:
        lists = sa.func.unnest(
            sa.bindparam("kins", type_=sa.ARRAY(objects.c.kin.type)),
            sa.bindparam("ids", type_=sa.ARRAY(objects.c.stix_id.type)),
        )
        table = lists.table_valued("kin", "stix_id").render_derived(name="asked")
        kin: sa.ColumnElement[int] = table.c.kin
        stix_id: sa.ColumnElement[str] = table.c.stix_id
        values: dict[str, object] = {"kins": [one for _, one in pairs], "ids": [one for one, _ in pairs]}
    else:
        each = sa.func.json_each(sa.bindparam("pairs", type_=sa.Text)).table_valued("value").c.value
        stix_id, kin = (sa.func.json_extract(each, f"$[{at}]") for at in (0, 1))
        values = {"pairs": json.dumps(pairs)}
    same = (objects.c.kin == kin) & (objects.c.stix_id == stix_id)
    owner = sa.select(objects.c.owner).where(same).limit(sa.literal_column("1")).scalar_subquery()
    rows = connection.execute(sa.select(stix_id, owner), values)
    return {row[0]: row[1] for row in rows if row[1] is not None}
