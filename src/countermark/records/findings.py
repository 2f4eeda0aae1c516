"""What `detect` says: campaigns of accounts that act as one, with the reasons and the error rates.

A FINDINGS folder: `findings.json` (written last; it lists the digests of the others), `members.parquet`,
`method.json`, `report.html`.
"""

from typing import Any, Literal

import msgspec
import pyarrow as pa

from countermark.records.canonical import canonical_json, sha256_hex

FINDINGS_SCHEMA_ID = "countermark/findings/v1"

Kind = Literal["harvest", "pool", "undecided"]
Disposition = Literal["confirmed", "rejected", "unsure"]


class Window(msgspec.Struct, frozen=True):
    """First and last request, ISO 8601 in UTC."""

    first: str
    last: str


class Reason(msgspec.Struct, frozen=True):
    """One observation that a campaign, or its kind, rests on."""

    sign: str
    """Name of the sign, for example `shared_templates`."""
    value: float | None
    """The figure, rounded; its unit is in the text."""
    text: str
    """The same in plain words."""


class Campaign(msgspec.Struct, frozen=True):
    """Accounts that are not exchangeable with their stratum, and what kind of group they look like."""

    campaign_id: str
    """Given at first sight and kept as days are added."""
    kind: Kind
    """A classification with its own error rate, not a consequence of the p-value."""
    size: int
    """Number of accounts."""
    window: Window
    p_value: float
    log10_p_value: float
    """Right also where `p_value` underflows."""
    q_value: float
    """Benjamini–Yekutieli over every candidate that was tested."""
    null: str
    """The null hypothesis in plain words."""
    discovery_families: list[str]
    """Feature families that found the candidate."""
    confirmation_families: list[str]
    """Feature families that the p-value is about; discovery did not use them."""
    reasons: list[Reason]
    members_digest: str
    """SHA-256 over the sorted account ids, one a line."""
    supersedes: list[str] = []
    """Campaign ids that this one replaces after a split or a merge."""
    disposition: Disposition | None = None
    """What an analyst said of it; survives a rerun."""

    @property
    def revision(self) -> str:
        """Digest of the content (disposition left out): changes when anything found changes."""
        content = {key: value for key, value in msgspec.to_builtins(self).items() if key != "disposition"}
        return sha256_hex(canonical_json(content))[:32]

    def to_dict(self) -> dict[str, Any]:
        """As plain data with its revision."""
        return {**msgspec.to_builtins(self), "revision": self.revision}


MEMBER_SCHEMA = pa.schema(
    [
        pa.field("campaign_id", pa.string(), nullable=False),
        pa.field("account_id", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("member_p", pa.float64(), nullable=False),
        pa.field("member_q", pa.float64(), nullable=False),
        pa.field("reasons", pa.list_(pa.string()), nullable=False),
    ]
)
"""One row a member; `member_p` is computed with that account left out."""
