"""Feature families, the kinds of value in them, and the views: what discovers and what confirms.

A family is a group of features that could have one common cause. Discovery and confirmation never use the
same one, so that what selected a group of accounts cannot also testify about it.
"""

from dataclasses import dataclass
from typing import Literal

Family = Literal["infrastructure", "registration", "content", "rhythm"]

INFRASTRUCTURE: Family = "infrastructure"
REGISTRATION: Family = "registration"
CONTENT: Family = "content"
RHYTHM: Family = "rhythm"

HOUR = 3600
MINUTE = 60


@dataclass(frozen=True)
class Kind:
    """One kind of discrete value that accounts can share."""

    code: int
    name: str
    family: Family
    column: str
    """SQL expression over `events` (or `accounts`), giving a BIGINT or NULL."""
    bin_seconds: int = 0
    """Above 0 the value counts only together with its time bin of that length."""
    parent: str = ""
    """A wider kind that this one implies: only what it adds is counted."""
    table: Literal["events", "accounts"] = "events"
    label: str = ""
    """What a reader calls it."""


KINDS = (
    Kind(1, "prefix", INFRASTRUCTURE, "ip_prefix_hash", label="address prefix"),
    Kind(2, "ip", INFRASTRUCTURE, "ip_hash", parent="prefix", label="address"),
    Kind(3, "ip_hour", INFRASTRUCTURE, "ip_hash", HOUR, parent="ip", label="address within one hour"),
    Kind(4, "api_key", INFRASTRUCTURE, "api_key_hash", label="API key"),
    Kind(5, "payment", REGISTRATION, "payment_hash", table="accounts", label="payment token"),
    Kind(6, "email_domain", REGISTRATION, "email_domain_id", table="accounts", label="e-mail domain"),
    Kind(7, "signup_day", REGISTRATION, "signup_day", table="accounts", label="sign-up day"),
    Kind(8, "prompt_family", CONTENT, "prompt_family", label="prompt family"),
    Kind(9, "opening", CONTENT, "opening_hash", label="prompt opening"),
    Kind(10, "closing", CONTENT, "closing_hash", label="prompt closing"),
    Kind(11, "system", CONTENT, "system_hash", label="system prompt"),
    Kind(12, "object", CONTENT, "object_hash", label="object acted upon"),
    Kind(
        13, "object_minute", CONTENT, "object_hash", MINUTE, parent="object", label="object within one minute"
    ),
    Kind(
        14,
        "family_hour",
        CONTENT,
        "prompt_family",
        HOUR,
        parent="prompt_family",
        label="prompt family within one hour",
    ),
)
"""Every kind; a source without the column simply has no such values."""

BY_CODE = {kind.code: kind for kind in KINDS}
BY_NAME = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True)
class View:
    """One way to look: these families discover, those confirm, on all days or on alternating ones."""

    discovery: tuple[Family, ...]
    confirmation: tuple[Family, ...]
    split_days: bool = False
    """Discover on even days (days since 1970) and confirm on odd ones: for a source with one family."""

    @property
    def name(self) -> str:
        """For records: `infrastructure+registration -> content`."""
        arrow = "+".join(self.discovery) + " -> " + "+".join(self.confirmation)
        return arrow + (" (even days -> odd days)" if self.split_days else "")


def views(available: set[Family]) -> list[View]:
    """The views that a source with these families allows; rhythm needs no field beyond the time."""
    identity = tuple(family for family in (INFRASTRUCTURE, REGISTRATION) if family in available)
    found: list[View] = []
    if identity and CONTENT in available:
        found += [View(identity, (CONTENT,)), View((CONTENT,), identity)]
    if len(identity) == 2:
        found.append(View((INFRASTRUCTURE,), (REGISTRATION,)))
    if identity and CONTENT not in available:
        found.append(View(identity, (RHYTHM,)))
    if not identity and CONTENT in available:
        found.append(View((CONTENT,), (CONTENT,), split_days=True))
    return found
