"""The Statement of a redaction: what it must say of every file, and every way in which it can be wrong."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.prove.leaf_package import (
    FINDINGS,
    MEMBERS,
    REPORT,
    SEAL,
    SIGNER,
    after,
    check,
    digests,
    members_of,
    payload,
    predicate,
    with_leaves,
)

from countermark.errors import Error, ExitCode
from countermark.prove.leaves.leaves import leaves_name
from countermark.prove.package.layout import by_root_alone
from countermark.prove.package.statements import decode_statement, subjects_of
from countermark.prove.redacting.redact_files import cut
from countermark.prove.redacting.redaction import (
    REDACTION_TYPE,
    TakenOut,
    check_counts,
    check_redaction,
    read_redaction,
    redaction_statement,
)
from countermark.prove.redacting.takes import parse_take


def entry(**changes: Any) -> dict[str, Any]:
    return {"count": 3, "form": "fields", "ground": "privilege", "name": FINDINGS} | changes


FILE = entry(form="file", count=1, name=REPORT)
WRONG: dict[str, dict[str, Any]] = {
    "an unknown field": {"more": 1},
    "a time that is none": {"created": "2026-08-01 09:00:00"},
    "a time in another spelling": {"created": "2026-8-1T09:00:00Z"},
    "a digest that is none": {"previous": "ab"},
    "no signer": {"signers": []},
    "a signer twice": {"signers": predicate()["signers"] * 2},
    "another key id": {"signers": [{"keyid": "00" * 32, "public_key": SIGNER.to_base64()}]},
    "no key": {"signers": [{"keyid": SIGNER.keyid, "public_key": "x"}]},
    "nothing taken out": {"taken_out": []},
    "not sorted": {"taken_out": [FILE, entry()]},
    "twice": {"taken_out": [entry(), entry()]},
    "no ground": {"taken_out": [entry(ground="because")]},
    "none": {"taken_out": [entry(count=0)]},
    "another form": {"taken_out": [entry(form="rows")]},
    "an unknown form": {"taken_out": [entry(form="words")]},
    "fields of an attachment": {"taken_out": [entry(name=REPORT)]},
    "fields of the log": {"taken_out": [entry(name="data/log/entries.jsonl")]},
    "a file counted twice": {"taken_out": [FILE | {"count": 2}]},
    "a file on two grounds": {"taken_out": [FILE | {"ground": "court-order"}, FILE]},
    "whole and in parts": {
        "taken_out": [entry(name=MEMBERS, ground="court-order"), FILE | {"name": MEMBERS}]
    },
    "a file that stays": {"taken_out": [FILE | {"name": FINDINGS}]},
    "the log": {"taken_out": [FILE | {"name": "data/log/openings.jsonl"}]},
    "a file of leaves": {"taken_out": [FILE | {"name": leaves_name(MEMBERS)}]},
    "an attestation": {"taken_out": [FILE | {"name": "attestations/seal.dsse.json"}]},
    "no name": {"taken_out": [FILE | {"name": "data/../x"}]},
    "a number as text": {"taken_out": [entry(count="3")]},
}


def test_a_predicate_is_read_as_it_was_written() -> None:
    redaction = read_redaction(predicate())
    assert redaction.redacted() == {FINDINGS}
    assert redaction.grounds() == {"privilege": 3}
    assert list(redaction.keys()) == [SIGNER.keyid]
    body = redaction_statement(redaction, {FINDINGS: "ab" * 32})
    statement = decode_statement(body, "x", REDACTION_TYPE)
    assert (read_redaction(statement.predicate), subjects_of(statement)) == (redaction, {FINDINGS: "ab" * 32})


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_what_a_predicate_may_not_say(change: dict[str, Any]) -> None:
    with pytest.raises(Error) as caught:
        read_redaction(predicate() | change)
    assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED


class Case:
    """A payload with fields, a table's row and a file taken out, and what the redaction says of it."""

    def __init__(self, work: Path) -> None:
        contents, self.roots = with_leaves(payload())
        takes = [parse_take(f"personal-data:{MEMBERS}#/0/account_id"), parse_take(f"privilege:{REPORT}")]
        made = cut(contents, takes, None, work, keep_attachments=True)
        self.sealed = {name: "" if by_root_alone(name) else one for name, one in digests(contents).items()}
        self.contents = after(contents, made)
        self.redaction = read_redaction(predicate(taken_out=made.entries))
        there = digests(self.contents)
        self.subjects = {name: one for name, one in there.items() if one != (self.sealed[name] or one)}
        self.subjects[MEMBERS] = there[MEMBERS]

    def check(self) -> None:
        check_redaction(
            self.redaction,
            self.subjects,
            case_id="CASE-1",
            case_created="2026-07-01T12:00:00Z",
            seal_sha256=SEAL,
            sealed=self.sealed,
            there=digests(self.contents),
        )
        check_counts(self.redaction, check(self.contents, self.roots))

    def put(self, name: str, data: bytes, *, said: bool) -> None:
        self.contents |= members_of({name: data})
        if said:
            self.subjects[name] = self.contents[name].sha256


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_a_redacted_payload_is_right(case: Case) -> None:
    assert set(case.subjects) == {MEMBERS, leaves_name(MEMBERS)}
    case.check()


