"""A secret is held against a log: what is shown of it, and every way in which it is not."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from beacons import written
from committed_secrets import CommittedSecret, committed_secret, own_chain
from countermark.errors import Error, ExitCode
from countermark.trust import beacon
from countermark.trust.commitments import KIND, commit, open_commitment, write_document
from countermark.trust.committed_seeds import (
    NOT_HELD,
    NOT_SHOWN,
    OF_INPUTS,
    Held,
    SeedSource,
    held_against,
    read_shown,
)
from countermark.trust.derivation import FileMaster, Terms
from countermark.trust.keyfiles import read_secret
from countermark.trust.log import Log, open_or_create
from countermark.trust.runs import Declared, start
from countermark.trust.seeds import seed_key_id


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommittedSecret:
    return committed_secret(tmp_path / "one", tmp_path / "log", own_chain(monkeypatch))


def begun(log: Path) -> int:
    """The index of a run that starts now."""
    return start(open_or_create(log), "M-1", Declared(1, 1)).entry.index


def source_of(one: CommittedSecret) -> SeedSource:
    return SeedSource(one.key_id, shown=read_shown(one.opening, one.chain, one.beacon))


def held(one: CommittedSecret, source: SeedSource | None = None, before: int | None = None) -> Held:
    at = begun(one.log) if before is None else before
    return held_against(Log.open(one.log), source or source_of(one), at)


def test_a_committed_secret_is_shown_with_its_entry_and_round(one: CommittedSecret) -> None:
    assert seed_key_id(read_secret(one.key_file)) == one.key_id
    found = held(one)
    entry = next(Log.open(one.log).entries(KIND))
    number = one.document.beacon.round
    assert found == Held(
        {
            "source": "a seed file",
            "key_id": one.key_id,
            "committed": f"entry 0 of the log, round {number}",
            "entry": 0,
            "entry_time": f"{entry.time:%Y-%m-%dT%H:%M:%SZ}",
            "times_by": "the log alone",
            "round": number,
            "chain": "a chain of the tests",
            "chain_hash": one.document.beacon.chain_hash,
            "terms": {"epoch": "2026-Q4", "profile_id": "no-profile", "purpose": "seed"},
            "commitments_of_purpose": 1,
        }
    )


def test_other_commitments_of_the_purpose_are_counted(
    one: CommittedSecret, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_chain(monkeypatch)
    for epoch, purpose in (("2027-Q1", "seed"), ("2027-Q2", "seed"), ("2026-Q4", "canary")):
        committed_secret(tmp_path / f"{epoch}-{purpose}", one.log, own, epoch=epoch, purpose=purpose)
    found = held(one)
    assert not found.problem
    assert found.fields["commitments_of_purpose"] == 3


def test_without_a_secret_or_without_a_commitment_nothing_is_shown(one: CommittedSecret) -> None:
    assert held(one, SeedSource()).problem == OF_INPUTS
    bare = held(one, SeedSource(one.key_id))
    assert bare.problem == NOT_SHOWN
    assert bare.fields["committed"] == f"not shown: {NOT_SHOWN}"
    assert SeedSource().fields() == {"source": "digests of the inputs", "committed": NOT_HELD}
    assert SeedSource("0" * 16).fields() == {
        "source": "a seed file",
        "key_id": "0" * 16,
        "committed": NOT_HELD,
    }


def test_another_secret_is_not_the_one_that_was_fixed(one: CommittedSecret) -> None:
    found = held(one, replace(source_of(one), key_id="0" * 16))
    assert "is not the one that entry 0 of the log fixed" in found.problem
    assert "entry" not in found.fields


def test_a_commitment_that_is_younger_than_the_run_shows_nothing(one: CommittedSecret) -> None:
    assert held(one, before=0).problem == "the commitment, entry 0 of the log, is younger than this run"


def test_a_commitment_of_another_purpose_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = committed_secret(tmp_path / "c", tmp_path / "log", own_chain(monkeypatch), purpose="watermark")
    assert held(other).problem == "entry 0 of the log is of purpose watermark, and not seed"


def test_a_commitment_in_another_log_shows_nothing(
    one: CommittedSecret, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = committed_secret(tmp_path / "two", tmp_path / "other", own_chain(monkeypatch))
    found = held(other, source_of(one))
    assert found.problem == "the log of the case does not hold the commitment that the opening is of"


def test_a_chain_of_ones_own_shows_nothing(one: CommittedSecret, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(one)
    monkeypatch.delitem(beacon.PUBLIC_CHAINS, one.document.beacon.chain_hash)
    assert "no public one" in held(one, source).problem


def test_another_round_or_chain_shows_nothing(
    one: CommittedSecret, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_chain(monkeypatch)
    later = written(tmp_path / "later.json", own.round(one.document.beacon.round + 1))
    found = held(one, replace(source_of(one), shown=read_shown(one.opening, one.chain, later)))
    assert "and the commitment names" in found.problem
    other = own_chain(monkeypatch, period=31)
    files = (written(tmp_path / "o.json", other.info()), written(tmp_path / "r.json", other.round(5)))
    found = held(one, replace(source_of(one), shown=read_shown(one.opening, *files)))
    assert found.problem == "the commitment names another beacon chain"


@pytest.mark.parametrize("field", ["nonce", "epoch_secret"])
def test_a_wrong_opening_shows_nothing(one: CommittedSecret, field: str) -> None:
    content = json.loads(one.opening.read_text())
    one.opening.write_text(json.dumps(content | {field: "00" * 32}))
    assert held(one).problem == "the opening is not that of this commitment"


def test_a_commitment_that_was_logged_after_its_round_shows_nothing(
    one: CommittedSecret, tmp_path: Path
) -> None:
    master, log = FileMaster.generate(), open_or_create(one.log)
    early = one.document.created - timedelta(days=900)
    own = read_shown(one.opening, one.chain, one.beacon).chain
    document = commit(master, Terms("p", "late", "seed"), own, own.round_at(early) + 9, now=early)
    log.append(KIND, msgspec.to_builtins(document))
    one.opening.write_bytes(write_document(open_commitment(master, document)))
    assert "the beacon round was out" in held(one).problem


@pytest.mark.parametrize("changes", [{"round": 5}, {"created": "2026-01-01T00:00:00"}, {"epoch": 3}])
def test_an_entry_that_is_no_commitment_shows_nothing(
    one: CommittedSecret, changes: dict[str, object]
) -> None:
    source = source_of(one)
    assert source.shown is not None
    fake = "ab" * 32
    fields = msgspec.to_builtins(one.document) | {"commitment": fake} | changes
    open_or_create(one.log).append(KIND, fields)
    opening = msgspec.structs.replace(source.shown.opening, commitment=fake)
    found = held(one, replace(source, shown=replace(source.shown, opening=opening)))
    assert found.problem == "entry 1 of the log is no commitment"


@pytest.mark.parametrize("name", ["opening", "chain", "beacon"])
@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, '{"schema": "x"}', "null"])
def test_damaged_files_are_one_error(one: CommittedSecret, name: str, content: str) -> None:
    getattr(one, name).write_text(content)
    with pytest.raises(Error) as caught:
        source_of(one)
    assert caught.value.exit_code in (ExitCode.NO_INPUT, ExitCode.VERIFICATION_FAILED)


def test_a_round_that_the_chain_did_not_sign_is_an_error(one: CommittedSecret) -> None:
    content = json.loads(one.beacon.read_text())
    one.beacon.write_text(json.dumps(content | {"round": content["round"] + 1}))
    with pytest.raises(Error, match="not signed by the chain's key"):
        source_of(one)


def test_no_secret_is_in_what_is_said(one: CommittedSecret) -> None:
    opening = json.loads(one.opening.read_text())
    hidden = [one.key_file.read_text().strip(), opening["nonce"], opening["epoch_secret"]]
    source = source_of(one)
    for found in (held(one), held(one, replace(source, key_id="0" * 16)), held(one, before=0)):
        text = repr(found) + repr(source)
        assert not [secret for secret in hidden if secret in text]
