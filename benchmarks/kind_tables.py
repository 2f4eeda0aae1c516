"""The figures of `kinds.py` as counts, as tables and as a list of what fell short.

- A harvest is missed when no campaign holds half of its accounts, and wrong when the one that does is no
  harvest.
- A pool is wrong when a campaign called harvest holds a tenth of it.
- A benign group is a reported campaign with fewer than half of its accounts planted, or a planted look-alike
  group that no campaign holds half of; it is wrong when it is called harvest.
"""

import statistics
from collections import Counter
from collections.abc import Iterator
from typing import Any

Result = dict[str, Any]
"""The outcome of one world, as `kinds.outcome` gives it."""

LEAST = 0.95
"""Member recall and precision that every planted harvest should have."""


def is_wrong(network: dict[str, Any]) -> bool:
    """Whether a planted harvest was missed or called something else."""
    return bool(network["recall"] < 0.5 or network["kind"] != "harvest")


def counts(results: list[Result]) -> dict[str, dict[str, int]]:
    """Trials and errors of each kind of planted group, as `detect` reports them."""
    networks = [network for result in results for network in result["networks"].values()]
    pools = [result["pool"] for result in results if result["planted"]]
    return {
        "harvest called something else or missed": {
            "trials": len(networks),
            "wrong": sum(map(is_wrong, networks)),
        },
        "pool called harvest": {
            "trials": len(pools),
            "wrong": sum("harvest" in pool["kinds"] for pool in pools),
        },
        "benign group called harvest": {
            "trials": sum(result["benign_groups"] for result in results),
            "wrong": sum(result["benign_called_harvest"] for result in results),
        },
    }


def tables(results: list[Result], worlds: list[str]) -> Iterator[str]:
    """A row a world: its planted harvests; then its pool and its benign groups."""
    planted, benign = (
        {
            world: [one for one in results if one["world"] == world and one["planted"] is wanted]
            for world in worlds
        }
        for wanted in (True, False)
    )
    heads = ["world", "seeds", "called harvest", "recall: median, least", "precision", "split", "merged"]
    yield from _table(heads, [[world, *_harvest_row(planted[world])] for world in worlds])
    yield ""
    heads = ["world", "pool found as", "pools called harvest", "benign called harvest", "nothing planted"]
    rows = [
        [world, *_pool_row(planted[world]), _benign(planted[world]), _benign(benign[world])]
        for world in worlds
    ]
    yield from _table(heads, rows)


def _table(heads: list[str], rows: list[list[str]]) -> Iterator[str]:
    for cells in (heads, ["---"] * len(heads), *rows):
        yield "| " + " | ".join(cells) + " |"


def _harvest_row(results: list[Result]) -> list[str]:
    networks = [network for result in results for network in result["networks"].values()]
    figures = [[network[name] for network in networks] for name in ("recall", "precision")]
    return [
        str(len(results)),
        f"{sum(not is_wrong(network) for network in networks)} of {len(networks)}",
        *(f"{statistics.median(values):.3f}, {min(values):.3f}" for values in figures),
        str(sum(network["split"] for network in networks)),
        str(sum(len(result["merged"]) for result in results)),
    ]


def _pool_row(results: list[Result]) -> list[str]:
    kinds = Counter(str(result["pool"]["kind"] or "nothing") for result in results)
    wrong = counts(results)["pool called harvest"]
    found = ", ".join(f"{kind} {number}" for kind, number in sorted(kinds.items()))
    return [found, f"{wrong['wrong']} of {wrong['trials']}"]


def _benign(results: list[Result]) -> str:
    wrong = counts(results)["benign group called harvest"]
    return f"{wrong['wrong']} of {wrong['trials']}"


def shortfalls(results: list[Result]) -> Iterator[str]:
    """Planted networks that are not one harvest with recall and precision of `LEAST`, and wrong calls."""
    for result in sorted(results, key=lambda one: (one["world"], one["seed"], not one["planted"])):
        where = f"- {result['world']} seed {result['seed']}"
        where += "" if result["planted"] else ", nothing planted"
        for name, network in result["networks"].items():
            if is_wrong(network) or network["split"] or min(network["recall"], network["precision"]) < LEAST:
                parts = ", ".join(f"{part['kind']} {part['accounts']}" for part in network["parts"])
                figures = f"recall {network['recall']:.3f}, precision {network['precision']:.3f}"
                yield f"{where}: {name} ({network['size']} accounts): {parts or 'nothing'}; {figures}"
        if result["merged"]:
            yield f"{where}: campaigns that hold two networks: {len(result['merged'])}"
        if "harvest" in result["pool"]["kinds"]:
            yield f"{where}: the pool is called harvest"
        if result["benign_called_harvest"]:
            yield f"{where}: benign groups called harvest: {result['benign_called_harvest']}"
