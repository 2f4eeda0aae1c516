"""Strata: what accounts are compared within, so that being busy or being German is no evidence."""

import numpy as np
from numpy.typing import NDArray

from countermark.detect.confirm import Strata
from countermark.store.database import Database

ACTIVITY_BINS = 5
LEAST_SHARE = 0.03
"""Countries and languages with a smaller share of accounts are pooled."""

PLACE_SQL = """
SELECT account.account AS account,
       coalesce(min(accounts.country), '') AS country,
       coalesce(min(spoken.prompt_lang), '') AS language
FROM account
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
    """Activity (five quantile bins of the number of requests) × country × language, small places pooled."""
    places = database.query(PLACE_SQL)
    country = np.asarray(places.column("country").to_pylist(), dtype=object)
    language = np.asarray(places.column("language").to_pylist(), dtype=object)
    activity = _quantile_bin(requests)
    keys = activity.astype(np.int64)
    for column in (country, language):
        keys = keys * 64 + _pooled(column)
    _, label = np.unique(keys, return_inverse=True)
    return Strata(label.astype(np.int64), int(label.max()) + 1 if label.size else 0)


def one_stratum(accounts: int) -> Strata:
    """Everybody in one stratum."""
    return Strata(np.zeros(accounts, np.int64), 1)


def _quantile_bin(requests: NDArray[np.int64]) -> NDArray[np.int64]:
    if requests.size == 0:
        return requests
    edges = np.unique(np.quantile(requests, np.linspace(0, 1, ACTIVITY_BINS + 1)[1:-1]))
    return np.searchsorted(edges, requests, side="left").astype(np.int64)


def _pooled(column: NDArray[np.object_]) -> NDArray[np.int64]:
    _, code, counts = np.unique(column.astype(str), return_inverse=True, return_counts=True)
    frequent = counts >= LEAST_SHARE * column.size
    number = np.where(frequent, np.cumsum(frequent), 0)
    return np.minimum(number[code], 63).astype(np.int64)
