"""Candidates: accounts that co-occur on rare values, as communities of a weighted graph.

An edge's weight is the surprise of what two accounts share: the sum over shared values of log(accounts /
degree) times the smaller of the two shares of requests that carry the value (who met a template once is no
neighbour of who lives on it). A value that implies a wider one (an address its prefix) adds only what it is
rarer. Values above the degree cap (a popular template, a mobile carrier) make no pairs. Components and
Leiden (Traag et al. 2019) run on the reduced graph, in which every account keeps its strongest edges.
"""

import ctypes
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, csr_matrix
from scipy.sparse.csgraph import connected_components
from sknetwork.clustering import Leiden

from countermark.detect.incidence import Incidence
from countermark.store.database import Database

MILLI = 1000
"""Weights and shares are whole thousandths, so that sums are the same in any order."""


@dataclass(frozen=True)
class GraphOptions:
    """How the graph is built and cut; all of it is recorded in `method.json`."""

    degree_cap_share: float = 0.1
    degree_cap_least: int = 60
    degree_cap_most: int = 500
    least_weight: float = 0.1
    """Nats a request that two accounts must share to be a pair."""
    strongest: int = 20
    """Edges that each account keeps."""
    resolution: float = 1.0
    least_size: int = 5
    """Accounts in the smallest candidate."""

    def degree_cap(self, accounts: int) -> int:
        """Largest number of accounts a value may have and still make pairs."""
        return int(np.clip(self.degree_cap_share * accounts, self.degree_cap_least, self.degree_cap_most))


PAIRS_SQL = """
SELECT a.account AS a, b.account AS b, sum(value_weight.weight * least(a.share, b.share)) AS weight
FROM use_of_value AS a
JOIN use_of_value AS b ON a.value = b.value
JOIN value_weight ON a.value = value_weight.value
WHERE a.account < b.account
GROUP BY a.account, b.account
HAVING sum(value_weight.weight * least(a.share, b.share)) >= {least}
ORDER BY a, b
"""


def value_weights(incidence: Incidence, parent: NDArray[np.int64], cap: int) -> NDArray[np.int64]:
    """Shape (values,): thousandths of a nat that sharing a value is worth; 0 where it makes no pairs."""
    degree = incidence.degree
    within = (degree >= 2) & (degree <= cap)
    has_parent = (parent >= 0) & within[np.maximum(parent, 0)]
    base = np.where(has_parent, degree[np.maximum(parent, 0)], incidence.accounts)
    surprise = np.log(np.maximum(base, 1) / np.maximum(degree, 1))
    return np.where(within, np.round(MILLI * np.maximum(surprise, 0)), 0).astype(np.int64)


def pairs(
    database: Database,
    incidence: Incidence,
    parent: NDArray[np.int64],
    requests: NDArray[np.int64],
    options: GraphOptions,
) -> csr_array:
    """Symmetric sparse matrix (accounts × accounts) of weights in nats."""
    weight = value_weights(incidence, parent, options.degree_cap(incidence.accounts))
    useful = weight[incidence.value] > 0
    share = np.round(MILLI * incidence.share(requests)).astype(np.int64)
    columns = {"account": incidence.account[useful], "value": incidence.value[useful], "share": share[useful]}
    numbers = np.flatnonzero(weight)
    database.register("use_of_value", pa.table(columns))
    database.register("value_weight", pa.table({"value": numbers, "weight": weight[numbers]}))
    table = database.query(PAIRS_SQL.format(least=int(options.least_weight * MILLI * MILLI)))
    a, b, w = (table.column(i).to_numpy().astype(np.float64) for i in range(3))
    n = incidence.accounts
    upper = coo_array((w / (MILLI * MILLI), (a.astype(np.int64), b.astype(np.int64))), shape=(n, n)).tocsr()
    return csr_array(upper + upper.T)


def strongest_edges(graph: csr_array, keep: int) -> csr_array:
    """Every account keeps its `keep` heaviest edges (ties by the neighbour's number); an edge stays if
    either end keeps it."""
    coo = graph.tocoo()
    order = np.lexsort((coo.col, -coo.data, coo.row))
    row = coo.row[order]
    starts = np.searchsorted(row, np.arange(graph.shape[0]))
    rank = np.arange(row.size) - starts[row]
    chosen = order[rank < keep]
    kept = coo_array((coo.data[chosen], (coo.row[chosen], coo.col[chosen])), shape=graph.shape).tocsr()
    return csr_array(kept.maximum(kept.T))


def communities(graph: csr_array, options: GraphOptions, seed: int) -> list[NDArray[np.int64]]:
    """Candidates: Leiden communities within each component, largest first, each as sorted account numbers."""
    _, component = connected_components(graph, directed=False)
    found: list[NDArray[np.int64]] = []
    for number in np.flatnonzero(np.bincount(component) >= options.least_size):
        members = np.flatnonzero(component == number)
        part = csr_array(graph[members][:, members])
        labels = _leiden(part, options.resolution, seed)
        found += [members[labels == label] for label in range(labels.max() + 1)]
    found = [group for group in found if group.size >= options.least_size]
    return sorted(found, key=lambda group: (-group.size, group.tolist()))


def _leiden(graph: csr_array, resolution: float, seed: int) -> NDArray[np.int64]:
    # scikit-network's refinement draws from the C library's rand(), which `random_state` does not reach
    ctypes.CDLL(None).srand(seed + 1)
    model = Leiden(resolution=resolution, random_state=seed, shuffle_nodes=False)
    labels: NDArray[np.int64] = np.asarray(model.fit_predict(csr_matrix(graph)), dtype=np.int64)
    return labels
