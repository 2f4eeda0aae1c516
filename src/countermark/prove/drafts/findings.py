"""What the case found, as a letter may say it: the class first, then the sentence, then how it can be wrong.

No sentence says why something is so. The other explanations stand beside it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from countermark.prove.dossier.dossier import Dossier, Exhibit
from countermark.prove.dossier.proficiency import rate
from countermark.prove.drafts.form import accounts, campaigns, many, window
from countermark.prove.package.layout import attribution_name
from countermark.prove.typeset.document import Block, Items, Paragraph
from countermark.records.attributions import Attribution


@dataclass(frozen=True, kw_only=True)
class Found:
    """One result that was shown."""

    exhibit: Exhibit
    sentence: str
    """What was found."""
    errors: str
    """How it can be wrong: the level, what it was calibrated to, the error rate of the whole procedure."""
    others: tuple[str, ...]
    """Other explanations."""


def found(dossier: Dossier) -> list[Found]:
    """Every result that was shown, in the order of the exhibits."""
    return [made for exhibit in dossier.exhibits if (made := _found(dossier, exhibit))]


def found_blocks(dossier: Dossier) -> list[Block]:
    """The same as paragraphs, with the other explanations once below them."""
    results = found(dossier)
    blocks: list[Block] = []
    for one in results:
        lead = f"Exhibit {one.exhibit.number}. {one.exhibit.result_class.capitalize()}."
        blocks += [Paragraph(lead=lead, text=one.sentence), Paragraph(text=one.errors, style="note")]
    others = tuple(dict.fromkeys(other for one in results for other in one.others))
    if others:
        blocks += [Paragraph(text="These findings have other explanations, too:"), Items(others)]
    return blocks


def _found(dossier: Dossier, exhibit: Exhibit) -> Found | None:
    if exhibit.outcome != "shown":
        return None
    if exhibit.kind == "networks":
        return _networks(dossier, exhibit)
    if exhibit.kind == "corpus-marks" and dossier.scan is not None:
        return _scan(dossier, dossier.scan, exhibit)
    for number, one in enumerate(dossier.attributions, 1):
        if exhibit.name == attribution_name(number):
            return _attribution(dossier, one, exhibit)
    return None


def _networks(dossier: Dossier, exhibit: Exhibit) -> Found:
    networks, days = campaigns(dossier), window(dossier)
    nulls = dict.fromkeys(str(one.get("null") or "taken out") for one in networks)
    when = f" between {days.first} and {days.last}" if days else ""
    sentence = (
        f"{accounts(dossier)} act as one{when}, network by network. The hypothesis that was rejected:"
        f" {'; '.join(nulls)}. {' '.join(_kinds(dossier, networks))}"
    )
    fdr, calibrated = (dossier.findings.get(key) for key in ("fdr", "calibrated_to"))
    level = (
        f"False discovery rate {_number(fdr)}: of networks named so, no more than that share is expected to"
        f" come about by chance; calibrated to {_number(calibrated)}."
    )
    others = ("a reseller or a shared workplace behind the accounts, with ordinary users of its own",)
    return Found(
        exhibit=exhibit, sentence=sentence, errors=f"{level} {trials_text(dossier, 'detect')}", others=others
    )


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else "taken out"


def _kinds(dossier: Dossier, networks: list[dict[str, Any]]) -> Iterator[str]:
    """How many were classified as what, with the measured error rate of that classification."""
    rates = (dossier.findings.get("kind_error_rates") or {}).get("rates") or {}
    for kind in dict.fromkeys(one.get("kind") for one in networks):
        count = sum(one.get("kind") == kind for one in networks)
        measured = rates.get(kind) or {}
        wrong = (
            f"this classification was wrong in {measured['wrong']} of {measured['trials']} trials"
            if measured.get("trials")
            else "the error rate of this classification was not measured"
        )
        yield f"Classified as {kind or 'taken out'}: {count}; {wrong}."


def _scan(dossier: Dossier, scan: Mapping[str, Any], exhibit: Exhibit) -> Found:
    pooled = any(one.get("passes") for one in scan.get("pooled") or ())
    passing = f"{_count(scan, 'documents_passing', 'document')} of the corpus"
    sentence = (
        f"{'The corpus as a whole is' if pooled else f'{passing}: each is'} not independent of key"
        f" {scan.get('key_id') or 'taken out'}. The hypothesis that was rejected:"
        f" {scan.get('null') or 'taken out'}. {_count(scan, 'documents', 'document')} were read."
    )
    level = f"Level {_number(scan.get('alpha'))}, corrected for {_count(scan, 'family', 'test')}."
    weak = f" The key is weak: {scan['weak']}." if scan.get("weak") else ""
    others = (
        "forgery: somebody who holds the key marked the text",
        "public data in which outputs of ours stand",
        "a third model in between that gave the text",
    )
    errors = f"{level}{weak} {trials_text(dossier, 'scan')}"
    return Found(exhibit=exhibit, sentence=sentence, errors=errors, others=others)


def _count(record: Mapping[str, Any], key: str, noun: str) -> str:
    value = record.get(key)
    return many(value, noun) if isinstance(value, int) else f"{noun}s (their number was taken out)"


def _attribution(dossier: Dossier, one: Attribution, exhibit: Exhibit) -> Found:
    nulls = {test.subject: test.null for test in one.tests if test.decides}
    said = [
        f"{exhibit.title}: {each.verdict}, {each.reported}. The hypothesis that was rejected:"
        f" {nulls.get(each.subject, 'as the exhibit states it')}."
        for each in one.conclusions
        if each.verdict in one.verdict
    ]
    level = f"Level {one.alpha:g}, corrected for {many(one.family, 'test')}."
    outside = f" Not validated here: {', '.join(one.not_validated)}." if one.not_validated else ""
    errors = f"{level}{outside} {trials_text(dossier, one.kind)}"
    return Found(
        exhibit=exhibit, sentence=" ".join(said), errors=errors, others=tuple(one.other_explanations)
    )


def trials_text(dossier: Dossier, procedure: str) -> str:
    """The error rate of the whole procedure, people included."""
    trials = dossier.proficiency.of(procedure) if dossier.proficiency else []
    unrelated = rate([one.unrelated for one in trials])
    return f"Error rate of the whole procedure on unrelated samples, from blind trials: {unrelated}."
