"""Members that cheat in a joint check: each is refused, counted, or exposed when its keys are opened."""

import json
from pathlib import Path

import msgspec
import pytest
from check_samples import (
    NAMES,
    NOW,
    SALT,
    Party,
    hexes,
    key_of,
    make_parties,
    marked_text,
    opened,
    profile_of,
    register_of,
)

from countermark.errors import Error
from countermark.share.check.correction import contradicted, correct
from countermark.share.check.detectors import Detectors
from countermark.share.check.messages import Keys, PoolAnswer, RegisteredPool
from countermark.share.check.openings import check_raw, check_verdict, raw_commitment
from countermark.share.check.register import (
    MOST_MEMBER_KEYS,
    Register,
    Registered,
    check_registration,
    registered_family,
)
from countermark.share.check.verdicts import VerdictRefused, text_digest
from countermark.trust.keyfiles import Secret, write_secret

TEXT = marked_text("beta")


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Party]:
    return make_parties(tmp_path_factory.mktemp("parties"))


@pytest.fixture
def register(parties: dict[str, Party]) -> Register:
    return register_of(*parties.values())


def refused(party: Party, envelope: bytes, register: Register, text: str = TEXT, **changes: object) -> str:
    with pytest.raises(VerdictRefused) as caught:
        opened(party, envelope, register, text, **changes)
    return caught.value.reason


def with_figure(pools: list[PoolAnswer], log10_p: float) -> list[PoolAnswer]:
    """The first key says something else."""
    first = pools[0]
    rows = [msgspec.structs.replace(first.keys[0], log10_p=log10_p), *first.keys[1:]]
    return [msgspec.structs.replace(first, keys=rows), *pools[1:]]


def test_answering_for_anothers_key(parties: dict[str, Party], register: Register) -> None:
    """Gamma says that it is beta's mark, under beta's names, or that beta's mark is its own."""
    gamma, betas = parties["gamma"], parties["beta"].detectors.answer(TEXT)
    own = gamma.detectors.answer(TEXT)
    assert refused(gamma, gamma.sign([*own, *betas], text=TEXT), register) == "another's pool"
    disguised = [msgspec.structs.replace(own[0], keys=betas[0].keys)]
    assert refused(gamma, gamma.sign(disguised, text=TEXT), register) == "unregistered key"
    taken = Keys(member="gamma", pools=parties["beta"].pools, created=NOW)
    assert check_registration(taken, register) == "the commitment is registered to another member"


def test_another_signs_in_its_name(parties: dict[str, Party], register: Register) -> None:
    gamma, beta = parties["gamma"], parties["beta"]
    forged = gamma.sign(beta.detectors.answer(TEXT), text=TEXT, member="beta")
    assert refused(beta, forged, register) == "signature"


def test_leaving_out_the_key_that_was_found(parties: dict[str, Party], register: Register) -> None:
    """A detector that hides a mark by leaving its key out, or the whole pool."""
    beta = parties["beta"]
    first = beta.detectors.answer(TEXT)[0]
    without = [msgspec.structs.replace(first, keys=first.keys[1:])]
    assert refused(beta, beta.sign(without, text=TEXT), register) == "missing key"
    assert refused(beta, beta.sign([], text=TEXT), register) == "missing pool"


