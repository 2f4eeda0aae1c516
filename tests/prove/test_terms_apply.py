"""Clauses in force per account and day: held against the rule read day by day; none without a record."""

import random
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from terms_samples import Row, bound_on, case, clause, days, policies, policy, sealed, write_acceptances

from countermark.errors import Error, ExitCode
from countermark.prove.clauses.acceptances import Acceptances, read_acceptances
from countermark.prove.clauses.applying import ENDED, NO_POLICY, NO_RECORD, NOT_YET, applies, stretches
from countermark.prove.clauses.conduct import BEARINGS, bears_on
from countermark.prove.clauses.outcome import CampaignTerms, TermsApplied, apply_terms
from countermark.prove.clauses.policy import CONDUCTS, Policies
from countermark.prove.clauses.sections import terms_sections
from countermark.prove.clauses.summary import bound_at_all, counts, to_dict
from countermark.prove.report.questions import questions_in
from countermark.prove.typeset.document import Paragraph, Section, Table

V1 = policy("v1", "2026-01-01", "2026-05-31")
V2 = policy("v2", "2026-06-01", clauses=[clause("no-model", "model-training")])
BOTH = policies(V1, V2)
FIRST, LAST = date(2026, 5, 20), date(2026, 6, 14)


def table(tmp_path: Path, rows: list[Row]) -> Acceptances:
    return read_acceptances(write_acceptances(tmp_path / "a.jsonl", rows), {row[0] for row in rows}, {"use"})


def hit(tmp_path: Path, rows: list[Row], day: str, given: Policies = BOTH) -> set[tuple[str, str]] | None:
    found = applies(given, table(tmp_path, rows), "a", date.fromisoformat(day), {"model-training"})
    return None if found is None else {(one.policy.version, one.clause.id) for one in found.bound}


def test_the_version_accepted_last_counts_on_its_days(tmp_path: Path) -> None:
    rows = [("a", "use", "v1", "2026-02-01T00:00:00Z"), ("a", "use", "v2", "2026-06-03T09:00:00Z")]
    assert hit(tmp_path, rows, "2026-01-31") is None
    assert hit(tmp_path, rows, "2026-02-01") == {("v1", "no-model")}
    assert hit(tmp_path, rows, "2026-05-31") == {("v1", "no-model")}
    assert hit(tmp_path, rows, "2026-06-01") is None  # v1 has ended, v2 is not accepted
    assert hit(tmp_path, rows, "2026-06-03") == {("v2", "no-model")}


def test_without_a_record_nothing_binds(tmp_path: Path) -> None:
    rows = [("b", "use", "v1", "2026-02-01T00:00:00Z")]
    assert hit(tmp_path, rows, "2026-05-20") is None
    (only,) = stretches(BOTH, (), FIRST, LAST)
    assert (only.first, only.last, only.version, only.reason) == (FIRST, LAST, "", NO_RECORD)


def test_a_version_that_was_accepted_early_waits_for_its_first_day(tmp_path: Path) -> None:
    rows = [("a", "use", "v1", "2026-02-01T00:00:00Z"), ("a", "use", "v2", "2026-05-25T09:00:00Z")]
    found = stretches(BOTH, table(tmp_path, rows).by_account["a"], FIRST, LAST)
    assert [(str(one.first), str(one.last), one.version, one.reason) for one in found] == [
        ("2026-05-20", "2026-05-24", "v1", ""),
        ("2026-05-25", "2026-05-31", "v2", NOT_YET),
        ("2026-06-01", "2026-06-14", "v2", ""),
    ]


def test_a_version_without_a_policy_binds_nothing_and_no_older_one_does(tmp_path: Path) -> None:
    rows = [("a", "use", "v1", "2026-02-01T00:00:00Z"), ("a", "use", "v1b", "2026-05-01T00:00:00Z")]
    assert hit(tmp_path, rows, "2026-05-20") is None
    (only,) = stretches(BOTH, table(tmp_path, rows).by_account["a"], FIRST, LAST)
    assert only.reason == NO_POLICY


