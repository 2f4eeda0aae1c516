"""A review for people: what would leave, what stays, by which rule, and where the rule comes from.

80 columns, whole values, no ids of extensions. What only says which object it is (type, id, times of the
version) is named on one line an object; `review.json` has every field on its own.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from countermark.cli.output import printable

if TYPE_CHECKING:
    from countermark.share.policy.document import Policy
    from countermark.share.policy.review import Field, Review, Reviewed

WIDTH = 80
_FORM = {"type", "spec_version", "id", "created", "modified", "created_by_ref"}
_STANDING = {"law": "law", "guidance": "guidance", "choice": "our choice"}


def review_lines(review: "Review", policy: "Policy") -> Iterator[str]:
    """The whole review; every line is printable and of at most `WIDTH` columns where words allow it."""
    for condition, why in review.conditions.items():
        yield from _wrapped(f"condition not met: {condition}: {why}", "", "  ")
    yield from _summary(review)
    for one in review.objects:
        yield ""
        yield from _object(one)
    yield from _sources(review, policy)


def _summary(review: "Review") -> Iterator[str]:
    types = Counter(one.type for one in review.leaving)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(types.items())) or "nothing"
    text = f"would leave: {len(review.leaving)} of {len(review.objects)} objects ({listed})"
    yield from _wrapped(text, "", "  ")
    refused = ", ".join(f"{rule} {count}" for rule, count in review.refusals().items())
    if refused:
        yield from _wrapped(f"refused, by rule: {refused}", "", "  ")


def _object(one: "Reviewed") -> Iterator[str]:
    yield from _wrapped(f"{one.id}  " + ("leaves" if one.leaves else f"stays: {one.reason}"), "", "  ")
    form = []
    for field in one.fields:
        if field.allowed and field.path in _FORM:
            form.append(field)
        else:
            yield from _field(field)
    if form:
        rules = ", ".join(dict.fromkeys(field.rule for field in form))
        yield from _wrapped(f"{', '.join(field.path for field in form)} by {rules}", "  allowed  ", " " * 11)


def _field(field: "Field") -> Iterator[str]:
    verdict = "  allowed  " if field.allowed else "  refused  "
    value = f" = {field.value}" if field.allowed else ""
    yield from _wrapped(f"{short(field.path) or '(all of it)'}{value}", verdict, " " * 11)
    rests = f" ({', '.join(field.sources)})" if field.sources else ""
    yield from _wrapped(
        f"by {field.rule}{rests}{f': {field.reason}' if field.reason else ''}", *[" " * 11] * 2
    )


def _sources(review: "Review", policy: "Policy") -> Iterator[str]:
    """Where the rules come from: law, guidance, or our own choice."""
    used = {source for one in review.objects for field in one.fields for source in field.sources}
    listed = [one for one in policy.sources if one.id in used]
    if listed:
        yield ""
        yield "where the rules come from (docs/sharing.md):"
    for one in listed:
        unread = "" if one.verified else " (not read for this rule; counsel should)"
        yield from _wrapped(
            f"{one.id}: {_STANDING[one.standing]}: {one.cite}. {one.says}{unread}", "  ", "    "
        )


def short(path: str) -> str:
    """A path with the names of the extensions that are known here in place of their ids."""
    from countermark.share.stix.extension import EXTENSION_ID
    from countermark.share.stix.markings import IEP_EXTENSION, TLP_EXTENSION

    named = {EXTENSION_ID: "distillation", TLP_EXTENSION: "tlp", IEP_EXTENSION: "iep"}
    for extension_id, name in named.items():
        path = path.replace(f"extensions.{extension_id}.", f"{name}.")
    return path


def _wrapped(text: str, first: str, rest: str) -> Iterable[str]:
    """Lines of a text; a word that is longer than a line stays whole, so that it can be copied."""
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
