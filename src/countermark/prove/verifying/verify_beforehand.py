"""Steps 11 and 12 of a verification: what the log shows was fixed beforehand, and every result's class."""

from countermark.prove.beforehand.conditions import texts
from countermark.prove.beforehand.log_check import check_log
from countermark.prove.beforehand.log_reading import check_no_log
from countermark.prove.beforehand.results import CaseView, check_classes, check_form
from countermark.prove.package.layout import RESULTS, failed
from countermark.prove.verifying.verification import Plans, ResultFound, Runs
from countermark.prove.verifying.verify_state import NotChecked, State, counted


def log(state: State) -> None:
    """The log's entries lead to its signed checkpoint, all are accounted for, and nobody kept another."""
    if state.case.log is None:
        check_no_log(state.contents)
        state.detail = "It has no log: nothing shows what was fixed beforehand, or how often something ran."
        return
    if state.trust is None:
        raise NotChecked("No trust file: whose log it is, and who saw it, is open.")
    checked = check_log(state.contents, state.case, state.trust, state.sealed)
    state.log = checked.view
    if checked.accounts:
        accounts = checked.accounts
        state.runs = Runs(accounts.runs, len(accounts.shown), accounts.privileged, accounts.others)
        state.plans = Plans(len(accounts.plans_shown), accounts.plans_shown)
    state.detail = f"{checked.sentence[:1].upper()}{checked.sentence[1:]}."


def results(state: State) -> None:
    """Every result has a class, and none says that it is confirmatory that is not."""
    payload = state.read
    document = payload.documents.get(RESULTS)
    if document is None:
        raise failed(f"{RESULTS} is missing")
    entries = check_form(document, payload.case.steps, redacted=RESULTS in payload.redacted)
    state.results = tuple(
        ResultFound(one["result"], one["heading"] or "", one["class"], tuple(texts(one["reasons"])))
        for one in entries
    )
    confirmatory = sum(one.result_class == "confirmatory" for one in state.results)
    exploratory = counted(
        len(state.results) - confirmatory, "result is exploratory", "results are exploratory"
    )
    said = f"{exploratory}, {confirmatory} confirmatory"
    if state.trust is None:
        raise NotChecked(f"No trust file: it says that {said}.")
    view = CaseView(
        matter=state.case.matter,
        steps=state.case.steps,
        documents=payload.documents,
        digests=payload.sealed,
        custody=state.custody,
        log=state.log,
    )
    check_classes(view, entries)
    state.detail = f"{said[0].upper()}{said[1:]}{_plans(state, {one['plan'] for one in entries})}."


def _plans(state: State, named: set[str]) -> str:
    """How many plans of the matter a result names, and which none does; nothing without a log."""
    if state.plans is None:
        return ""
    unused = tuple(one for one in state.plans.unused if one not in named)
    state.plans = Plans(state.plans.shown, unused)
    used = counted(state.plans.shown - len(unused), "is", "are")
    rest = f"; no result names {', '.join(unused)}" if unused else ""
    return f"; of {counted(state.plans.shown, 'plan')} of the matter {used} named by a result{rest}"
