"""Prompts that differ in their fill-ins only: one family per group of like prompts.

Two prompts are linked when their template hash is equal or their MinHash sketches say that they share at
least `SIMILAR` of their word pairs; a family is a connected component of the links. Candidates for the
second kind of link come from banding (Broder 1997; Leskovec, Rajaraman & Ullman, Mining of Massive
Datasets, section 3.4): every band's bucket links its prompts to the bucket's first one, so that the number
of links grows with the number of prompts and not with its square.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from countermark.records.events import SKETCH_VALUES
from countermark.store.database import Database

BANDS, ROWS = 16, 4
SIMILAR = 0.5
"""Smallest estimated Jaccard similarity that links two prompts."""
_CHANCE = 1 / 256
"""Probability that two unrelated 8-bit values agree."""

PROMPTS_SQL = """
SELECT sketches.prompt_hash AS prompt_hash, min(events.template_hash) AS template_hash,
       any_value(sketches.sketch) AS sketch
FROM sketches JOIN events ON sketches.prompt_hash = events.prompt_hash
GROUP BY sketches.prompt_hash ORDER BY sketches.prompt_hash
"""


def prompt_families(database: Database) -> pa.Table:
    """Table (prompt_hash, family): the family is named by its smallest template hash."""
    prompts = database.query(PROMPTS_SQL)
    names = prompts.column("prompt_hash").to_numpy()
    if names.size == 0:
        return pa.table({"prompt_hash": pa.array([], pa.int64()), "family": pa.array([], pa.int64())})
    template = prompts.column("template_hash").fill_null(0).to_numpy().astype(np.int64)
    template = np.where(template == 0, names, template)
    data = b"".join(prompts.column("sketch").to_pylist())
    component = families_of(template, np.frombuffer(data, np.uint8).reshape(names.size, SKETCH_VALUES))
    smallest = np.full(component.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(smallest, component, template)
    return pa.table({"prompt_hash": names, "family": smallest[component]})


def families_of(template: NDArray[np.int64], sketches: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number of each prompt's family; `template` has shape (n,), `sketches` (n, 64)."""
    n = template.size
    links = [_stars(template)]
    for band in range(BANDS):
        key = np.ascontiguousarray(sketches[:, band * ROWS : (band + 1) * ROWS]).view(np.uint32).ravel()
        pairs = _stars(key.astype(np.int64))
        agree = (sketches[pairs[0]] == sketches[pairs[1]]).mean(axis=1)
        similar = (agree - _CHANCE) / (1 - _CHANCE) >= SIMILAR
        links.append(pairs[:, similar])
    rows, columns = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(rows.size, np.int8), (rows, columns)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    families: NDArray[np.int64] = component.astype(np.int64)
    return families


def _stars(key: NDArray[np.int64]) -> NDArray[np.int64]:
    """Shape (2, links): every element of a bucket of equal keys with the bucket's first element."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.ones(key.size, bool)
    first[1:] = ordered[1:] != ordered[:-1]
    head = order[np.flatnonzero(first)[np.cumsum(first) - 1]]
    return np.stack([head[~first], order[~first]])
