"""Which account used which value how often: the one table that discovery and confirmation read."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from countermark.detect.families import BY_CODE, KINDS, Family, Kind
from countermark.store.database import Database

SHRINK = 8.0

ACCOUNTS_SQL = """
CREATE TABLE account AS
SELECT account_id, CAST(row_number() OVER (ORDER BY account_id) - 1 AS INTEGER) AS account,
       requests, days, first_us, last_us
FROM (SELECT account_id, count(*) AS requests, count(DISTINCT epoch_us(ts) // 86400000000) AS days,
             min(epoch_us(ts)) AS first_us, max(epoch_us(ts)) AS last_us
      FROM events GROUP BY account_id)
"""

REGISTRATION_SQL = """
CREATE TABLE registration AS
SELECT account.account AS account, payment_hash, epoch_us(signup_ts) // 86400000000 AS signup_day,
       CASE WHEN email_domain IS NULL THEN NULL ELSE dense_rank() OVER (ORDER BY email_domain) END AS
       email_domain_id
FROM accounts JOIN account ON accounts.account_id = account.account_id
"""

REQUESTS_SQL = """
CREATE TABLE request AS
SELECT account.account AS account, epoch_us(ts) // 1000000 AS second, ip_hash, ip_prefix_hash, api_key_hash,
       coalesce(prompt_family.family, events.template_hash) AS prompt_family,
       opening_hash, closing_hash, system_hash, object_hash
FROM events
JOIN account ON events.account_id = account.account_id
LEFT JOIN prompt_family ON events.prompt_hash = prompt_family.prompt_hash
"""

# the placeholders below are filled from `families.KINDS` alone
ACCOUNT_VALUE_SQL = """
SELECT account, {code} AS kind, CAST({column} AS BIGINT) AS value, -1 AS bin
FROM registration WHERE {column} IS NOT NULL
"""

REQUEST_VALUE_SQL = """
SELECT account, {code} AS kind, {column} AS value, {bin} AS bin
FROM request WHERE {column} IS NOT NULL{days}
"""

USES_SQL = """
SELECT account, kind, value, bin, count(*) AS uses FROM (
{uses}
)
GROUP BY account, kind, value, bin ORDER BY kind, value, bin, account
"""


@dataclass(frozen=True)
class Incidence:
    """Sorted rows (account, value) with the number of uses; values are numbered across kinds."""

    accounts: int
    account: NDArray[np.int64]
    """Shape (rows,): index of the account."""
    value: NDArray[np.int64]
    """Shape (rows,): index of the value."""
    uses: NDArray[np.int64]
    """Shape (rows,): requests of the account that carry the value."""
    kind: NDArray[np.int64]
    """Shape (values,): code of the value's kind."""
    hashed: NDArray[np.int64]
    """Shape (values,): the value itself, a keyed hash or a number."""
    bin: NDArray[np.int64]
    """Shape (values,): its time bin, -1 without one."""

    @property
    def degree(self) -> NDArray[np.int64]:
        """Shape (values,): number of accounts that used the value."""
        return np.bincount(self.value, minlength=self.kind.size)

    def share(self, requests: NDArray[np.int64]) -> NDArray[np.float64]:
        """Shape (rows,): share of the account's requests that carry the value, 1 for what an account has
        once.

        `SHRINK` requests without any value are added to every account: few requests prove little.
        """
        once = np.isin(self.kind, [kind.code for kind in KINDS if kind.table == "accounts"])
        part = self.uses / (requests[self.account] + SHRINK)
        return np.where(once[self.value], 1.0, part) if self.kind.size else part

    def of(self, families: tuple[Family, ...], *, with_bins: bool = True) -> "Incidence":
        """Only the values of these families."""
        wanted = [k.code for k in KINDS if k.family in families and (with_bins or not k.bin_seconds)]
        keep = np.isin(self.kind[self.value], wanted)
        return self.rows(keep)

    def rows(self, keep: NDArray[np.bool_]) -> "Incidence":
        """Only these rows; values keep their numbers."""
        return Incidence(
            self.accounts,
            self.account[keep],
            self.value[keep],
            self.uses[keep],
            self.kind,
            self.hashed,
            self.bin,
        )


def prepare(database: Database, prompt_families: pa.Table) -> None:
    """Create the tables `account`, `registration` and `request` from the views `events` and `accounts`."""
    database.register("prompt_family", prompt_families)
    database.run(ACCOUNTS_SQL)
    database.run(REGISTRATION_SQL)
    database.run(REQUESTS_SQL)


def read_incidence(database: Database, accounts: int, parity: int | None = None) -> Incidence:
    """Count uses; `parity` 0 or 1 keeps requests of even or odd days (since 1970) only."""
    days = "" if parity is None else f" AND (second // 86400) % 2 = {parity}"
    parts = [_kind_sql(kind, days) for kind in KINDS]
    table = database.query(USES_SQL.format(uses="\nUNION ALL\n".join(parts)))
    account, kind, value, time_bin, uses = (table.column(i).to_numpy().astype(np.int64) for i in range(5))
    if account.size == 0:
        empty = np.empty(0, np.int64)
        return Incidence(accounts, empty, empty, empty, empty, empty, empty)
    new = np.ones(account.size, bool)
    new[1:] = (kind[1:] != kind[:-1]) | (value[1:] != value[:-1]) | (time_bin[1:] != time_bin[:-1])
    number = np.cumsum(new) - 1
    return Incidence(accounts, account, number, uses, kind[new], value[new], time_bin[new])


def _kind_sql(kind: Kind, days: str) -> str:
    template = ACCOUNT_VALUE_SQL if kind.table == "accounts" else REQUEST_VALUE_SQL
    time_bin = f"second // {kind.bin_seconds}" if kind.bin_seconds else "-1"
    return template.format(code=kind.code, column=kind.column, bin=time_bin, days=days).strip()


def parents(database: Database, incidence: Incidence) -> NDArray[np.int64]:
    """Shape (values,): number of each value's parent value (the wider one it implies), -1 without one."""
    lookup = {
        (k, v, b): i
        for i, (k, v, b) in enumerate(
            zip(incidence.kind.tolist(), incidence.hashed.tolist(), incidence.bin.tolist(), strict=True)
        )
    }
    prefixes = database.query(
        "SELECT ip_hash, min(ip_prefix_hash) AS prefix FROM request "
        "WHERE ip_hash IS NOT NULL AND ip_prefix_hash IS NOT NULL GROUP BY ip_hash ORDER BY ip_hash"
    )
    prefix_of = dict(zip(prefixes.column(0).to_pylist(), prefixes.column(1).to_pylist(), strict=True))
    result = np.full(incidence.kind.size, -1, np.int64)
    for (code, value, _), i in lookup.items():
        kind = BY_CODE[code]
        if not kind.parent:
            continue
        parent_value = prefix_of.get(value) if kind.name == "ip" else value
        parent_code = next(k.code for k in KINDS if k.name == kind.parent)
        result[i] = lookup.get((parent_code, parent_value, -1), -1)
    return result
