"""A text is checked at the operator's node and at a member's: what each role is told."""

import json
import secrets
from datetime import UTC, datetime, timedelta

import pytest
from alliances import WATERMARK, Alliance
from check_samples import hexes, marked_text

from countermark.share.check.verdicts import text_digest

PLAIN = marked_text(None, seed=5)
MARKED = marked_text("beta")
SHORT = "w001 w002 w003"


@pytest.mark.parametrize(("at", "who"), [("hub", "alpha"), ("alpha", "hub"), ("hub", "operator")])
def test_a_text_comes_back_as_whose_it_is_and_nobody_elses(allied: Alliance, at: str, who: str) -> None:
    answer = allied.check(who, MARKED, at=at, consent=True)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["word"], found["marks"], found["complete"]) == ("marked", ["beta"], True)
    assert {row["member"] for row in found["rows"] if row["passes"]} == {"beta"}
    owners = {"alpha", "beta", "gamma"} | ({"delta"} if at == "hub" else set())
    assert set(found["answered"]) == owners
    assert found["hypotheses"] == len(found["rows"]) == (11 if at == "hub" else 9)
    assert found["text_digest"] == text_digest(found["salt"], MARKED)
    assert allied.gamma.asked[-1].submitter == who


def test_the_digest_is_salted_with_the_submitters_salt(allied: Alliance) -> None:
    salt = secrets.token_hex(32)
    found = allied.check("alpha", PLAIN, salt=salt).json()
    assert (found["salt"], found["text_digest"]) == (salt, text_digest(salt, PLAIN))


def test_without_consent_the_text_stays_where_it_was_given(allied: Alliance) -> None:
    found = allied.check("beta", MARKED).json()
    assert (found["word"], found["answered"], found["hypotheses"]) == ("not shown", ["delta"], 2)
    assert allied.check("beta", marked_text("delta")).json()["marks"] == ["delta"]
    assert allied.check("hub", marked_text("alpha"), at="alpha").json()["marks"] == ["alpha"]
    assert allied.gamma.asked == []
    kinds = {payload["check"]: kind for _, kind, payload in allied.entries() if "check" in payload}
    assert found["check_id"] in kinds
    consents = [one["check"] for _, kind, one in allied.entries(kind="watermark-consent")]
    assert found["check_id"] not in consents


@pytest.mark.parametrize("who", ["regulator", "facts"])
def test_regulators_and_fact_checkers_learn_whose_mark_and_no_figure(allied: Alliance, who: str) -> None:
    for text, word, marks in (
        (MARKED, "marked", ["beta"]),
        (PLAIN, "not shown", []),
        (SHORT, "too short", []),
    ):
        found = allied.check(who, text, consent=True).json()
        assert set(found) == {"schema", "check_id", "word", "marks", "matter", "alpha", "entries"}
        assert (found["word"], found["marks"]) == (word, marks)


@pytest.mark.parametrize("who", ["crowd", None])
def test_the_public_learns_three_words_alone(allied: Alliance, who: str | None) -> None:
    texts = {"marked": [marked_text(one, seed=2) for one in ("alpha", "beta", "gamma", "delta")]}
    texts["not shown"] = [marked_text(None, seed=seed) for seed in range(4)]
    texts["too short"] = [" ".join(PLAIN.split()[:count]) for count in (1, 50, 199)]
    for word, ones in texts.items():
        answers = [allied.check(who, text, consent=True) for text in ones]
        expected = json.dumps({"schema": "countermark/joint-check/v1", "word": word}, separators=(",", ":"))
        assert {answer.content for answer in answers} == {expected.encode()}
        headers = [{name: value for name, value in one.headers.items() if name != "date"} for one in answers]
        assert all(one == headers[0] for one in headers)


def test_the_public_without_consent_is_answered_from_opened_keys_alone(allied: Alliance) -> None:
    assert allied.check("crowd", MARKED).json()["word"] == "not shown"
    assert allied.check("crowd", marked_text("delta")).json()["word"] == "marked"
    own = allied.check("crowd", marked_text("alpha"), at="alpha")
    assert (own.status_code, allied.gamma.asked) == (409, [])  # alpha has opened none


