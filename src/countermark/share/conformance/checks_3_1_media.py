"""Section 3.1 with 1.6.8: media types of requests and answers."""

import re

from countermark.share.conformance.http import NOBODY, TAXII
from countermark.share.conformance.table import INFERRED, MUST, OPEN, SHOULD, NotApplicable, Probe, check
from countermark.share.conformance.world import ABSENT, envelope

_STIX = "application/stix+json;version=2.1"
_BARE = "application/taxii+json"


@check(
    "3.1-type-of-success", MUST, "All responses MUST include media type and version in Content-Type.", 1, 24
)
def type_of_success(p: Probe) -> None:
    for name, answer in p.target.resources().items():
        if p.see(answer).status < 300:
            p.require(answer.is_taxii, f"Content-Type of {name} is not {TAXII}", answer)


@check(
    "3.1-type-of-failures", MUST, "All responses, failures too, MUST include media type and version.", 1, 24
)
def type_of_failures(p: Probe) -> None:
    for name, answer in p.target.failures().items():
        p.require(not p.see(answer).body or answer.is_taxii, f"{name}: Content-Type is not {TAXII}", answer)


@check(
    "3.1-type-of-401", MUST, "The answer to a failed authentication, too, has media type and version.", 1, 24
)
def type_of_401(p: Probe) -> None:
    answer = p.ask("GET", p.target.url("objects/"), who=NOBODY)
    if answer.status < 400:
        raise NotApplicable("the server asks for no credentials")
    p.require(not answer.body or answer.is_taxii, f"Content-Type is not {TAXII}", answer)


@check("3.1-type-of-unknown-url", INFERRED, "A 404 below an API root has media type and version.", 24)
def type_of_unknown_url(p: Probe) -> None:
    for path in (p.target.url("nothing-of-this-name/"), f"{p.target.root}nothing/of/this/name/"):
        answer = p.ask("GET", path)
        if p.status(answer, 404):
            p.require(not answer.body or answer.is_taxii, f"Content-Type is not {TAXII}", answer)


@check(
    "3.1-highest-version", SHOULD, "Without a version in Accept the answer SHOULD be of the highest one.", 25
)
def highest_version(p: Probe) -> None:
    root = p.ok(p.see(p.target.resources()["api-root"]))
    known = [re.search(r"version=(\d+)\.(\d+)", str(one)) for one in root.items("versions")]
    highest = max(((int(one[1]), int(one[2])) for one in known if one), default=(2, 1))
    answer = p.ask("GET", p.target.root, accept=_BARE)
    if answer.status == 406:
        raise NotApplicable("the server refuses a range without a version")
    wanted = f"version={highest[0]}.{highest[1]}"
    p.require(wanted in answer.headers.get("content-type", "").replace('"', ""), f"not {wanted}", answer)


def _paths(p: Probe) -> list[str]:
    """Every endpoint that gives something."""
    return [answer.path for answer in p.target.resources().values() if answer.method == "GET"]


@check("3.1-accept-defined", MUST, "A media type defined for the endpoint MUST NOT result in a 406.", 26)
def accept_defined(p: Probe) -> None:
    for path in _paths(p):
        answer = p.ask("GET", path)
        p.require(answer.status != 406, f"406 for {TAXII}", answer)


@check("3.1-accept-no-version", INFERRED, f"{_BARE} alone means the latest version (1.6.8.2): no 406.", 2, 26)
def accept_no_version(p: Probe) -> None:
    for path in _paths(p):
        p.status(p.ask("GET", path, accept=_BARE), 200)


@check("3.1-accept-manifest", MUST, "The manifest's Accept names TAXII and STIX (5.3): no 406.", 26)
def accept_manifest(p: Probe) -> None:
    answer = p.ask("GET", p.target.resources()["manifest"].path, accept=f"{TAXII},{_STIX}")
    p.require(answer.status != 406, "406 for the Accept header of table 5.3", answer)


@check("3.1-accept-space", INFERRED, "White space before a parameter is no other media type (RFC 7231).", 26)
def accept_space(p: Probe) -> None:
    p.status(p.ask("GET", p.target.root, accept="application/taxii+json; version=2.1"), 200)


