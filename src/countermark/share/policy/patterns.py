"""STIX patterns: parsed, and every comparison classified. What is no plain list of known values is refused.

A pattern may hold `type:path = value`, `type:path IN (values)` and OR. Everything else that the grammar has
(NOT, AND, LIKE, MATCHES, ISSUBSET, EXISTS, qualifiers, FOLLOWEDBY, comments, unusual spacing) can carry more
than the values, or single out an account by joining values that each pass their floor. STIX 2.1, section 9.
"""

import re
from typing import Any

import msgspec

from countermark.share.policy.document import Comparison, Policy

MAX_PATTERN = 8192
_TOKENS = {
    *("IntPosLiteral", "StringLiteral", "OR", "IN", "EQ", "COLON", "DOT", "COMMA", "LPAREN", "RPAREN"),
    *("LBRACK", "RBRACK", "IdentifierWithoutHyphen", "IdentifierWithHyphen"),
}
_GAP = re.compile(r" ?")
MAX_PARENTHESES = 32


class Found(msgspec.Struct, frozen=True):
    """One value that a pattern compares with."""

    comparison: Comparison
    value: str | int


def values_of(policy: Policy, pattern: Any) -> tuple[list[Found], str]:
    """The values in a pattern with their rules, and why it is refused; no values where it is."""
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN:
        return [], f"no text of at most {MAX_PATTERN:,} characters"
    if pattern.count("(") > MAX_PARENTHESES:
        return [], f"over {MAX_PARENTHESES} parentheses"
    problem = _tokens_problem(pattern)
    if problem:
        return [], problem
    compared = _compared(pattern)
    if compared is None:
        return [], "no pattern of STIX 2.1"
    found = []
    for place, value in compared:
        rule = next((one for one in policy.comparisons if place in one.paths), None)
        if rule is None:
            return [], "it compares a path that no rule names"
        found.append(Found(rule, value))
    return (found, "") if found else ([], "it compares nothing")


def _tokens_problem(pattern: str) -> str:
    """Whether every character belongs to a token that may stand there."""
    from antlr4 import InputStream
    from stix2patterns.v21.grammars.STIXPatternLexer import STIXPatternLexer

    lexer = STIXPatternLexer(InputStream(pattern))
    lexer.removeErrorListeners()
    end = 0
    for token in lexer.getAllTokens():
        name = lexer.symbolicNames[token.type]
        if name not in _TOKENS:
            return f"it holds {name}, and only values, lists of values and OR may leave"
        if not _GAP.fullmatch(pattern[end : token.start]):
            return "it holds a comment, or unusual spacing"
        end = token.stop + 1
    return "" if end == len(pattern) else "it holds a comment, or unusual spacing"


def _compared(pattern: str) -> list[tuple[str, str | int]] | None:
    """`type:path` and value of every comparison; None where the grammar does not take it."""
    from stix2patterns.exceptions import ParseException
    from stix2patterns.v21.pattern import Pattern

    try:
        comparisons = Pattern(pattern).inspect().comparisons
    except (ParseException, RecursionError, ValueError):
        return None
    result: list[tuple[str, str | int]] = []
    for kind, tests in comparisons.items():
        for path, operator, literal in tests:
            place = f"{kind}:" + ".".join(map(str, path))
            if any("." in str(step) for step in path):
                return None
            texts = _literals(literal) if operator == "IN" else [literal]
            result += [(place, _value(text)) for text in texts]
    return result


def _literals(text: str) -> list[str]:
    return re.findall(r"'(?:[^'\\]|\\.)*'|[0-9]+", text)


def _value(literal: str) -> str | int:
    if literal.startswith("'"):
        return re.sub(r"\\(.)", r"\1", literal[1:-1])
    return int(literal) if len(literal) < 20 else literal
