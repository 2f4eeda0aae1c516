"""What this case cannot say, from its own records: shortcomings, gaps of the log, what was taken out."""

from collections.abc import Iterator, Sequence

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.report.results import Result
from countermark.prove.report.summary import UNCHECKED, WORKING, is_unchecked
from countermark.prove.report.words import counted, exhibits, short
from countermark.prove.typeset.document import Block, Items, Paragraph, Section

MOST_NOTES = 20


def limits_section(dossier: Dossier, results: Sequence[Result]) -> Section:
    """All limitations, then questions for those that an answer could lift."""
    limits = [*_of_package(dossier), *_of_data(dossier), *_of_results(results), *_of_log(dossier)]
    asked = [*_asked_of_package(dossier), *_asked_of_results(results), *_asked_of_evidence(dossier)]
    questions = [Paragraph(text=text, style="question") for text in asked]
    blocks: tuple[Block, ...] = (Items(tuple(limits)), *questions)
    return Section("Limitations", blocks)


def _of_package(dossier: Dossier) -> Iterator[str]:
    if not dossier.sealed:
        yield WORKING
    if is_unchecked(dossier):
        yield UNCHECKED
    if not dossier.verification.timestamps:
        yield (
            "No time of an independent authority over the seal was checked: the date is the sealer's own"
            " clock."
        )
    for one in dossier.verification.taken_out:
        what = {
            "file": "the whole file",
            "rows": counted(one.count, "row"),
            "fields": counted(one.count, "field"),
        }
        yield f"Taken out of {one.name} for {one.ground}: {what.get(one.form, str(one.count))}."


def _of_data(dossier: Dossier) -> Iterator[str]:
    counts = dossier.capture.get("counts") or {}
    if (bad := counts.get("quarantined")) and isinstance(bad, int):
        yield f"{counted(bad, 'record')} of the log could not be read; they are kept apart and counted."
    if (conflicts := counts.get("conflicting_request_ids")) and isinstance(conflicts, int):
        yield f"{counted(conflicts, 'request id')} stand in rows that differ."
    yield from (short(one, 300) for one in (dossier.capture.get("costs") or ())[:MOST_NOTES] if one)
    if tombstones := dossier.capture.get("tombstones"):
        yield f"Rows were purged from the log before: {counted(len(tombstones), 'purge')}, each recorded."
    if not dossier.case.events_included:
        yield "The events themselves are not in the package; their digests are."
    if not dossier.findings.get("conclusive", True):
        yield "The search for networks was not conclusive."


def _of_results(results: Sequence[Result]) -> Iterator[str]:
    exploratory = [one for one in results if one.result_class == "exploratory" and one.exhibit]
    if exploratory:
        numbers = exhibits(one.exhibit.number for one in exploratory if one.exhibit)
        yield f"Exploratory, and so no confirmation of anything: {numbers}."
    for one in results:
        if one.attribution and one.attribution.not_validated and one.exhibit:
            yield (
                f"The test of exhibit {one.exhibit.number} was used outside the range where it was measured."
            )
    if any(one.kind == "detect" and one.shown for one in results):
        yield "That accounts act as one does not say who stands behind them."
    if any(_is_about_key(one) and one.shown for one in results):
        yield "A mark of our key says nothing about the way that a text took."


def _is_about_key(one: Result) -> bool:
    """Whether a result is about a key."""
    return one.kind in ("scan", "text", "radioactivity")


def _of_log(dossier: Dossier) -> Iterator[str]:
    if dossier.case.log is None:
        yield "Without a log nothing shows how often something was tried, or which tries are not shown."
    elif dossier.verification.runs is not None:
        hidden = dossier.verification.runs.privileged
        yield (
            f"{counted(hidden, 'run')} of the matter {'is' if hidden == 1 else 'are'} privileged and not"
            " disclosed."
        )
    yield "A log shows the runs that were made with it. What somebody tried without it, it cannot show."


def _asked_of_package(dossier: Dossier) -> Iterator[str]:
    if not dossier.sealed:
        yield "When will the case be sealed, and by whom?"
    if is_unchecked(dossier):
        yield "Whose signatures and log are these? A trust file from outside the package says so."
    elif not dossier.verification.timestamps:
        yield "When was the package sealed? No accepted timestamp authority saw the seal."
    if dossier.case.log is None:
        yield "How often was something tried, and with which outcome? The case has no log."


def _asked_of_results(results: Sequence[Result]) -> Iterator[str]:
    for one in results:
        if one.shown and one.result_class == "exploratory" and one.exhibit:
            number = one.exhibit.number
            yield f"Will exhibit {number} be seen again on fresh data, by a plan that is fixed before?"
    if any(one.kind == "scan" for one in results):
        yield "Down to which level was the test of a corpus seen to hold? The record of the scan names none."


def _asked_of_evidence(dossier: Dossier) -> Iterator[str]:
    """What people and records beside the tests would have to say."""
    if not dossier.custody.acquisitions:
        yield "Who took the evidence, from where, when and how? No acquisition is recorded."
    if not dossier.custody.holds:
        yield "Are the raw lines held? No legal hold is recorded."
    if not dossier.terms:
        yield "Which terms bound the accounts? The case has no terms."
    elif dossier.acceptances is None:
        yield "Which accounts accepted the terms, and when? The case has no record of acceptances."
    if dossier.members is None:
        yield "Which accounts are meant? The lists of accounts are not in the package."
    if idle := exhibits(one.number for one in dossier.of_kind("damages") if not one.bears):
        yield f"What was lost in this case? The inputs of {idle} name another case, or come to no sum."
    if "defendant" not in dossier.parties:
        yield "Who is the other side? Nobody is named."
    if not dossier.statements:
        yield "Who states, under their name, how any of this came about? Nobody does, and no test can."
