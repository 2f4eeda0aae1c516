"""Section 8.2: what a server has to do; TLS is in `checks_8_tls.py`."""

import json

from countermark.share.conformance.http import FIRST, NOBODY, WRONG_BASIC
from countermark.share.conformance.table import INFERRED, MUST, SHOULD, NotApplicable, Probe, check
from countermark.share.stix.schemas import check_objects

_MOST = 50


@check("8.2.1-discovery", MUST, "Discovery MUST be at /taxii2/, at the root of the server.", 148)
def discovery(p: Probe) -> None:
    p.status(p.ask("GET", "/taxii2/"), 200)


@check("8.2.1-valid-stix", INFERRED, "The content of answers is valid STIX 2.1.", 151, 74)
def valid_stix(p: Probe) -> None:
    answers = [p.target.resources()["objects"]]
    if p.target.read_only:  # else what the kit posted to be refused would be among them
        answers.append(p.ask("GET", p.target.url(f"objects/?limit={_MOST}")))
    for answer in answers:
        raw = [json.dumps(one).encode() for one in p.ok(p.see(answer)).items()[:_MOST]]
        for one in check_objects(raw):
            p.require(not one.problem, f"{one.type or 'an object'}: {one.problem}", answer)


@check("8.2.1-no-user-agent", SHOULD, "A request without User-Agent SHOULD NOT be rejected.", 153)
def no_user_agent(p: Probe) -> None:
    p.status(p.ask("GET", p.target.root, agent=None), 200)


@check(
    "8.2.2-basic",
    SHOULD,
    "Servers SHOULD implement HTTP Basic authentication, and MAY let it be switched off.",
    *(159, 160, 175),
)
def basic(p: Probe) -> None:
    answer = p.ask("GET", p.target.url(), who=NOBODY)
    if answer.status < 400:
        raise NotApplicable("the server asks for no credentials (8.2.2.9 allows that)")
    if p.target.http.scheme(FIRST) == "basic":
        p.status(p.ask("GET", p.target.url()), 200)
    elif "basic" not in answer.offered:
        raise NotApplicable(
            f"the {answer.status} does not offer it: it may be switched off (8.2.2.6), and whether it is "
            "implemented cannot be seen"
        )
    p.status(p.ask("GET", p.target.url(), who=WRONG_BASIC), 401, 404)
