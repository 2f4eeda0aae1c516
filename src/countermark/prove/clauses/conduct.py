"""Which conduct a finding bears on: what it shows of it, and what it does not.

A finding says that accounts act as one, and classifies them with an error rate. It never says who stands
behind them, nor what became of the answers.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from countermark.prove.clauses.policy import Conduct


@dataclass(frozen=True, kw_only=True)
class Bearing:
    """How findings bear on one kind of conduct."""

    conduct: Conduct
    kinds: frozenset[str]
    """Of campaigns that bear on it; empty: no finding does."""
    sign: str = ""
    """A sign that has to stand among the reasons of the campaign."""
    shows: str
    does_not_show: str


_EVERY = frozenset({"harvest", "pool", "undecided"})
BEARINGS = (
    Bearing(
        conduct="multiple-accounts",
        kinds=_EVERY,
        shows="The accounts act as one: they are not exchangeable with the accounts of their stratum.",
        does_not_show="That one person or company holds them all.",
    ),
    Bearing(
        conduct="automated-access",
        kinds=frozenset({"harvest"}),
        sign="distinct_prompts",
        shows="The requests go through many different prompts, as one works off a list.",
        does_not_show="That a program sent them, and not one that the terms allow.",
    ),
    Bearing(
        conduct="model-training",
        kinds=frozenset({"harvest"}),
        shows="The campaign is classified as one that collects training data, with the error rate of that "
        "classification.",
        does_not_show="That a model was made with the answers, which one, or by whom.",
    ),
    Bearing(
        conduct="resale",
        kinds=frozenset({"pool"}),
        shows="The campaign is classified as access of many users through one set of accounts, with the "
        "error rate of that classification.",
        does_not_show="That anybody paid for that access, or whom.",
    ),
    Bearing(
        conduct="account-sharing",
        kinds=frozenset({"pool"}),
        shows="The campaign is classified as access of many users through one set of accounts, with the "
        "error rate of that classification.",
        does_not_show="That the holder of an account knew of the other users.",
    ),
    Bearing(
        conduct="circumvention",
        kinds=frozenset(),
        shows="Nothing: a finding looks at no technical measure.",
        does_not_show="That a limit, a block or a ban was got around.",
    ),
    Bearing(
        conduct="reverse-engineering",
        kinds=frozenset(),
        shows="Nothing: a finding looks at requests, not at what was made of the answers.",
        does_not_show="That the service was taken apart.",
    ),
    Bearing(
        conduct="restricted-region",
        kinds=frozenset(),
        shows="Nothing: an address that a log has is no place where somebody is.",
        does_not_show="From where the service was used.",
    ),
    Bearing(
        conduct="restricted-entity",
        kinds=frozenset(),
        shows="Nothing: accounts do not say who holds them.",
        does_not_show="Whose accounts they are, and who owns that company.",
    ),
)


def bears_on(campaign: Mapping[str, Any]) -> tuple[Bearing, ...]:
    """What a campaign of `findings.json` bears on."""
    # where the kind was taken out, what holds of an undecided campaign still does
    kind = campaign.get("kind") or "undecided"
    signs = {reason.get("sign") for reason in campaign.get("reasons") or () if reason}
    return tuple(one for one in BEARINGS if kind in one.kinds and (not one.sign or one.sign in signs))


def conduct_of(bearings: Collection[Bearing]) -> frozenset[Conduct]:
    """The kinds of conduct alone."""
    return frozenset(one.conduct for one in bearings)
