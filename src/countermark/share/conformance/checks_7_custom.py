"""Section 7: custom properties."""

import re

from countermark.share.conformance.shapes import unknown
from countermark.share.conformance.table import INFERRED, MUST, SHOULD, Probe, check
from countermark.share.conformance.world import envelope


def _each(p: Probe, pattern: str, problem: str) -> None:
    for name, answer in p.target.resources().items():
        for key in unknown(name, p.see(answer).resource):
            p.require(re.fullmatch(pattern, key, re.ASCII), f"{name}.{key[:60]} {problem}", answer)


@check("7.1.1-letters", MUST, "Custom names MUST have a to z, 0 to 9 and underscore alone.", 136)
def letters(p: Probe) -> None:
    _each(p, r"[a-z0-9_]*", "has other characters")


@check("7.1.1-length", MUST, "Custom names MUST have 3 to 250 characters.", 138, 139)
def length(p: Probe) -> None:
    _each(p, r".{3,250}", "is too short or too long")


@check("7.1.1-prefix", SHOULD, "Custom names SHOULD begin with x_.", 137, 140)
def prefix(p: Probe) -> None:
    _each(p, r"x_.*", "does not begin with x_")


@check(
    "7.1.1-posted",
    INFERRED,
    "Custom properties are taken or ignored (202), or refused (422).",
    141,
    writes=True,
)
def posted(p: Probe) -> None:
    body = envelope(p.target.world().a, x_conformance_test=1)
    p.status(p.ask("POST", p.target.url("objects/"), content=body), 202, 422)
