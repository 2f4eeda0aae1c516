"""The last pass, on DuckDB, which spills: exact duplicates out, one sketch a prompt, one row an account."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from countermark.capture.parts import digests_name, events_name, filter_part, write_table
from countermark.records.capture import ACCOUNTS_FILE, SKETCHES_FILE
from countermark.records.events import ACCOUNT_SCHEMA, SKETCH_SCHEMA
from countermark.store.database import Database

_REPEATED = """
CREATE OR REPLACE TABLE repeated AS
SELECT position FROM (
  SELECT position, row_number() OVER (PARTITION BY digest_high, digest_low ORDER BY position) AS turn
  FROM digests SEMI JOIN (
    SELECT digest_high, digest_low FROM digests GROUP BY digest_high, digest_low HAVING count(*) > 1
  ) USING (digest_high, digest_low)
) WHERE turn > 1
"""
_CONFLICTING = """
SELECT count(*) AS n FROM (SELECT request_id FROM events GROUP BY request_id HAVING count(*) > 1)
"""
_SKETCHES = """
SELECT prompt_hash, min(sketch) AS sketch FROM sketches
WHERE prompt_hash IN (SELECT prompt_hash FROM events WHERE prompt_hash IS NOT NULL)
GROUP BY prompt_hash ORDER BY prompt_hash
"""
_ACCOUNTS = """
SELECT * EXCLUDE (turn) FROM accounts
QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY turn DESC) = 1 ORDER BY account_id
"""


def drop_duplicates(database: Database, folder: Path, new: Iterable[int], digests: list[Path]) -> int:
    """Drop rows of the `new` parts in `folder` whose raw record stands in an earlier row; gives how many.

    `digests` are the digest files of all parts, old and new; old parts are earlier and stay as they are.
    """
    if not digests:
        return 0
    database.attach("digests", digests)
    database.run(_REPEATED)
    dropped = 0
    for number in new:
        sql = "SELECT position FROM repeated WHERE position >> 32 = $number ORDER BY position"
        rows = database.query(sql, {"number": number}).column("position").to_numpy() & 0xFFFFFFFF
        if not len(rows):
            continue
        keep = np.ones(pq.read_metadata(folder / events_name(number)).num_rows, np.bool_)
        keep[rows] = False
        dropped += len(rows)
        for name in (events_name(number), digests_name(number)):
            if keep.any():
                filter_part(folder / name, folder / name, keep)
            else:
                (folder / name).unlink()
    return dropped


def count_conflicting_ids(database: Database, events: list[Path]) -> int:
    """Request ids that stand in more than one row."""
    if not events:
        return 0
    database.attach("events", events)
    return int(database.query(_CONFLICTING).column("n")[0].as_py())


def write_sketches(database: Database, events: list[Path], sketches: list[Path], folder: Path) -> int:
    """Write `sketches.parquet`: one row for each prompt that an event refers to; gives the number of rows."""
    batches: Iterable[pa.RecordBatch] = []
    if events and sketches:
        database.attach("events", events)
        database.attach("sketches", sketches)
        batches = database.batches(_SKETCHES)
    return write_table(folder / SKETCHES_FILE, batches, SKETCH_SCHEMA)


def write_accounts(database: Database, tables: list[Path], folder: Path) -> int:
    """Write `accounts.parquet` from tables with a `turn` column: the last row of an account counts."""
    batches: Iterable[pa.RecordBatch] = []
    if tables:
        database.attach("accounts", tables)
        batches = database.batches(_ACCOUNTS)
    return write_table(folder / ACCOUNTS_FILE, batches, ACCOUNT_SCHEMA)
