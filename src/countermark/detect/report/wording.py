"""Figures and untrusted strings as a person reads them; neutral words, as a cause is for a person to sign."""

import math
import unicodedata
from typing import Any

from markupsafe import Markup

UNKNOWN = "not known"
LONGEST = 4000
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, direction overrides, invisible, private and lone surrogate characters, line separators."""

KINDS = {
    "harvest": "looks like the collection of training data",
    "pool": "looks like resold access with ordinary users behind it",
    "undecided": "acts as one; the signs do not settle what for",
}

OTHER_EXPLANATIONS = (
    (
        "A class or a course",
        "The same exercise puts the same templates into many accounts for some weeks. "
        "Look at sign-up dates near the start of a term, one institution's mail domain, one time zone.",
    ),
    (
        "A company or a team",
        "One payment method, one network exit and shared prompts are also what an ordinary customer and its "
        "build servers look like. Look at the contract and at who pays.",
    ),
    (
        "A reseller",
        "Customers behind one access point share the infrastructure but not their questions. "
        "Look at how much prompts and hours differ between the members.",
    ),
    (
        "A public template or tool",
        "A published prompt, a library's default or a coding agent puts one text into accounts that know "
        "nothing of each other. Look at how many ordinary accounts use the shared values.",
    ),
    (
        "A shared interest",
        "Fans, colleagues and the pages of one publisher act on the same things day after day. "
        "Look at what the shared things are and whose they are.",
    ),
)
"""What else makes accounts act as one, and where to look."""


def printable(value: Any) -> Any:
    """A string bounded in length, unprintable characters as escapes; anything else as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if len(value) > LONGEST:
        value = f"{value[:LONGEST]} … ({len(value) - LONGEST:,} more characters)"
    return "".join(_escape(char) if unicodedata.category(char) in _UNPRINTABLE else char for char in value)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def probability(log10_p: float) -> str:
    """A p- or q-value from its log10, rounded upward: `0.0124`, or `10^-41.2` below a thousandth."""
    if math.isnan(log10_p):
        return UNKNOWN
    if log10_p == -math.inf:
        return "below 10^-300"
    if log10_p < -3:
        return f"10^{math.ceil(log10_p * 10 - 1e-9) / 10:.1f}"
    return f"{min(1.0, math.ceil(10**log10_p * 1e4 - 1e-6) / 1e4):.4g}"


def probability_of(value: float) -> str:
    """The same for a plain p- or q-value; one that underflowed to 0 is only known to be small."""
    return probability(math.log10(value) if value > 0 else math.nan if math.isnan(value) else -math.inf)


def number(value: float | None) -> str:
    """A figure with three significant digits and thousands separated."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def quantity(value: float | None, unit: str) -> str:
    """A figure with its unit; `share` in per cent."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if unit == "share":
        return f"{value * 100:.3g}%"
    return f"{number(value)} {unit}".rstrip()


def part_of(part: int, whole: int) -> str:
    """`312 of 1,200 (26%)`."""
    if not whole:
        return f"{part:,} of 0"
    return f"{part:,} of {whole:,} ({100 * part / whole:.3g}%)"


def plural(count: int, noun: str) -> str:
    """`1 account`, `2 accounts`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(words: list[str]) -> str:
    """`a, b and c`; `none` for an empty list."""
    if len(words) < 2:
        return "".join(words) or "none"
    return f"{', '.join(words[:-1])} and {words[-1]}"
