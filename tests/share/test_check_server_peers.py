"""Members' nodes that fail or lie: what they say does not count, and the log says why."""

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alliances import Alliance, Gamma, alliance, register
from check_samples import hexes, marked_text

from countermark.share.check.messages import PoolAnswer, Question
from countermark.trust.signing import SigningKey

PLAIN = marked_text(None, seed=6)
OTHER = SigningKey.generate()


def _beta(gamma: Gamma, allied: Alliance, question: Question) -> list[PoolAnswer]:
    return allied.parties["beta"].detectors.answer(question.text)


def _less(gamma: Gamma, _: Alliance, question: Question) -> list[PoolAnswer]:
    (pool,) = gamma.party.detectors.answer(question.text)
    return [
        PoolAnswer(
            profile_id=pool.profile_id, epoch=pool.epoch, commitment=pool.commitment, keys=pool.keys[1:]
        )
    ]


def _replayed(gamma: Gamma, _: Alliance, question: Question) -> bytes:
    return gamma.verdict(gamma.asked[0])


LIES: dict[str, tuple[Callable[[Gamma, Alliance, Question], Any], str]] = {
    "another's keys": (lambda g, a, q: g.verdict(q, pools=_beta(g, a, q)), "another's pool"),
    "another's name": (lambda g, a, q: g.verdict(q, member="beta"), "member"),
    "an unknown key": (lambda g, a, q: g.verdict(q, key=OTHER), "signature"),
    "a key left out": (lambda g, a, q: g.verdict(q, pools=_less(g, a, q)), "missing key"),
    "all left out": (lambda g, a, q: g.verdict(q, pools=[]), "missing pool"),
    "a replay": (_replayed, "request"),
    "another text": (lambda g, a, q: g.verdict(q, text_digest=hexes("other")), "digest"),
    "an old time": (lambda g, a, q: g.verdict(q, now=datetime.now(UTC) - timedelta(days=1)), "time"),
    "no envelope": (lambda g, a, q: b"{}", "signature"),
    "nothing": (lambda g, a, q: b"", "signature"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_verdict_that_lies_is_refused_whole_and_logged(allied: Alliance, lie: str) -> None:
    made, reason = LIES[lie]
    allied.check("alpha", marked_text(None, seed=7), consent=True)  # to be replayed
    allied.gamma.answer = lambda question: (200, made(allied.gamma, allied, question))
    found = allied.check("alpha", PLAIN, consent=True).json()
    assert found["missing"] == {"gamma": f"its verdict is refused: {reason}"}
    assert (found["word"], found["complete"], found["answered"]) == (
        "not shown",
        False,
        ["alpha", "beta", "delta"],
    )
    assert found["hypotheses"] == 11  # of all that were asked
    entries = {index: (kind, payload) for index, kind, payload in allied.entries()}
    refused = [entries[one][1] for one in found["entries"] if entries[one][0] == "watermark-verdict-refused"]
    assert [(one["of"], one["reason"]) for one in refused] == [("gamma", found["missing"]["gamma"])]
    index = next(one for one in found["entries"] if entries[one][0] == "watermark-verdict-refused")
    path = f"/exchange-api/v1/audit/entries/{index}/proof"
    assert allied.hub.ask("gamma", "GET", path).status_code == 200  # it can see that it was refused


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((500, b""), "answered with status 500"),
        ((302, b"https://elsewhere.example/"), "answered with status 302"),
        ((429, b""), "answered with status 429"),
        ((200, b"x" * 200_000), "answered with too many bytes"),
    ],
)
def test_what_is_no_answer_is_missing(allied: Alliance, answer: tuple[int, bytes], reason: str) -> None:
    allied.gamma.answer = lambda _: answer
    found = allied.check("alpha", marked_text("beta"), consent=True).json()
    assert (found["word"], found["marks"], found["complete"]) == ("marked", ["beta"], False)
    assert found["missing"] == {"gamma": reason}


def test_a_member_gets_the_signed_verdicts_that_the_log_has_the_digests_of(allied: Alliance) -> None:
    found = allied.check("alpha", marked_text("beta"), consent=True).json()
    entries = {index: (kind, payload) for index, kind, payload in allied.entries()}
    logged = [entries[one][1] for one in found["entries"] if entries[one][0] == "watermark-verdict"]
    digests = [hashlib.sha256(one.encode()).hexdigest() for one in found["verdicts"]]
    assert len(digests) >= 2
    assert sorted(digests) == sorted(one["envelope_sha256"] for one in logged)


def test_a_slow_member_is_missing_and_holds_nobody_up(allied: Alliance) -> None:
    def slow(question: Question) -> tuple[int, bytes]:
        time.sleep(7)
        return 200, b""

    allied.gamma.answer = slow
    began = time.monotonic()
    found = allied.check("alpha", PLAIN, consent=True).json()
    assert found["missing"] == {"gamma": "took too long"}
    assert time.monotonic() - began < 7


def test_the_public_is_not_told_that_nothing_is_shown_while_a_member_is_missing(allied: Alliance) -> None:
    allied.gamma.answer = lambda _: (500, b"")
    for who in ("crowd", None, "regulator", "facts"):
        answer = allied.check(who, PLAIN, consent=True, **({} if who != "regulator" else {"matter": "gone"}))
        assert answer.status_code == 503, who
        assert int(answer.headers["retry-after"]) >= 60
        assert "gamma" not in answer.text
    kept = allied.hub.ask("regulator", "GET", "/watermark/matters/gone").json()
    assert [(one["word"], one["complete"]) for one in kept["last"]] == [(None, False)]
    outcomes = allied.entries(kind="watermark-outcome")[-4:]
    # the submitter can have the proof of its outcome's entry
    assert [(one["word"], one["complete"]) for _, _, one in outcomes] == [(None, False)] * 4
    assert allied.check("crowd", marked_text("beta"), consent=True).json()["word"] == "marked"


