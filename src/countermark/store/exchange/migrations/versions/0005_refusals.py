"""Counted refusals that wait for their entry of the log."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

Word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """One new table."""
    op.create_table(
        "refusals",
        sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("member", Word, primary_key=True),
        sa.Column("token", Word, primary_key=True),
        sa.Column("endpoint", Word, primary_key=True),
        sa.Column("status", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reason", Word, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
