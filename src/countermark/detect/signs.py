"""Signs: what can be observed of a campaign's accounts beside everybody else's.

Nothing here is a test; a sign is a figure for the members and the same figure for the accounts outside
every campaign. `classify` reads them, the report shows them.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from countermark.detect.families import BY_NAME, KINDS
from countermark.detect.incidence import Incidence
from countermark.store.database import Database

TYPICAL_PROMPT = (8.0, 0.05)
"""A prompt value is typical of a campaign when a member's mean share of requests on it is this many times
that of
others, and this share of the members hold it."""
TYPICAL_IDENTITY = (4.0, 0.01)
"""The same for addresses, cards, keys, domains and sign-up days, which a network spreads thin on purpose."""
TYPICAL_HOLDERS = 3
"""And at least so many members hold it."""
PROMPT_KINDS = ("prompt_family", "opening", "closing", "object")
"""Content that the person behind an account writes; a system prompt may be a reseller's or an app's."""
IDENTITY_KINDS = ("prefix", "payment", "api_key", "email_domain", "signup_day")
SITE_USE = 0.3
"""Share of an account's requests from an address prefix that makes it one of the account's places."""
SITE_KINDS = ("prefix", "payment", "api_key")

REQUEST_SIGNS_SQL = """
SELECT coalesce(campaign, -1) AS campaign,
       count(*) AS requests,
       count(DISTINCT account.account) AS accounts,
       count(DISTINCT CAST(account.account AS BIGINT) * 100000 + epoch_us(ts) // 86400000000) AS account_days,
       count(prompt_hash) AS prompts,
       count(DISTINCT prompt_hash) AS distinct_prompts,
       count(CASE WHEN (prompt_traits & {mask}) <> 0 THEN 1 END) AS eliciting
FROM events
JOIN account ON events.account_id = account.account_id
LEFT JOIN member_of ON account.account = member_of.account
GROUP BY coalesce(campaign, -1) ORDER BY campaign
"""

RATE_SQL = """
SELECT coalesce(campaign, -1) AS campaign, stddev_pop(ln(per_day)) AS spread, avg(ln(per_day)) AS level
FROM (SELECT account_id, count(*) * 1.0 / count(DISTINCT epoch_us(ts) // 86400000000) AS per_day
      FROM events GROUP BY account_id) AS rate
JOIN account ON rate.account_id = account.account_id
LEFT JOIN member_of ON account.account = member_of.account
GROUP BY coalesce(campaign, -1) ORDER BY campaign
"""

OUTSIDE = -1


@dataclass(frozen=True)
class RequestSigns:
    """Figures counted from requests, for one campaign or for the accounts outside all."""

    requests: int
    accounts: int
    requests_per_account_day: float
    rate_spread: float
    """Standard deviation over accounts of ln(requests per active day): small where a scheduler gives
    everyone the same."""
    distinct_prompt_share: float | None
    """Distinct prompts / requests with a prompt; None where no prompts were logged."""
    eliciting_share: float | None
    """Share of requests that ask for reasoning, a rubric or a structured answer."""


@dataclass(frozen=True)
class SharedSigns:
    """Figures about the values that are typical of a campaign."""

    prompt_share: float | None
    """Mean over members of the share of their requests on prompt values typical of the campaign."""
    prompt_values: int
    """Number of those values (of the kind that covers most)."""
    prompt_kind: str
    """What a reader calls that kind."""
    identity_known: bool
    """Whether the source has any address, payment, key, domain or sign-up day at all."""
    identity_share: float
    """Share of members with an address, payment, key, e-mail domain or sign-up day typical of the
    campaign."""
    identity_kinds: list[str]
    site_share: float
    """Largest share of members at one typical address prefix, or on one payment token or API key."""
    site_kind: str
    cards_share: float
    """Share of members on payment tokens typical of the campaign."""
    largest_card: float
    """Share of members on the most common of them."""


def read_request_signs(
    database: Database, groups: list[NDArray[np.int64]], mask: int
) -> dict[int, RequestSigns]:
    """Request figures by number of the group, `OUTSIDE` for everyone else; `mask` selects the eliciting
    traits."""
    account = np.concatenate([*groups, np.empty(0, np.int64)])
    number = np.repeat(np.arange(len(groups)), [group.size for group in groups])
    database.register("member_of", pa.table({"account": account, "campaign": number}))
    rows = database.query(REQUEST_SIGNS_SQL.format(mask=mask)).to_pylist()
    rates = {row["campaign"]: row for row in database.query(RATE_SQL).to_pylist()}
    signs = {}
    for row in rows:
        prompts = row["prompts"]
        signs[row["campaign"]] = RequestSigns(
            requests=row["requests"],
            accounts=row["accounts"],
            requests_per_account_day=round(row["requests"] / row["account_days"], 6),
            rate_spread=round(rates[row["campaign"]]["spread"], 6),
            distinct_prompt_share=round(row["distinct_prompts"] / prompts, 6) if prompts else None,
            eliciting_share=round(row["eliciting"] / prompts, 6) if prompts else None,
        )
    return signs


class SharedValues:
    """Finds the values typical of a group; made once for all groups."""

    def __init__(self, incidence: Incidence, requests: NDArray[np.int64]) -> None:
        self.incidence, self.requests = incidence, requests
        self._share = incidence.share(requests)

    def signs(self, members: NDArray[np.int64]) -> SharedSigns:
        """The shared-value figures of one group."""
        inside = np.zeros(self.incidence.accounts, bool)
        inside[members] = True
        prompts = self._typical(inside, *TYPICAL_PROMPT)
        typical = self._typical(inside, *TYPICAL_IDENTITY)
        # passing through an address is not living there: only who sends much from it counts for a site
        often = self.incidence.uses >= SITE_USE * self.requests[self.incidence.account]
        once = np.isin(self.incidence.kind, [kind.code for kind in KINDS if kind.table == "accounts"])
        at_home = inside[self.incidence.account] & (often | once[self.incidence.value])
        held = np.bincount(self.incidence.value[at_home], minlength=self.incidence.kind.size)
        shares = {name: self._request_share(members, prompts, name) for name in PROMPT_KINDS}
        known = {name: share for name, share in shares.items() if share is not None}
        best = max(known, key=lambda name: known[name], default=None)
        identity = {name: self._holder_share(inside, typical, name) for name in IDENTITY_KINDS}
        any_identity = self._holder_share(inside, typical, *IDENTITY_KINDS)
        site, site_kind = max((self._largest(held, typical, name, members.size), name) for name in SITE_KINDS)
        return SharedSigns(
            prompt_share=None if best is None else round(known[best], 6),
            prompt_values=0
            if best is None
            else int((prompts & (self.incidence.kind == BY_NAME[best].code)).sum()),
            prompt_kind="" if best is None else BY_NAME[best].label,
            identity_known=bool(
                np.isin(self.incidence.kind, [BY_NAME[n].code for n in IDENTITY_KINDS]).any()
            ),
            identity_share=round(any_identity, 6),
            identity_kinds=[name for name in IDENTITY_KINDS if identity[name] >= 0.1],
            site_share=round(site, 6),
            site_kind=site_kind,
            cards_share=round(identity["payment"], 6),
            largest_card=round(self._largest(held, typical, "payment", members.size), 6),
        )

    def _typical(self, inside: NDArray[np.bool_], ratio: float, holders: float) -> NDArray[np.bool_]:
        # shares are averaged over accounts, so that one huge customer outside does not make all else look
        # rare
        rows_inside = inside[self.incidence.account]
        size, values = int(inside.sum()), self.incidence.kind.size
        share_in, share_out = (
            np.bincount(self.incidence.value[rows], weights=self._share[rows], minlength=values)
            for rows in (rows_inside, ~rows_inside)
        )
        held = np.bincount(self.incidence.value[rows_inside], minlength=values)
        others = max(self.incidence.accounts - size, 1)
        enough = held >= max(TYPICAL_HOLDERS, round(holders * size))
        result: NDArray[np.bool_] = enough & (share_in / size >= ratio * share_out / others)
        return result

    def _request_share(
        self, members: NDArray[np.int64], typical: NDArray[np.bool_], name: str
    ) -> float | None:
        of_kind = self.incidence.kind == BY_NAME[name].code
        if not of_kind.any():
            return None
        rows = (typical & of_kind)[self.incidence.value]
        uses = np.bincount(
            self.incidence.account[rows], weights=self.incidence.uses[rows], minlength=self.incidence.accounts
        )
        return float((uses[members] / self.requests[members]).mean())

    def _holder_share(self, inside: NDArray[np.bool_], typical: NDArray[np.bool_], *names: str) -> float:
        of_kind = np.isin(self.incidence.kind, [BY_NAME[name].code for name in names])
        rows = (typical & of_kind)[self.incidence.value] & inside[self.incidence.account]
        return np.unique(self.incidence.account[rows]).size / int(inside.sum())

    def _largest(self, held: NDArray[np.int64], typical: NDArray[np.bool_], name: str, size: int) -> float:
        of_kind = typical & (self.incidence.kind == BY_NAME[name].code)
        return float(held[of_kind].max(initial=0) / size)
