"""Objects joined ahead of time; a server that runs fills the table from what is there."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """One new table."""
    op.create_table(
        "segments",
        sa.Column("collection", sa.Integer, primary_key=True),
        sa.Column("last", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("places", sa.LargeBinary),
        sa.Column("data", sa.LargeBinary),
    )
    spoiled = sa.text("data IS NULL")
    op.create_index(
        "ix_segments_spoiled",
        "segments",
        ["collection", "last"],
        sqlite_where=spoiled,
        postgresql_where=spoiled,
    )
