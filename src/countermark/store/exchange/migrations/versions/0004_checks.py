"""Tables of the joint watermark check."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

Word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Four new tables."""
    _register()
    _checks()


def _register() -> None:
    op.create_table(
        "watermark_pools",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("member", Word, nullable=False),
        sa.Column("profile_id", Word, nullable=False),
        sa.Column("epoch", Word, nullable=False),
        sa.Column("commitment", Word, nullable=False, unique=True),
        sa.Column("keys", sa.LargeBinary, nullable=False),
        sa.Column("key_count", sa.Integer, nullable=False),
        sa.Column("registered", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("profile_id", "epoch", name="uq_watermark_pools_epoch"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_watermark_pools_member", "watermark_pools", ["member"])


def _checks() -> None:
    op.create_table(
        "watermark_matters",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("submitter", Word, nullable=False),
        sa.Column("matter", Word, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("asked", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("submitter", "matter", name="uq_watermark_matters_submitter"),
    )
    op.create_table(
        "watermark_checks",
        sa.Column("matter", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("check_id", Word, nullable=False, unique=True),
        sa.Column("submitter", Word, nullable=False),
        sa.Column("retry_id", Word),
        sa.Column("text_digest", Word, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("hypotheses", sa.Integer, nullable=False),
        sa.Column("asked_so_far", sa.BigInteger, nullable=False),
        sa.Column("word", Word),
        sa.Column("marks", Word),
        sa.Column("complete", sa.Boolean),
        sa.Column("figures", sa.LargeBinary),
        sa.UniqueConstraint("submitter", "retry_id", name="uq_watermark_checks_retry"),
    )
    op.create_table(
        "watermark_quotas",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("what", Word, primary_key=True),
        sa.Column("who", Word, primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
    )
