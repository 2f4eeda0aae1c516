"""Groups of accounts that act as one, numbered as every paper of the case numbers them."""

from collections.abc import Mapping
from typing import Any

from countermark.prove.dossier.dossier import Dossier

KINDS = {
    "harvest": "looks like the collection of training data",
    "pool": "looks like resold access with ordinary users behind it",
    "undecided": "the signs do not settle what for",
}
"""What each kind of a campaign looks like, for a reader."""


def campaigns_of(dossier: Dossier) -> list[Mapping[str, Any]]:
    """The campaigns that no analyst rejected, the largest first: the first is group 1."""
    found = [one for one in dossier.findings.get("campaigns") or () if one.get("disposition") != "rejected"]
    return sorted(found, key=lambda one: (-(one.get("size") or 0), str(one.get("campaign_id"))))
