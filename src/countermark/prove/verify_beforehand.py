"""Steps 11 and 12 of a verification: what the log shows was fixed beforehand, and every result's class."""

from countermark.prove.layout import RESULTS, failed
from countermark.prove.results import CaseView, check_classes, check_form
from countermark.prove.verification import ResultFound
from countermark.prove.verify_state import NotChecked, State, counted


def log(state: State) -> None:
    """The log's entries lead to its signed checkpoint, all are accounted for, and nobody kept another."""
    if state.case.log is None:
        state.detail = "It has no log: nothing shows what was fixed beforehand."
        return
    if state.trust is None:
        raise NotChecked("No trust file: whose log it is, and who saw it, is open.")
    raise failed("a log cannot be checked yet")


def results(state: State) -> None:
    """Every result has a class, and none says that it is confirmatory that is not."""
    payload = state.read
    document = payload.documents.get(RESULTS)
    if document is None:
        raise failed(f"{RESULTS} is missing")
    entries = check_form(document, payload.case.steps)
    state.results = tuple(
        ResultFound(one["result"], one["heading"] or "", one["class"], tuple(one["reasons"] or ()))
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
    state.detail = f"{said[0].upper()}{said[1:]}."