def test_another_conduct_is_not_hit(tmp_path: Path) -> None:
    acceptances = table(tmp_path, [("a", "use", "v1", "2026-02-01T00:00:00Z")])
    assert applies(BOTH, acceptances, "a", FIRST, {"resale"}) is None
    assert applies(BOTH, acceptances, "a", FIRST, set()) is None


def test_of_two_records_in_one_second_the_later_line_counts(tmp_path: Path) -> None:
    rows = [("a", "use", one, "2026-06-03T09:00:00Z") for one in ("v2", "v1")]
    assert hit(tmp_path, rows, "2026-06-05") is None
    assert hit(tmp_path, rows[::-1], "2026-06-05") == {("v2", "no-model")}


VERSIONS = st.sampled_from(["v1", "v2", "v3", "v4"])
MOMENTS = st.integers(0, 40).map(lambda day: f"{date.fromordinal(FIRST.toordinal() - 10 + day)}T10:00:00Z")
ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["use", "tos"]), VERSIONS, MOMENTS), max_size=12
)
DAY = st.integers(0, 40).map(lambda day: str(date.fromordinal(FIRST.toordinal() - 10 + day)))


@st.composite
def several(draw: st.DrawFn) -> Policies:
    found = []
    for terms_id in ("use", "tos"):
        for version in ("v1", "v2", "v3"):
            first, last = sorted((draw(DAY), draw(DAY)))
            forbids = draw(st.lists(st.sampled_from(CONDUCTS), min_size=1, max_size=3, unique=True))
            ended = last if draw(st.booleans()) else None
            one = [clause("c", *forbids), clause("d", "resale")]
            found.append(policy(version, first, ended, terms_id=terms_id, clauses=one))
    return policies(*found)


@given(several(), ROWS, st.sets(st.sampled_from(CONDUCTS), max_size=4))
def test_each_day_is_as_the_rule_read_literally(
    tmp_path_factory: pytest.TempPathFactory, given: Policies, rows: list[Row], conduct: set[str]
) -> None:
    path = write_acceptances(tmp_path_factory.mktemp("t") / "a.jsonl", rows)
    acceptances = read_acceptances(path, set("abc"), given.ids)
    for account in "abc":
        found = stretches(given, acceptances.by_account.get(account, ()), FIRST, LAST)
        by_day: dict[date, set[tuple[str, str]]] = {}
        for one in found:
            for day in days(one.first, one.last):
                assert FIRST <= day <= LAST
                by_day.setdefault(day, set()).add((one.terms_id, "" if one.reason else one.version))
        for day in days(FIRST, LAST):
            expected = bound_on(given, rows, account, day, conduct)
            hit = applies(given, acceptances, account, day, conduct)  # type: ignore[arg-type]  # of CONDUCTS
            got = {(one.policy.id, one.policy.version, one.clause.id) for one in hit.bound} if hit else set()
            assert got == expected
            versions = {(one[0], one[1]) for one in bound_on(given, rows, account, day, set(CONDUCTS))}
            assert {one for one in by_day[day] if one[1]} == versions
            assert len(by_day[day]) == 2


def applied_with(
    tmp_path: Path, rows: list[Row] | None, kind: str = "harvest"
) -> tuple[TermsApplied, CampaignTerms]:
    members = {"c-1": ["a", "b", "c"]}
    applied = apply_terms(case(tmp_path, sealed(V1, V2), rows, members, kind=kind), BOTH)
    return applied, applied.campaigns[0]


def test_a_window_over_two_versions_gives_each_with_its_days(tmp_path: Path) -> None:
    rows = [("a", "use", "v1", "2026-02-01T00:00:00Z"), ("a", "use", "v2", "2026-06-01T00:00:00Z")]
    applied, campaign = applied_with(tmp_path, [*rows, ("b", "use", "v1", "2026-02-01T00:00:00Z")])
    plain = to_dict(applied, "a")["campaigns"][0]["groups"]
    assert [(one["first"], one["last"], one["version"], one["clauses"]) for one in plain[0]["in_force"]] == [
        ("2026-05-20", "2026-05-31", "v1", ["no-model", "one-account"]),
        ("2026-06-01", "2026-06-14", "v2", ["no-model"]),
    ]
    assert plain[0]["accounts"] == ["a"]
    by = {(one.version, one.reason): (one.whole, one.part) for one in counts(applied, campaign)}
    assert by == {("v1", ""): (0, 2), ("v2", ""): (0, 1), ("v1", ENDED): (0, 1), ("", NO_RECORD): (1, 0)}
    assert bound_at_all(applied, campaign) == 2