def test_a_node_whose_token_does_not_hold_is_not_answered(allied: Alliance) -> None:
    # at beta, gamma has a token that is none
    found = allied.check("hub", PLAIN, at="beta", consent=True).json()
    assert found["complete"] is True
    question = allied.gamma.asked[-1]
    for who, status in {"alpha": 200, "gamma": 200, "operator": 200, "regulator": 403, "crowd": 403}.items():
        answer = allied.nodes["beta"].ask(who, "POST", "/watermark/answers", content=_body(question))
        assert answer.status_code == status, who


def _body(question: Question, **changes: Any) -> bytes:
    return msgspec.json.encode(msgspec.to_builtins(question) | changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"consent_at": "2026-01-01T00:00:00Z"}, "consent"),
        ({"consent_at": "2099-01-01T00:00:00Z"}, "consent"),
        ({"consent_at": "2026-01-01T00:00:00"}, "consent"),
        ({"consent_entry": -1}, "consent"),
        ({"consent_entry": None}, "consent"),
        ({"text": "x" * 400_001}, "too long"),
        ({"text": "another text"}, "digest"),
    ],
)
def test_a_question_without_its_consent_is_refused_and_logged(
    allied: Alliance, changes: dict[str, Any], reason: str
) -> None:
    allied.check("alpha", PLAIN, consent=True)
    body = _body(allied.gamma.asked[-1], **changes)
    answer = allied.nodes["beta"].ask("hub", "POST", "/watermark/answers", content=body)
    assert answer.status_code == 422
    entry = allied.entries("beta", "watermark-refused")[-1][2]
    assert entry["reason"] == reason


def test_keys_of_another_are_not_registered(allied: Alliance) -> None:
    beta, gamma = allied.parties["beta"], allied.parties["gamma"]
    assert register(allied.hub, "beta", beta).status_code == 200  # they were
    assert register(allied.hub, "gamma", gamma, pools=beta.pools).status_code == 409
    assert register(allied.hub, "gamma", beta).status_code == 422  # in another's name
    assert register(allied.hub, "gamma", gamma, key=OTHER).status_code == 422
    assert register(allied.hub, "regulator", gamma).status_code == 403
    (pool,) = gamma.pools
    changed = type(pool)(profile_id=pool.profile_id, epoch=pool.epoch, commitment=pool.commitment, keys=["k"])
    assert register(allied.hub, "gamma", gamma, pools=[changed]).status_code == 409
    refused = [one for _, _, one in allied.entries(kind="watermark-keys-refused")]
    assert len(refused) >= 4


def test_names_of_keys_are_for_their_owner_and_the_operator(allied: Alliance) -> None:
    for who, owners in {"alpha": {"alpha"}, "operator": {"alpha", "beta", "gamma", "delta"}}.items():
        pools = allied.hub.ask(who, "GET", "/watermark/keys").json()["pools"]
        assert {one["member"] for one in pools} == {"alpha", "beta", "gamma", "delta"}
        assert {one["member"] for one in pools if "names" in one} == owners
        assert {one["keys"] for one in pools} == {2, 3}


def test_a_copy_that_the_node_holds_counts_and_not_what_its_owner_says(tmp_path: Path) -> None:
    text = marked_text("gamma")
    with alliance(tmp_path, names=(), escrowed=["gamma"]) as allied:
        gamma = allied.gamma
        honest = allied.check("alpha", text, consent=True).json()
        assert (honest["marks"], honest["contradicted"], honest["answered"]) == (
            ["gamma"],
            [],
            ["delta", "gamma"],
        )

        def denied(question: Question) -> tuple[int, bytes]:
            pools = gamma.party.detectors.answer(question.text)
            return 200, gamma.verdict(question, pools=[with_figures(one, -0.1) for one in pools])

        gamma.answer = denied
        found = allied.check("alpha", text, consent=True).json()
        assert (found["marks"], found["contradicted"]) == (["gamma"], ["gamma"])
        assert (found["rows"], len(found["verdicts"])) == (honest["rows"], 1)
        assert allied.check("regulator", text, consent=True).json()["marks"] == ["gamma"]
        gamma.answer = lambda q: (
            200,
            gamma.verdict(q, pools=[with_figures(p, -80.0) for p in gamma.party.detectors.answer(q.text)]),
        )
        claimed = allied.check("alpha", PLAIN, consent=True).json()
        assert (claimed["word"], claimed["contradicted"]) == ("not shown", ["gamma"])
        assert found["complete"] is claimed["complete"] is True
        entries = allied.entries(kind="watermark-verdict-contradicted")
        pool = gamma.party.pools[0]
        assert [one["of"] for _, _, one in entries] == ["gamma"] * 3
        assert {tuple(one["commitments"]) for _, _, one in entries} == {(pool.commitment,)}
        assert {index for index, _, _ in entries} & set(found["entries"])
        assert "log10" not in str(entries)


def with_figures(pool: PoolAnswer, value: float) -> PoolAnswer:
    """The pool's answer with this figure for every key."""
    rows = [msgspec.structs.replace(row, log10_p=value, log10_e=None) for row in pool.keys]
    return msgspec.structs.replace(pool, keys=rows)
