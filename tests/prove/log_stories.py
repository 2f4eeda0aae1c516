"""A matter told in a log: plans, keys, runs, batches and witnesses at chosen times; what a package shows."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from countermark.prove.beforehand.log_part import Asked, LogPart, files_for_case
from countermark.prove.beforehand.log_reading import LogTrust, read_log
from countermark.prove.beforehand.log_view import LogView
from countermark.prove.beforehand.plans import Hypothesis, Plan, encode_plan, log_plan
from countermark.prove.beforehand.results import CaseView, Result, ResultLink, classify, plan_name
from countermark.prove.custody.custody import Acquisition, Clock, Custody, Item
from countermark.prove.package.layout import CAPTURE_JSON, FINDINGS_JSON, Contents, Member, attribution_name
from countermark.prove.package.trustfile import WitnessKey
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.trust import runs
from countermark.trust.commitments import KIND
from countermark.trust.log import Log, open_or_create
from countermark.trust.notes import COSIGNATURE, VerifierKey, cosign_note
from countermark.trust.privileged import Counsel
from countermark.trust.publication import Publication
from countermark.trust.runs import Declared, Run
from countermark.trust.signing import SigningKey

MATTER = "matter-7"
TEST, ALPHA = "mark in text", 0.01
KEY_COMMITMENT = sha256_hex(b"a commitment to a key")
SUSPECT = sha256_hex(b"what the suspect answered")
PROMPTS = sha256_hex(b"prompts")
_KEYS = {name: SigningKey.generate() for name in ("log", "university.example", "member-b.example")}


def day(number: int, hour: int = 12) -> datetime:
    """A day of June 2026."""
    return datetime(2026, 6, number, hour, tzinfo=UTC)


def witness(name: str, *, alliance: bool) -> WitnessKey:
    return WitnessKey(VerifierKey(name, _KEYS[name].public, COSIGNATURE), alliance)


OUTSIDER = witness("university.example", alliance=False)
ALLY = witness("member-b.example", alliance=True)


def plan_of(plan_id: str = "PLAN", **changes: Any) -> Plan:
    hypothesis = {
        "id": "H1",
        "null": "the text is independent of the key",
        "test": TEST,
        "alpha": ALPHA,
        "keyed": True,
        "commitments": [KEY_COMMITMENT],
        "given": [PROMPTS],
    }
    names = set(Hypothesis.__struct_fields__) - {"id"}
    hypothesis |= {name: changes.pop(name) for name in list(changes) if name in names}
    return Plan(
        plan_id=plan_id,
        matter=changes.pop("matter", MATTER),
        created="2026-06-01T00:00:00Z",
        by="Ann Example, examiner",
        title="Is this text independent of our key?",
        hypotheses=[Hypothesis(**hypothesis)],
        multiplicity="none",
        controls=["20 texts"],
        prompts="none",
        stopping="all of it",
        exclusions="none",
        **changes,
    )


def acquisition(name: str = "acq-1", started: str = "2026-06-10T12:00:00Z", **changes: Any) -> Acquisition:
    fields: dict[str, Any] = {
        "what": "answers",
        "by": "Ann Example",
        "role": "examiner",
        "source": "endpoint",
        "method": "probe",
        "purpose": "case",
        "ended": started,
        "clock": Clock("ntp", changes.pop("offset", 0.0)),
        "items": [Item("answers.jsonl", SUSPECT, 12)],
    }
    return Acquisition(id=name, started=started, **(fields | changes))


def attribution_of(run: int | None, text: str = "not shown", **changes: Any) -> bytes:
    """What an attribution wrote, as far as classes look at it."""
    document = {
        "schema": "countermark/attribution/v1",
        "kind": "text",
        "verdict": text,
        "alpha": ALPHA,
        "tests": [{"name": TEST, "decides": True}, {"name": "rank among decoy keys", "decides": False}],
        "inputs": {"suspect": SUSPECT, "prompts": PROMPTS},
        "case_run": {} if run is None else {"matter": MATTER, "run": run},
    }
    return canonical_json(document | changes)


@dataclass
class Story:
    """One log, told step by step, and a case in it."""

    folder: Path
    custody: list[Acquisition] = field(default_factory=lambda: [acquisition()])
    plans: dict[str, bytes] = field(default_factory=dict)
    attributions: list[bytes] = field(default_factory=list)
    others: dict[str, bytes] = field(default_factory=dict)
    """Further payload files."""
    batch: int = 4

    def __post_init__(self) -> None:
        key = self.folder / "log.key"
        if not key.exists():
            self.folder.mkdir(exist_ok=True)
            _KEYS["log"].save(key)
        self.log: Log = open_or_create(self.folder / "log", origin="member-a.example/log")
        self.book = Publication.open_or_create(self.folder / "log", batch=self.batch)

    @property
    def trust(self) -> LogTrust:
        """The log's key, an outsider and an ally."""
        return LogTrust(self.book.public.verifier, (OUTSIDER, ALLY))

    def plan(self, plan: Plan | None = None, *, logged: bool = True) -> Plan:
        plan = plan or plan_of()
        data = encode_plan(plan)
        self.plans[plan.plan_id] = data
        if logged:
            log_plan(self.log, data, plan.plan_id)
        return plan

    def commit(self, value: str = KEY_COMMITMENT) -> None:
        self.log.append(KIND, {"commitment": value, "purpose": "watermark"})

    def start(self, matter: str = MATTER, counsel: Counsel | None = None) -> Run:
        return runs.start(self.log, matter, Declared(bodies=1, keys=1), counsel=counsel)

    def attribute(self, run: Run | None, **changes: Any) -> bytes:
        """A result of this run, in the case."""
        data = attribution_of(run.number if run else None, **changes)
        self.attributions.append(data)
        return data

    def finish(
        self, run: Run, answer: bytes = b"", status: Any = "done", counsel: Counsel | None = None
    ) -> None:
        digests = {"answer": sha256_hex(answer)} if answer else {}
        runs.finish(self.log, run, status, digests, counsel=counsel)

    def tick(self, when: datetime, *by: WitnessKey) -> int:
        """A batch, cosigned by these at that time; gives the size of the public log."""
        self.book.tick(when)
        size = len(self.book.public)
        if by:
            self.cosign(when, *by)
        return size

    def cosign(self, when: datetime, *by: WitnessKey) -> None:
        note, size = self.book.public.checkpoint(), len(self.book.public)
        path = self.book.public.folder / "cosigned" / f"{size}.note"
        path.parent.mkdir(exist_ok=True)
        note = path.read_text() if path.exists() else note
        for one in by:
            note = cosign_note(note, one.key.name, _KEYS[one.key.name], int(when.timestamp()))
        path.write_text(note)

    def fixed(self) -> "Story":
        """Plan and key logged on day 1, witnessed from outside on day 2; the data are of day 10."""
        self.plan()
        self.commit()
        self.tick(day(2), OUTSIDER)
        return self

    def told(self, **changes: Any) -> "Story":
        """All as it should be: after the plan and the data a run, its result, both in the log."""
        run = self.start()
        self.finish(run, self.attribute(run, **changes))
        self.tick(day(12), OUTSIDER)
        return self

    @property
    def names(self) -> dict[str, bytes]:
        """Payload files, but those of the log."""
        files = {attribution_name(at): data for at, data in enumerate(self.attributions, 1)}
        files |= {plan_name(name): data for name, data in self.plans.items()} | self.others
        findings = {"campaigns": [], "fdr": 0.01}
        capture = {"sources": [{"name": "gateway.jsonl", "sha256": sha256_hex(b"raw log")}]}
        return files | {FINDINGS_JSON: canonical_json(findings), CAPTURE_JSON: canonical_json(capture)}

    @property
    def sealed(self) -> dict[str, str]:
        return {name: sha256_hex(data) for name, data in self.names.items()}

    @property
    def asked(self) -> Asked:
        documents = [msgspec.json.decode(data) for data in self.attributions]
        custody = Custody(acquisitions=self.custody)
        return Asked(MATTER, list(self.plans.values()), documents, custody)

    def part(self, asked: Asked | None = None) -> LogPart:
        return files_for_case(self.folder / "log", asked or self.asked)

    def contents(self, asked: Asked | None = None) -> Contents:
        return contents_of(self.part(asked).files)

    def view(self, log: LogView | None = None) -> CaseView:
        documents = {
            one: msgspec.json.decode(data) for one, data in self.names.items() if one not in self.others
        }
        steps = [
            "capture",
            "detect",
            *(f"attribute-{at + 1}" for at in range(len(self.attributions))),
            "seal",
        ]
        part = self.part()
        return CaseView(
            matter=MATTER,
            steps=steps,
            documents=documents,
            digests=self.sealed,
            custody=Custody(acquisitions=self.custody),
            log=log or read_log(contents_of(part.files), part.head, self.trust),
        )

    def result(self, link: ResultLink | None = None) -> Result:
        return classify(self.view(), link or LINK)


class Dropping(Asked):
    """A sealer who keeps one run or plan closed."""

    def __init__(self, matter: str, plans: Any, dropped: int | str) -> None:
        super().__init__(matter, plans)
        object.__setattr__(self, "dropped", dropped)

    def wants(self, entry: Any) -> bool:
        said = (entry.payload.get("run"), entry.payload.get("plan_id"))
        return super().wants(entry) and self.dropped not in said  # type: ignore[attr-defined]


LINK = ResultLink(result="attribute-1", plan="PLAN", hypothesis="H1", acquisitions=["acq-1"])


def contents_of(files: Mapping[str, Any]) -> Contents:
    return {name: Member(len(data), sha256_hex(data), data=data) for name, data in files.items()}


def lines_of(data: bytes) -> list[bytes]:
    return io.BytesIO(data).read().splitlines(keepends=True)


def replaced(contents: Contents, name: str, data: bytes | None) -> Contents:
    """Contents with one file changed, or without it."""
    kept = {one: member for one, member in contents.items() if one != name}
    return kept if data is None else kept | contents_of({name: data})


def names(entries: Sequence[Any]) -> list[str]:
    return [str(one) for one in entries]
