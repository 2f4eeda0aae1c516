"""Commitments: they bind, they hide, they come before the beacon, and an opening is of one epoch alone."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons import QUICKNET, written
from countermark.errors import Error
from countermark.trust import derivation
from countermark.trust.beacon import Chain, read_chain
from countermark.trust.checkpoints import Proof
from countermark.trust.commitments import (
    KIND,
    Commitment,
    check_opening,
    check_published,
    commit,
    open_commitment,
    publish,
    read_commitment,
    read_opening,
    write_document,
)
from countermark.trust.derivation import BeaconValue, FileMaster, Terms
from countermark.trust.keyfiles import Secret
from countermark.trust.log import Log
from countermark.trust.notes import COSIGNATURE, VerifierKey, cosign_note
from countermark.trust.signing import SigningKey

MASTER = FileMaster(Secret(b"\x42" * 32))
TERMS = Terms("profile-1", "2026-Q4")
KEY, WITNESS = SigningKey.generate(), SigningKey.generate()
WITNESS_KEY = VerifierKey("witness.example", WITNESS.public, COSIGNATURE)
FUTURE = 10**9  # a round of the year 2118


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return read_chain(written(tmp_path_factory.mktemp("chain") / "info.json", QUICKNET))


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.create(tmp_path / "log", "log.example/1", KEY)


def proved(log: Log, document: Commitment) -> Proof:
    return log.prove(publish(log, document).index)


def test_commit_publish_open_and_check(chain: Chain, log: Log, tmp_path: Path) -> None:
    document = commit(MASTER, TERMS, chain, FUTURE)
    proof = proved(log, document)
    (tmp_path / "c.json").write_bytes(write_document(document))
    assert read_commitment(tmp_path / "c.json") == document
    shown = check_published(document, chain, proof, log.verifier)
    assert not shown.witnessed
    opening = open_commitment(MASTER, document)
    (tmp_path / "o.json").write_bytes(write_document(opening))
    secret = check_opening(document, read_opening(tmp_path / "o.json"))
    beacon = BeaconValue(chain.hash, FUTURE, b"\x11" * 32)
    ours = derivation.working_secret(derivation.epoch_secret(MASTER, TERMS), TERMS, beacon)
    assert derivation.working_secret(secret, document.terms, beacon).reveal() == ours.reveal()


def test_an_opening_is_of_one_commitment(chain: Chain) -> None:
    """Every other master, epoch, profile, round, nonce or secret fails: that is what binding means here."""
    document = commit(MASTER, TERMS, chain, FUTURE)
    opening = open_commitment(MASTER, document)
    change = msgspec.structs.replace
    for other in (
        commit(MASTER, replace(TERMS, epoch="2027-Q1"), chain, FUTURE),
        commit(MASTER, replace(TERMS, profile_id="profile-2"), chain, FUTURE),
        commit(MASTER, TERMS, chain, FUTURE + 1),
        commit(FileMaster.generate(), TERMS, chain, FUTURE),
        change(document, created=document.created - timedelta(days=1)),
        change(document, epoch="2027-Q1"),
        change(document, beacon=change(document.beacon, round=FUTURE + 1)),
    ):
        with pytest.raises(Error, match="not that of this commitment"):
            check_opening(other, change(opening, commitment=other.commitment))
    for wrong in (
        change(opening, nonce="00" * 32),
        change(opening, epoch_secret="00" * 32),
        change(opening, commitment="00" * 32),
        change(opening, nonce=opening.epoch_secret, epoch_secret=opening.nonce),
        change(opening, nonce="zz"),
        change(opening, nonce=""),
        change(opening, nonce=opening.nonce.upper()),
    ):
        with pytest.raises(Error):
            check_opening(document, wrong)
    with pytest.raises(Error, match="not made with this master"):
        open_commitment(FileMaster.generate(), document)


@given(st.integers(0, 31), st.integers(1, 255), st.sampled_from(["nonce", "epoch_secret"]))
def test_any_changed_byte_of_an_opening_fails(chain: Chain, at: int, flip: int, field: str) -> None:
    document = commit(MASTER, TERMS, chain, FUTURE)
    opening = open_commitment(MASTER, document)
    data = bytearray(bytes.fromhex(getattr(opening, field)))
    data[at] ^= flip
    with pytest.raises(Error):
        check_opening(document, msgspec.structs.replace(opening, **{field: data.hex()}))


def test_an_opened_epoch_says_nothing_of_another(chain: Chain) -> None:
    """The same opening for neighbouring epochs and masters that differ in one bit: nothing is shared."""
    epochs = [open_commitment(MASTER, commit(MASTER, Terms("p", f"e{n}"), chain, FUTURE)) for n in range(50)]
    values = {one.epoch_secret for one in epochs} | {one.nonce for one in epochs}
    assert len(values) == 100
    master = MASTER.to_hex().reveal().decode()
    text = "".join(write_document(one).decode() for one in epochs)
    assert master not in text
    assert master[:16] not in text


def test_a_round_that_is_out_is_refused(chain: Chain, log: Log) -> None:
    now = datetime.now(UTC)
    newest = chain.round_at(now)
    for number in (0, 1, newest):
        with pytest.raises(Error, match="is out") as caught:
            commit(MASTER, TERMS, chain, number, now=now)
        assert str(newest) in caught.value.hint
    # made with a clock that was set back, and logged now
    early = commit(MASTER, TERMS, chain, newest, now=now - timedelta(days=1))
    with pytest.raises(Error, match="was out when"):
        check_published(early, chain, proved(log, early), log.verifier)


def test_a_witness_who_saw_it_too_late(chain: Chain, log: Log) -> None:
    """Publisher and log agree on a time before the round; the witness did not see it until after."""
    now = datetime.now(UTC)
    number = chain.round_at(now) - 100
    before = chain.time_of(number) - timedelta(minutes=1)
    document = commit(MASTER, TERMS, chain, number, now=before)
    entry = log.append(KIND, msgspec.to_builtins(document), time=before)
    proof = log.prove(entry.index)
    assert not check_published(document, chain, proof, log.verifier).witnessed
    for seen, late in ((before, False), (now, True)):
        note = cosign_note(proof.checkpoint, "witness.example", WITNESS, int(seen.timestamp()))
        cosigned = replace(proof, checkpoint=note)
        if late:
            with pytest.raises(Error, match="witnessed"):
                check_published(document, chain, cosigned, log.verifier, [WITNESS_KEY])
        else:
            assert check_published(document, chain, cosigned, log.verifier, [WITNESS_KEY]).witnessed


def test_another_chain_document_or_entry(chain: Chain, log: Log) -> None:
    document = commit(MASTER, TERMS, chain, FUTURE)
    proof = proved(log, document)
    with pytest.raises(Error, match="another beacon chain"):
        check_published(document, replace(chain, period=4), proof, log.verifier)
    other = commit(MASTER, replace(TERMS, epoch="2027-Q1"), chain, FUTURE)
    with pytest.raises(Error, match="not this commitment"):
        check_published(other, chain, proof, log.verifier)
    foreign = log.append("note", msgspec.to_builtins(document))
    with pytest.raises(Error, match="not this commitment"):
        check_published(document, chain, log.prove(foreign.index), log.verifier)
    with pytest.raises(Error, match="does not lead"):
        check_published(document, chain, replace(proof, extra=proof.extra[:-1]), log.verifier)


def test_one_commitment_for_one_epoch(chain: Chain, log: Log) -> None:
    """Many commitments, of which the best is opened later, would be grinding by another way."""
    publish(log, commit(MASTER, TERMS, chain, FUTURE))
    for master in (MASTER, FileMaster.generate()):
        with pytest.raises(Error, match="entry 0 of the log"):
            publish(log, commit(master, TERMS, chain, FUTURE + 5))
    publish(log, commit(MASTER, replace(TERMS, epoch="2027-Q1"), chain, FUTURE))


def test_files_that_are_none_are_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    secret = "5ecf" * 16
    for content in ("", "[]", secret, json.dumps({"schema": secret}), "[" * 9999, " " * 70_000):
        path.write_text(content)
        for read in (read_commitment, read_opening):
            with pytest.raises(Error) as caught:
                read(path)
            assert secret not in caught.value.message + caught.value.hint
            assert caught.value.__cause__ is None
    with pytest.raises(Error, match="cannot be read"):
        read_opening(tmp_path / "none")


def test_what_is_secret_is_not_in_reprs(chain: Chain) -> None:
    opening = open_commitment(MASTER, commit(MASTER, TERMS, chain, FUTURE))
    assert opening.epoch_secret not in repr(opening)
    assert opening.nonce not in repr(opening)
