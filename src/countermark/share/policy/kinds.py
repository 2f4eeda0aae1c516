"""Which kinds stand in objects, as anybody can tell who has the policy: what a release has to declare.

The counts behind a floor are the member's own and never leave, so the exchange cannot check them. It can
check that a release under a standing approval declares every kind that is in it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from countermark.share.policy import fields, patterns
from countermark.share.policy.document import Policy
from countermark.share.policy.release import Release, failed
from countermark.share.policy.review import REVOCATION, SCRUBBED
from countermark.share.policy.texts import is_template

UNRULED = "what no rule of the policy names"
"""Stands for a field, a pattern or a sentence of which no class could be declared."""


def check_classes(policy: Policy, release: Release, objects: Iterable[Mapping[str, Any]]) -> None:
    """Raise where objects hold a kind with a floor, or a scrubbed text, that the release does not declare.

    An address may be declared as a proxy exit: which it is, only the member's counts say.
    """
    for one in objects:
        missing = undeclared(policy, release.classes, one)
        if missing:
            raise failed(f"an object holds {missing}, which the release does not declare")


def undeclared(policy: Policy, classes: Iterable[str], value: Mapping[str, Any]) -> str:
    """A kind that an object holds and that these classes do not name; empty for none."""
    declared = set(classes)
    if "proxy-exit" in declared:
        declared.add("address")
    try:
        return next(iter(sorted(kinds_in(policy, value) - declared)), "")
    except fields.TooMuch as error:
        return str(error)


def kinds_in(policy: Policy, value: Mapping[str, Any]) -> set[str]:
    """Kinds of an object that have a floor, the classes of texts and revocations, and `UNRULED`."""
    if value.get("revoked") is True:
        return {REVOCATION}
    if value.get("type") not in policy.types:
        return {UNRULED}
    floors = {one.id for one in policy.kinds if one.floor}
    table = fields.table_of(policy)
    found: set[str] = set()
    for way, leaf in fields.leaves(value):
        rule = fields.rule_for(table, str(value.get("type")), way)
        if rule is None:
            return {UNRULED}
        found.add(rule.kind)
        if rule.form == "pattern":
            values, problem = patterns.values_of(policy, leaf)
            found |= {one.comparison.kind for one in values} | ({UNRULED} if problem else set())
        if rule.form in ("text", "sentence") and not is_template(policy, str(leaf)):
            found.add(SCRUBBED if rule.form == "text" else UNRULED)
    return found & (floors | {SCRUBBED, UNRULED})