def test_the_publics_log_entries_do_not_tell_what_was_found(allied: Alliance) -> None:
    sizes = []
    for text in (MARKED, PLAIN, SHORT):
        before = len(allied.entries(kind=""))
        allied.check("crowd", text, consent=True)
        sizes.append(len(allied.entries(kind="")) - before)
    assert len(set(sizes)) == 1
    for index, _, _ in allied.entries()[-sizes[0] :]:
        proof = f"/exchange-api/v1/audit/entries/{index}/proof"
        assert allied.hub.ask("crowd", "GET", proof).status_code == 404
        assert allied.hub.ask("operator", "GET", proof).status_code == 200


def test_a_matter_counts_its_checks(allied: Alliance) -> None:
    matter = "case-1"
    for count, text in enumerate((PLAIN, MARKED, PLAIN), 1):
        found = allied.check("alpha", text, matter=matter, consent=True).json()
        assert (found["ordinal"], found["asked_so_far"]) == (count, 11 * count)
    kept = allied.hub.ask("alpha", "GET", f"{WATERMARK}/matters/{matter}").json()
    assert [one["word"] for one in kept["last"]] == ["not shown", "marked", "not shown"]
    assert (kept["checks"], kept["asked_so_far"]) == (3, 33)
    assert kept["holm_so_far"] == {"hypotheses": 33, "passing": 1}
    assert kept["alpha_spent"] == pytest.approx(0.01 * 3 / 4)
    row = next(one for one in found["rows"] if one["member"] == "beta")
    assert row["log10_holm_so_far"] == 0.0
    allied.check("regulator", PLAIN, matter=matter)
    other = allied.hub.ask("regulator", "GET", f"{WATERMARK}/matters/{matter}").json()
    assert other["checks"] == 1
    assert "holm_so_far" not in other
    assert allied.hub.ask("beta", "GET", f"{WATERMARK}/matters/{matter}").status_code == 404


def test_sent_again_under_its_own_name_a_check_counts_once(allied: Alliance) -> None:
    fields = {"matter": "again", "salt": hexes("salt"), "key": hexes("name")}
    first = allied.check("alpha", PLAIN, **fields).json()
    second = allied.check("alpha", PLAIN, **fields).json()
    assert (first["check_id"], first["ordinal"]) == (second["check_id"], second["ordinal"])
    assert (second["ordinal"], second["asked_so_far"]) == (1, 2)
    assert allied.check("alpha", MARKED, **fields).status_code == 409
    assert allied.check("alpha", PLAIN, **(fields | {"matter": "other"})).status_code == 409
    assert allied.check("beta", MARKED, **fields).status_code == 200  # another's names are its own
    assert allied.check("alpha", PLAIN, matter="x", key=hexes("other name")).status_code == 422
    assert allied.check("alpha", PLAIN, matter="x", salt=hexes(1), key="none").status_code == 422


def test_consent_is_in_both_logs_before_anybody_answers(allied: Alliance) -> None:
    found = allied.check("alpha", PLAIN, matter="consented", consent=True).json()
    consent, check, *_ = found["entries"]
    entries = {index: (kind, payload) for index, kind, payload in allied.entries()}
    kind, payload = entries[consent]
    assert kind == "watermark-consent"
    told = (payload["submitter"], payload["matter"], payload["text_digest"], payload["check"])
    assert told == ("alpha", "consented", found["text_digest"], found["check_id"])
    assert entries[check][0] == "watermark-check"
    assert [entries[one][0] for one in found["entries"][2:]] == ["watermark-verdict"] * 3 + [
        "watermark-outcome"
    ]
    question = allied.entries("beta", "watermark-question")[-1][2]
    assert (question["consent_entry"], question["text_digest"]) == (consent, found["text_digest"])
    assert (question["submitter"], question["matter"]) == ("alpha", "consented")
    asked = allied.gamma.asked[-1]
    assert asked.consent_entry == consent
    assert abs(datetime.now(UTC) - asked.consent_at) < timedelta(minutes=1)
    # whoever was asked, and who submitted, prove it; nobody else
    for who, status in {"alpha": 200, "beta": 200, "gamma": 200, "hub": 404, "regulator": 404}.items():
        path = f"/exchange-api/v1/audit/entries/{consent}/proof"
        assert allied.hub.ask(who, "GET", path).status_code == status, who
