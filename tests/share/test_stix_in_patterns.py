"""Patterns of the plain form are read by one expression; it takes nothing that the grammar refuses."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stix2patterns.v21.pattern import Pattern
from stix2patterns.validator import run_validator

from countermark.share.stix.patterns import is_plain

_WORDS = st.sampled_from(
    [
        *("ipv4-addr", "url", "network-traffic", "true", "false", "IN", "AND", "OR", "NOT", "START", "LIKE"),
        *(":value", ":name", ":true", ".true", ".'a-b'", "[*]", "[0]", "[01]", ".t", ".key", ":", "."),
        *(" = ", "=", " != ", " >= ", " LIKE ", " MATCHES", " ISSUBSET ", " EXISTS ", " NOT = "),
        *("'x'", "'it\\'s'", "'\\\\'", "'\\x'", "'", "''", "1", "-1", "01", "1.5", "t'x'", "h'ab'", "true"),
        *(" AND ", " OR ", "[", "]", "(", ")", " ", "\n", "//", "/*", "é", "\x00"),
    ]
)
_COMPARISON = st.builds(
    "{}:{}{}{}{}".format,
    st.sampled_from(["ipv4-addr", "url", "x-a", "trues", "and-or", "start"]),
    st.sampled_from(["value", "name", "true", "falsey", "end_x", "ref_ids"]),
    st.lists(
        st.sampled_from([".true", ".truer", ".'a b'", "[*]", "[0]", ".t", ".in", ".and"]), max_size=2
    ).map("".join),
    st.sampled_from([" = ", "=", " != ", "<=", " LIKE ", " ISSUPERSET ", " MATCHES "]),
    st.sampled_from(["'x'", "'it\\'s'", "''", "1", "-1", "0", "'[]() OR '", "'é'", "'\n'"]),
)
_BUILT = st.builds(
    lambda parts, join: f"[{join.join(parts)}]",
    st.lists(_COMPARISON, min_size=1, max_size=3),
    st.sampled_from([" AND ", " OR "]),
)


def parses(pattern: str) -> bool:
    """What stix2-patterns says."""
    if run_validator(pattern, "2.1"):
        return False
    found = Pattern(pattern).inspect().comparisons
    return all(len(kind) >= 3 and all(len(path[0]) >= 3 for path, *_ in of) for kind, of in found.items())


@settings(max_examples=300, deadline=None)
@given(_BUILT | st.lists(_WORDS, max_size=8).map(lambda words: f"[{''.join(words)}]"))
def test_what_is_plain_parses(pattern: str) -> None:
    assume(is_plain(pattern))
    assert parses(pattern), pattern


@settings(max_examples=100, deadline=None)
@given(_BUILT, st.integers(0, 60), st.characters(codec="utf-8"))
def test_a_changed_letter_is_still_judged_rightly(pattern: str, place: int, letter: str) -> None:
    at = place % len(pattern)
    changed = pattern[:at] + letter + pattern[at + 1 :]
    assert parses(changed) or not is_plain(changed), changed
