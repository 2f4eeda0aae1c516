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


def check_classes(policy: Policy, release: Release, objects: Iterable[Mapping[str, Any]]) -> None:
    """Raise where objects hold a kind with a floor, or a scrubbed text, that the release does not declare.

    An address may be declared as a proxy exit: which it is, only the member's counts say.
    """
    declared = set(release.classes)
    if "proxy-exit" in declared:
        declared.add("address")
    for one in objects:
        missing = kinds_in(policy, one) - declared
        if missing:
            raise failed(f"an object holds {sorted(missing)[0]}, which the release does not declare")


def kinds_in(policy: Policy, value: Mapping[str, Any]) -> set[str]:
    """Kinds of an object that have a floor, and the classes of texts and revocations."""
    if value.get("revoked") is True:
        return {REVOCATION}
    floors = {one.id for one in policy.kinds if one.floor}
    table = fields.table_of(policy)
    found: set[str] = set()
    for way, leaf in fields.leaves(value):
        rule = fields.rule_for(table, str(value.get("type")), way)
        if rule is None:
            continue
        found.add(rule.kind)
        if rule.form == "pattern":
            found |= {one.comparison.kind for one in patterns.values_of(policy, leaf)[0]}
        if rule.form == "text" and not is_template(policy, str(leaf)):
            found.add(SCRUBBED)
    return found & (floors | {SCRUBBED})
