"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """From nothing."""
    _members()
    _collections()
    _objects()
    _requests()


def _members() -> None:
    op.create_table(
        "members",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("member_id", Word, nullable=False, unique=True),
        sa.Column("name", Word, nullable=False, unique=True),
        sa.Column("role", Word, nullable=False),
        sa.Column("of", Word, sa.ForeignKey("members.member_id")),
        sa.Column("groups", Word, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("token_id", Word, primary_key=True),
        sa.Column("member_id", Word, sa.ForeignKey("members.member_id"), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary, nullable=False),
        sa.Column("actions", Word, nullable=False),
        sa.Column("collections", Word),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger),
        sa.Column("revoked", sa.Boolean, nullable=False),
    )
    op.create_index("ix_tokens_member_id", "tokens", ["member_id"])
    op.create_table(
        "member_keys",
        sa.Column("member_id", Word, sa.ForeignKey("members.member_id"), primary_key=True),
        sa.Column("public_key", Word, primary_key=True),
    )


def _collections() -> None:
    op.create_table(
        "collections",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("collection_id", Word, nullable=False, unique=True),
        sa.Column("api_root", Word, nullable=False),
        sa.Column("title", Word, nullable=False),
        sa.Column("alias", Word),
        sa.Column("description", Word),
        sa.Column("require_release", sa.Boolean, nullable=False),
        sa.Column("last_added", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("api_root", "alias", name="uq_collections_alias"),
    )
    op.create_table(
        "grants",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("collection_id", Word, sa.ForeignKey("collections.collection_id"), nullable=False),
        sa.Column("kind", Word, nullable=False),
        sa.Column("grantee", Word, nullable=False),
        sa.Column("can_read", sa.Boolean, nullable=False),
        sa.Column("can_write", sa.Boolean, nullable=False),
        sa.UniqueConstraint("collection_id", "kind", "grantee", name="uq_grants"),
    )


def _objects() -> None:
    op.create_table(
        "objects",
        sa.Column("collection", sa.Integer, primary_key=True),
        sa.Column("date_added", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("stix_id", Word, nullable=False),
        sa.Column("type", Word, nullable=False),
        sa.Column("version", Word, nullable=False),
        sa.Column("version_at", sa.BigInteger, nullable=False),
        sa.Column("standing", sa.SmallInteger, nullable=False),
        sa.Column("lane", sa.Integer, nullable=False),
        sa.Column("kin", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Integer, nullable=False),
        sa.Column("ident", Word),
        sa.Column("sha256", sa.LargeBinary),
        sa.Column("data", sa.LargeBinary),
    )
    op.create_index("ix_objects_lane", "objects", ["lane", "date_added"])
    op.create_index("ix_objects_type", "objects", ["type", "lane", "date_added"])
    op.create_index("ix_objects_version", "objects", ["version_at", "lane", "date_added"])
    op.create_index("ix_objects_kin", "objects", ["kin", "standing", "date_added"])
    op.create_index("uq_objects_ident", "objects", ["ident"], unique=True)


def _requests() -> None:
    op.create_table(
        "statuses",
        sa.Column("status_id", Word, primary_key=True),
        sa.Column("collection_id", Word, nullable=False),
        sa.Column("member_id", Word, nullable=False),
        sa.Column("requested", sa.BigInteger, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("details", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_statuses_requested", "statuses", ["requested"])
    op.create_table(
        "releases",
        sa.Column("release_id", Word, primary_key=True),
        sa.Column("member_id", Word, sa.ForeignKey("members.member_id"), nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
    )
    op.create_table(
        "release_objects",
        sa.Column("release_id", Word, sa.ForeignKey("releases.release_id"), primary_key=True),
        sa.Column("sha256", Word, primary_key=True),
        sa.Column("stix_id", Word, nullable=False),
        sa.Column("version", Word, nullable=False),
    )
    op.create_index("ix_release_objects_sha256", "release_objects", ["sha256"])
    op.create_table(
        "outbox",
        sa.Column("number", Number, primary_key=True),
        sa.Column("kind", Word, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
