"""Steps 1 to 6 of a verification: the files, the envelopes, what was taken out, digests and leaves.

Each raises where it does not hold and says what it found in `state.detail`.
"""

from collections import Counter
from collections.abc import Mapping
from typing import BinaryIO

from countermark.errors import Error
from countermark.prove.leaves.leaves import Root, check_leaves, fields_of, form_of, leaves_name, taken_out
from countermark.prove.package.bag import check_bag
from countermark.prove.package.case import decode_case
from countermark.prove.package.layout import (
    ATTESTATIONS,
    CASE,
    CLOSE,
    FINDINGS_JSON,
    REDACTION,
    Contents,
    by_root_alone,
    check_marks,
    count_marks,
    data_of,
    envelope_name,
    failed,
)
from countermark.prove.package.members import marks_of
from countermark.prove.package.payload import read_payload
from countermark.prove.package.reading import read_package
from countermark.prove.package.statements import (
    PAYLOAD_TYPE,
    decode_statement,
    envelope_types,
    seal_predicate,
    sealed_files,
    subjects_of,
)
from countermark.prove.package.subjects import check_subjects, has_leaves
from countermark.prove.redacting.redaction import check_counts, check_redaction, read_redaction
from countermark.prove.verifying.verify_state import State, counted
from countermark.trust.dsse import open_envelope


def outer_layer(state: State) -> None:
    """Only the canonical zip or folder of these members can be there."""
    state.base, state.contents = read_package(state.package)
    form = "folder" if state.base is None else "zip"
    state.detail = f"The {form} holds {counted(len(state.contents), 'file')} and nothing else."


def bag(state: State) -> None:
    """The bag's own files are those that follow from the rest."""
    case = decode_case(data_of(state.contents, CASE))
    if state.base not in (None, case.case_id):
        raise failed("the base directory of the zip is not the case id")
    state.declared = case
    check_bag(case, state.contents)
    state.detail = "The manifests, written again from the files, are those of the package."


def envelopes(state: State) -> None:
    """Exactly the declared envelopes and timestamps are there, each in canonical form."""
    kinds = envelope_types(state.case, REDACTION in state.contents)
    expected = {*kinds, *state.timestamp_names}
    found = {name for name in state.contents if name.startswith(ATTESTATIONS)}
    for name in sorted(expected ^ found):
        raise failed(f"{name} is {'missing' if name in expected else 'one too many'}")
    marks = marks_of(state.contents)
    for name, kind in kinds.items():
        try:
            state.envelopes[name] = open_envelope(data_of(state.contents, name), PAYLOAD_TYPE)
        except Error as error:
            raise failed(f"{name}: {error.message}") from error
        marks += count_marks(state.envelopes[name].body)
        check_marks(marks)
        state.statements[name] = decode_statement(state.envelopes[name].body, name, kind)
    seal = envelope_name("seal")
    predicate = seal_predicate(state.statements[seal], seal)
    state.roots = tuple(predicate.leaves)
    state.sealed = sealed_files(state.statements[seal], predicate, seal)
    stamps = counted(len(state.timestamp_names), "timestamp")
    state.detail = (
        f"All {counted(len(kinds), 'signed statement')} and {stamps} that the case declares are there."
    )


def redaction(state: State) -> None:
    """What is missing or changed is what the redaction says, and nothing else."""
    if REDACTION not in state.statements:
        state.detail = "Nothing is said to have been taken out."
        return
    statement = state.statements[REDACTION]
    state.redaction = read_redaction(statement.predicate)
    check_redaction(
        state.redaction,
        subjects_of(statement),
        case_id=state.case.case_id,
        case_created=state.case.created,
        seal_sha256=state.contents[envelope_name("seal")].sha256,
        sealed=state.sealed,
        there=state.there,
    )
    grounds = ", ".join(f"{count:,} for {ground}" for ground, count in state.redaction.grounds().items())
    state.detail = f"Taken out on {state.redaction.created[:10]}: {grounds}. Why: {state.redaction.why}"


def digests(state: State) -> None:
    """Every payload file is covered by the seal, by digest or root, and by the step that made it."""
    sealed, there = state.sealed, state.there
    if state.redaction is None:
        for name in sorted(sealed.keys() | there.keys()):
            if name not in sealed or name not in there or sealed[name] not in ("", there[name]):
                raise failed(f"{name} is {_difference(name, sealed, there)}")
    redacted, absent = (
        (state.redaction.redacted(), state.redaction.absent()) if state.redaction else (set(), set())
    )
    state.payload = read_payload(state.contents, sealed, redacted=redacted, absent=absent)
    check_subjects(state.payload, state.contents)
    closed = {name: state.contents[name].sha256 for name in (envelope_name("seal"), *state.timestamp_names)}
    if subjects_of(state.statements[CLOSE]) != closed:
        raise failed(f"{CLOSE} does not cover the seal and the timestamps as they are")
    redigested = subjects_of(state.statements[REDACTION]) if state.redaction else {}
    changed = len(redigested)
    by_root = sum(by_root_alone(name) and name not in redigested for name in there)
    same = f"{counted(len(there) - changed - by_root, 'payload file')} have the digest that was sealed"
    same += f", {by_root:,} are covered by the root of their leaves alone" if by_root else ""
    state.detail = f"{same}, {changed:,} have another that the redaction says." if changed else same + "."


def _difference(name: str, sealed: Mapping[str, str], there: Mapping[str, str]) -> str:
    if name not in there:
        return "missing"
    return "not sealed" if name not in sealed else "not as it was sealed"


def leaves(state: State) -> None:
    """Every document and table that is there leads to its sealed root, over what remains and what is gone."""
    roots = {root.name: root for root in state.roots}
    if roots.keys() != {name for name in state.sealed if has_leaves(name)}:
        raise failed("the seal does not name the roots of exactly the documents and tables")
    found: dict[str, Counter[str]] = {}
    for name, root in roots.items():
        if root.form != form_of(name):
            raise failed(f"the seal says that {name} is cut into {root.form}")
        if name in state.contents:
            found[name] = _check(state.contents, root)
    check_counts(state.redaction, found)
    if found[FINDINGS_JSON]:
        state.taken = tuple(_taken_pointers(state.contents, FINDINGS_JSON))
    total, gone = sum(root.count for root in roots.values()), sum(map(Counter.total, found.values()))
    kept = f"{counted(len(found), 'document')} and tables lead to their {total:,} sealed leaves"
    state.detail = f"{kept}; {gone:,} of them are taken out." if gone else kept + "."


def _check(contents: Contents, root: Root) -> Counter[str]:
    with _open(contents, root.name) as content, _open(contents, leaves_name(root.name)) as salts:
        made, grounds = check_leaves(root.name, root.form, content, salts)
    if made != root:
        raise failed(f"the leaves of {root.name} do not lead to the root that was sealed")
    return grounds


def _open(contents: Contents, name: str) -> BinaryIO:
    try:
        return contents[name].open()
    except OSError as error:
        raise failed(f"{name} cannot be read again: {error.strerror}") from error


def _taken_pointers(contents: Contents, name: str) -> list[str]:
    """Pointers of the fields of a document that were taken out."""
    pointers = (pointer for pointer, _ in fields_of(data_of(contents, name)))
    with _open(contents, leaves_name(name)) as salts:
        lines = (line.rstrip(b"\n") for line in salts)  # none is long: they were checked
        return [pointer for pointer, line in zip(pointers, lines, strict=True) if taken_out(line)]
