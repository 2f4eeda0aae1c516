"""One field against its rule: the form of its value, the pattern in it, the floor of its kind."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from countermark.share.policy import fields, patterns
from countermark.share.policy.context import Ground
from countermark.share.policy.document import Kind, Rule
from countermark.share.policy.forms import as_time, value_problem
from countermark.share.policy.review import DENY, SCRUBBED, Field
from countermark.share.policy.texts import is_template, topic_of


def field_of(
    ground: Ground, rule: Rule | None, way: fields.Way, value: Any, classes: dict[str, int]
) -> Field:
    """What becomes of a leaf; the kinds of an allowed one go into `classes` with their smallest count."""
    path = fields.shown(way)
    if rule is None:
        return _unnamed(ground, path, way)
    if rule.form == "pattern":
        return _pattern(ground, rule, path, value, classes)
    problem = value_problem(ground, rule.form, value, list(rule.values), rule.most)
    kind_id = _kind_of(ground, rule.kind, value)
    problem = problem or _floor_problem(ground, kind_id, value, classes)
    if rule.form == "text" and not problem and not is_template(ground.policy, value):
        classes[SCRUBBED] = 0
    return Field(path, not problem, rule.id, kind_id, problem, rule.sources, None if problem else value)


def life_problem(ground: Ground, given: Mapping[str, Any], classes: Mapping[str, int]) -> str:
    """Why an indicator's life is not within that of the shortest-lived kind in it."""
    begins, ends = as_time(given["valid_from"]), as_time(given["valid_until"])
    lives = {one.id: one.valid_days for one in ground.policy.kinds if one.valid_days}
    limits = [lives[kind] for kind in classes if kind in lives]
    if begins is None or ends is None or not limits:
        return "its life cannot be told"
    if begins > ground.now:
        return "valid_from has not come yet"
    if ends <= ground.now:
        return "valid_until has passed"
    if not begins < ends <= begins + timedelta(days=min(limits)):
        return f"valid_until has to come after valid_from, by at most {min(limits)} days"
    return ""


def _unnamed(ground: Ground, path: str, way: fields.Way) -> Field:
    """A field that no rule names; the topic that its name speaks of is said, where there is one."""
    topic = topic_of(ground.policy, " ".join(str(step) for step in way if not isinstance(step, int)))
    if topic is not None:
        return Field(path, False, topic.id, reason=topic.why, sources=topic.sources)
    return Field(path, False, DENY, reason="no rule names it")


def _pattern(ground: Ground, rule: Rule, path: str, value: Any, classes: dict[str, int]) -> Field:
    found, problem = patterns.values_of(ground.policy, value)
    held: dict[str, int] = {}
    for one in found:
        of = one.comparison
        why = value_problem(ground, of.form, one.value, [], 0)
        why = why or _floor_problem(ground, _kind_of(ground, of.kind, one.value), one.value, held)
        problem = problem or (f"{of.id}: {why}" if why else "")
    if problem:
        return Field(path, False, rule.id, rule.kind, problem, rule.sources)
    for kind_id, accounts in held.items():
        classes[kind_id] = min(accounts, classes.get(kind_id, accounts))
    used = sorted({one.comparison.id for one in found})
    sources = sorted({source for one in found for source in one.comparison.sources} | set(rule.sources))
    return Field(path, True, "+".join((rule.id, *used)), "+".join(sorted(held)), "", sources, value)


def _kind_of(ground: Ground, kind: str, value: Any) -> str:
    """An address is a proxy exit where the counts call it one."""
    return "proxy-exit" if kind == "address" and ("proxy-exit", str(value)) in ground.counts else kind


def _floor_problem(ground: Ground, kind_id: str, value: Any, classes: dict[str, int]) -> str:
    kind: Kind = ground.policy.kind(kind_id)
    if kind.refused:
        return kind.refused
    if any(_is(str(value), one) for one in kind.never):
        return f"one that the policy never lets leave as {kind_id}"
    if not kind.floor:
        return ""
    accounts = ground.accounts(kind_id, str(value))
    if accounts < kind.floor:
        return f"{accounts or 'no'} accounts are counted for it, and the floor of {kind_id} is {kind.floor}"
    classes[kind_id] = min(accounts, classes.get(kind_id, accounts))
    return ""


def _is(value: str, never: str) -> bool:
    """The value itself, or a host under it."""
    return value == never or value.endswith(f".{never}")
