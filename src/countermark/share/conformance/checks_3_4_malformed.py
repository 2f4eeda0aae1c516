"""Section 3.4: query parameters that are malformed MUST be answered with 400."""

from countermark.share.conformance.http import Answer, query
from countermark.share.conformance.table import INFERRED, MUST, Probe, check

_EARLY = "1970-01-01T00:00:00.000000Z"


def _ask(p: Probe, parameters: str) -> list[Answer]:
    """The same query at manifest and objects."""
    return [p.ask("GET", p.target.url(name) + parameters) for name in ("manifest/", "objects/")]


def _ask_all(p: Probe, parameters: str) -> list[Answer]:
    """At all four endpoints."""
    one = f"objects/{p.target.scope()[1][0]['id']}/"
    return [
        *_ask(p, parameters),
        *(p.ask("GET", p.target.url(rest) + parameters) for rest in (one, f"{one}versions/")),
    ]


def _refused(p: Probe, *queries: str) -> None:
    for one in queries:
        for answer in _ask(p, one):
            p.status(answer, 400)


@check("3.4-malformed-added-after", MUST, "A malformed parameter MUST be answered with 400: added_after.", 41)
def malformed_added_after(p: Probe) -> None:
    for value in ("notatime", "2021-13-45T00:00:00.000000Z"):
        for answer in _ask_all(p, query(added_after=value)):
            p.status(answer, 400)


@check(
    "3.4-malformed-limit", MUST, "A malformed parameter MUST be answered with 400: limit, above zero.", 41, 46
)
def malformed_limit(p: Probe) -> None:
    for answer in _ask_all(p, query(limit=0)):
        p.status(answer, 400)
    _refused(p, *(query(limit=value) for value in ("-1", "abc", "", "1.5")))


@check("3.4-malformed-next", MUST, "A malformed parameter MUST be answered with 400: next.", 41)
def malformed_next(p: Probe) -> None:
    for answer in _ask_all(p, query(next="countermark-conformance~no-such-next")):
        p.status(answer, 400)


@check(
    "3.4-malformed-version", MUST, "A malformed parameter MUST be answered with 400: match[version].", 41, 65
)
def malformed_version(p: Probe) -> None:
    one = p.target.url(f"objects/{p.target.scope()[1][0]['id']}/")
    for value in ("notatime", "2016-01-01"):
        for answer in [*_ask(p, query(match_version=value)), p.ask("GET", one + query(match_version=value))]:
            p.status(answer, 400)


@check("3.4-malformed-spec-version", INFERRED, "match[spec_version] is of the form n.m: else 400.", 41)
def malformed_spec_version(p: Probe) -> None:
    for answer in _ask_all(p, query(match_spec_version="x")):
        p.status(answer, 400)


@check("3.4-empty-added-after", INFERRED, "An empty added_after is no timestamp: 400.", 41)
def empty_added_after(p: Probe) -> None:
    _refused(p, query(added_after=""))


@check(
    "3.4-added-after-twice",
    INFERRED,
    "added_after MUST NOT occur twice, and has one timestamp: else 400.",
    42,
    43,
)
def added_after_twice(p: Probe) -> None:
    one = query(added_after=_EARLY)
    _refused(p, f"{one}&{one[1:]}", query(added_after=f"{_EARLY},{_EARLY}"))


@check("3.4-match-twice", INFERRED, "Each match field MUST NOT occur more than once: else 400.", 52)
def match_twice(p: Probe) -> None:
    _refused(p, query(match_type="indicator") + "&" + query(match_type="malware")[1:])


@check(
    "3.4-version-twice",
    INFERRED,
    "A version keyword MUST NOT occur more than once in a request: else 400.",
    62,
)
def version_twice(p: Probe) -> None:
    _refused(p, query(match_version="last,last"))


@check("3.4-all-alone", INFERRED, "The all keyword MUST NOT be used with another version: else 400.", 64)
def all_alone(p: Probe) -> None:
    _refused(p, query(match_version="all,first"))


@check(
    "3.4-odd-dates",
    INFERRED,
    "Short fractions and offsets are taken, or malformed (400); nothing else.",
    13,
    41,
)
def odd_dates(p: Probe) -> None:
    for value in ("2021-01-01T00:00:00Z", "2021-01-01T00:00:00.000000+00:00", "2021-01-01T00:00:00.123Z"):
        for answer in _ask(p, query(added_after=value).replace("+", "%2B")):
            p.status(answer, 200, 400)


@check(
    "3.4-odd-limits",
    INFERRED,
    "A limit out of the range of integers is taken, or malformed; nothing else.",
    8,
    41,
)
def odd_limits(p: Probe) -> None:
    for value in (2**53, "9" * 30, "%2B5", "%205"):
        for answer in _ask(p, f"?limit={value}"):
            p.status(answer, 200, 400)


@check(
    "3.4-unknown-match", INFERRED, "Servers MAY ignore fields that they do not understand: 200 or 400.", 55
)
def unknown_match(p: Probe) -> None:
    for answer in _ask(p, query(match_foo="x")):
        p.status(answer, 200, 400)
