"""Verify an EvidencePackage offline, in numbered steps: each returns nothing, and raises where it fails.

Who may have signed, which timestamp roots count and which case is meant come from outside the package.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from countermark.errors import Error
from countermark.prove.bag import check_bag
from countermark.prove.case import CREATED_FORMAT, created_at, decode_case
from countermark.prove.layout import (
    ATTESTATIONS,
    CASE,
    CLOSE,
    Contents,
    data_of,
    envelope_name,
    failed,
    timestamp_name,
)
from countermark.prove.payload import Payload, check_findings, check_payload, read_payload
from countermark.prove.reading import check_is_package, read_package
from countermark.prove.statements import (
    CLOSE_TYPE,
    PAYLOAD_TYPE,
    Statement,
    close_statement,
    decode_statement,
    seal_statement,
    step_statements,
    step_types,
    subjects_of,
)
from countermark.prove.timestamp import MAX_CLOCK_SKEW_S, check_content, check_issuer
from countermark.prove.trustfile import Trust
from countermark.prove.verification import Outcome, Step, Verdict, Verification
from countermark.trust.dsse import Envelope, check_signatures, open_envelope


class _NotChecked(Exception):
    """A step that needs the trust file, which was not given."""


@dataclass
class _State:
    """What the steps hand on; `detail` is what the present one found."""

    package: Path
    trust: Trust | None
    wanted_case: str | None
    detail: str = ""
    base: str | None = None
    contents: Contents = field(default_factory=dict)
    payload: Payload | None = None
    envelopes: dict[str, Envelope] = field(default_factory=dict)
    statements: dict[str, Statement] = field(default_factory=dict)
    signers: tuple[str, ...] = ()
    timestamps: tuple[str, ...] = ()

    @property
    def read(self) -> Payload:
        """The payload, which step 2 has read."""
        assert self.payload is not None  # for the type checker; step 2 ran
        return self.payload


def verify(package: Path, trust: Trust | None = None, case_id: str | None = None) -> Verification:
    """Run every step in order and stop at the first that fails.

    Without `trust` the signatures are checked against the keys that the package itself declares, which
    shows that it is whole, not whose it is. Raises `Error` (exit 3) where there is no package at all.
    """
    check_is_package(package)
    state = _State(package, trust, case_id)
    steps: list[Step] = []
    for number, (name, check) in enumerate(_STEPS, 1):
        broken = any(step.outcome == "FAILED" for step in steps)
        steps.append(Step(number, name, *(("not reached", "") if broken else _run(check, state))))
    case = state.payload.case if state.payload else None
    verdict = _verdict(steps)
    return Verification(
        package=str(package),
        verdict=verdict,
        case_id=case.case_id if case else None,
        created=case.created if case else None,
        signers=state.signers if verdict == "VERIFIED" else (),
        timestamps=state.timestamps if verdict == "VERIFIED" else (),
        steps=tuple(steps),
    )


def _run(check: Callable[[_State], None], state: _State) -> tuple[Outcome, str]:
    state.detail = ""
    try:
        check(state)
    except _NotChecked as reason:
        return "NOT CHECKED", str(reason)
    except Error as error:
        return "FAILED", error.message
    return "ok", state.detail


def _verdict(steps: list[Step]) -> Verdict:
    outcomes = {step.outcome for step in steps}
    if "FAILED" in outcomes:
        return "FAILED"
    return "INTACT, SIGNER NOT CHECKED" if "NOT CHECKED" in outcomes else "VERIFIED"


def _outer_layer(state: _State) -> None:
    """Only the canonical zip or folder of these members can be there."""
    state.base, state.contents = read_package(state.package)
    form = "folder" if state.base is None else "zip"
    state.detail = f"{form} of {len(state.contents)} files, nothing else in it"


def _bag(state: _State) -> None:
    """The bag's own files are those that follow from the rest."""
    case = decode_case(data_of(state.contents, CASE))
    if state.base not in (None, case.case_id):
        raise failed("the base directory of the zip is not the case id")
    check_bag(case, state.contents)
    state.payload = read_payload(state.contents)
    state.detail = "manifests rebuilt and equal"


def _envelopes(state: _State) -> None:
    """Exactly the declared envelopes and timestamps are there, each in canonical form."""
    kinds = {**step_types(state.read.case), CLOSE: CLOSE_TYPE}
    expected = {*kinds, *_timestamp_names(state)}
    found = {name for name in state.contents if name.startswith(ATTESTATIONS)}
    for name in sorted(expected ^ found):
        raise failed(f"{name} is {'missing' if name in expected else 'one too many'}")
    for name, kind in kinds.items():
        try:
            state.envelopes[name] = open_envelope(data_of(state.contents, name), PAYLOAD_TYPE)
        except Error as error:
            raise failed(f"{name}: {error.message}") from error
        state.statements[name] = decode_statement(state.envelopes[name].body, name, kind)
    state.detail = f"{len(kinds)} Statements in canonical form, {len(expected) - len(kinds)} timestamps"


