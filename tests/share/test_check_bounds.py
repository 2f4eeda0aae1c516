"""The largest answer there can be is one that a client takes."""

import base64
from typing import Any

import msgspec
import pytest
from check_samples import NOW, hexes, own_profile, profile_of

from countermark.share.check.messages import (
    MOST_POOLS,
    KeyAnswer,
    Outcome,
    PoolAnswer,
    RegisteredPool,
    Row,
    Verdict,
)
from countermark.share.check.register import MOST_MEMBER_KEYS
from countermark.share.check.verdicts import MOST_BYTES, MOST_TOKENS, sign_verdict
from countermark.share.client.checks import MOST_ANSWER
from countermark.store.exchange.pools import MOST_ALL
from countermark.trust.signing import SigningKey
from countermark.watermark.schemes import green_list, sglang_gumbel, synthid, vllm_gumbel

KEY = SigningKey.generate()
SHORT, WEAK, MEMBER = '"' * 64, '"' * 256, "m" * 200
"""As long as they may be; of characters that JSON escapes."""
WORST = -9_999_999.123456789


def _pool(number: int, keys: int) -> PoolAnswer:
    rows = [KeyAnswer(key=SHORT, scored_tokens=MOST_TOKENS, log10_p=WORST) for _ in range(keys)]
    profile = profile_of("x")
    return PoolAnswer(profile_id=profile, epoch=SHORT, commitment=hexes(number), keys=rows, weak=WEAK)


def _verdict(pools: list[PoolAnswer]) -> bytes:
    about: dict[str, Any] = {"member": MEMBER, "request_id": "0" * 64, "text_digest": "0" * 64}
    return sign_verdict(KEY, pools=pools, now=NOW, **about)


@pytest.mark.parametrize("keys_of_a_pool", [1, 10])
def test_the_largest_answer_is_one_that_a_client_takes(keys_of_a_pool: int) -> None:
    count = min(MOST_POOLS, MOST_MEMBER_KEYS // keys_of_a_pool)
    envelope = _verdict([_pool(number, keys_of_a_pool) for number in range(count)])
    # what stands in it is of the schema
    msgspec.json.decode(base64.b64decode(msgspec.json.decode(envelope)["payload"]), type=Verdict)
    assert len(envelope) < MOST_BYTES
    row = Row(
        member=MEMBER,
        profile_id=profile_of("x"),
        epoch=SHORT,
        key=SHORT,
        scored_tokens=MOST_TOKENS,
        log10_p=-9_999_999.99,
        log10_adjusted=-9_999_999.99,
        log10_holm_so_far=-9_999_999.99,
        passes=False,
        weak=WEAK,
    )
    members = MOST_ALL // (count * keys_of_a_pool)
    largest = Outcome(
        check_id="0" * 64,
        word="not shown",
        marks=[MEMBER] * members,
        matter="m" * 100,
        ordinal=1 << 53,
        alpha=0.1,
        hypotheses=MOST_ALL,
        asked_so_far=1 << 53,
        consent=True,
        answered=[MEMBER] * members,
        missing={f"{MEMBER}{number}": "its verdict is refused: unregistered pool" for number in range(1000)},
        complete=False,
        rows=[row] * MOST_ALL,
        salt="0" * 64,
        text_digest="0" * 64,
        entries=[1 << 53] * 2000,
        verdicts=[envelope.decode()] * members,
    )
    assert len(msgspec.json.encode(largest)) < MOST_ANSWER


def test_what_real_profiles_have_is_within_the_bounds() -> None:
    profile = own_profile("ab" * 32, "alpha")
    for module in (green_list, sglang_gumbel, synthid, vllm_gumbel):
        for one in vars(module).values():
            if isinstance(weak := getattr(one, "weak", None), str):
                _decoded(profile_id=profile.profile_id, epoch=profile.epoch, weak=weak)


def _decoded(**changes: str) -> PoolAnswer:
    pool = msgspec.structs.replace(_pool(1, 1), **changes)
    return msgspec.json.decode(msgspec.json.encode(pool), type=PoolAnswer)


@pytest.mark.parametrize(
    "changes",
    [
        {"profile_id": "profile-alpha"},
        {"profile_id": f"{profile_of('x')}\n"},
        {"epoch": "e" * 65},
        {"epoch": "Q4\n"},
        {"epoch": "\u00e9"},
        {"epoch": ""},
        {"weak": "w" * 257},
    ],
)
def test_what_is_longer_than_real_ones_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        _decoded(**changes)
    if "weak" not in changes:
        registered = {"epoch": "1", "profile_id": profile_of("x"), "commitment": hexes(1), "keys": ["k"]}
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(registered | changes, RegisteredPool)
