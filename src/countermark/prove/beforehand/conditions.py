"""The six conditions of a confirmatory result, each with its own sentences (spec/package.md).

A condition gives what is missing, and nothing where it is shown. A field that was taken out shows nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from countermark.prove.beforehand.log_view import COMMITMENTS, OUTCOME, PLAN, START, LogView, Opened, in_words
from countermark.prove.custody.custody import Acquisition, Custody, time_of
from countermark.prove.package.layout import CAPTURE_JSON, FINDINGS_JSON, SCAN_JSON, attribution_name
from countermark.trust.entries import Entry

CAMPAIGNS, CORPUS = "campaigns", "mark in corpus"
"""The tests of `detect` and of `watermark scan`, as plans name them."""
MAX_OFFSET_S = 86_400
"""A clock that was further off dates no acquisition."""
NAMED = 16
"""Digits of a digest that a sentence shows."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the conditions look at: a case, and what one result is said to rest on."""

    matter: str
    step: str
    plan_id: str
    hypothesis_id: str
    acquisition_ids: Sequence[str]
    run: int | None
    documents: Mapping[str, Any]
    digests: Mapping[str, str]
    custody: Custody
    log: LogView | None
    no_log: str

    @property
    def plan(self) -> Mapping[str, Any]:
        """The plan's content; empty where there is none."""
        return document_of(self.documents, plan_name(self.plan_id))

    @property
    def hypothesis(self) -> Mapping[str, Any]:
        """The one that is named; empty where there is none."""
        rows = self.plan.get("hypotheses")
        named = [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []
        return next((one for one in named if self.hypothesis_id and one.get("id") == self.hypothesis_id), {})

    @property
    def keyed(self) -> bool:
        """Whether the hypothesis is about keys; so it is unless it says that it is not."""
        return bool(self.hypothesis) and self.hypothesis.get("keyed") is not False

    @property
    def commitments(self) -> list[str]:
        """Those that the hypothesis names."""
        return texts(self.hypothesis.get("commitments"))

    @property
    def plan_entry(self) -> tuple[Opened, Entry] | None:
        """The first entry of the log that holds the plan as it was sealed."""
        sealed = self.digests.get(plan_name(self.plan_id))
        found = self.log.entries(PLAN) if self.log and sealed else ()
        wanted = (self.plan.get("matter"), self.plan.get("plan_id"), sealed)
        return next((one for one in found if _plan_of(one[1]) == wanted), None)

    @property
    def acquired(self) -> set[str]:
        """Digests of the inputs that were not given."""
        return {one for _, one in inputs_of(self.documents, self.step)} - set(
            texts(self.hypothesis.get("given"))
        )

    @property
    def acquisitions(self) -> list[Acquisition]:
        """Those that are named, and every other one of the same bytes."""
        named = [self.custody.acquisition(name) for name in self.acquisition_ids]
        found = [one for one in named if one is not None]
        others = [one for one in self.custody.acquisitions if one not in found]
        return found + [one for one in others if self.acquired & {item.sha256 for item in one.items}]

    def commitment_entry(self, commitment: str) -> Opened | None:
        """The first entry of the log that holds a commitment."""
        found = self.log.entries(*COMMITMENTS) if self.log else ()
        return next((one for one, entry in found if entry.payload.get("commitment") == commitment), None)

    def fixed(self) -> list[tuple[str, Opened]]:
        """What had to be fixed before and is in the log: the plan and every commitment, in words."""
        plan = self.plan_entry
        found = [(f"the plan {self.plan_id}", plan[0])] if plan else []
        for commitment in self.commitments if self.keyed else ():
            if entry := self.commitment_entry(commitment):
                found.append((_short("the commitment", commitment), entry))
        return found


def missing(facts: Facts) -> list[str]:
    """A sentence for everything that confirmatory asks for and the package does not show."""
    return [sentence for check in _CONDITIONS for sentence in check(facts)]


def _plan_logged(facts: Facts) -> list[str]:
    """1: a plan in the package, in the log as it is, with a shown time."""
    plan = facts.plan_id
    if not plan:
        return ["no analysis plan was named for it"]
    if plan_name(plan) not in facts.digests:
        return [f"the plan {plan} is not in the package"]
    if facts.log is None:
        return [f"{facts.no_log}, so that nothing shows since when the plan {plan} was there"]
    found = facts.plan_entry
    if found:
        return _not_shown(facts.log, found[0], f"the plan {plan}")
    others = [entry for _, entry in facts.log.entries(PLAN) if entry.payload.get("plan_id") == plan]
    if others:
        same = others[-1].payload.get("sha256") == facts.digests[plan_name(plan)]
        what = "names another matter for it" if same else "holds another text of it"
        changed = "is another one than was logged" if same else "was changed"
        return [f"the plan {plan} {changed}: entry {others[-1].index} of the log {what}"]
    return [f"no opened entry of the log holds the plan {plan}"]


def _plan_asks_this(facts: Facts) -> list[str]:
    """2: matter, hypothesis, deciding test, level."""
    plan, name = facts.plan_id, facts.hypothesis_id
    if not facts.plan:
        return []  # said by the first condition
    reasons = []
    if not facts.matter or facts.plan.get("matter") != facts.matter:
        of = f"of matter {facts.matter}" if facts.matter else "of none"
        reasons.append(f"the plan {plan} is of matter {facts.plan.get('matter')}, and the case {of}")
    if not facts.hypothesis:
        what = f"the plan {plan} has no hypothesis {name}" if name else f"no hypothesis of {plan} was named"
        return [*reasons, what]
    tests, alpha = decided(facts.documents, facts.step)
    wanted, level = facts.hypothesis.get("test"), facts.hypothesis.get("alpha")
    if not isinstance(wanted, str) or wanted not in tests:
        reasons.append(f"hypothesis {name} asks for the test {wanted!r}, which did not decide this result")
    if not _is_real(level) or not _is_real(alpha) or level != alpha:
        reasons.append(f"it was decided at level {alpha}, and hypothesis {name} says {level}")
    return reasons


def _keys_logged(facts: Facts) -> list[str]:
    """3: every commitment that a keyed hypothesis names is in the log, with a shown time; a result that names
    the commitment of what it tested names one of them."""
    if not facts.keyed:
        return []
    if not facts.commitments:
        return [f"hypothesis {facts.hypothesis_id} is about a key, and names no commitment to it"]
    if facts.log is None:
        return [f"{facts.no_log}, so that nothing shows since when the key was there"]
    reasons = []
    if None in facts.hypothesis["commitments"]:
        reasons.append(f"a commitment of hypothesis {facts.hypothesis_id} was taken out")
    for commitment in facts.commitments:
        entry, what = facts.commitment_entry(commitment), _short("the commitment", commitment)
        closed = [f"{what} is in no opened entry of the log"]
        reasons += _not_shown(facts.log, entry, what) if entry else closed
    attribution = document_of(facts.documents, result_name(facts.step)) if _is_attribution(facts.step) else {}
    tested = document_of(attribution, "parameters").get("commitment", facts.commitments[0])
    if tested not in facts.commitments:
        what = _short("what was tested has the commitment", str(tested))
        reasons.append(f"{what}, which hypothesis {facts.hypothesis_id} does not name")
    return reasons


def _data_acquired(facts: Facts) -> list[str]:
    """4: every input is an item of a named acquisition, or was given."""
    if not facts.acquisition_ids:
        return ["no acquisition of its data was named"]
    reasons, known = [], set(texts(facts.hypothesis.get("given")))
    for name in facts.acquisition_ids:
        acquisition = facts.custody.acquisition(name)
        if acquisition is None:
            reasons.append(f"the acquisition {name} is not in custody.json")
        else:
            known |= {item.sha256 for item in acquisition.items}
    if not facts.acquired:
        reasons.append("nothing that it is of was acquired: it has no input, or all of them were given")
    for name, sha256 in inputs_of(facts.documents, facts.step):
        if sha256 not in known:
            input_ = _short(f"its input {name},", sha256)
            reasons.append(f"{input_} is an item of no acquisition that was named, and was not given")
    return reasons


def _dates_in_order(facts: Facts) -> list[str]:
    """5: the data were acquired after the plan and every commitment are shown to have been there."""
    reasons = []
    found = facts.acquisitions
    for one in found:
        offset = one.clock.offset_seconds
        if offset is not None and abs(offset) > MAX_OFFSET_S:
            reasons.append(f"the clock of the acquisition {one.id} was more than a day wrong")
    for what, entry in facts.fixed():
        shown = facts.log.shown_at(entry) if facts.log else None
        if shown is None:
            continue  # said by the first or the third condition
        for acquisition in found:
            began = began_at(acquisition)
            if began is None:
                reasons.append(f"when the acquisition {acquisition.id} began is not shown")
            elif began <= shown.time:
                reasons.append(
                    f"{what} is shown from {in_words(shown.time)} ({shown.by}), and the acquisition"
                    f" {acquisition.id} began at {in_words(began)}, no later"
                )
    return list(dict.fromkeys(reasons))


def _run_logged(facts: Facts) -> list[str]:
    """6: its run was started after the plan was logged, and ended in this very file."""
    run, log = facts.run, facts.log
    if log is None:
        return [] if facts.plan_id else [f"{facts.no_log}, and so no run of it"]
    if run is None:
        return ["no run in the log has this result as its outcome"]
    reasons, start = [], run_entry(log, START, run)
    if start is None:
        return [f"the start of run {run} is not opened in the log"]
    if start.payload.get("matter") != facts.matter:
        reasons.append(f"run {run} is of another matter")
    plan = facts.plan_entry
    if plan and start.index <= plan[1].index:
        reasons.append(
            f"run {run} was started, entry {start.index} of the log, before the plan {facts.plan_id} was"
            f" logged, entry {plan[1].index}"
        )
    outcome = run_entry(log, OUTCOME, run)
    if outcome is None:
        return [*reasons, f"the outcome of run {run} is not opened in the log"]
    if outcome.payload.get("status") != "done":
        reasons.append(f"run {run} is logged as {outcome.payload.get('status')}")
    elif not is_outcome(outcome, facts.digests.get(result_name(facts.step))):
        reasons.append(f"the outcome of run {run} in the log is another than this result")
    return [*reasons, *_ended_before(facts, log, outcome)]


def _ended_before(facts: Facts, log: LogView, outcome: Entry) -> list[str]:
    """6, too: what came out was not there before the data."""
    ended = next((log.shown_at(one) for one, entry in log.entries(OUTCOME) if entry is outcome), None)
    began = [(one.id, began_at(one)) for one in facts.acquisitions]
    return [
        f"its run is shown to have ended by {in_words(ended.time)}, and the acquisition {name} began at"
        f" {in_words(when)}"
        for name, when in began
        if ended and when and ended.time <= when
    ]


_CONDITIONS: tuple[Callable[[Facts], list[str]], ...] = (
    _plan_logged,
    _plan_asks_this,
    _keys_logged,
    _data_acquired,
    _dates_in_order,
    _run_logged,
)


def plan_name(plan_id: str) -> str:
    """Name of a plan's file in a package."""
    return f"data/plans/{plan_id}.json"


def result_name(step: str) -> str:
    """Name of the JSON file that a step wrote."""
    names = {"detect": FINDINGS_JSON, "scan": SCAN_JSON}
    return names.get(step) or attribution_name(int(step.removeprefix("attribute-")))


def named_run(document: Mapping[str, Any]) -> tuple[str, int] | None:
    """Matter and number of the run that a result says to be of; None where it names none."""
    said = document.get("case_run", document)
    matter, run = (said.get("matter"), said.get("run")) if isinstance(said, dict) else (None, None)
    if isinstance(matter, str) and isinstance(run, int) and not isinstance(run, bool):
        return matter, run
    return None


def run_entry(log: LogView, kind: str, run: int) -> Entry | None:
    """The opened start or outcome of a run."""
    return next((entry for _, entry in log.entries(kind) if entry.payload.get("run") == run), None)


def is_outcome(entry: Entry, sha256: str | None) -> bool:
    """Whether a run is done and a file of this digest came out of it."""
    digests = entry.payload.get("digests")
    listed = digests.values() if isinstance(digests, dict) else ()
    return entry.payload.get("status") == "done" and sha256 is not None and sha256 in listed


def began_at(acquisition: Acquisition) -> datetime | None:
    """True time at which it began; None where a part of that was taken out or cannot be."""
    started, offset = acquisition.started, acquisition.clock.offset_seconds
    if started is None or offset is None:
        return None
    try:
        return time_of(started) - timedelta(seconds=offset)
    except (OverflowError, ValueError):
        return None


def inputs_of(documents: Mapping[str, Any], step: str) -> list[tuple[str, str]]:
    """Name and SHA-256 of the data that a result is of."""
    if _is_attribution(step):
        inputs = document_of(documents, result_name(step)).get("inputs")
        return [(name, str(one)) for name, one in inputs.items()] if isinstance(inputs, dict) else []
    sources = document_of(documents, CAPTURE_JSON if step == "detect" else SCAN_JSON).get("sources")
    rows = [one for one in sources if isinstance(one, dict)] if isinstance(sources, list) else []
    return [(str(one.get("name")), str(one.get("sha256"))) for one in rows]


def decided(documents: Mapping[str, Any], step: str) -> tuple[set[str], Any]:
    """Names of the tests that decided a result, and its level."""
    document = document_of(documents, result_name(step))
    if step == "detect":
        return {CAMPAIGNS}, document.get("fdr")
    if step == "scan":
        return {CORPUS}, document.get("alpha")
    tests = document.get("tests")
    rows = [one for one in tests if isinstance(one, dict)] if isinstance(tests, list) else []
    return {str(one.get("name")) for one in rows if one.get("decides") is True}, document.get("alpha")


def document_of(documents: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A JSON object of the payload; empty where there is none."""
    document = documents.get(name)
    return document if isinstance(document, dict) else {}


def texts(value: Any) -> list[str]:
    """The texts of a list; nothing where it is none."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _not_shown(log: LogView, entry: Opened, what: str) -> list[str]:
    if log.shown_at(entry) is not None:
        return []
    if log.allied_only(entry):
        return [
            f"only members of the alliance cosigned a checkpoint over {what}, and they alone show no time"
        ]
    return [
        f"no checkpoint over {what} is cosigned by a known witness outside the alliance, or timestamped by an"
        " accepted authority"
    ]


def _plan_of(entry: Entry) -> tuple[Any, Any, Any]:
    return entry.payload.get("matter"), entry.payload.get("plan_id"), entry.payload.get("sha256")


def _is_attribution(step: str) -> bool:
    return step.startswith("attribute-")


def _short(what: str, digest: str) -> str:
    return f"{what} {digest[:NAMED]}…"


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
