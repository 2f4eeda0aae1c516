"""The tables of an exchange, as the newest migration leaves them.

`objects` is the one ordered table of docs/adr/0013: `(collection, date_added)` is the primary key, the order
of arrival and the cursor. What each index is for stands beside it. Members and collections have a number of
their own, so that a row of `objects` does not repeat their UUIDs.
"""

import sqlalchemy as sa

REVISION = "0006"
"""The migration that these tables are the outcome of."""

metadata = sa.MetaData()

# bytewise comparison: the order of a language is slower, and an upgrade of the C library can change it
Word = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

members = sa.Table(
    "members",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("member_id", Word, nullable=False, unique=True),
    sa.Column("name", Word, nullable=False, unique=True),
    sa.Column("role", Word, nullable=False),
    sa.Column("of", Word, sa.ForeignKey("members.member_id")),
    sa.Column("groups", Word, nullable=False),  # JSON list of names
    sa.Column("disabled", sa.Boolean, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("token_id", Word, primary_key=True),
    sa.Column("member_id", Word, sa.ForeignKey("members.member_id"), nullable=False, index=True),
    sa.Column("secret_sha256", sa.LargeBinary, nullable=False),
    sa.Column("actions", Word, nullable=False),  # JSON list
    sa.Column("collections", Word),  # JSON list of ids, or null for all
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("expires", sa.BigInteger),
    sa.Column("revoked", sa.Boolean, nullable=False),
)

member_keys = sa.Table(
    "member_keys",
    metadata,
    sa.Column("member_id", Word, sa.ForeignKey("members.member_id"), primary_key=True),
    sa.Column("public_key", Word, primary_key=True),  # base64 of 32 bytes
)

collections = sa.Table(
    "collections",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("collection_id", Word, nullable=False, unique=True),
    sa.Column("api_root", Word, nullable=False),
    sa.Column("title", Word, nullable=False),
    sa.Column("alias", Word),
    sa.Column("description", Word),
    sa.Column("require_release", sa.Boolean, nullable=False),
    sa.Column("last_added", sa.BigInteger, nullable=False),  # the row that writers lock; see recent.py
    sa.UniqueConstraint("api_root", "alias", name="uq_collections_alias"),
)

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("collection_id", Word, sa.ForeignKey("collections.collection_id"), nullable=False),
    sa.Column("kind", Word, nullable=False),  # "member" or "group"
    sa.Column("grantee", Word, nullable=False),  # member_id or name of the group
    sa.Column("can_read", sa.Boolean, nullable=False),
    sa.Column("can_write", sa.Boolean, nullable=False),
    sa.UniqueConstraint("collection_id", "kind", "grantee", name="uq_grants"),
)

