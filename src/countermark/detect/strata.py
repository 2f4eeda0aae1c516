"""Strata: what accounts are compared within, so that being busy, German or new this week is no evidence."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from countermark.detect.confirm import Strata
from countermark.store.database import Database

ACTIVITY = (0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98)
"""Quantiles of the number of requests that part the activity bins: finer where the counts spread."""
PERIODS = (5, 32)
"""Fewest and most quantile bins of the middle of an account's active time: who was there on the same days
shares what was there. Between them, as many as the log has spans of a typical account's active time."""
LEAST_SHARE = 0.03
"""Countries and languages with a smaller share of accounts are pooled."""

PLACE_SQL = """
SELECT account.account AS account,
       coalesce(min(accounts.country), '') AS country,
       coalesce(min(spoken.prompt_lang), '') AS language,
       min(middle.day) AS day,
       min(account.first_us // 86400000000) AS first, min(account.last_us // 86400000000) AS last
FROM account
LEFT JOIN (
  SELECT account_id, sum(epoch_us(ts) // 86400000000) // count(*) AS day
  FROM events GROUP BY account_id
) AS middle ON middle.account_id = account.account_id
LEFT JOIN accounts ON accounts.account_id = account.account_id
LEFT JOIN (
  SELECT account_id, prompt_lang, row_number() OVER (PARTITION BY account_id ORDER BY n DESC, prompt_lang)
  AS place
  FROM (SELECT account_id, prompt_lang, count(*) AS n FROM events WHERE prompt_lang IS NOT NULL
        GROUP BY account_id, prompt_lang)
) AS spoken ON spoken.account_id = account.account_id AND spoken.place = 1
GROUP BY account.account ORDER BY account
"""


def read_strata(database: Database, requests: NDArray[np.int64]) -> Strata:
    """Activity × middle of the active time × country × language, small places pooled."""
    places = database.query(PLACE_SQL)
    country = np.asarray(places.column("country").to_pylist(), dtype=object)
    language = np.asarray(places.column("language").to_pylist(), dtype=object)
    day, first, last = (places.column(name).to_numpy().astype(np.int64) for name in ("day", "first", "last"))
    keys = quantile_bin(requests, ACTIVITY)
    for part in (
        quantile_bin(day, np.linspace(0, 1, _periods(first, last) + 1)[1:-1]),
        _pooled(country),
        _pooled(language),
    ):
        keys = keys * 64 + part
    _, label = np.unique(keys, return_inverse=True)
    return Strata(label.astype(np.int64), int(label.max()) + 1 if label.size else 0)


def _periods(first: NDArray[np.int64], last: NDArray[np.int64]) -> int:
    if first.size == 0:
        return PERIODS[0]
    spans = (last.max() - first.min() + 1) / np.median(last - first + 1)
    return int(np.clip(spans, *PERIODS))


def quantile_bin(
    values: NDArray[np.int64], quantiles: Sequence[float] | NDArray[np.float64]
) -> NDArray[np.int64]:
    """Number of each value's bin; equal values are in one bin."""
    if values.size == 0:
        return values
    edges = np.unique(np.quantile(values, quantiles))
    return np.searchsorted(edges, values, side="left").astype(np.int64)


def _pooled(column: NDArray[np.object_]) -> NDArray[np.int64]:
    _, code, counts = np.unique(column.astype(str), return_inverse=True, return_counts=True)
    frequent = counts >= LEAST_SHARE * column.size
    number = np.where(frequent, np.cumsum(frequent), 0)
    return np.minimum(number[code], 63).astype(np.int64)
