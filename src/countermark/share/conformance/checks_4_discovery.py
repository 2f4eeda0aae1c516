"""Sections 4.1 and 4.2: discovery and API roots."""

import re
from urllib.parse import urlsplit

from countermark.share.conformance.http import TAXII, Answer
from countermark.share.conformance.table import INFERRED, MUST, NotApplicable, Probe, Undetermined, check
from countermark.share.conformance.target import DISCOVERY
from countermark.share.conformance.world import ABSENT, envelope

_VERSION = re.compile(r"\s*version=\d+\.\d+\s*", re.ASCII)
_MOST_LENGTH = 12 << 20


def _roots(p: Probe) -> tuple[Answer, list[str]]:
    answer = p.ok(p.see(p.target.get("discovery", DISCOVERY)))
    return answer, [one for one in answer.items("api_roots") if isinstance(one, str)]


def _split_path(url: str) -> str:
    """The path of a URL; empty where it is none."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


@check("4.1-discovery", MUST, "GET /taxii2/ gives a discovery resource.", 80, 148)
def discovery(p: Probe) -> None:
    answer = p.see(p.target.get("discovery", DISCOVERY))
    if p.status(answer, 200):
        p.require(isinstance(answer.resource.get("title"), str), "it has no title", answer)


@check("4.1.1-default", MUST, "The default API root MUST be an item in api_roots.", 81)
def default(p: Probe) -> None:
    answer, roots = _roots(p)
    given = answer.resource.get("default")
    p.require(given is None or given in roots, "default is not in api_roots", answer)


def _every_root(p: Probe, problem: str, pattern: str) -> None:
    answer, roots = _roots(p)
    given = answer.resource.get("default")
    for one in [*roots, *([given] if isinstance(given, str) else [])]:
        p.require(re.fullmatch(pattern, one), problem, answer)


@check("4.1.1-https-or-relative", MUST, "API root URLs MUST be HTTPS absolute URLs or relative URLs.", 82)
def https_or_relative(p: Probe) -> None:
    _every_root(p, "an API root is neither", r"https://[^/].*|(?![A-Za-z][A-Za-z0-9+.-]*:).*")


@check(
    "4.1.1-one-slash", MUST, "Relative URLs MUST begin with a single / character, not with // or ../.", 83, 84
)
def one_slash(p: Probe) -> None:
    _every_root(p, "a relative API root does not begin so", r"[A-Za-z][A-Za-z0-9+.-]*:.*|/(?!/).*")


@check("4.1.1-no-query", MUST, "API root URLs MUST NOT contain a URL query component.", 85)
def no_query(p: Probe) -> None:
    _every_root(p, "an API root has a query", r"[^?]*")


@check("4.2-unique", MUST, "Each API root MUST have a unique URL.", 86)
def unique(p: Probe) -> None:
    answer, roots = _roots(p)
    plain = [one.rstrip("/").lower() for one in roots]
    p.require(len(set(plain)) == len(plain), "an API root is listed twice", answer)


@check("4.2-roots-answer", INFERRED, "Each API root that is listed answers.", 86, 87)
def roots_answer(p: Probe) -> None:
    _, roots = _roots(p)
    for one in roots[:10]:
        if one.startswith(("/", p.target.http.base + "/")):
            p.status(p.ask("GET", _split_path(one)), 200, 401, 403, 404)


@check(
    "4.2-api-root", MUST, "GET of an API root gives an api-root resource; a server has at least one.", 87, 149
)
def api_root(p: Probe) -> None:
    answer = p.see(p.target.get("api-root", p.target.root))
    if p.status(answer, 200):
        p.require(isinstance(answer.resource.get("title"), str), "it has no title", answer)


@check("4.2-unknown-root", MUST, "An API root that is not there is answered with 404.", 87)
def unknown_root(p: Probe) -> None:
    p.status(p.ask("GET", f"/no-api-root-{ABSENT[:8]}/"), 404)


def _versions(p: Probe) -> tuple[Answer, list[str]]:
    answer = p.ok(p.see(p.target.get("api-root", p.target.root)))
    return answer, [str(one) for one in answer.items("versions")]


@check("4.2.1-versions-media-type", MUST, "versions MUST match the media types of 1.6.8.1.", 88)
def versions_media_type(p: Probe) -> None:
    answer, versions = _versions(p)
    for one in versions:
        p.require(one.partition(";")[0] == "application/taxii+json", "another media type", answer)


@check("4.2.1-versions-parameter", MUST, "Each of versions MUST include the version parameter.", 89)
def versions_parameter(p: Probe) -> None:
    answer, versions = _versions(p)
    for one in versions:
        p.require(_VERSION.fullmatch(one.partition(";")[2]), "one has no version", answer)


@check("4.2.1-version-2.1", MUST, f"'{TAXII}' MUST be included in versions.", 90)
def version_2_1(p: Probe) -> None:
    answer, versions = _versions(p)
    p.require(TAXII in versions, "2.1 is missing", answer)


@check(
    "4.2.1-max-content-length", MUST, "max_content_length MUST be a positive integer greater than zero.", 91
)
def max_content_length(p: Probe) -> None:
    answer, _ = _versions(p)
    value = answer.resource.get("max_content_length")
    p.require(type(value) is int and value > 0, "it is none", answer)


def _length(p: Probe) -> int:
    value = _versions(p)[0].resource.get("max_content_length")
    if type(value) is not int or value < 1:
        raise Undetermined("max_content_length is no positive integer")
    return value


def _padded(body: bytes, size: int) -> bytes:
    """A body of `size` bytes, filled up with white space, which JSON allows between its tokens."""
    return body[:1] + b" " * (size - len(body)) + body[1:]


@check(
    "4.2.1-shorter", MUST, "A body smaller than max_content_length MUST NOT result in a 413.", 92, writes=True
)
def shorter(p: Probe) -> None:
    size, body = _length(p), envelope(p.target.world().a)
    if not len(body) < size <= _MOST_LENGTH:
        raise NotApplicable(f"max_content_length is {size}: bodies of up to {_MOST_LENGTH} bytes are tried")
    answer = p.ask("POST", p.target.url("objects/"), content=_padded(body, size - 1))
    p.require(answer.status != 413, "413 for one byte less", answer)


@check(
    "4.2.1-longer",
    INFERRED,
    "A body larger than max_content_length is answered with 413 (5.5).",
    124,
    writes=True,
)
def longer(p: Probe) -> None:
    size, body = _length(p), envelope(p.target.world().a)
    if size > _MOST_LENGTH:
        raise NotApplicable(f"max_content_length is {size}: bodies of up to {_MOST_LENGTH} bytes are tried")
    answer = p.ask("POST", p.target.url("objects/"), content=_padded(body, max(size + 1, len(body))))
    p.status(answer, 413)
