"""The exhibit list, every run, the steps of the verification, and the annex of computed values."""

from collections.abc import Iterator, Sequence

from countermark.prove.dossier.dossier import Dossier, Exhibit
from countermark.prove.dossier.groups import campaigns_of
from countermark.prove.report.results import Result
from countermark.prove.report.words import capital, counted, short
from countermark.prove.typeset.document import Block, Paragraph, Section, Table

MOST_ROWS = 1000
UNSEALED = "The steps say that the records of the case folder fit together. Nothing is sealed."
IDEAL = "Computed values, under the ideal-PRF model"
IDEAL_NOTE = (
    "These are the logarithms (base 10) of p-values as they were computed: −28.0 stands for a one at the"
    " 28th place behind the point. They hold if the keyed function is an ideal one and, for networks, if"
    " the model of the null is exact. No calibration reaches that far, and nothing in this report rests"
    " on them."
)
LOG_LIMITS = (
    "The log shows the runs that were started in it, by number, without a gap. It does not show what was"
    " tried outside it, what a privileged run was for, or that a clock was right; a time counts from the"
    " first checkpoint over it that somebody outside saw."
)


def exhibits_section(dossier: Dossier) -> Section:
    """Every exhibit with its digest."""
    rows = tuple(
        (
            str(one.number),
            one.title,
            _outcome(one),
            "sealed" if one.sealed else "beside",
            one.name,
            one.sha256,
        )
        for one in dossier.exhibits[:MOST_ROWS]
    )
    table = Table(
        columns=("No.", "Exhibit", "Outcome", "Where", "File", "SHA-256"),
        rows=rows,
        caption="“Sealed”: the seal covers it. “Beside”: its digest was taken when this report was made."
        " Of an acquisition the digest is that of its record.",
        widths=(0.06, 0.23, 0.16, 0.09, 0.2, 0.26),
        mono=(4, 5),
    )
    return Section("Exhibits", (table,))


def _outcome(one: Exhibit) -> str:
    return f"{one.outcome}, {one.result_class}" if one.result_class else one.outcome


def runs_section(dossier: Dossier) -> Section:
    """Every run of the matter, those that stay closed too."""
    return Section("Appendix: every run", tuple(_runs(dossier)))


def _runs(dossier: Dossier) -> Iterator[Block]:
    runs = dossier.verification.runs
    if dossier.case.log is None:
        yield Paragraph(text="The case has no log, so no run is recorded.")
        return
    if runs is None:
        yield Paragraph(
            text="The log was not checked, for there is no trust file with its key: no run is listed."
        )
        return
    undisclosed = (
        f"{counted(runs.privileged, 'run')} of the matter {'stays' if runs.privileged == 1 else 'stay'}"
    )
    text = f"{counted(runs.logged, 'run')} of all matters in the log: {runs.shown:,} of this matter shown,"
    text += f" {runs.other_matters:,} of other matters. {undisclosed} undisclosed (privileged)."
    yield Paragraph(lead="Count.", text=text)
    if dossier.runs:
        rows = tuple(
            (
                str(one.number),
                one.space,
                one.kind if one.disclosed else "undisclosed",
                one.status if one.disclosed else "-",
                one.started or "-",
                one.ended or "-",
            )
            for one in dossier.runs[:MOST_ROWS]
        )
        yield Table(
            columns=("Run", "Space", "Kind", "Status", "Started", "Ended"),
            rows=rows,
            caption="Runs of this matter. “A run”: the names of its outcome do not tell the command.",
        )
    if len(dossier.runs) > MOST_ROWS:
        yield Paragraph(text=f"{len(dossier.runs) - MOST_ROWS:,} more are in the log.")
    yield Paragraph(lead="What the log does not show.", text=LOG_LIMITS)


def undisclosed(dossier: Dossier) -> int | None:
    """Runs of the matter that stay undisclosed; None where the log was not checked or is not there."""
    return dossier.verification.runs.privileged if dossier.verification.runs else None


def verification_section(dossier: Dossier) -> Section:
    """The steps of the verification as they came out."""
    rows = tuple(
        (str(step.number), step.name, step.outcome, short(step.detail, 1500))
        for step in dossier.verification.steps
    )
    table = Table(
        caption="Steps of the verification.",
        columns=("Step", "Name", "Outcome", "What was found"),
        rows=rows,
        widths=(0.07, 0.15, 0.16, 0.62),
    )
    digest = f"SHA-256 of the package: {dossier.package_sha256}." if dossier.sealed else UNSEALED
    lead = f"{capital(dossier.verification.verdict.lower())}."
    return Section("Appendix: verification", (Paragraph(lead=lead, text=digest), table))


def annex_section(dossier: Dossier, results: Sequence[Result]) -> Section:
    """The computed logarithms; they stand nowhere else."""
    rows = [row for one in results for row in _computed(one, dossier)]
    blocks: list[Block] = [Paragraph(text=IDEAL_NOTE, style="note")]
    if rows:
        blocks.append(
            Table(
                columns=("Exhibit", "Test", "About", "log10 p", "log10 p, corrected"),
                rows=tuple(rows[:MOST_ROWS]),
                caption="As computed, for the record only.",
                widths=(0.09, 0.3, 0.31, 0.15, 0.15),
                mono=(2,),
                numbers=(3, 4),
            )
        )
    else:
        blocks.append(Paragraph(text="No result of this case has computed values."))
    return Section(f"Annex: {IDEAL[:1].lower()}{IDEAL[1:]}", tuple(blocks))


def _computed(one: Result, dossier: Dossier) -> Iterator[tuple[str, ...]]:
    if one.exhibit is None:
        return
    number = str(one.exhibit.number)
    if one.attribution is not None:
        adjusted = {each.subject: each.adjusted_log10_p_value for each in one.attribution.conclusions}
        for test in one.attribution.tests:
            corrected = _log(adjusted.get(test.subject)) if test.decides else "-"
            yield (number, test.name, test.subject, _log(test.log10_p_value), corrected)
    elif one.kind == "scan":
        for each in (dossier.scan or {}).get("pooled") or ():
            key = str(each.get("key") or (dossier.scan or {}).get("key_id") or "-")
            values = (_log(each.get("log10_p_value")), _log(each.get("adjusted_log10_p_value")))
            yield (number, "whole corpus", key, *values)
    else:
        for group, each in enumerate(campaigns_of(dossier)[:MOST_ROWS], 1):
            yield (number, "group of accounts", f"group {group}", _log(each.get("log10_p_value")), "-")


def _log(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, int | float) else "-"
