"""What the case found, as a letter may say it: the class first, then the sentence, then how it can be wrong.

The sentences are those of the report. None says why something is so; the other explanations stand below.
"""

from collections.abc import Iterator

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.groups import campaigns_of
from countermark.prove.report.results import Result, answer, results_of
from countermark.prove.report.sure import false_positives, sure
from countermark.prove.typeset.document import Block, Items, Paragraph

OTHERS = {
    "detect": ("a reseller or a shared workplace behind the accounts, with ordinary users of its own",),
    "scan": (
        "forgery: somebody who holds the key marked the text",
        "public data in which outputs of ours stand",
        "a third model in between that gave the text",
    ),
}
"""Other explanations, of a result whose record names none."""


def found_blocks(dossier: Dossier) -> list[Block]:
    """Every result that was shown, in the order of the case, and the other explanations once below them."""
    results = [one for one in results_of(dossier) if one.shown]
    blocks = [block for one in results for block in _found(one, dossier)]
    others = tuple(dict.fromkeys(other for one in results for other in _others(one)))
    if others:
        blocks += [Paragraph(text="These findings have other explanations, too:"), Items(others)]
    return blocks


def _found(one: Result, dossier: Dossier) -> Iterator[Block]:
    yield Paragraph(lead=f"{one.heading}.", text=answer(one, dossier))
    nulls = _nulls(one, dossier) or "not shown"
    trials = false_positives(dossier.proficiency, one.kind)
    text = (
        f"{sure(one, dossier)} The hypothesis that was rejected: {nulls}. How often the whole procedure"
        f" called unrelated samples positive in blind trials: {trials}."
    )
    yield Paragraph(text=text, style="note")


def _nulls(one: Result, dossier: Dossier) -> str:
    """Of many networks that of the largest: they differ in the number of accounts alone."""
    if one.attribution is not None:
        return "; ".join(dict.fromkeys(test.null for test in one.attribution.tests if test.decides))
    records = [dossier.scan or {}] if one.kind == "scan" else campaigns_of(dossier)
    nulls = list(dict.fromkeys(str(record["null"]) for record in records if record.get("null")))
    if len(nulls) > 1:
        return f"{nulls[0]} (of the largest; the exhibit has it of each)"
    return "".join(nulls)


def _others(one: Result) -> tuple[str, ...]:
    if one.attribution is not None:
        return tuple(one.attribution.other_explanations)
    return OTHERS.get(one.kind, ())
