"""Steps 7 to 10 and 13 of a verification: what the Statements say, who signed, when, and of which case."""

from datetime import datetime

from countermark.errors import Error
from countermark.prove.custody.custody import decode_custody
from countermark.prove.package.case import created_at
from countermark.prove.package.layout import (
    CLOSE,
    CUSTODY,
    REDACTION,
    data_of,
    envelope_name,
    failed,
)
from countermark.prove.package.payload import materials_of
from countermark.prove.package.stages import check_stages
from countermark.prove.package.statements import (
    close_statement,
    said_materials,
    seal_statement,
    step_statement,
    subjects_of,
)
from countermark.prove.package.subjects import folder_subjects
from countermark.prove.package.timestamp import MAX_CLOCK_SKEW_S, check_content, check_issuer
from countermark.prove.package.trustfile import Trust
from countermark.prove.verifying.verify_state import NotChecked, State, counted, in_utc
from countermark.trust.dsse import check_signatures


def chain(state: State) -> None:
    """The Statements are those that follow from the payload, and the documents agree with each other."""
    payload, case = state.read, state.case
    check_stages(payload, state.taken)
    state.custody = decode_custody(data_of(state.contents, CUSTODY), redacted=CUSTODY in payload.redacted)
    made: dict[str, bytes] = {}
    for step in case.steps[:-1]:
        name = envelope_name(step)
        outputs, materials = payload.outputs(step), materials_of(payload, step)
        if outputs is None or materials is None:  # taken out: what it listed is what was sealed in its folder
            outputs = folder_subjects(payload, step)
            materials = said_materials(state.statements[name], name)
        made[name] = step_statement(step, case.case_id, outputs, materials)
    steps = {name: state.contents[name].sha256 for name in made}
    seal = envelope_name("seal")
    made[seal] = seal_statement(payload, state.roots, steps)
    made[CLOSE] = close_statement(case.case_id, subjects_of(state.statements[CLOSE]), _nonces(state))
    for name, body in made.items():
        if state.envelopes[name].body != body:
            raise failed(f"{name} does not say what the payload says")
    state.detail = (
        f"{', '.join(case.steps[:-1])} and seal follow on each other and say what the payload says."
    )


FEW = " Fewer than two different authorities: who holds the key of one could date it alone."
"""Said at step 9; no failure, unless the trust file asks for more."""


def signatures(state: State) -> None:
    """Every envelope is signed by exactly the keys that the case declares, the redaction's by its own."""
    keys = state.case.keys()
    for name, envelope in state.envelopes.items():
        try:
            wanted = state.redaction.keys() if name == REDACTION and state.redaction else keys
            check_signatures(envelope, wanted)
        except Error as error:
            raise failed(f"{name}: {error.message}") from error
    signed = (
        f"All {counted(len(state.envelopes), 'statement')} are signed by every key that was declared for them"
    )
    state.detail = f"{signed} ({len(keys)})."


def timestamps(state: State) -> None:
    """Each timestamp is over the seal, was asked for by it, and leads to an accepted root."""
    names, trust = state.timestamp_names, state.trust
    sealed = data_of(state.contents, envelope_name("seal"))
    times = []
    for name, nonce in zip(names, _nonces(state), strict=True):
        time = check_content(data_of(state.contents, name), sealed, nonce)
        if (created_at(state.case) - time).total_seconds() > MAX_CLOCK_SKEW_S:
            raise failed("a timestamp is older than the case says it is")
        times.append(time)
    said = ", ".join(map(in_utc, times))
    if trust is None and names:
        raise NotChecked(f"No trust file: who stamped it is open; the timestamps say {said}.")
    roots = set()
    for name in names:
        if not trust or not trust.tsa_roots:
            raise failed("the package is timestamped, and the trust file has no tsa_roots to check that with")
        roots.add(check_issuer(data_of(state.contents, name), sealed, trust.tsa_roots))
    if trust and len(roots) < trust.timestamp_authorities:
        needed = f"{trust.timestamp_authorities} are needed"
        raise failed(f"the timestamps are of {counted(len(roots), 'authority', 'authorities')}, and {needed}")
    state.stamps = tuple(times)
    few = "" if len(roots) > 1 else FEW
    if not names:
        state.detail = f"It has none: the time of sealing is the sealer's word.{few}"
        return
    of = counted(len(roots), "authority", "different authorities")
    state.detail = f"{of[0].upper()}{of[1:]} saw the seal: {said}.{few}"


def signers(state: State) -> None:
    """Enough of the declared keys are accepted ones, and counted when it was sealed."""
    declared = [signer.keyid for signer in state.case.signers]
    trust = state.trust
    if trust is None:
        keys = ", ".join(f"{keyid[:16]}…" for keyid in declared)
        raise NotChecked(f"No trust file: whose keys these are is open ({keys}).")
    if state.stamps:
        moments = [min(state.stamps)]
        when = f"at {in_utc(moments[0])}, the earliest timestamp"
    else:
        moments = [created_at(state.case), state.now]
        when = "when it says it was sealed, and now"
    state.signers = _accepted(trust, declared, moments, when)
    said = f"{', '.join(state.signers)} signed it ({len(state.signers)} accepted, {trust.threshold} needed)"
    if state.redaction:
        theirs = [signer.keyid for signer in state.redaction.signers]
        moments = [state.redaction.created_at(), state.now]
        took = _accepted(trust, theirs, moments, "when something was taken out, and now", " of the redaction")
        said += f"; {', '.join(took)} signed what was taken out"
    state.detail = said + "."


def _accepted(
    trust: Trust, declared: list[str], moments: list[datetime], when: str, of: str = ""
) -> tuple[str, ...]:
    known = [keyid for keyid in declared if keyid in trust.signers]
    names = tuple(trust.signers[keyid] for keyid in known if _counts(trust, keyid, moments))
    if len(names) >= trust.threshold:
        return names
    expired = [trust.signers[keyid] for keyid in known if not _counts(trust, keyid, moments)]
    why = f"; the key of {', '.join(expired)} does not count {when}" if expired else ""
    accepted = counted(len(names), "accepted signer")
    raise failed(f"{accepted}{of}, and the trust file asks for {trust.threshold}{why}")


def _counts(trust: Trust, keyid: str, moments: list[datetime]) -> bool:
    validity = trust.validity.get(keyid)
    return validity is None or all(map(validity.covers, moments))


def case(state: State) -> None:
    """The package is of the case that is meant."""
    case_id = state.case.case_id
    if state.wanted_case not in (None, case_id):
        raise failed(f"the package is of case {case_id}, not {state.wanted_case!r}")
    accepted = state.trust.cases if state.trust else frozenset()
    if accepted and case_id not in accepted:
        raise failed(f"the package is of case {case_id}, which the trust file does not name")
    meant = accepted or state.wanted_case
    anybody = "any case was accepted, give --case or name it in the trust file"
    state.detail = f"It is of {case_id}, as was asked for." if meant else f"It is of {case_id} ({anybody})."


def _nonces(state: State) -> list[str]:
    nonces = state.statements[CLOSE].predicate.get("nonces")
    if not isinstance(nonces, list) or not all(isinstance(nonce, str) for nonce in nonces):
        raise failed(f"{CLOSE} has no list of nonces")
    if len(nonces) != state.case.timestamps:
        raise failed(f"{CLOSE} has {len(nonces)} nonces for {state.case.timestamps} timestamps")
    return nonces
