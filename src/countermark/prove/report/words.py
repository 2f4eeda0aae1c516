"""Figures in words that a reader without statistics can use, never more certain than they are."""

import math
import re
from collections.abc import Iterable, Sequence

from countermark.records.attributions import Conclusion, Test

LONGEST = 600
_REPORTED = re.compile(r"p ([<=]) (\S+)")


def counted(number: int, what: str, many: str = "") -> str:
    """`1 account`, `2 accounts`."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def figure(value: object) -> str:
    """`25,000`; `not shown` where it is no number, as where it was taken out."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:,}" if known else "not shown"


def said(text: str | None) -> str:
    """A field of a record, which is null where it was taken out."""
    return "taken out" if text is None else short(text, 200)


def moment(text: str) -> str:
    """`2026-07-01 12:00:00 UTC` of a time in ISO 8601."""
    return f"{text[:10]} {text[11:19]} UTC"


def clock(text: str) -> str:
    """`2026-07-01 12:00:00` of a time in ISO 8601, where the head of the column says that it is UTC."""
    return text.replace("T", " ").removesuffix("Z")


def listed(words: Sequence[str]) -> str:
    """`a, b and c`; `none` of nothing."""
    if len(words) < 2:
        return "".join(words) or "none"
    return f"{', '.join(words[:-1])} and {words[-1]}"


def exhibits(numbers: Iterable[int]) -> str:
    """`exhibit 3`, `exhibits 3 and 4`; empty of none."""
    found = [str(one) for one in numbers]
    return f"exhibit{'s' if len(found) > 1 else ''} {listed(found)}" if found else ""


def short(text: object, longest: int = LONGEST) -> str:
    """A text of a case, cut where it is too long to be read."""
    whole = str(text)
    return whole if len(whole) <= longest else f"{whole[:longest]} …"


def day(text: object) -> str:
    """The day of a time in ISO 8601; `not known` where there is none."""
    return str(text)[:10] if text else "not known"


def capital(text: str) -> str:
    """The first letter in upper case, the others as they are."""
    return text[:1].upper() + text[1:]


def claimed(reported: str) -> str:
    """What is claimed of a p-value, in print: as `reported`, unless the test has no calibration at all."""
    level = _level(reported)
    return reported if level is not None and level[1] < 1 else "no level is claimed"


def chance(reported: str) -> str:
    """How often such a result comes up where there is nothing, in words: `less than 1 time in 10,000`; empty
    where no level is claimed."""
    level = _level(reported)
    if level is None or level[1] >= 1:
        return ""
    less, value = level
    words = "less than" if less else "about"
    if value > 0.05:
        return f"{words} {math.ceil(100 * value - 1e-9)} times in 100"
    return f"{words} 1 time in {_floor(1 / value):,}"


def claimed_of(conclusion: Conclusion, tests: Sequence[Test]) -> str:
    """What is claimed of a conclusion: as it is reported, unless that is more than its own record bears out.

    No honest record reports less than the corrected p-value, or than the smallest level to which a deciding
    test of its subject was calibrated (two digits apart).
    """
    levels = [test.calibrated_to for test in tests if test.decides and test.subject == conclusion.subject]
    least = max(conclusion.adjusted_p_value, min(levels, default=1.0))
    level = _level(conclusion.reported)
    return claimed(conclusion.reported if level and level[1] >= 0.95 * least else "")


def _level(reported: str) -> tuple[bool, float] | None:
    """Whether it is a bound, and the level."""
    match = _REPORTED.fullmatch(reported)
    try:
        value = float(match[2]) if match else math.nan
    except ValueError:
        return None
    return (match[1] == "<", value) if match and 0 < value <= 1 else None


def _floor(value: float) -> int:
    """Two digits, rounded down: the claim grows weaker, never stronger."""
    step: int = 10 ** max(math.floor(math.log10(value)) - 1, 0)
    return int(value * (1 + 1e-12)) // step * step