# No foreign keys here: the database would look both rows up again for every object. A writer holds the
# collection's row, members are never deleted, and both numbers come from this database.
# No index but the primary key begins with the collection, and no two serve one query: a planner that has not
# seen a new collection yet takes it for empty, and would rather read all of it than look a thousand ids up.
objects = sa.Table(
    "objects",
    metadata,
    sa.Column("collection", sa.Integer, primary_key=True),
    sa.Column("date_added", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("stix_id", Word, nullable=False),
    sa.Column("type", Word, nullable=False),
    sa.Column("version", Word, nullable=False),  # as the object spells it
    sa.Column("version_at", sa.BigInteger, nullable=False),  # the same in microseconds
    sa.Column("standing", sa.SmallInteger, nullable=False),  # see standing.py
    sa.Column("lane", sa.Integer, nullable=False),  # collection and standing in one
    sa.Column("kin", sa.BigInteger, nullable=False),  # collection and stix_id in one
    sa.Column("owner", sa.Integer, nullable=False),
    sa.Column("ident", Word),  # digest of what makes it one object (objects.py); null in a tombstone
    sa.Column("sha256", sa.LargeBinary),
    sa.Column("data", sa.LargeBinary),  # null in a tombstone
    # first, last and all versions in order of arrival; of some types; of one version; of some ids
    sa.Index("ix_objects_lane", "lane", "date_added"),
    sa.Index("ix_objects_type", "type", "lane", "date_added"),
    sa.Index("ix_objects_version", "version_at", "lane", "date_added"),
    sa.Index("ix_objects_kin", "kin", "standing", "date_added"),
    # whether an object is there already
    sa.Index("uq_objects_ident", "ident", unique=True),
)

# Copies, joined ahead of time (segments.py): a page takes a few of these instead of a hundred rows.
segments = sa.Table(
    "segments",
    metadata,
    sa.Column("collection", sa.Integer, primary_key=True),
    sa.Column("last", sa.BigInteger, primary_key=True, autoincrement=False),  # position where it ends
    sa.Column("places", sa.LargeBinary),  # positions, owners, ends within data; null where it is spoiled
    sa.Column("data", sa.LargeBinary),  # objects with commas between; null where it is spoiled
    sa.Index(
        "ix_segments_spoiled",
        "collection",
        "last",
        sqlite_where=sa.text("data IS NULL"),
        postgresql_where=sa.text("data IS NULL"),
    ),
)

statuses = sa.Table(
    "statuses",
    metadata,
    sa.Column("status_id", Word, primary_key=True),
    sa.Column("collection_id", Word, nullable=False),
    sa.Column("member_id", Word, nullable=False),
    sa.Column("requested", sa.BigInteger, nullable=False, index=True),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("details", sa.LargeBinary, nullable=False),  # JSON: [successes, failures, pendings]
)

releases = sa.Table(
    "releases",
    metadata,
    sa.Column("release_id", Word, primary_key=True),
    sa.Column("member_id", Word, sa.ForeignKey("members.member_id"), nullable=False),
    sa.Column("envelope", sa.LargeBinary, nullable=False),
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("expires", sa.BigInteger, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
)

release_objects = sa.Table(
    "release_objects",
    metadata,
    sa.Column("release_id", Word, sa.ForeignKey("releases.release_id"), primary_key=True),
    sa.Column("sha256", Word, primary_key=True),  # hex
    sa.Column("stix_id", Word, nullable=False),
    sa.Column("version", Word, nullable=False),
    sa.Index("ix_release_objects_sha256", "sha256"),
)

# A release under a standing approval, at its place among those of the approval; drawn where `due` is set.
standing_uses = sa.Table(
    "standing_uses",
    metadata,
    sa.Column("release_id", Word, sa.ForeignKey("releases.release_id"), primary_key=True),
    sa.Column("member_id", Word, nullable=False),
    sa.Column("standing_id", Word, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),  # from 0
    sa.Column("withdrawal", sa.Boolean, nullable=False),  # of objects, and nothing else
    sa.Column("draw", Word, nullable=False),  # base64
    sa.Column("due", sa.BigInteger),
    sa.UniqueConstraint("member_id", "standing_id", "place", name="uq_standing_uses"),
)

sample_reports = sa.Table(
    "sample_reports",
    metadata,
    sa.Column("release_id", Word, sa.ForeignKey("standing_uses.release_id"), primary_key=True),
    sa.Column("role", Word, primary_key=True),
    sa.Column("outcome", Word, nullable=False),
    sa.Column("envelope", sa.LargeBinary, nullable=False),
    sa.Column("received", sa.BigInteger, nullable=False),
)

# Who had an object and was not given its withdrawal in time; `settled` when it was, or there is none.
overdue = sa.Table(
    "overdue",
    metadata,
    sa.Column("dispute_id", Word, primary_key=True),
    sa.Column("member_id", Word, primary_key=True),
    sa.Column("object_id", Word, nullable=False),
    sa.Column("wanted", sa.LargeBinary, nullable=False),  # JSON: positions of the withdrawal by collection
    sa.Column("noticed", sa.BigInteger, nullable=False),
    sa.Column("settled", sa.BigInteger, index=True),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("kind", Word, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),  # JSON
    sqlite_autoincrement=True,  # a number never comes again after it was dropped
)

overlap_runs = sa.Table(
    "overlap_runs",
    metadata,
    sa.Column("run_id", Word, primary_key=True),
    sa.Column("first", Word, sa.ForeignKey("members.member_id"), nullable=False),  # the smaller member_id
    sa.Column("second", Word, sa.ForeignKey("members.member_id"), nullable=False),
    sa.Column("name", Word, nullable=False),
    sa.Column("state", Word, nullable=False),
    sa.Column("size", sa.Integer),
    sa.Column("under_floor", sa.Boolean, nullable=False),
    sa.Column("reason", Word, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("expires", sa.BigInteger),  # null once there is nothing left to delete
    sa.UniqueConstraint("first", "second", "name", name="uq_overlap_runs"),
    sa.Index("ix_overlap_runs_first", "first", "created"),
    sa.Index("ix_overlap_runs_second", "second", "created"),
    sa.Index("ix_overlap_runs_created", "created"),
    sa.Index("ix_overlap_runs_expires", "expires"),
    sa.Index("ix_overlap_runs_state", "state"),
)

# never deleted: a list or a key that was committed to once is refused for ever
overlap_sides = sa.Table(
    "overlap_sides",
    metadata,
    sa.Column("run_id", Word, sa.ForeignKey("overlap_runs.run_id"), primary_key=True),
    sa.Column("member_id", Word, sa.ForeignKey("members.member_id"), primary_key=True),
    sa.Column("envelope", sa.LargeBinary, nullable=False),
    sa.Column("commitment_sha256", Word, nullable=False),  # of the envelope's payload
    sa.Column("list_sha256", Word, nullable=False),
    sa.Column("key_sha256", Word, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("listed", sa.Boolean, nullable=False),
    sa.Column("tagged", sa.Boolean, nullable=False),
    sa.Column("planted", sa.Boolean, nullable=False),
    sa.Column("proven", sa.Boolean, nullable=False),
    sa.Column("opening", sa.Boolean, nullable=False),
    sa.Column("opening_until", sa.BigInteger),
    sa.Column("unshuffled", sa.Boolean, nullable=False),
    sa.UniqueConstraint("list_sha256", name="uq_overlap_sides_list"),
    sa.UniqueConstraint("key_sha256", name="uq_overlap_sides_key"),
)

# what is deleted when a run ends: lists in parts, and messages (part 0)
overlap_parts = sa.Table(
    "overlap_parts",
    metadata,
    sa.Column("run_id", Word, sa.ForeignKey("overlap_runs.run_id"), primary_key=True),
    sa.Column("member_id", Word, primary_key=True),
    sa.Column("what", Word, primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sha256", Word, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
