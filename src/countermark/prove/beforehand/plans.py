"""Analysis plans: what is asked, how, and at which level, logged before anybody knows the answer.

A plan counts from the first checkpoint over it that somebody outside the alliance cosigned, or that an
authority timestamped. Source: spec/package.md, plans/PLAN.json and 'The class of a result'.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.beforehand.conditions import CAMPAIGNS, CORPUS
from countermark.prove.beforehand.log_view import COMMITMENTS, PLAN
from countermark.prove.package.layout import read_object
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.records.files import write_atomic
from countermark.trust.entries import Entry
from countermark.trust.log import Log
from countermark.trust.records import PLAN_ID, record_plan

PLAN_SCHEMA_ID = "countermark/plan/v1"
MAX_PLAN_BYTES = 1 << 20
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
DECIDING_TESTS = (
    CAMPAIGNS,
    CORPUS,
    "agreement of gate and up",
    "canary hits",
    "e-process on ranks",
    "fixed points",
    "mark in text",
    "order of nearest units",
    "radioactivity, closed, plain",
    "radioactivity, closed, reference-weighted",
    "radioactivity, contexts of known outputs",
    "radioactivity, open, plain",
    "radioactivity, open, reference-weighted",
    "rank uniformity",
    "within-prompt MMD",
)
"""Tests that can decide a result of ours, by the name that they have there; plug-ins have others."""
OF_KEYS = ("canary hits", "mark in text", CORPUS)
"""Tests that are about keys or canaries by their nature; so are those of radioactivity."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]


class Hypothesis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question, and what will answer it."""

    id: str
    null: Text
    """What holds if there is nothing, in plain words."""
    test: Text
    """Name of the deciding test, as it will stand in the result."""
    alpha: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    keyed: bool
    """Whether it is about keys or canaries of ours."""
    commitments: list[Sha256] = []
    """To each key or canary, as they stand in the log."""
    given: list[Sha256] = []
    """SHA-256 of what exists already and is no data: prompts, controls, references."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a plan's file."""

    schema: str = PLAN_SCHEMA_ID
    plan_id: str
    matter: Text
    created: str
    """By the writer's own clock; what counts is when it is shown in the log."""
    by: Text
    title: Text
    hypotheses: Annotated[list[Hypothesis], msgspec.Meta(min_length=1, max_length=1000)]
    multiplicity: Literal["holm", "none", "benjamini-yekutieli"]
    controls: list[Text]
    prompts: Text
    """Which prompts, how they were chosen, and how often each is asked."""
    stopping: Text
    """When data collection ends."""
    exclusions: Text
    """What is left out, by which rule."""


@dataclass(frozen=True)
class Logged:
    """A plan's entry in the log."""

    entry: Entry
    new: bool
    """False where the same plan was logged before: that entry counts, and nothing was added."""


def decode_plan(data: bytes, name: str) -> Plan:
    """A plan from the bytes of its JSON file; raises `Error(NO_INPUT)` for anything else."""
    try:
        if len(data) > MAX_PLAN_BYTES:
            raise Error(f"it is over {MAX_PLAN_BYTES >> 20} MiB")
        read_object(data, name)  # refuses a key that stands twice
        return check_plan(msgspec.json.decode(data, type=Plan))
    except (msgspec.DecodeError, RecursionError) as error:
        raise _bad(name, str(error)) from error
    except Error as error:
        raise _bad(name, error.message) from error


