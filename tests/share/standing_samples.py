"""Standing approvals, releases under them and reports, as a member sends them to a server."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import policy_samples
from servers import Server
from test_share_releases import API, give, statement

from countermark.share.policy.document import default_policy
from countermark.share.policy.release import Release
from countermark.share.policy.sampling import make_report
from countermark.share.policy.standing import STANDING_TYPE, Class, make_standing
from countermark.trust.dsse import seal_envelope


def approval(server: Server, days: int = 30) -> str:
    """A standing approval of alice's for addresses and withdrawals; `days` makes each another."""
    kinds = {"address": 3, "revocation": 0}
    wanted = Class(member_id=server.members["alice"], grounds=["fabricated-accounts"], kinds=kinds, days=days)
    made = make_standing(default_policy(), wanted, datetime.now(UTC))
    keys = [server.keys["security"], server.keys["counsel"]]
    return seal_envelope(STANDING_TYPE, made.payload, keys).decode()


def address(server: Server, number: int, **more: Any) -> dict[str, Any]:
    """An indicator of alice's that the approval is for."""
    life = {
        "valid_from": f"{date.today()}T00:00:00Z",
        "valid_until": f"{date.today() + timedelta(days=2)}T00:00:00Z",
    }
    return policy_samples.indicator(number, created_by_ref=server.members["alice"], **life, **more)


def under(server: Server, standing: str, number: int, **more: Any) -> tuple[Release, Any]:
    """A release of one indicator under a standing approval, and the answer to it."""
    release = statement(server.members["alice"], address(server, number), standing=standing, **more)
    return release, give(server, "alice", release, "alice")


def report(server: Server, release: Release, outcome: Any, *roles: Any, who: str = "alice") -> list[int]:
    """Reports of these roles handed in; the statuses."""
    path = f"{API}/samples/{release.release_id}/reports"
    now = datetime.now(UTC)
    made = [make_report(server.keys[role], release.release_id, role, outcome, now) for role in roles]
    return [server.ask(who, "POST", path, content=one).status_code for one in made]


def drawn(server: Server, who: str = "alice") -> list[dict[str, Any]]:
    """What was drawn, as the exchange tells it."""
    answer = server.ask(who, "GET", f"{API}/samples")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["samples"]
    return found
