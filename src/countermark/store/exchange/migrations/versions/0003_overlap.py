"""Tables of the private overlap."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
FLAGS = ("listed", "tagged", "planted", "proven", "opening", "unshuffled")


def upgrade() -> None:
    """From an exchange without runs."""
    _runs()
    _sides()
    op.create_table(
        "overlap_parts",
        sa.Column("run_id", Word, sa.ForeignKey("overlap_runs.run_id"), primary_key=True),
        sa.Column("member_id", Word, primary_key=True),
        sa.Column("what", Word, primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sha256", Word, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )


def _runs() -> None:
    op.create_table(
        "overlap_runs",
        sa.Column("run_id", Word, primary_key=True),
        sa.Column("first", Word, sa.ForeignKey("members.member_id"), nullable=False),
        sa.Column("second", Word, sa.ForeignKey("members.member_id"), nullable=False),
        sa.Column("name", Word, nullable=False),
        sa.Column("state", Word, nullable=False),
        sa.Column("size", sa.Integer),
        sa.Column("under_floor", sa.Boolean, nullable=False),
        sa.Column("reason", Word, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger),
        sa.UniqueConstraint("first", "second", "name", name="uq_overlap_runs"),
    )
    for one in ("first", "second"):
        op.create_index(f"ix_overlap_runs_{one}", "overlap_runs", [one, "created"])
    for one in ("created", "expires", "state"):
        op.create_index(f"ix_overlap_runs_{one}", "overlap_runs", [one])


def _sides() -> None:
    op.create_table(
        "overlap_sides",
        sa.Column("run_id", Word, sa.ForeignKey("overlap_runs.run_id"), primary_key=True),
        sa.Column("member_id", Word, sa.ForeignKey("members.member_id"), primary_key=True),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("commitment_sha256", Word, nullable=False),
        sa.Column("list_sha256", Word, nullable=False),
        sa.Column("key_sha256", Word, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in FLAGS),
        sa.Column("opening_until", sa.BigInteger),
        sa.UniqueConstraint("list_sha256", name="uq_overlap_sides_list"),
        sa.UniqueConstraint("key_sha256", name="uq_overlap_sides_key"),
    )
