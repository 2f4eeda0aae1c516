"""Derivation: RFC 5869's own vector, independence of all that goes in, cuts in range, ids that hide."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from countermark.errors import Error
from countermark.trust import derivation
from countermark.trust.derivation import BeaconValue, FileMaster, Terms
from countermark.trust.keyfiles import Secret

MASTER = FileMaster(Secret(bytes(range(32))))
TERMS = Terms("profile-1", "2026-Q4")
BEACON = BeaconValue("ab" * 32, 1000, b"\x11" * 32)

RECORDED = {
    "key": "dce6ee27bc99f559",
    "integer": "e56c5ceb71cad11d",
    "synthid": "93ad88613e786218",
    "accounts": "f52cfdad79207e260dd756b3a182129a5ac96c1eef0f511b47bd8041de78f839",
}


def working(terms: Terms = TERMS, beacon: BeaconValue = BEACON, master: FileMaster = MASTER) -> Secret:
    return derivation.working_secret(derivation.epoch_secret(master, terms), terms, beacon)


def test_vector_of_rfc_5869() -> None:
    """Appendix A.1."""
    key = Secret(b"\x0b" * 22)
    okm = derivation.hkdf(key, salt=bytes(range(13)), info=bytes(range(0xF0, 0xFA)), length=42)
    assert okm.reveal().hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


def test_the_chain_of_derivation_is_what_the_docstring_says() -> None:
    """The same by hand: a second implementation has to come out here."""
    epoch = derivation.hkdf(
        Secret(bytes(range(32))),
        info=b'countermark/epoch-secret/v1\n{"epoch":"2026-Q4","profile_id":"profile-1","purpose":"watermark"}',
    )
    info = (
        b'countermark/working-key/v1\n{"chain_hash":"' + b"ab" * 32 + b'","epoch":"2026-Q4",'
        b'"profile_id":"profile-1","purpose":"watermark","round":1000}'
    )
    by_hand = derivation.hkdf(epoch, salt=b"\x11" * 32, info=info)
    assert by_hand.reveal() == working().reveal()
    cut = derivation.hkdf(by_hand, info=b'countermark/cut/v1\n{"form":"128"}', length=16)
    assert derivation.cut_key(working()).reveal() == cut.reveal()


def test_recorded_keys() -> None:
    """A change here makes every key that was ever derived another one."""
    assert derivation.key_id(derivation.cut_key(working())) == RECORDED["key"]
    assert derivation.integers_key_id([derivation.cut_integer(working())]) == RECORDED["integer"]
    assert derivation.integers_key_id(derivation.cut_integers(working(), 30)) == RECORDED["synthid"]
    accounts = derivation.account_keys(working(), ["a", "b"]).tobytes()
    assert hashlib.sha256(accounts).hexdigest() == RECORDED["accounts"]


def test_everything_that_goes_in_changes_the_key() -> None:
    others = [
        working(replace(TERMS, profile_id="profile-2")),
        working(replace(TERMS, epoch="2027-Q1")),
        working(replace(TERMS, purpose="canary")),
        working(beacon=replace(BEACON, randomness=b"\x12" * 32)),
        working(beacon=replace(BEACON, round=1001)),
        working(beacon=replace(BEACON, chain_hash="cd" * 32)),
        working(master=FileMaster(Secret(bytes(32)))),
        working(),
    ]
    assert len({one.reveal() for one in others}) == len(others)


def test_terms_do_not_run_together() -> None:
    first = derivation.epoch_secret(MASTER, Terms("a", "bc")).reveal()
    assert first != derivation.epoch_secret(MASTER, Terms("ab", "c")).reveal()
    for wrong in ("", "x" * 201, "a\nb", "ä"):
        with pytest.raises(Error, match="printable"):
            Terms(wrong, "e")


def test_cuts_are_in_their_ranges_and_independent() -> None:
    key = working()
    assert len(derivation.cut_key(key).reveal()) == 16
    wide, narrow = derivation.cut_integer(key), derivation.cut_integer(key, 63)
    assert 0 <= wide < 1 << 64
    assert 0 <= narrow < 1 << 63
    assert narrow not in (wide, wide >> 1)
    layers = derivation.cut_integers(key, 30)
    assert len(set(layers)) == 30
    assert all(0 <= layer < 1 << 63 for layer in layers)
    assert derivation.cut_integers(key, 29) != layers[:29]
    for depth in (0, 257):
        with pytest.raises(Error, match="depth"):
            derivation.cut_integers(key, depth)
    with pytest.raises(Error, match="63 or 64"):
        derivation.cut_integer(key, 32)


def test_account_keys_are_hkdf_and_each_its_own() -> None:
    key = working()
    ids = ["a", "b", "Zoë", "", "a" * 1000]
    keys = derivation.account_keys(key, ids)
    assert keys.shape == (5, 16)
    assert keys.dtype == np.uint8
    root = derivation.hkdf(key, info=b"countermark/account-keys/v1\n").reveal()
    for row, one in zip(keys, ids, strict=True):
        assert row.tobytes() == HKDFExpand(SHA256(), 16, one.encode()).derive(root)
    assert np.array_equal(derivation.account_keys(key, ids[::-1]), keys[::-1])
    assert derivation.account_keys(key, []).shape == (0, 16)


def test_key_ids_name_without_telling() -> None:
    key = derivation.cut_key(working())
    assert (
        derivation.key_id(key) == hashlib.sha256(b"countermark/key-id/v1\n" + key.reveal()).hexdigest()[:16]
    )
    quick = hashlib.sha256(b"countermark/key-id/v1\n" + (15485863).to_bytes(8, "big")).hexdigest()[:16]
    assert derivation.integers_key_id([15485863]) != quick
    assert len(derivation.integers_key_id([15485863])) == 16
    assert derivation.integers_key_id([1, 2]) != derivation.integers_key_id([2, 1])


def test_masters_show_nothing() -> None:
    made = FileMaster.generate()
    assert made.to_hex().reveal() not in repr(made).encode() + repr(vars(made)).encode()
    with pytest.raises(Error, match="32 bytes"):
        FileMaster(Secret(b"short"))