def test_every_account_is_counted_once(tmp_path: Path) -> None:
    _, campaign = applied_with(tmp_path, [("a", "use", "v1", "2026-02-01T00:00:00Z")])
    accounts = [account for group in campaign.groups for account in group.accounts]
    assert sorted(accounts) == ["a", "b", "c"]
    assert campaign.accounts == 3


@pytest.mark.parametrize("rows", [None, []])
def test_no_table_and_an_empty_one_bind_nobody(tmp_path: Path, rows: list[Row] | None) -> None:
    applied, campaign = applied_with(tmp_path, rows)
    assert bound_at_all(applied, campaign) == 0
    said = words(terms_sections(applied)[0])
    assert any("none is" in one for one in said)
    assert any("no records of acceptance" in one for one in said) == (rows is None)


def test_a_policy_of_another_text_is_refused_and_said(tmp_path: Path) -> None:
    other = policy("v1", "2026-01-01", text_sha256="f" * 64)
    rows = [("a", "use", "v1", "2026-02-01T00:00:00Z"), ("b", "use", "v2", "2026-02-01T00:00:00Z")]
    applied = apply_terms(case(tmp_path, sealed(V1), rows, {"c-1": ["a", "b"]}), policies(other, V2))
    assert applied.policies.refused == {
        ("use", "v1"): "its text is not the one that the case holds",
        ("use", "v2"): "the case holds no text of this version",
    }
    assert bound_at_all(applied, applied.campaigns[0]) == 0
    assert sum("was not applied" in one for one in words(terms_sections(applied)[0])) == 2


def test_days_are_the_narrower_of_file_and_seal(tmp_path: Path) -> None:
    entry = sealed(policy("v1", "2026-05-22", "2026-06-10"))
    wide = policy("v1", "2026-01-01", "2026-05-31")
    rows = [("a", "use", "v1", "2026-02-01T00:00:00Z")]
    applied = apply_terms(case(tmp_path, entry, rows, {"c-1": ["a"]}), policies(wide))
    in_force = [one for one in applied.campaigns[0].groups[0].stretches if not one.reason]
    assert [(str(one.first), str(one.last)) for one in in_force] == [("2026-05-22", "2026-05-31")]


def test_a_pool_is_not_held_against_model_training(tmp_path: Path) -> None:
    applied, campaign = applied_with(tmp_path, [("a", "use", "v2", "2026-06-01T00:00:00Z")], kind="pool")
    assert campaign.conduct == {"multiple-accounts", "resale", "account-sharing"}
    assert bound_at_all(applied, campaign) == 0  # v2 speaks of model training alone


def test_what_a_finding_bears_on_is_cautious() -> None:
    assert [one.conduct for one in BEARINGS] == sorted(CONDUCTS, key=[one.conduct for one in BEARINGS].index)
    assert {one.conduct for one in BEARINGS} == set(CONDUCTS)
    assert all(one.does_not_show for one in BEARINGS)
    assert [one.conduct for one in bears_on({"kind": "undecided"})] == ["multiple-accounts"]
    assert "automated-access" not in {one.conduct for one in bears_on({"kind": "harvest", "reasons": []})}


def test_nulls_of_a_redaction_bind_nobody_and_are_counted(tmp_path: Path) -> None:
    path = write_acceptances(tmp_path / "a.jsonl", [("a", "use", "v1", "2026-02-01T00:00:00Z")])
    line = path.read_text()
    path.write_text(line.replace('"v1"', "null") + line.replace('"a"', "null") + line)
    found = read_acceptances(path, {"a"}, {"use"})
    assert (len(found.by_account["a"]), found.unreadable) == (1, 2)