def refused(case: Case, why: str = ".") -> None:
    with pytest.raises((Error, AssertionError), match=why):
        case.check()


@pytest.mark.parametrize("said", [True, False])
def test_a_value_put_back_as_something_else_is_seen(case: Case, said: bool) -> None:
    data = case.contents[MEMBERS].data or b""
    case.put(MEMBERS, data.replace(b"null", b'"acct-9999999"'), said=said)
    refused(case, "still there" if said else "not as it was sealed")


@pytest.mark.parametrize("said", [True, False])
def test_a_value_put_back_with_a_salt_of_ones_own_is_seen(case: Case, said: bool) -> None:
    data, leaves = case.contents[MEMBERS].data or b"", case.contents[leaves_name(MEMBERS)].data or b""
    case.put(MEMBERS, data.replace(b"null", b'"acct-9999999"'), said=said)
    case.put(leaves_name(MEMBERS), b"0" * 32 + leaves[leaves.index(b"\n") :], said=said)
    refused(case)


def test_a_leaf_hidden_without_saying_so_is_seen(case: Case) -> None:
    data = case.contents[MEMBERS].data or b""
    case.put(MEMBERS, data.replace(b'"acct-0000004"', b"null"), said=True)
    refused(case)


def test_leaves_hidden_behind_the_count_are_seen(case: Case) -> None:
    case.redaction = read_redaction(
        predicate(taken_out=[TakenOut(count=2, form="fields", ground="personal-data", name=MEMBERS), FILE])
        | {"taken_out": [FILE, entry(name=MEMBERS, count=2, ground="personal-data")]}
    )
    refused(case, "leaves are taken out")


def test_another_ground_than_said_is_seen(case: Case) -> None:
    leaves = case.contents[leaves_name(MEMBERS)].data or b""
    case.put(leaves_name(MEMBERS), leaves.replace(b"personal-data", b"privilege"), said=True)
    refused(case, "how many by ground")


def test_the_redaction_of_another_package_is_refused(case: Case) -> None:
    for change in ({"case_id": "CASE-2"}, {"seal": "00" * 32}):
        case.redaction = read_redaction(predicate(taken_out=case.redaction.taken_out) | change)
        refused(case, "another")


def test_leaves_swapped_between_two_files_are_seen(case: Case) -> None:
    ours, theirs = leaves_name(MEMBERS), leaves_name("data/tables/accounts.jsonl")
    one, other = case.contents[ours].data or b"", case.contents[theirs].data or b""
    case.put(ours, other, said=True)
    case.put(theirs, one, said=True)
    refused(case)


def test_a_file_that_is_gone_without_a_word_is_seen(case: Case) -> None:
    del case.contents["data/events/accounts.parquet"]
    refused(case, "is missing")


def test_a_file_that_was_taken_out_and_is_there_is_seen(case: Case) -> None:
    case.put(REPORT, payload()[REPORT], said=False)
    refused(case, "and it is there")


def test_a_file_that_was_never_sealed_is_seen(case: Case) -> None:
    case.put("data/findings/more.html", b"x", said=True)
    refused(case, "was not sealed")


def test_an_attachment_cannot_be_changed_by_a_redaction(case: Case) -> None:
    case.put("data/events/accounts.parquet", b"PAR2", said=True)
    refused(case, "neither a document nor a table")


def test_a_document_cannot_be_changed_where_nothing_is_taken_out(case: Case) -> None:
    case.put(FINDINGS, (payload()[FINDINGS]).replace(b"  ", b" "), said=True)
    refused(case, "nothing is said to be taken out")


def test_a_subject_that_is_as_it_was_sealed_or_not_there_is_refused(case: Case) -> None:
    case.subjects[FINDINGS] = case.sealed[FINDINGS]
    refused(case, "as it was sealed")
    del case.subjects[FINDINGS]
    case.subjects[REPORT] = "ab" * 32
    refused(case, "not there")


def test_a_table_of_which_nothing_says_what_it_is_now_is_refused(case: Case) -> None:
    """The seal has no digest of it, so that only the redaction fixes its bytes."""
    del case.subjects[MEMBERS]
    refused(case, "does not cover what it is now")


def test_leaves_out_without_a_redaction_are_refused(case: Case) -> None:
    found = check(case.contents, case.roots)
    with pytest.raises(Error, match="no redaction"):
        check_counts(None, found)
    check_counts(None, {MEMBERS: Counter()})
