"""Verdicts: what an aggregator takes, and one reason for each way in which one can be wrong."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from check_samples import (
    NOW,
    REQUEST,
    SALT,
    Party,
    hexes,
    make_parties,
    marked_text,
    opened,
    register_of,
)

from countermark.errors import Error
from countermark.records.canonical import canonical_json
from countermark.share.check.messages import VERDICT_TYPE, KeyAnswer, PoolAnswer, Verdict
from countermark.share.check.register import Register
from countermark.share.check.verdicts import VerdictRefused, text_digest
from countermark.trust.dsse import seal_envelope
from countermark.trust.signing import SigningKey

TEXT = marked_text("beta")
Change = Callable[[list[PoolAnswer]], list[PoolAnswer]]


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Party]:
    return make_parties(tmp_path_factory.mktemp("parties"))


@pytest.fixture
def beta(parties: dict[str, Party]) -> Party:
    return parties["beta"]


@pytest.fixture
def register(parties: dict[str, Party]) -> Register:
    return register_of(*parties.values())


def refused(call: Callable[[], Any]) -> str:
    """The reason of a refusal."""
    with pytest.raises(VerdictRefused) as caught:
        call()
    assert caught.value.exit_code == 20
    return caught.value.reason


def test_an_honest_verdict_is_taken(beta: Party, register: Register) -> None:
    verdict = opened(beta, beta.verdict(TEXT), register, TEXT)
    assert (verdict.member, verdict.keys, verdict.request_id) == ("beta", 3, REQUEST)
    assert verdict.pools == beta.detectors.answer(TEXT)


def rows(change: Callable[[list[KeyAnswer]], list[KeyAnswer]]) -> Change:
    """A change to the rows of the first pool."""
    return lambda pools: [msgspec.structs.replace(pools[0], keys=change(pools[0].keys)), *pools[1:]]


def figure(**fields: Any) -> Change:
    """Other figures in the first row."""
    return rows(lambda given: [msgspec.structs.replace(given[0], **fields), *given[1:]])


def renamed(**fields: Any) -> Change:
    """Another name of the first pool."""
    return lambda pools: [msgspec.structs.replace(pools[0], **fields), *pools[1:]]


WRONG: dict[str, tuple[Change, str]] = {
    "no pool": (lambda pools: [], "missing pool"),
    "a pool twice": (lambda pools: [*pools, *pools], "doubled pool"),
    "another commitment": (renamed(commitment=hexes("none")), "unregistered pool"),
    "another epoch": (renamed(epoch="2027-Q1"), "unregistered pool"),
    "a key left out": (rows(lambda given: given[1:]), "missing key"),
    "a key twice": (rows(lambda given: [*given, given[0]]), "doubled key"),
    "a key of nobody": (
        rows(lambda given: [*given, msgspec.structs.replace(given[0], key="x")]),
        "unregistered key",
    ),
    "both figures": (figure(log10_p=-1.0, log10_e=1.0), "no one figure"),
    "neither figure": (figure(log10_p=None), "no one figure"),
    "beyond any text": (figure(log10_p=-1e8), "figure"),
    "an e-value beyond any text": (figure(log10_p=None, log10_e=1e8), "figure"),
    "more tokens than a text has": (figure(scored_tokens=10**9), "figure"),
    "evidence from nothing": (figure(log10_p=-3.0, scored_tokens=0), "figure"),
}


@pytest.mark.parametrize("name", WRONG)
def test_answers_that_are_refused(name: str, beta: Party, register: Register) -> None:
    change, reason = WRONG[name]
    envelope = beta.sign(change(beta.detectors.answer(TEXT)), text=TEXT)
    assert refused(lambda: opened(beta, envelope, register, TEXT)) == reason


def test_an_e_value_is_taken(beta: Party, register: Register) -> None:
    pools = figure(log10_p=None, log10_e=-4.0)(beta.detectors.answer(TEXT))
    assert opened(beta, beta.sign(pools, text=TEXT), register, TEXT).pools == pools


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"request_id": hexes("another")}, "request"),
        ({"text_digest": text_digest(SALT, TEXT + " ")}, "digest"),
        ({"text_digest": text_digest("00" * 32, TEXT)}, "digest"),
        ({"member": "alpha"}, "member"),
        ({"now": NOW - timedelta(minutes=11)}, "time"),
        ({"now": NOW + timedelta(minutes=6)}, "time"),
    ],
)
def test_heads_that_are_refused(change: dict, reason: str, beta: Party, register: Register) -> None:
    envelope = beta.sign(beta.detectors.answer(TEXT), text=TEXT, **change)
    assert refused(lambda: opened(beta, envelope, register, TEXT)) == reason


def test_times_near_now_are_taken(beta: Party, register: Register) -> None:
    for minutes in (-9, 4):
        envelope = beta.sign(beta.detectors.answer(TEXT), text=TEXT, now=NOW + timedelta(minutes=minutes))
        opened(beta, envelope, register, TEXT)


def sealed(beta: Party, body: bytes) -> bytes:
    return seal_envelope(VERDICT_TYPE, body, [beta.signing])


def payload(beta: Party) -> dict[str, Any]:
    """The fields of an honest verdict."""
    plain: dict[str, Any] = msgspec.to_builtins(
        Verdict(
            request_id=REQUEST,
            text_digest=text_digest(SALT, TEXT),
            member="beta",
            pools=beta.detectors.answer(TEXT),
            keys=3,
            made=NOW,
        )
    )
    return plain


def test_a_number_of_keys_that_does_not_add_up(beta: Party, register: Register) -> None:
    for count in (2, 4, 0):
        body = canonical_json(payload(beta) | {"keys": count})
        assert refused(lambda body=body: opened(beta, sealed(beta, body), register, TEXT)) == "count"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"log10_p":-', b'"log10_p":'),
        (b'"log10_p":-', b'"log10_p":NaN,"x":-'),
        (b'"log10_p":-', b'"log10_p":-Infinity,"x":-'),
        (b'"log10_p":-', b'"log10_p":-1e999,"x":-'),
        (b'"log10_p":-', b'"log10_p":"-'),
        (b'"keys":3', b'"keys":-3'),
        (b'"keys":3', b'"keys":3.5'),
        (b'"keys":3', b'"keys":3,"more":1'),
        (b'"keys":3', b'"keys":3,"keys":3'),
        (b'"keys":3', b'"keys": 3'),
        (b'"made":"2026', b'"made":"1-2026'),
        (b"verdict/v1", b"verdict/v2"),
        (b'{"keys"', b'[{"keys"'),
    ],
)
def test_payloads_that_are_not_of_the_form(old: bytes, new: bytes, beta: Party, register: Register) -> None:
    body = canonical_json(payload(beta))
    assert old in body
    assert refused(lambda: opened(beta, sealed(beta, body.replace(old, new, 1)), register, TEXT)) == "form"


def test_signatures_that_are_not_the_members(
    parties: dict[str, Party], beta: Party, register: Register
) -> None:
    body, alpha = canonical_json(payload(beta)), parties["alpha"]
    by_another = seal_envelope(VERDICT_TYPE, body, [alpha.signing])
    by_both = seal_envelope(VERDICT_TYPE, body, [alpha.signing, beta.signing])
    other_kind = seal_envelope("application/json", body, [beta.signing])
    honest = beta.verdict(TEXT)
    bent = honest.replace(b'"sig":"', b'"sig":"A', 1)
    for envelope in (by_another, by_both, other_kind, bent, b"", b"{}", honest + b" ", b"[" * 100_000):
        assert refused(lambda e=envelope: opened(beta, e, register, TEXT)) == "signature"


def test_a_body_that_was_changed_after_signing(beta: Party, register: Register) -> None:
    forged = Verdict(
        **(msgspec.structs.asdict(opened(beta, beta.verdict(TEXT), register, TEXT)) | {"made": NOW})
    )
    unsigned = seal_envelope(VERDICT_TYPE, canonical_json(forged), [SigningKey.generate()])
    spoiled = unsigned.replace(
        unsigned[unsigned.index(b'"keyid":"') + 9 :][:64], beta.signing.public.keyid.encode()
    )
    assert refused(lambda: opened(beta, spoiled, register, TEXT)) == "signature"


def test_the_digest_hangs_on_salt_and_text() -> None:
    import hashlib

    assert text_digest("01" * 32, "é") == hashlib.sha256(b"\x01" * 32 + b"\xc3\xa9").hexdigest()
    for salt, text in (("01" * 31, "a"), ("zz" * 32, "a"), ("01" * 32, "\ud800secret")):
        with pytest.raises(Error) as caught:
            text_digest(salt, text)
        assert "secret" not in repr(caught.value)
        assert caught.value.__context__ is None
