"""The first page: what was examined, what was found, how sure, and what was not examined."""

from collections.abc import Iterator, Sequence

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.report.results import Result, answer
from countermark.prove.report.sure import false_positives, sure
from countermark.prove.report.words import capital, counted, day, listed
from countermark.prove.typeset.document import Block, Paragraph, Section, Table

CLASSES = (
    "Confirmatory: the question, the test and the level were fixed in a public log before the data were"
    " there. Exploratory: they were not, or nothing shows it; such a result is a lead, and wants to be"
    " seen again on fresh data."
)
NO_CAUSE = (
    "A result says that two things are not independent, or that accounts act as one. It does not say"
    " why, and not how probable any explanation is. Other explanations stand beside each result. A cause"
    " is for a named person to state."
)
UNCHECKED = (
    "No trust file was given. Whose signatures these are, whose log it is, who saw it and when was not"
    " checked. The classes of the results are those that the package claims for itself."
)
WORKING = (
    "The case is not sealed. This paper was made from the case folder as it is now; nobody has signed for it,"
    " and it can still change."
)
WORKING_MARK = "Working paper: not sealed"
TABLE = (
    "What was found; how often chance alone would do the same; and, from blind trials, how often the whole"
    " procedure called unrelated samples positive."
)
MOST_ROWS = 8
"""Of the table: the summary is one page."""
_EXAMINED = {
    "detect": "an access log",
    "scan": "a corpus of documents",
    "text": "a text",
    "radioactivity": "what a model answers, for marks of our keys",
    "canary": "what a model answers, for planted random items",
    "lineage": "the weights of a model",
    "identity": "what an endpoint answers beside a reference",
}
_NOT_EXAMINED = {
    "scan": "no corpus was scanned for marks",
    "text": "no single text was tested for marks",
    "radioactivity": "no model was asked for answers that might carry marks",
    "canary": "no model was asked for planted items",
    "lineage": "no weights of a model were compared",
    "identity": "no endpoint was compared with a reference",
}


def warnings(dossier: Dossier) -> list[str]:
    """What has to stand on the first page before anything else."""
    unsealed = [] if dossier.sealed else [WORKING]
    return unsealed + ([UNCHECKED] if is_unchecked(dossier) else [])


def is_unchecked(dossier: Dossier) -> bool:
    """Whether no trust file was given: the classes of the results could not be worked out again."""
    steps = dossier.verification.steps
    return any(step.name == "results" and step.outcome == "NOT CHECKED" for step in steps)


def summary(
    dossier: Dossier, results: Sequence[Result], questions: int, left_out: Sequence[str] = ()
) -> Section:
    """One page for a judge; `left_out` names parts of the report that nobody asked for."""
    open_questions = (
        f"{counted(questions, 'question')} {'is' if questions == 1 else 'are'} open. They are listed in the"
        " section “Open questions”; no figure stands in the place of an answer."
    )
    warned = " ".join(warnings(dossier))
    blocks: list[Block | Section] = [
        *([Paragraph(text=warned, style="warning")] if warned else []),
        Paragraph(lead="What was examined.", text=_examined(dossier, results)),
        Paragraph(lead="What was found, and how sure that is.", text=NO_CAUSE),
        _found(dossier, results),
        Paragraph(text=CLASSES, style="note"),
        Paragraph(lead="What was not examined.", text=" ".join(_not_examined(dossier, results, left_out))),
        Paragraph(lead="What is still open.", text=open_questions),
    ]
    return Section("Summary for the court", tuple(blocks))


def _examined(dossier: Dossier, results: Sequence[Result]) -> str:
    events = dossier.findings.get("events") or {}
    accounts = events.get("accounts")
    kinds = list(dict.fromkeys(_EXAMINED.get(one.kind, one.subject) for one in results))
    text = f"{capital(listed(kinds))}."
    if isinstance(accounts, int):
        text += f" The log has {counted(accounts, 'account')},"
        text += f" from {day(events.get('first_ts'))} to {day(events.get('last_ts'))}."
    return text


def _found(dossier: Dossier, results: Sequence[Result]) -> Table:
    rows = [
        (
            str(one.exhibit.number) if one.exhibit else "-",
            f"{one.standing}: {one.subject}",
            answer(one, dossier),
            sure(one, dossier),
            false_positives(dossier.proficiency, one.kind),
        )
        for one in results[:MOST_ROWS]
    ]
    return Table(
        columns=("Exhibit", "Result", "Answer", "By chance alone", "Wrong in blind trials"),
        rows=tuple(rows),
        caption=f"{TABLE}{_rest(results[MOST_ROWS:])}",
        widths=(0.08, 0.22, 0.27, 0.29, 0.14),
    )


def _rest(results: Sequence[Result]) -> str:
    """What the table has no room for, shown or not."""
    if not results:
        return ""
    shown = sum(one.shown for one in results)
    return f" {counted(len(results), 'further result')}, {shown:,} of them shown, in the findings."


def _not_examined(dossier: Dossier, results: Sequence[Result], left_out: Sequence[str]) -> Iterator[str]:
    there = {one.kind for one in results}
    missing = [text for kind, text in _NOT_EXAMINED.items() if kind not in there]
    if "" in there:
        yield "The kind of a result was taken out; what else was not examined cannot be said."
    elif missing:
        yield f"{capital(listed(missing))}."
    yield "The rows of the log were not compared with the raw lines, and no computation was run again."
    if not any(one.kind == "terms" for one in dossier.exhibits):
        yield "The terms that bound the accounts are not in the case."
    yield from left_out