@check("3.1-accept-one-of-many", INFERRED, "A defined media type among others MUST NOT result in a 406.", 26)
def accept_one_of_many(p: Probe) -> None:
    for accept in (f"{_BARE};version=2.0, {TAXII}", f"text/html, {TAXII}"):
        p.status(p.ask("GET", p.target.root, accept=accept), 200)


@check(
    "3.1-accept-spelling", OPEN, "Case, quotes and weights of a range (RFC 7231; the standard is silent).", 26
)
def accept_spelling(p: Probe) -> None:
    for accept in (
        'application/taxii+json;version="2.1"',
        "Application/TAXII+json;Version=2.1",
        f"{TAXII};q=0.9",
    ):
        p.status(p.ask("GET", p.target.root, accept=accept), 200)


@check("3.1-accept-undefined", INFERRED, "Another media type MAY be satisfied or MAY result in a 406.", 28)
def accept_undefined(p: Probe) -> None:
    for accept in ("text/html", "*/*", "application/vnd.oasis.taxii+json"):
        p.status(p.ask("GET", p.target.root, accept=accept), 200, 406)


@check(
    "3.1-accept-missing", INFERRED, "A request without Accept is served, or refused as one that lacks it.", 30
)
def accept_missing(p: Probe) -> None:
    p.status(p.ask("GET", p.target.root, accept=None), 200, 400, 406)


@check(
    "3.1-content-defined",
    MUST,
    "A Content-Type defined for the endpoint MUST NOT result in a 415.",
    27,
    writes=True,
)
def content_defined(p: Probe) -> None:
    for answer in p.target.world().statuses:
        p.require(p.see(answer).status != 415, f"415 for {TAXII}", answer)


@check(
    "3.1-content-no-version",
    INFERRED,
    f"{_BARE} as Content-Type means the latest version (1.6.8.2): no 415.",
    27,
    writes=True,
)
def content_no_version(p: Probe) -> None:
    body = envelope(p.target.world().a)
    answer = p.ask("POST", p.target.url("objects/"), content=body, content_type=_BARE)
    p.require(answer.status != 415, "415 for a Content-Type without a version", answer)


@check(
    "3.1-content-undefined",
    INFERRED,
    "Another Content-Type MAY be satisfied or MAY result in a 415.",
    29,
    writes=True,
)
def content_undefined(p: Probe) -> None:
    body = envelope(p.target.world().a)
    answer = p.ask("POST", p.target.url("objects/"), content=body, content_type="text/plain")
    p.status(answer, 202, 400, 415)


@check(
    "3.1-content-missing",
    INFERRED,
    "POST MUST include Accept and Content-Type: one that lacks them is served or refused.",
    30,
    writes=True,
)
def content_missing(p: Probe) -> None:
    body = envelope(p.target.world().a)
    p.status(p.ask("POST", p.target.url("objects/"), content=body, content_type=None), 202, 400, 415)
    p.status(p.ask("POST", p.target.url("objects/"), content=body, accept=None), 202, 400, 406)


@check("3.1-body", MUST, "2xx responses MUST include the body of the content type of the endpoint.", 18)
def body(p: Probe) -> None:
    for name, answer in p.target.resources().items():
        if p.see(answer).status < 300:
            p.require(isinstance(answer.value, dict), f"the body of {name} is no JSON object", answer)


@check(
    "3.1-endpoints",
    MUST,
    "The tables of sections 4 and 5 are normative: every URL and method is there.",
    32,
    144,
)
def endpoints(p: Probe) -> None:
    for name, answer in p.target.resources().items():
        p.require(p.see(answer).status in (200, 202), f"{name} was answered {answer.status}", answer)
    if not p.target.read_only and p.target.here.get("can_write") is True:
        for method, path in (("POST", "objects/"), ("DELETE", f"objects/indicator--{ABSENT}/")):
            content = b"{}" if method == "POST" else None
            answer = p.ask(method, p.target.url(path), content=content)
            p.require(answer.status not in (405, 501), f"{method} is not there", answer)


@check("3.1-slash", OPEN, "A path MUST end in a slash: what a server does with another is open.", 17)
def slash(p: Probe) -> None:
    answer = p.ask("GET", p.target.root.rstrip("/") or "/taxii2")
    p.status(answer, 400, 404, 301, 307, 308)
