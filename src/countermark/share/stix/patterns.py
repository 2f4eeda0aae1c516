"""Syntax of STIX patterns (STIX 2.1, section 9), within bounds.

The grammar's own parser (stix2-patterns, ANTLR) takes a millisecond and up to 25 µs a character, so the plain
form that nearly all indicators have is read by one expression, and all else is bounded, counted and cached.
"""

import re
import threading
from functools import lru_cache

from countermark.share.stix.bounds import Refused

MAX_PATTERN = 20_000
"""Characters of a pattern."""
MAX_COMPLEX = 3_000
"""Characters of a pattern that is not of the plain form."""
MAX_NESTED = 20
"""Brackets within brackets."""
_KEY = r"[a-z][a-z0-9_]{2,249}"
_STEP = r"(?:\.(?:[a-z_][a-z0-9_]{0,249}|'[^'\\\n]{1,250}')|\[(?:\*|0|[1-9][0-9]{0,8})\])"
_TEXT = r"'(?:[^'\\]|\\['\\])*'"
_COMPARISON = (
    rf"(?!(?:true|false):)[a-z][a-z0-9-]{{2,249}}:(?!true|false){_KEY}(?!{_STEP}*\.(?:true|false)\b){_STEP}*"
    rf" ?(?:(?:=|!=|>|<|>=|<=) ?(?:{_TEXT}|-?(?:0|[1-9][0-9]{{0,17}}))"
    rf"|(?<= )(?:LIKE|MATCHES|ISSUBSET|ISSUPERSET) {_TEXT})"
)
_PLAIN = re.compile(rf"\[ ?{_COMPARISON}(?:(?: OR {_COMPARISON})*|(?: AND {_COMPARISON})*) ?\]")
_TYPE = re.compile(r"-?[a-z0-9]+(-[a-z0-9]+)*-?")
_PROPERTY = re.compile(r"[a-z0-9_]{3,250}")
_parser = threading.Lock()  # ANTLR's tables are shared and grow while it parses


class Effort:
    """How much complex pattern one call may ask for: characters, counted down."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    def spend(self, characters: int) -> None:
        """Raises `Refused` when it is used up."""
        self._left -= characters
        if self._left < 0:
            raise Refused("too many complex patterns in one request; send it in another")


def is_plain(pattern: str) -> bool:
    """Whether it is of the form that needs no parser: one observation, comparisons joined by one operator."""
    return _PLAIN.fullmatch(pattern) is not None


def check_pattern(pattern: str, version: str, effort: Effort) -> None:
    """Raise `Refused` for what is no STIX pattern, or is too long, too deep or too much."""
    if len(pattern) > MAX_PATTERN:
        raise Refused(f"the pattern is longer than {MAX_PATTERN} characters")
    if version != "2.0" and is_plain(pattern):
        return
    if len(pattern) > MAX_COMPLEX:
        raise Refused(f"the pattern is longer than {MAX_COMPLEX} characters and not of the plain form")
    if _nested(pattern) > MAX_NESTED:
        raise Refused(f"the pattern is nested deeper than {MAX_NESTED} levels")
    effort.spend(len(pattern))
    problem = _parse(pattern, version)
    if problem:
        raise Refused(problem)


def _nested(pattern: str) -> int:
    """An upper bound of the depth: brackets in texts count too, when none closes them."""
    deepest = depth = 0
    for letter in pattern:
        if letter in "([":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in ")]" and depth:
            depth -= 1
    return deepest


@lru_cache(maxsize=4096)
def _parse(pattern: str, version: str) -> str:
    from stix2patterns.v21.pattern import Pattern
    from stix2patterns.validator import run_validator

    with _parser:
        try:
            if run_validator(pattern, version):
                return "the pattern is no STIX pattern"
            found = Pattern(pattern).inspect().comparisons if version == "2.1" else {}
        except Exception:  # whatever the parser stumbles over is no pattern
            return "the pattern is no STIX pattern"
    for kind, comparisons in found.items():
        if not (_TYPE.fullmatch(kind) and 3 <= len(kind) <= 250):
            return "the pattern names a type that cannot be one"
        if not all(_PROPERTY.fullmatch(path[0]) for path, *_ in comparisons):
            return "the pattern names a property that cannot be one"
    return ""
