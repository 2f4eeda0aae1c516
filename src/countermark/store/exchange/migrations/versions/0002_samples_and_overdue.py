"""What is drawn for review under standing approvals, and who is late with a withdrawal."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """From 0001."""
    op.create_table(
        "standing_uses",
        sa.Column("release_id", Word, sa.ForeignKey("releases.release_id"), primary_key=True),
        sa.Column("member_id", Word, nullable=False),
        sa.Column("standing_id", Word, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("withdrawal", sa.Boolean, nullable=False),
        sa.Column("draw", Word, nullable=False),
        sa.Column("due", sa.BigInteger),
        sa.UniqueConstraint("member_id", "standing_id", "place", name="uq_standing_uses"),
    )
    op.create_table(
        "sample_reports",
        sa.Column("release_id", Word, sa.ForeignKey("standing_uses.release_id"), primary_key=True),
        sa.Column("role", Word, primary_key=True),
        sa.Column("outcome", Word, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "overdue",
        sa.Column("dispute_id", Word, primary_key=True),
        sa.Column("member_id", Word, primary_key=True),
        sa.Column("object_id", Word, nullable=False),
        sa.Column("wanted", sa.LargeBinary, nullable=False),
        sa.Column("noticed", sa.BigInteger, nullable=False),
        sa.Column("settled", sa.BigInteger),
    )
    op.create_index("ix_overdue_settled", "overdue", ["settled"])
