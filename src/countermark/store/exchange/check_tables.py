"""Tables of the joint watermark check. No text and no digest of one without its salt stands in them."""

import sqlalchemy as sa

from countermark.store.exchange.tables import Word, metadata

watermark_pools = sa.Table(
    "watermark_pools",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("member", Word, nullable=False, index=True),  # name of whose keys these are
    sa.Column("profile_id", Word, nullable=False),
    sa.Column("epoch", Word, nullable=False),
    sa.Column("commitment", Word, nullable=False, unique=True),
    sa.Column("keys", sa.LargeBinary, nullable=False),  # JSON list of names
    sa.Column("key_count", sa.Integer, nullable=False),
    sa.Column("registered", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("profile_id", "epoch", name="uq_watermark_pools_epoch"),
    sqlite_autoincrement=True,  # no number is given twice: see Pools.version
)

# One row a matter: the row that two checks of it lock, one after the other, to be given their ordinals.
watermark_matters = sa.Table(
    "watermark_matters",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("submitter", Word, nullable=False),  # member_id
    sa.Column("matter", Word, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),  # of the last check
    sa.Column("asked", sa.BigInteger, nullable=False),  # hypotheses of all its checks
    sa.UniqueConstraint("submitter", "matter", name="uq_watermark_matters_submitter"),
)

watermark_checks = sa.Table(
    "watermark_checks",
    metadata,
    sa.Column("matter", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("check_id", Word, nullable=False, unique=True),
    sa.Column("submitter", Word, nullable=False),
    sa.Column("retry_id", Word),  # the submitter's own name of the check; null where it gave none
    sa.Column("text_digest", Word, nullable=False),  # salted
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("hypotheses", sa.Integer, nullable=False),
    sa.Column("asked_so_far", sa.BigInteger, nullable=False),
    sa.Column("word", Word),  # null until it is answered
    sa.Column("marks", Word),  # JSON list of members' names
    sa.Column("complete", sa.Boolean),
    sa.Column("figures", sa.LargeBinary),  # log10 p of its hypotheses, 8 bytes each, little-endian
    sa.UniqueConstraint("submitter", "retry_id", name="uq_watermark_checks_retry"),
)

# What was used on a day; rows of earlier days are deleted.
watermark_quotas = sa.Table(
    "watermark_quotas",
    metadata,
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),  # since 1970, in UTC
    sa.Column("what", Word, primary_key=True),
    sa.Column("who", Word, primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
)