def test_adding_keys_after_the_text_was_seen(
    parties: dict[str, Party], register: Register, tmp_path: Path
) -> None:
    """Of many made-up keys the best is small on any text; only what was registered before may answer."""
    beta = parties["beta"]
    lines = [json.dumps({"account": f"n{i}", "key": hexes("ground", i)[:32]}) for i in range(2000)]
    write_secret(tmp_path / "many.jsonl", "\n".join(lines).encode())
    for name in ("profile.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((beta.folder / name).read_bytes())
    settings = msgspec.structs.replace(beta.settings[0], key_pool="many.jsonl")
    many = Detectors.open([settings], tmp_path).answer(marked_text(None))[0]
    best = min(many.keys, key=lambda row: row.log10_p or 0.0)
    assert best.log10_p is not None
    assert best.log10_p < -2.5
    first = beta.detectors.answer(marked_text(None))[0]
    more = [msgspec.structs.replace(first, keys=[*first.keys, best])]
    envelope = beta.sign(more, text=marked_text(None))
    assert refused(beta, envelope, register, marked_text(None)) == "unregistered key"
    # registered beforehand they all count, and the best of them shows nothing
    whole = register_of(*[one for one in parties.values() if one is not beta])
    for one in Detectors.open([settings], tmp_path).registered():
        whole.add(one)
    found = correct([many], registered_family(whole, NAMES), ordinal=1, alpha=0.01)
    assert (found.word, found.hypotheses) == ("not shown", 2006)


def test_replaying_an_earlier_verdict(parties: dict[str, Party], register: Register) -> None:
    beta = parties["beta"]
    earlier = beta.verdict(TEXT, request=hexes("first request"))
    assert refused(beta, earlier, register) == "request"
    other = beta.verdict(marked_text(None))
    assert refused(beta, other, register) == "digest"


def test_a_lie_is_exposed_by_the_opening(parties: dict[str, Party], register: Register) -> None:
    """Gamma claims beta's text for its own: nothing stops the figure, and the opened key contradicts it."""
    gamma = parties["gamma"]
    lie = gamma.sign(with_figure(gamma.detectors.answer(TEXT), -80.0), text=TEXT)
    verdict = opened(gamma, lie, register, TEXT)
    pools = [*verdict.pools, *parties["beta"].detectors.answer(TEXT)]
    found = correct(pools, registered_family(register, NAMES), ordinal=1, alpha=0.01)
    assert found.marks == ["beta", "gamma"]
    # years later: the text and its salt, the signed verdict, the opened keys
    (one,) = check_verdict(verdict, TEXT, SALT, gamma.detectors.answer(TEXT))
    assert (one.key, one.said.log10_p) == (gamma.pools[0].keys[0], -80.0)
    assert one.is_so.log10_p is not None
    assert one.is_so.log10_p > -4


def test_an_opened_copy_overrules_a_lie_at_once(parties: dict[str, Party], register: Register) -> None:
    gamma = parties["gamma"]
    lie = with_figure(gamma.detectors.answer(TEXT), -80.0)
    pools = [*gamma.detectors.answer(TEXT), *lie]  # the first as the operator's opened copy gives it
    assert correct(pools, registered_family(register, NAMES), ordinal=1, alpha=0.01).word == "not shown"


def test_an_opened_copy_overrules_a_denial_at_once(parties: dict[str, Party], register: Register) -> None:
    """Whoever holds a copy counts its own figure (ADR 0018)."""
    beta = parties["beta"]
    truth = beta.detectors.answer(TEXT)
    denied = with_figure(truth, 0.0)
    found = correct([*truth, *denied], registered_family(register, NAMES), ordinal=1, alpha=0.01)
    assert found.marks == ["beta"]
    assert list(contradicted(truth, denied, 200).values()) == [1]


def test_hiding_a_mark_is_exposed_too(parties: dict[str, Party], register: Register) -> None:
    beta = parties["beta"]
    hidden = beta.sign(with_figure(beta.detectors.answer(TEXT), -0.2), text=TEXT)
    (one,) = check_verdict(opened(beta, hidden, register, TEXT), TEXT, SALT, beta.detectors.answer(TEXT))
    assert (one.said.log10_p, one.key) == (-0.2, beta.pools[0].keys[0])


def test_an_honest_verdict_is_confirmed(parties: dict[str, Party], register: Register) -> None:
    for one in parties.values():
        verdict = opened(one, one.verdict(TEXT), register, TEXT)
        assert check_verdict(verdict, TEXT, SALT, one.detectors.answer(TEXT)) == []


def test_nobody_is_exposed_with_another_text(parties: dict[str, Party], register: Register) -> None:
    verdict = opened(parties["beta"], parties["beta"].verdict(TEXT), register, TEXT)
    for text, salt in ((TEXT + " ", SALT), (TEXT, "00" * 32)):
        with pytest.raises(Error, match="another text or salt"):
            check_verdict(verdict, text, salt, [])
    assert text_digest(SALT, TEXT) == verdict.text_digest


def test_opening_another_key_than_was_committed_to() -> None:
    """After a lie, a key under which it would be true: it does not open the commitment."""
    nonce, key = Secret(b"07" * 32), Secret(key_of("gamma").encode())
    commitment = raw_commitment(nonce, key)
    check_raw(commitment, nonce, key)
    for n, k in ((nonce, Secret(key_of("beta").encode())), (Secret(b"08" * 32), key), (Secret(b"07"), key)):
        with pytest.raises(Error):
            check_raw(commitment, n, k)


def test_flooding_the_family_costs_others_a_known_factor(
    parties: dict[str, Party], register: Register
) -> None:
    """The most keys that one member may have cost the others four decades, of the many that a mark has."""
    for number in range(10):
        keys = [f"{number}-{i}" for i in range(MOST_MEMBER_KEYS // 10)]
        pool = RegisteredPool(
            profile_id=profile_of(f"f{number}"), epoch="1", commitment=hexes("f", number), keys=keys
        )
        register.add(Registered("flood", pool))
    pools = [pool for one in parties.values() for pool in one.detectors.answer(TEXT)]
    found = correct(pools, registered_family(register, (*NAMES, "flood")), ordinal=1, alpha=0.01)
    assert (found.hypotheses, found.marks) == (10_009, ["beta"])
