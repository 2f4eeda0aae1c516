"""Beacon rounds: real ones of every scheme verify, and nothing that was changed does."""

import hashlib
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beacons import DEFAULT, QUICKNET, OwnChain, written
from countermark.errors import Error, ExitCode
from countermark.trust.beacon import (
    PUBLIC_CHAINS,
    SCHEMES,
    Chain,
    Round,
    read_chain,
    read_round,
    verify_round,
)

ROUNDS = json.loads((Path(__file__).parent / "drand_rounds.json").read_text())
KEYS = {one["public_key"] for one in ROUNDS}
LIBRARY = "py_arkworks_bls12381"
WHY = "the extra `beacon` is not installed"


def chain_of(one: dict) -> Chain:
    return Chain(bytes.fromhex(one["public_key"]), 3, 0, b"\0" * 32, one["scheme"], "")


def test_the_two_spellings_of_a_chain_and_its_hash(tmp_path: Path) -> None:
    quicknet = read_chain(written(tmp_path / "v2.json", QUICKNET))
    assert PUBLIC_CHAINS[quicknet.hash] == "drand quicknet"
    older = {**QUICKNET, "hash": QUICKNET["chain_hash"], "groupHash": QUICKNET["genesis_seed"]}
    older |= {"schemeID": QUICKNET["scheme"], "metadata": {"beaconID": "quicknet"}}
    for field in ("chain_hash", "genesis_seed", "scheme", "beacon_id"):
        del older[field]
    assert read_chain(written(tmp_path / "v1.json", older)) == quicknet
    assert PUBLIC_CHAINS[read_chain(written(tmp_path / "default.json", DEFAULT)).hash] == "drand default"


def test_when_rounds_are_out(tmp_path: Path) -> None:
    chain = read_chain(written(tmp_path / "chain.json", QUICKNET))
    genesis = datetime(2023, 8, 23, 15, 9, 27, tzinfo=UTC)
    assert chain.time_of(1) == genesis
    assert chain.time_of(1001) == genesis + timedelta(seconds=3000)
    for number in (1, 2, 1001, 10**7):
        assert chain.round_at(chain.time_of(number)) == number
        assert chain.round_at(chain.time_of(number) - timedelta(seconds=1)) == number - 1
    assert chain.round_at(genesis - timedelta(days=1)) == 0
    with pytest.raises(Error, match="further away"):
        chain.time_of(1 << 60)


@pytest.mark.parametrize("one", ROUNDS, ids=lambda one: one["source"].split(";")[0])
def test_real_rounds_verify_and_no_other_does(one: dict, tmp_path: Path) -> None:
    pytest.importorskip(LIBRARY, reason=WHY)
    found = read_round(written(tmp_path / "round.json", one))
    chain = chain_of(one)
    value = verify_round(chain, found)
    assert value.round == one["round"]
    assert value.randomness.hex() == one.get("randomness", value.randomness.hex())
    wrong = [(chain, replace(found, number=found.number + 1))]
    wrong += [(chain_of({**one, "scheme": scheme}), found) for scheme in SCHEMES if scheme != one["scheme"]]
    wrong += [(chain_of({**one, "public_key": key}), found) for key in KEYS - {one["public_key"]}]
    for on, candidate in wrong:
        with pytest.raises(Error):
            verify_round(on, candidate)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_own_chains_of_every_scheme(scheme: str, tmp_path: Path) -> None:
    curve = pytest.importorskip(LIBRARY, reason=WHY)
    own = OwnChain(curve, scheme)
    chain = read_chain(written(tmp_path / "chain.json", own.info()))
    assert chain == own.chain
    one = read_round(written(tmp_path / "round.json", own.round(7)))
    assert verify_round(chain, one).chain_hash == chain.hash
    for at in (0, 1, len(one.signature) // 2, len(one.signature) - 1):
        changed = bytearray(one.signature)
        changed[at] ^= 1
        fields = {**own.round(7), "signature": changed.hex()}
        fields.pop("randomness")
        with pytest.raises(Error, match="not signed"):
            verify_round(chain, read_round(written(tmp_path / "changed.json", fields)))
    for infinity in (b"\xc0" + bytes(47), b"\xc0" + bytes(95), b"", bytes(48)):
        with pytest.raises(Error):
            verify_round(chain, Round(7, infinity, b"", one.previous_signature))
    for previous in (b"", b"\x06" * 96):
        if previous != one.previous_signature:
            with pytest.raises(Error):
                verify_round(chain, Round(7, one.signature, one.randomness, previous))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_point_at_infinity_signs_nothing(scheme: str) -> None:
    """With a key at infinity, a signature at infinity satisfies the pairing for every message."""
    curve = pytest.importorskip(LIBRARY, reason=WHY)
    own = OwnChain(curve, scheme)
    previous = bytes.fromhex(own.round(7).get("previous_signature", ""))
    key = b"\xc0" + bytes(len(own.chain.public_key) - 1)
    signature = b"\xc0" + bytes(len(own.round(7)["signature"]) // 2 - 1)
    forged = Round(7, signature, hashlib.sha256(signature).digest(), previous)
    for chain in (own.chain, replace(own.chain, public_key=key)):
        with pytest.raises(Error, match="not signed"):
            verify_round(chain, forged)


def test_points_outside_the_subgroup_are_no_signatures() -> None:
    curve = pytest.importorskip(LIBRARY, reason=WHY)
    refused = 0
    for x in range(1, 60):
        data = bytearray(x.to_bytes(48, "big"))
        data[0] |= 0x80
        try:
            point = curve.G1Point.from_compressed_bytes_unchecked(bytes(data))
        except ValueError:
            continue
        if not point.is_in_subgroup():
            refused += 1
            with pytest.raises(ValueError, match=r"."):
                curve.G1Point.from_compressed_bytes(bytes(data))
    assert refused > 5


@pytest.mark.parametrize(
    "change",
    [
        {"period": 4},
        {"genesis_time": 1692803368},
        {"genesis_seed": "00"},
        {"public_key": QUICKNET["public_key"][:-1] + "b"},
        {"public_key": QUICKNET["public_key"][:96]},
        {"public_key": "x"},
        {"beacon_id": "default"},
        {"chain_hash": "00"},
        {"scheme": "bls-bn254-unchained-on-g1"},
        {"period": 0},
        {"period": "3"},
        {"genesis_time": -1},
    ],
)
def test_a_chain_that_is_not_what_it_says(tmp_path: Path, change: dict) -> None:
    with pytest.raises(Error) as caught:
        read_chain(written(tmp_path / "chain.json", {**QUICKNET, **change}))
    assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED


@pytest.mark.parametrize(
    "change",
    [{"round": 0}, {"round": 1 << 60}, {"randomness": "00"}, {"signature": "b7 5c"}, {"signature": ""}],
)
def test_a_round_that_is_not_what_it_says(tmp_path: Path, change: dict) -> None:
    with pytest.raises(Error):
        read_round(written(tmp_path / "round.json", {**ROUNDS[0], **change}))


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 9999, b" " * 70_000])
def test_what_is_no_beacon_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(data)
    for read in (read_chain, read_round):
        with pytest.raises(Error):
            read(path)
        with pytest.raises(Error, match="cannot be read"):
            read(tmp_path / "none.json")


def test_without_the_library_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, LIBRARY, None)
    one = read_round(written(tmp_path / "round.json", ROUNDS[0]))
    with pytest.raises(Error) as caught:
        verify_round(chain_of(ROUNDS[0]), one)
    assert "countermark[beacon]" in caught.value.hint
