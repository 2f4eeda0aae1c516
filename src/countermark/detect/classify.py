"""Harvest, pool or undecided: a classification by stated rules, with an error rate of its own.

It never follows from the p-value. The rules read the signs; where the figures are in between, or the
prompts were not logged, the answer is `undecided`. What is open about itself (one site, one card, one key)
is never called a harvest: an office, a class and a test machine look like that.
"""

from dataclasses import dataclass

from countermark.detect.signs import RequestSigns, SharedSigns
from countermark.records.findings import Kind, Reason


@dataclass(frozen=True)
class Rules:
    """The thresholds; recorded in `method.json`."""

    site_share: float = 0.5
    """More members than this on one address prefix, card or key: an open common owner or place (a
    reseller's exit too,
    when as many members are on shared cards and no card has so many)."""
    identity_share: float = 0.3
    """At least so many members share identity (address, card, key, domain, sign-up day) beyond chance."""
    harvest_prompt_share: float = 0.5
    """A harvest: at least this share of requests is on prompt values typical of the campaign."""
    pool_prompt_share: float = 0.12
    """A pool: at most this share is."""
    distinct_prompts: float = 0.5
    """A harvest works off a list: at least this share of its prompts is distinct."""
    eliciting_ratio: float = 1.5
    """Asks this many times as often as others for reasoning, rubrics or structured answers …"""
    even_ratio: float = 0.6
    """… or spreads the load this much more evenly than others do."""


def classify(
    shared: SharedSigns, own: RequestSigns, others: RequestSigns, rules: Rules
) -> tuple[Kind, list[Reason]]:
    """The kind of a campaign and the observations it rests on."""
    reasons = _reasons(shared, own, others)
    if shared.prompt_share is None or shared.identity_share < rules.identity_share:
        return "undecided", reasons
    one_site = shared.site_share > rules.site_share
    many_cards = shared.cards_share > rules.site_share >= shared.largest_card
    if shared.prompt_share <= rules.pool_prompt_share and (many_cards or not one_site):
        return "pool", reasons
    if one_site:
        return "undecided", reasons
    works_off_a_list = (
        own.distinct_prompt_share is not None and own.distinct_prompt_share >= rules.distinct_prompts
    )
    eliciting = (own.eliciting_share or 0) >= rules.eliciting_ratio * (others.eliciting_share or 0) > 0
    even = own.rate_spread <= rules.even_ratio * others.rate_spread
    if shared.prompt_share >= rules.harvest_prompt_share and works_off_a_list and (eliciting or even):
        return "harvest", reasons
    return "undecided", reasons


def _reasons(shared: SharedSigns, own: RequestSigns, others: RequestSigns) -> list[Reason]:
    reasons = [
        _shared_prompts(shared),
        *_shared_identity(shared),
        Reason(
            "volume",
            own.requests_per_account_day,
            f"{own.requests_per_account_day:.1f} requests per account and active day "
            f"(others {others.requests_per_account_day:.1f})",
        ),
        Reason(
            "even_load",
            own.rate_spread,
            f"daily rates spread by {own.rate_spread:.2f} ln units (others {others.rate_spread:.2f})",
        ),
    ]
    if own.distinct_prompt_share is not None:
        text = f"{own.distinct_prompt_share:.0%} of the prompts are distinct"
        reasons.append(Reason("distinct_prompts", own.distinct_prompt_share, text))
    if own.eliciting_share is not None:
        text = (
            f"{own.eliciting_share:.0%} of the prompts ask for reasoning, rubrics or structured answers "
            f"(others {others.eliciting_share or 0:.0%})"
        )
        reasons.append(Reason("eliciting", own.eliciting_share, text))
    return reasons


def _shared_prompts(shared: SharedSigns) -> Reason:
    if shared.prompt_share is None:
        text = "no prompts in the log: harvest and pool cannot be told apart"
        return Reason("prompts_not_logged", None, text)
    text = (
        f"{shared.prompt_share:.0%} of a member's requests carry a value typical of the group "
        f"({shared.prompt_kind}: {shared.prompt_values} of them)"
    )
    return Reason("shared_prompts", shared.prompt_share, text)


def _shared_identity(shared: SharedSigns) -> list[Reason]:
    if not shared.identity_known:
        text = "no addresses, cards, keys or domains in the log: whether the members share any is not known"
        return [Reason("identity_not_logged", None, text)]
    kinds = ", ".join(shared.identity_kinds).replace("_", " ") or "none"
    share = f"{shared.identity_share:.0%} of the members share identity values typical of it ({kinds})"
    name, place = shared.site_kind.replace("_", " "), f"{shared.site_share:.0%}"
    site = f"the most common {name} typical of the group is on {place} of the members"
    return [
        Reason("shared_identity", shared.identity_share, share),
        Reason("one_site", shared.site_share, site),
    ]