def read_plan(path: Path) -> Plan:
    """A plan from its file."""
    return decode_plan(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """The bytes of a plan's file, as they are logged; raises `Error(NO_INPUT)` where they cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_PLAN_BYTES + 1)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from error


def plan_of(fields: dict[str, Any], name: str) -> Plan:
    """A plan from plain data, of a file in YAML or of options; raises `Error(NO_INPUT)` where it is none."""
    try:
        return check_plan(msgspec.convert(fields, Plan, strict=False))
    except msgspec.ValidationError as error:
        raise _bad(name, str(error)) from error
    except Error as error:
        raise _bad(name, error.message) from error


def check_plan(plan: Plan) -> Plan:
    """The plan; raises `Error` for ids and times that cannot be, and hypotheses that no result can meet."""
    if plan.schema != PLAN_SCHEMA_ID:
        raise Error(f"the plan is not of {PLAN_SCHEMA_ID}", exit_code=ExitCode.NO_INPUT)
    for name in (plan.plan_id, *(one.id for one in plan.hypotheses)):
        if not PLAN_ID.fullmatch(name):
            raise Error(f"{name!r} is no id of a plan or hypothesis", exit_code=ExitCode.NO_INPUT)
    if not is_time(plan.created):
        raise Error("created is no time of the form YYYY-MM-DDTHH:MM:SSZ", exit_code=ExitCode.NO_INPUT)
    if len({one.id for one in plan.hypotheses}) != len(plan.hypotheses):
        raise Error("a hypothesis id stands twice", exit_code=ExitCode.NO_INPUT)
    if plan.multiplicity == "none" and len(plan.hypotheses) > 1:
        raise Error(
            "several hypotheses need a correction: multiplicity is holm or benjamini-yekutieli",
            exit_code=ExitCode.NO_INPUT,
        )
    for one in plan.hypotheses:
        if one.keyed is not bool(one.commitments):
            what = (
                "is about keys and names no commitment" if one.keyed else "names commitments and is not keyed"
            )
            raise Error(f"hypothesis {one.id} {what}", exit_code=ExitCode.NO_INPUT)
        if not one.keyed and (one.test in OF_KEYS or one.test.startswith("radioactivity")):
            raise Error(f"hypothesis {one.id} has a test of keys: keyed is true", exit_code=ExitCode.NO_INPUT)
    return plan


def unknown_tests(plan: Plan, others: Collection[str] = ()) -> list[str]:
    """Tests that no result of ours names, and that are not among `others` either."""
    return sorted({one.test for one in plan.hypotheses} - {*DECIDING_TESTS, *others})


def commitments_of(plan: Plan) -> list[str]:
    """Every commitment that a hypothesis names, once."""
    return list(dict.fromkeys(one for hypothesis in plan.hypotheses for one in hypothesis.commitments))


def not_committed(plan: Plan, log: Log) -> list[str]:
    """Commitments of a plan that are in no entry of the log."""
    logged = {entry.payload.get("commitment") for kind in COMMITMENTS for entry in log.entries(kind)}
    return [one for one in commitments_of(plan) if one not in logged]


def not_given(plan: Plan, digests: Mapping[str, str]) -> list[str]:
    """Names of existing files whose digest no hypothesis has under `given`."""
    named = {one for hypothesis in plan.hypotheses for one in hypothesis.given}
    return [name for name, one in digests.items() if one not in named]


def encode_plan(plan: Plan) -> bytes:
    """The bytes of a plan's file."""
    return msgspec.json.format(canonical_json(plan), indent=1) + b"\n"


def digest_of(plan: Plan) -> str:
    """SHA-256 of a plan's file: what is logged."""
    return sha256_hex(encode_plan(plan))


def same_again(path: Path, plan: Plan) -> Plan:
    """The plan that stands at `path` where this one differs from it in nothing but when it was written."""
    if not path.is_file():
        return plan
    there = read_plan(path)
    return there if msgspec.structs.replace(plan, created=there.created) == there else plan


def write_plan(path: Path, plan: Plan) -> bytes:
    """Write a plan, and give its bytes. Raises `Error` where another plan stands there: it may be logged."""
    data = encode_plan(plan)
    if path.exists() and read_bytes(path) != data:
        raise Error(f"{path} is another plan", hint="a changed plan gets another id and file")
    write_atomic(path, data)
    return data


def log_plan(log: Log, data: bytes, name: str, *, time: datetime | None = None) -> Logged:
    """Put a plan into the log, once: the same bytes again add nothing.

    A changed plan under an id that is taken is an `Error`: two plans of one id would leave a choice.
    """
    plan, sha256 = decode_plan(data, name), sha256_hex(data)
    with log.writing():
        earlier = [one for one in log.entries(PLAN) if one.payload.get("plan_id") == plan.plan_id]
        same = next((one for one in earlier if one.payload.get("sha256") == sha256), None)
        if same is not None:
            return Logged(same, new=False)
        if earlier:
            raise Error(
                f"entry {earlier[0].index} of the log is another plan called {plan.plan_id}: this one was"
                " changed after it was logged",
                hint="log it under an id of its own; both stay visible",
            )
        return Logged(record_plan(log, plan.plan_id, sha256, plan.matter, time=time), new=True)


def template() -> dict[str, Any]:
    """A plan to be filled in, as plain data."""
    hypothesis = {
        "id": "H1",
        "null": "the answers of the suspect model are independent of the key",
        "test": "radioactivity, closed, plain",
        "alpha": 0.01,
        "keyed": True,
        "commitments": ["0" * 64],
        "given": ["0" * 64],
    }
    return {
        "schema": PLAN_SCHEMA_ID,
        "plan_id": "plan-1",
        "matter": "matter-1",
        "created": now(),
        "by": "name and role",
        "title": "what is asked, in one line",
        "hypotheses": [hypothesis],
        "multiplicity": "none",
        "controls": ["20 models that are known to be unrelated, examined in the same way"],
        "prompts": "which prompts, how they were drawn, how often each is asked",
        "stopping": "after so many answers, whatever they are",
        "exclusions": "answers that were refused or cut off; nothing else",
    }


def now() -> str:
    """The present time, as plans write it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def is_time(text: str) -> bool:
    """Whether it is a time of the form 2026-07-01T12:00:00Z."""
    try:
        return f"{datetime.strptime(text, TIME_FORMAT):%Y-%m-%dT%H:%M:%SZ}" == text
    except ValueError:
        return False


def _bad(name: str, why: str) -> Error:
    return Error(
        f"{name} is no plan: {why}",
        hint="countermark case plan --template writes one to fill in",
        exit_code=ExitCode.NO_INPUT,
    )
