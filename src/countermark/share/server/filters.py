"""URL parameters of queries (3.4), read strictly: one that is repeated or malformed is refused with 400.

Parameters that an endpoint does not have are left aside, as 3.4 allows; not so by DELETE, where a filter that
is left aside would delete more than was meant.
"""

import json
import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import msgspec

from countermark.share.server.errors import TaxiiError
from countermark.share.server.times import finer_than_microseconds, parse_time
from countermark.store.exchange import SPEC_VERSIONS, Filters

MAX_QUERY = 16_384
MAX_VALUES = 100
"""Alternatives of one `match[…]`."""
MAX_PARAMETERS = 64
LISTING = (
    "added_after",
    "limit",
    "next",
    "match[id]",
    "match[type]",
    "match[version]",
    "match[spec_version]",
)
OF_OBJECT = ("added_after", "limit", "next", "match[version]", "match[spec_version]")
OF_VERSIONS = ("added_after", "limit", "next", "match[spec_version]")
OF_DELETE = ("match[version]", "match[spec_version]")
_LIMIT = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_SPEC = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}", re.ASCII)
_PLAIN = re.compile(rb"[0-9A-Za-z:.,_\[\]-]*")
_ESCAPES = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LARGEST = 2**53 - 1
"""The largest integer of TAXII (section 2)."""
_WORDS = {"last", "first", "all"}


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks for."""

    filters: Filters
    stored: Filters
    """The filters over what is stored, which is of one version of STIX: fewer ranges are looked at."""
    limit: int | None = None
    next: str | None = None
    nothing: bool = False
    """Whether nothing can match: only versions finer than a microsecond are asked for; none is stored."""
    timed: bool = False
    """Whether versions are named by their time."""

    @property
    def canonical(self) -> str:
        """What must be the same on every page of one query, as JSON; the limit may change (taxii2-client)."""
        f = self.filters
        matched = _matched(f.ids, f.types, f.versions, f.spec_versions, self.nothing)
        return f"[{'null' if f.added_after is None else f.added_after}, {matched}"


@lru_cache(maxsize=256)
def _matched(*parts: tuple[str, ...] | bool) -> str:
    """The rest of `Query.canonical`: few clients match anything, and all of them the same with every page."""
    return json.dumps([sorted(one) if isinstance(one, tuple) else one for one in parts])[1:]


@lru_cache(maxsize=256)
def parse_query(
    raw: bytes, known: tuple[str, ...], *, strict: bool = False, default_version: str = "last"
) -> Query:
    """The query of an endpoint that has the parameters `known`; `TaxiiError` 400 for what is malformed.

    `strict` refuses parameters that are not known. `default_version` counts where no version is asked for.
    """
    given = _parameters(raw, known, strict)
    after = given.get("added_after")
    moment = None if after is None else _time(after, "added_after")
    versions, nothing, timed = _versions(given.get("match[version]", default_version))
    specs = _values(given.get("match[spec_version]"), "match[spec_version]")
    if any(not _SPEC.fullmatch(one) for one in specs):
        raise malformed("match[spec_version]", "versions such as 2.1, with commas between them")
    filters = Filters(
        added_after=None if moment is None or moment < 0 else moment,
        ids=_values(given.get("match[id]"), "match[id]"),
        types=_values(given.get("match[type]"), "match[type]"),
        versions=versions,
        spec_versions=specs,
    )
    token = given.get("next")
    return Query(
        filters=filters,
        stored=filters if specs else msgspec.structs.replace(filters, spec_versions=SPEC_VERSIONS[-1:]),
        limit=_limit(given.get("limit")),
        next=token,
        nothing=nothing,
        timed=timed,
    )


def malformed(name: str, wanted: str) -> TaxiiError:
    """400 for a parameter."""
    return TaxiiError(400, f"the parameter {name} is malformed", f"wanted: {wanted}")


def _parameters(raw: bytes, known: tuple[str, ...], strict: bool) -> dict[str, str]:
    parts = raw.split(b"&") if raw else []
    if len(raw) > MAX_QUERY or len(parts) > MAX_PARAMETERS:
        raise TaxiiError(400, "the query is too long")
    given: dict[str, str] = {}
    for part in filter(None, parts):
        raw_name, _, raw_value = part.partition(b"=")
        name, value = _name(raw_name), _decoded(raw_value)
        if name not in known:
            if strict:
                raise TaxiiError(400, "the query has a parameter that this request does not take")
            continue
        if name in given:
            raise TaxiiError(400, f"the parameter {name} is given twice")
        given[name] = value
    return given


@lru_cache(maxsize=64)
def _name(part: bytes) -> str:
    """The name of a parameter."""
    return _decoded(part)


def _decoded(part: bytes) -> str:
    if _PLAIN.fullmatch(part):
        return part.decode()
    try:
        if _ESCAPES.search(part):
            raise ValueError
        text = unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8")
    except ValueError:
        raise TaxiiError(400, "the query is not percent-encoded UTF-8") from None
    if _CONTROL.search(text):
        raise TaxiiError(400, "the query has control characters")
    return text


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    if not _LIMIT.fullmatch(text) or int(text) > _LARGEST:
        raise malformed("limit", "a positive integer")
    return int(text)


def _time(text: str, name: str) -> int:
    moment = parse_time(text)
    if moment is None:
        raise malformed(name, "a time such as 2026-01-31T12:00:00.000000Z")
    return moment


def _values(text: str | None, name: str) -> tuple[str, ...]:
    """Values between commas, each once, in order."""
    if text is None:
        return ()
    values = text.split(",")
    if len(values) > MAX_VALUES:
        raise malformed(name, f"at most {MAX_VALUES} values")
    if any(not one or one != one.strip() for one in values):
        raise malformed(name, "values with commas and no spaces between them")
    return tuple(dict.fromkeys(values))


@lru_cache(maxsize=256)
def _versions(text: str) -> tuple[tuple[str, ...], bool, bool]:
    """Words and times (3.4.1); whether nothing can match them; whether there is a time among them."""
    name = "match[version]"
    values = _values(text, name)
    if len(values) <= text.count(",") or ("all" in values and len(values) > 1):
        raise malformed(name, "each version once, and `all` alone")
    times = [one for one in values if one not in _WORDS]
    for one in times:
        _time(one, name)
    kept = tuple(one for one in values if one in _WORDS or not finer_than_microseconds(one))
    return kept or ("last",), not kept, bool(times)
