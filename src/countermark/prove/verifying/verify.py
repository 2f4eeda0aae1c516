"""Verify an EvidencePackage offline, in numbered steps: each returns nothing, and raises where it fails.

Who may have signed, which logs, witnesses and timestamp roots count and which case is meant come from outside
the package.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from countermark.errors import Error
from countermark.prove.package.reading import check_is_package
from countermark.prove.package.trustfile import Trust
from countermark.prove.verifying import verify_beforehand, verify_claims, verify_files
from countermark.prove.verifying.verification import Outcome, Step, TakenOutFound, Verdict, Verification
from countermark.prove.verifying.verify_state import NotChecked, State, in_utc

Check = Callable[[State], None]

_STEPS: tuple[tuple[str, Check], ...] = (
    ("outer layer", verify_files.outer_layer),
    ("bag", verify_files.bag),
    ("envelopes", verify_files.envelopes),
    ("redaction", verify_files.redaction),
    ("digests", verify_files.digests),
    ("leaves", verify_files.leaves),
    ("chain", verify_claims.chain),
    ("signatures", verify_claims.signatures),
    ("timestamps", verify_claims.timestamps),
    ("signers", verify_claims.signers),
    ("log", verify_beforehand.log),
    ("results", verify_beforehand.results),
    ("case", verify_claims.case),
)


def verify(
    package: Path,
    trust: Trust | None = None,
    case_id: str | None = None,
    *,
    now: datetime | None = None,
    more: tuple[tuple[int, str, Check], ...] = (),
) -> Verification:
    """Run every step in order and stop at the first that fails.

    Without `trust` the signatures are checked against the keys that the package itself declares, which
    shows that it is whole, not whose it is. `now` is the verifier's clock. `more` are steps with their
    number, run after the others: those that need what stands outside the package. Raises `Error` (exit 3)
    where there is no package at all.
    """
    return examine(package, trust, case_id, now=now, more=more)[0]


def examine(
    package: Path,
    trust: Trust | None = None,
    case_id: str | None = None,
    *,
    now: datetime | None = None,
    more: tuple[tuple[int, str, Check], ...] = (),
) -> tuple[Verification, State]:
    """As `verify`, with what the steps have read: nobody has to open the package again."""
    check_is_package(package)
    state = State(package, trust, case_id, now or datetime.now(UTC))
    numbered = [(number, name, check) for number, (name, check) in enumerate(_STEPS, 1)]
    steps: list[Step] = []
    for number, name, check in (*numbered, *more):
        broken = any(step.outcome == "FAILED" for step in steps)
        steps.append(Step(number, name, *(("not reached", "") if broken else _run(check, state))))
    return _verification(state, steps), state


def _run(check: Check, state: State) -> tuple[Outcome, str]:
    state.detail = ""
    try:
        check(state)
    except NotChecked as reason:
        return "NOT CHECKED", str(reason)
    except Error as error:
        return "FAILED", error.message
    return "ok", state.detail


def _verification(state: State, steps: list[Step]) -> Verification:
    verdict = _verdict(steps)
    verified, whole = verdict == "VERIFIED", verdict != "FAILED"
    taken_out = state.redaction.taken_out if state.redaction else ()
    return Verification(
        package=str(state.package),
        verdict=verdict,
        case_id=state.declared.case_id if state.declared else None,
        created=state.declared.created if state.declared else None,
        signers=state.signers if verified else (),
        timestamps=tuple(map(in_utc, state.stamps)) if verified else (),
        runs=state.runs if verified else None,
        plans=state.plans if verified else None,
        results=state.results if whole else (),
        taken_out=tuple(
            TakenOutFound(one.name, one.form, one.count, one.ground) for one in taken_out if whole
        ),
        steps=tuple(steps),
    )


def _verdict(steps: list[Step]) -> Verdict:
    outcomes = {step.outcome for step in steps}
    if "FAILED" in outcomes:
        return "FAILED"
    return "INTACT, SIGNER NOT CHECKED" if "NOT CHECKED" in outcomes else "VERIFIED"