@pytest.mark.parametrize("time", ["soon", "2026-02-31T00:00:00Z", "2026-02-01", "2026-02-01T00:00:00+02:00"])
def test_a_time_that_there_is_not_is_one_error(tmp_path: Path, time: str) -> None:
    path = write_acceptances(tmp_path / "a.jsonl", [("a", "use", "v1", time)])
    with pytest.raises(Error) as raised:
        read_acceptances(path, {"a"}, {"use"})
    assert raised.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_a_campaign_that_an_analyst_rejected_is_held_against_nothing(tmp_path: Path) -> None:
    made = case(tmp_path, sealed(V1), [], {"c1": ["a"], "c2": ["b"]})
    made.findings["campaigns"][1]["disposition"] = "rejected"
    assert [one.campaign_id for one in apply_terms(made, BOTH).campaigns] == ["c1"]


def test_a_reason_without_its_sign_is_none(tmp_path: Path) -> None:
    assert [one.conduct for one in bears_on({"kind": "harvest", "reasons": [{"text": "one"}]})] == [
        "multiple-accounts",
        "model-training",
    ]


def test_accounts_that_nothing_binds_are_an_open_question(tmp_path: Path) -> None:
    made = case(tmp_path, sealed(V1), [("a", "use", "v1", "2026-02-01T00:00:00Z")], {"c1": ["a", "b"]})
    asked = [one.text for one in questions_in(terms_sections(apply_terms(made, policies(V1))))]
    assert (
        "No version is shown to have bound 2 of these accounts on a day or more. Did anything else bind"
        " them on these days, and what shows it?" in asked
    )


def test_what_was_taken_out_of_a_campaign_is_said(tmp_path: Path) -> None:
    whole = case(
        tmp_path, sealed(V1), [("a", "use", "v1", "2026-02-01T00:00:00Z")], {"c-1": ["a"], "c-2": ["b"]}
    )
    one, two = whole.findings["campaigns"]
    campaigns = [one | {"kind": None, "reasons": [None]}, two | {"window": None}, two | {"campaign_id": None}]
    applied = apply_terms(replace(whole, findings={**whole.findings, "campaigns": campaigns}), BOTH)
    assert applied.campaigns[0].conduct == {"multiple-accounts"}
    assert set(applied.left_out) == {"c-2", "a campaign without its id"}
    said = words(terms_sections(applied)[0])
    assert "kind not in this copy" in said
    assert "Exploratory: clauses that bound the accounts" in said
    assert "c-2" in said


def test_25_000_accounts_take_under_two_seconds(tmp_path: Path) -> None:
    draw = random.Random(7)
    accounts = [f"acct-{number:05}" for number in range(25_000)]
    rows = [
        (account, "use", version, f"2026-0{month}-{draw.randint(1, 28):02}T{draw.randint(0, 23):02}:00:00Z")
        for account in accounts
        if draw.random() > 0.1
        for version, month in (("v0", 1), ("v1", 2), ("v2", 6))
    ]
    draw.shuffle(rows)
    whole = case(tmp_path, sealed(V1, V2), rows, {"c-1": accounts})
    started = time.process_time()
    applied = apply_terms(whole, BOTH)
    terms_sections(applied)
    spent = time.process_time() - started
    print(f"{spent:.2f} s")
    assert spent < 2
    some = set(accounts[:50])
    own = [row for row in rows if row[0] in some]
    shown = {
        account
        for group in applied.campaigns[0].groups
        if any(applied.clauses(applied.campaigns[0], one) for one in group.stretches)
        for account in group.accounts
    }
    by_hand = {
        one
        for one in some
        if any(bound_on(BOTH, own, one, day, {"model-training"}) for day in days(FIRST, LAST))
    }
    assert shown & some == by_hand
    assert 0 < len(by_hand) < len(some)


def words(section: Section) -> list[str]:
    found = [section.heading]
    for block in section.blocks:
        if isinstance(block, Section):
            found += words(block)
        elif isinstance(block, Table):
            found += [block.caption, *(cell for row in block.rows for cell in row)]
        elif isinstance(block, Paragraph):
            found += [block.lead, block.text]
    return found
