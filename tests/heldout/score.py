"""Score found campaigns against planted truth: what each network became and who was wrongly called."""

from collections.abc import Iterable
from typing import Any

HOLD = 0.1  # a campaign holds a part of a group from this share of it (and at least three accounts)


def _overlaps(group: set[str], members: dict[str, set[str]]) -> list[tuple[int, str]]:
    """(accounts in common, campaign_id) of the campaigns that hold a part of `group`, largest first."""
    found = [(len(group & accounts), name) for name, accounts in members.items()]
    return sorted(
        (pair for pair in found if pair[0] >= max(3, HOLD * len(group))), key=lambda p: (-p[0], p[1])
    )


def _network(accounts: Iterable[str], kinds: dict[str, str], members: dict[str, set[str]]) -> dict[str, Any]:
    group = set(accounts)
    parts = _overlaps(group, members)
    best = parts[0][1] if parts else None
    found = members[best] if best is not None else set()
    called = {a for name, accounts_ in members.items() if kinds.get(name) == "harvest" for a in accounts_}
    return {
        "size": len(group),
        "campaign_id": best,
        "kind": kinds.get(best) if best is not None else None,
        "precision": len(group & found) / len(found) if found else 0.0,
        "recall": len(group & found) / len(group) if group else 0.0,
        "recall_called_harvest": len(group & called) / len(group) if group else 0.0,
        "split": len(parts) > 1,
        "parts": [{"campaign_id": name, "kind": kinds.get(name), "accounts": n} for n, name in parts],
    }


def score(
    truth: dict[str, Any], campaigns: list[dict[str, Any]], members: dict[str, set[str]]
) -> dict[str, Any]:
    """Compare `campaigns` (each with `campaign_id` and `kind`) and their `members` with `truth`.

    For each planted network: the campaign that holds most of it, with its kind, precision and recall, the
    recall over all campaigns called harvest, and whether it is split (two campaigns or more hold a tenth).
    For the pool the same, with the kinds of the campaigns that hold it.  `benign_harvest` names the campaigns
    called harvest with fewer than half of their accounts in planted networks, a mistaken pool included.
    """
    kinds = {c["campaign_id"]: c["kind"] for c in campaigns}
    networks = {n["name"]: _network(n["accounts"], kinds, members) for n in truth["harvest"]}
    planted = {a for n in truth["harvest"] for a in n["accounts"]}
    pool = set(truth["pool"])
    harvest = {name: members.get(name, set()) for name, kind in kinds.items() if kind == "harvest"}
    called = set().union(*harvest.values())
    best = [n["campaign_id"] for n in networks.values() if n["campaign_id"] is not None]
    resold = _network(pool, kinds, members)
    return {
        "networks": networks,
        "merged": sorted({name for name in best if best.count(name) > 1}),
        "pool": {**resold, "kinds": sorted({str(part["kind"]) for part in resold["parts"]})},
        "benign_harvest": sorted(n for n, found in harvest.items() if 2 * len(found & planted) < len(found)),
        "called_harvest": len(called),
        "ordinary_called_harvest": len(called - planted - pool),
        "pool_called_harvest": len(called & pool),
    }