def _digests(state: _State) -> None:
    """Every payload file is a subject of the seal, and of the step that made it, with its digest."""
    payload = state.read
    check_payload(payload)
    sealed = {envelope_name("seal"), *_timestamp_names(state)}
    expected = {
        envelope_name("seal"): payload.digests,
        CLOSE: {name: state.contents[name].sha256 for name in sealed},
    }
    expected |= {envelope_name(step): outputs for step, outputs in payload.step_outputs.items()}
    for name, digests in expected.items():
        subjects = subjects_of(state.statements[name])
        for subject in sorted(subjects.keys() | digests.keys()):
            if subjects.get(subject) != digests.get(subject):
                raise failed(f"{name} does not cover {subject} as it is")
    state.detail = f"{len(payload.digests)} payload files covered"


def _chain(state: _State) -> None:
    """The Statements say what the payload says, written again from it, and the steps follow on each other."""
    payload = state.read
    check_findings(payload)
    made = step_statements(payload)
    steps = {name: state.contents[name].sha256 for name in made}
    nonces = _nonces(state)
    closed = subjects_of(state.statements[CLOSE])
    again = {
        **made,
        envelope_name("seal"): seal_statement(payload, steps),
        CLOSE: close_statement(payload.case.case_id, closed, nonces),
    }
    for name, body in again.items():
        if state.envelopes[name].body != body:
            raise failed(f"{name} does not say what the payload says")
    state.detail = f"{', '.join(payload.case.steps[:-1])} and seal follow on each other"


def _signatures(state: _State) -> None:
    """Every envelope is signed by exactly the keys that the case declares."""
    keys = state.read.case.keys()
    for name, envelope in state.envelopes.items():
        try:
            check_signatures(envelope, keys)
        except Error as error:
            raise failed(f"{name}: {error.message}") from error
    state.detail = f"{len(state.envelopes)} envelopes, signed by {len(keys)} declared key(s) each"


def _signers(state: _State) -> None:
    """Enough of the declared keys are accepted ones."""
    declared = [signer.keyid for signer in state.read.case.signers]
    if state.trust is None:
        raise _NotChecked("no trust file; key(s) " + ", ".join(f"{keyid[:16]}…" for keyid in declared))
    accepted = tuple(state.trust.signers[keyid] for keyid in declared if keyid in state.trust.signers)
    if len(accepted) < state.trust.threshold:
        raise failed(
            f"{len(accepted)} accepted signer(s), and the trust file asks for {state.trust.threshold}"
        )
    state.signers = accepted
    state.detail = f"{', '.join(accepted)} ({len(accepted)} accepted, {state.trust.threshold} needed)"


def _timestamps(state: _State) -> None:
    """Each timestamp is over the seal, was asked for by it, and leads to an accepted root."""
    names = _timestamp_names(state)
    sealed = data_of(state.contents, envelope_name("seal"))
    created = created_at(state.read.case)
    times = []
    for name, nonce in zip(names, _nonces(state), strict=True):
        time = check_content(data_of(state.contents, name), sealed, nonce)
        if (created - time).total_seconds() > MAX_CLOCK_SKEW_S:
            raise failed("a timestamp is older than the case says it is")
        times.append(time.strftime(CREATED_FORMAT))
    if not names:
        state.detail = "none declared: the time of sealing is the sealer's word"
        return
    if state.trust is None:
        raise _NotChecked(f"issuer not checked; the timestamp(s) say {', '.join(times)}")
    if not state.trust.tsa_roots:
        raise failed("the package is timestamped, and the trust file has no tsa_roots to check that with")
    for name in names:
        check_issuer(data_of(state.contents, name), sealed, state.trust.tsa_roots)
    state.timestamps = tuple(times)
    state.detail = ", ".join(times)


def _case(state: _State) -> None:
    """The package is of the case that is meant."""
    case_id = state.read.case.case_id
    if state.wanted_case not in (None, case_id):
        raise failed(f"the package is of case {case_id}, not {state.wanted_case!r}")
    accepted = state.trust.cases if state.trust else frozenset()
    if accepted and case_id not in accepted:
        raise failed(f"the package is of case {case_id}, which the trust file does not name")
    pinned = accepted or state.wanted_case
    state.detail = (
        case_id if pinned else f"{case_id} (any case accepted: give --case, or cases in the trust file)"
    )


def _timestamp_names(state: _State) -> list[str]:
    return [timestamp_name(number) for number in range(1, state.read.case.timestamps + 1)]


def _nonces(state: _State) -> list[str]:
    nonces = state.statements[CLOSE].predicate.get("nonces")
    if not isinstance(nonces, list) or not all(isinstance(nonce, str) for nonce in nonces):
        raise failed(f"{CLOSE} has no list of nonces")
    if len(nonces) != state.read.case.timestamps:
        raise failed(f"{CLOSE} has {len(nonces)} nonces for {state.read.case.timestamps} timestamps")
    return nonces


_STEPS: tuple[tuple[str, Callable[[_State], None]], ...] = (
    ("outer layer", _outer_layer),
    ("bag", _bag),
    ("envelopes", _envelopes),
    ("digests", _digests),
    ("chain", _chain),
    ("signatures", _signatures),
    ("signers", _signers),
    ("timestamps", _timestamps),
    ("case", _case),
)
