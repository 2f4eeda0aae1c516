"""`classify` against a reading of the six conditions that knows nothing of its code, on drawn cases."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from countermark.prove.beforehand.log_view import LogView, Opened, Shown
from countermark.prove.beforehand.results import CaseView, ResultLink, classify
from countermark.prove.custody.custody import Acquisition, Clock, Custody, Item
from countermark.records.canonical import sha256_hex
from countermark.trust.entries import Entry
from countermark.trust.openings import Head

DATA, PROMPTS, FILE, PLAN = (sha256_hex(one) for one in (b"data", b"prompts", b"result", b"plan"))
KEYS = [sha256_hex(b"key 1"), sha256_hex(b"key 2")]
START = datetime(2026, 6, 1, tzinfo=UTC)
CASES = 4_000


@dataclass
class Draw:
    """Mostly what it should be, else one of the others."""

    random: random.Random
    good: float

    def one(self, good: Any, *others: Any) -> Any:
        return good if self.random.random() < self.good else self.random.choice(others)

    def some(self, *values: Any) -> list[Any]:
        return [value for value in values if self.random.random() < self.good]


def days(number: float) -> datetime:
    return START + timedelta(days=number)


def drawn_entries(draw: Draw) -> list[tuple[str, dict[str, Any], bool]]:
    """Kind, payload, whether it is opened; sometimes out of order or twice."""
    plan = {"matter": draw.one("M", "N"), "plan_id": draw.one("P", "Q"), "sha256": draw.one(PLAN, FILE)}
    run = draw.one(2, 1)
    start = {"run": run, "matter": draw.one("M", "N")}
    outcome = start | {"status": draw.one("done", "failed"), "digests": {"a": draw.one(FILE, DATA)}}
    rows = [
        ("run-start", {"run": 1, "matter": "M"}),
        ("analysis-plan", plan),
        *((draw.one("commitment", "canary-commitment"), {"commitment": one}) for one in draw.some(*KEYS)),
        ("run-start", start),
        ("run-outcome", outcome),
    ]
    if draw.one(False, True):
        rows.append(("analysis-plan", {"matter": "M", "plan_id": "P", "sha256": PLAN}))
    if draw.one(False, True):
        at = draw.random.randrange(len(rows) - 1)
        rows[at], rows[at + 1] = rows[at + 1], rows[at]
    return [(kind, payload, draw.one(True, False)) for kind, payload in rows]


def drawn_log(draw: Draw) -> LogView:
    opened, size = [], 1
    for index, (kind, payload, whole) in enumerate(drawn_entries(draw)):
        size += draw.one(0, 1, 2) + (5 if kind == "run-outcome" else 0)
        of_run = {"matter": "ab" * 16, "run": payload.get("run"), "space": "testifying"}
        head = Head(kind=kind, index=index, **(of_run if kind.startswith("run") else {}))
        entry = Entry(index, kind, START, payload, b"") if whole else None
        opened.append(Opened(7 * index, size, head, entry))
    shown = {
        at: Shown(days((draw.one(2, 4, 8, 9) if at < 6 else draw.one(11, 4, 8)) + draw.one(at / 8, 0)), "w")
        for at in draw.some(1, 2, 3, 4, 5, 6, 7, 8, 9)
    }
    return LogView("log", 9, tuple(opened), shown)


def drawn_case(draw: Draw) -> tuple[CaseView, ResultLink]:
    hypothesis = {
        "id": draw.one("H1", "H2"),
        "test": draw.one("T", "U"),
        "alpha": draw.one(0.01, 0.05),
        "keyed": draw.one(True, False),
        "commitments": draw.one(KEYS[:1], KEYS, []),
        "given": draw.some(PROMPTS),
    }
    result = {
        "kind": "text",
        "tests": [{"name": "T", "decides": draw.one(True, False)}, {"name": "U", "decides": False}],
        "alpha": 0.01,
        "parameters": draw.one({}, {"commitment": KEYS[0]}, {"commitment": KEYS[1]}),
        "inputs": {"suspect": DATA, "prompts": PROMPTS},
    }
    acquired = [
        Acquisition(
            id=name,
            what="",
            by="",
            role="",
            source="",
            method="",
            purpose="case",
            started=f"{days(draw.one(8, 3, 2)):%Y-%m-%dT%H:%M:%SZ}",
            ended=None,
            clock=Clock("ntp", draw.one(0.0, -86_400.0, 7 * 86_400.0)),
            items=[Item("x", one, 1) for one in draw.some(DATA)],
        )
        for name in ("a", "b")
    ]
    documents = {
        "data/plans/P.json": {"plan_id": "P", "matter": draw.one("M", "N"), "hypotheses": [hypothesis]},
        "data/attributions/1/attribution.json": result,
    }
    digests = {"data/plans/P.json": PLAN, "data/attributions/1/attribution.json": FILE}
    view = CaseView(
        matter="M",
        steps=["capture", "detect", "attribute-1", "seal"],
        documents=documents,
        digests={name: one for name, one in digests.items() if name != draw.one("", "data/plans/P.json")},
        custody=Custody(acquisitions=acquired),
        log=draw.one(drawn_log(draw), None),
    )
    names = draw.one(["a"], ["a", "b"], [], ["c"])
    plan, name = draw.one("P", "", "Q"), draw.one("H1", "H2", "")
    link = ResultLink(
        result="attribute-1", plan=plan, hypothesis=name, acquisitions=names, run=draw.one(2, 1, 3)
    )
    return view, link


class Reading:
    """The page once more: each condition read by itself."""

    def __init__(self, view: CaseView, link: ResultLink) -> None:
        self.view, self.link, self.log = view, link, view.log or LogView("none", 0)
        self.plan: Any = view.documents.get(f"data/plans/{link.plan}.json", {})
        rows = self.plan.get("hypotheses", [])
        self.asked = next((one for one in rows if one["id"] == link.hypothesis), None)
        self.result = view.documents["data/attributions/1/attribution.json"]
        sealed = view.digests.get(f"data/plans/{link.plan}.json", "none")
        matter = self.plan.get("matter")
        self.logged = self.first("analysis-plan", matter=matter, plan_id=link.plan, sha256=sealed)
        wanted = self.asked["commitments"] if self.asked and self.asked["keyed"] else []
        kinds = ("commitment", "canary-commitment")
        self.keys = [
            next(filter(None, (self.first(kind, commitment=one) for kind in kinds)), None) for one in wanted
        ]
        self.named = [one for one in view.custody.acquisitions if one.id in link.acquisitions]

        given = set(self.asked["given"]) if self.asked else set()
        self.acquired = set(self.result["inputs"].values()) - given
        others = [one for one in view.custody.acquisitions if one not in self.named]
        same = [one for one in others if self.acquired & {item.sha256 for item in one.items}]
        self.taken = self.named + same
        self.began = [
            datetime.strptime(str(one.started), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            - timedelta(seconds=one.clock.offset_seconds or 0.0)
            for one in self.taken
        ]

    def first(self, kind: str, **fields: Any) -> Opened | None:
        for one in self.log.opened:
            said = one.entry.payload if one.entry and one.entry.kind == kind else {}
            if said and all(said.get(key) == value for key, value in fields.items()):
                return one
        return None

    def shown(self, one: Opened | None) -> datetime | None:
        covering = [shown.time for size, shown in self.log.shown.items() if one and size >= one.size]
        return min(covering, default=None)

    def condition_1(self) -> bool:
        return self.shown(self.logged) is not None

    def condition_2(self) -> bool:
        if self.asked is None or self.plan["matter"] != self.view.matter:
            return False
        deciding = {one["name"] for one in self.result["tests"] if one["decides"]}
        return self.asked["test"] in deciding and self.asked["alpha"] == self.result["alpha"]

    def condition_3(self) -> bool:
        if self.asked is None or not self.asked["keyed"]:
            return True
        tested = self.result["parameters"].get("commitment")
        named = tested is None or tested in self.asked["commitments"]
        return bool(self.keys) and named and all(self.shown(one) is not None for one in self.keys)

    def condition_4(self) -> bool:
        known = {item.sha256 for one in self.named for item in one.items}
        known |= set(self.asked["given"] if self.asked else [])
        there = bool(self.link.acquisitions) and len(self.named) == len(self.link.acquisitions)
        return there and bool(self.acquired) and set(self.result["inputs"].values()) <= known

    def condition_5(self) -> bool:
        times = [self.shown(one) for one in (self.logged, *self.keys)]
        if any(abs(one.clock.offset_seconds or 0.0) > 86_400 for one in self.taken):
            return False
        return all(one > time for one in self.began for time in times if time is not None)

    def condition_6(self) -> bool:
        start = self.first("run-start", run=self.link.run)
        end = self.first("run-outcome", run=self.link.run)
        if start is None or end is None or start.entry is None or end.entry is None:
            return False
        known = self.shown(end)
        if known is not None and any(known <= one for one in self.began):
            return False
        if self.logged is not None and start.number < self.logged.number:
            return False
        ended_so = end.entry.payload["status"] == "done" and FILE in end.entry.payload["digests"].values()
        return ended_so and start.entry.payload["matter"] == self.view.matter

    def failing(self) -> set[int]:
        return {number for number in range(1, 7) if not getattr(self, f"condition_{number}")()}


MARKS = {
    1: ("no analysis plan", "the plan P is not in", "the plan Q is not in", "since when the plan",
        "was changed", "another one than was logged", "holds the plan", "over the plan"),
    2: ("is of matter", "has no hypothesis", "no hypothesis of", "asks for the test", "was decided at level"),
    3: ("names no commitment", "the commitment", "since when the key", "what was tested"),
    4: ("no acquisition of its data", "is not in custody.json", "its input", "nothing that it is of"),
    5: ("no later", "more than a day wrong"),
    6: ("run ", "no run", "so no run", "have ended by"),
}  # fmt: skip
"""Words of the sentences of each condition; one of the fifth names a plan or a commitment, too."""


def conditions_of(reason: str) -> int:
    if any(mark in reason for mark in MARKS[5]):
        return 5
    starts = {number: [one for one in marks if one in reason] for number, marks in MARKS.items()}
    return next(number for number in (1, 2, 3, 4, 6) if starts[number])


def test_drawn_cases_are_classed_as_the_page_says() -> None:
    seen: dict[frozenset[int], int] = {}
    for number in range(CASES):
        draw = Draw(random.Random(number), 0.97 if number % 2 else 0.85)
        view, link = drawn_case(draw)
        expected = Reading(view, link).failing()
        found = classify(view, link)
        assert found.class_ == ("exploratory" if expected else "confirmatory"), (number, found.reasons)
        assert (not found.reasons) is (not expected)
        if view.log is not None and link.plan == "P" and link.hypothesis:
            said = {conditions_of(one) for one in found.reasons}
            assert said == expected, (number, found.reasons)
        seen[frozenset(expected)] = seen.get(frozenset(expected), 0) + 1
    alone = {next(iter(one)) for one in seen if len(one) == 1}
    assert alone == {1, 2, 3, 4, 5, 6}, "each condition alone makes a difference somewhere"
    assert seen[frozenset()] > CASES / 20
