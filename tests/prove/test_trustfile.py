"""The trust file is read strictly: what is not understood is an error, not a default."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from countermark.errors import Error, ExitCode
from countermark.prove.package.trustfile import SignerEntry, WitnessEntry, read_trust, write_trust
from countermark.trust.checkpoints import Checkpoint, sign_checkpoint
from countermark.trust.notes import COSIGNATURE, VerifierKey
from countermark.trust.signing import SigningKey

LOG_KEY = SigningKey.generate()
KEY = SigningKey.generate().public
LOG = VerifierKey("a.example/log.public", LOG_KEY.public)
WITNESS = VerifierKey("w.example", KEY, COSIGNATURE)
NOTE = sign_checkpoint(Checkpoint(LOG.name, 3, bytes(32)), LOG_KEY)
FOREIGN = sign_checkpoint(Checkpoint(LOG.name, 3, bytes(32)), SigningKey.generate())
SIGNER = {"name": "a", "public_key": KEY.to_base64()}
GOOD = {"schema": "countermark/trust/v1", "signers": [SIGNER], "threshold": 1}


def test_smallest_trust_file(tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_text(json.dumps(GOOD))
    trust = read_trust(tmp_path / "trust.json")
    assert trust.signers == {KEY.keyid: "a"}
    assert trust.cases == frozenset()


def test_key_as_pem(tmp_path: Path) -> None:
    key = SigningKey.generate()
    pem = key.save(tmp_path / "key").read_text()
    write_trust(tmp_path / "trust.json", [SignerEntry("a", pem)], cases=["CASE-1"])
    trust = read_trust(tmp_path / "trust.json")
    assert (trust.signers, trust.cases) == ({key.public.keyid: "a"}, {"CASE-1"})


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "countermark/trust/v2"},
        {"treshold": 1},
        {"threshold": 0},
        {"threshold": 2},
        {"threshold": True},
        {"signers": []},
        {"signers": [SIGNER, {**SIGNER, "name": "b"}]},
        {"signers": [{"name": "", "public_key": KEY.to_base64()}]},
        {"signers": [{"name": "a", "public_key": "AAAA"}]},
        {"signers": [{**SIGNER, "role": "x"}]},
        {"tsa_roots": ["no pem"]},
        {"cases": ["../x"]},
        {"cases": ["a"] * 300},
        {"cases": "CASE-1"},
        {"signers": [{**SIGNER, "valid_from": "2026-01-01"}]},
        {"signers": [{**SIGNER, "valid_from": "2026-1-01T00:00:00Z"}]},
        {
            "signers": [
                {**SIGNER, "valid_from": "2026-02-01T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"}
            ]
        },
        {"timestamp_authorities": -1},
        {"timestamp_authorities": 17},
        {"logs": ["a.example"]},
        {"logs": [str(WITNESS)]},
        {"logs": [str(LOG), str(LOG)]},
        {"witnesses": [str(WITNESS)]},
        {"witnesses": [{"vkey": str(LOG), "alliance": True}]},
        {"witnesses": [{"vkey": str(WITNESS)}]},
        {"witnesses": [{"vkey": str(WITNESS), "alliance": True}, {"vkey": str(WITNESS), "alliance": False}]},
        {"checkpoints": [NOTE]},
        {"checkpoints": [FOREIGN], "logs": [str(LOG)]},
        {"checkpoints": ["no note"], "logs": [str(LOG)]},
    ],
)
def test_what_is_refused(tmp_path: Path, change: dict) -> None:
    path = tmp_path / "trust.json"
    path.write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(Error, match="trust file") as caught:
        read_trust(path)
    assert caught.value.exit_code == ExitCode.NO_INPUT


@pytest.mark.parametrize("data", [b"", b"[]", b"[" * 100_000, b"\xff", b" " * ((1 << 20) + 1)])
def test_what_is_no_trust_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "trust.json").write_bytes(data)
    with pytest.raises(Error, match="trust file"):
        read_trust(tmp_path / "trust.json")
    with pytest.raises(Error, match="cannot be read"):
        read_trust(tmp_path / "missing.json")


def test_threshold_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_text(json.dumps(GOOD)[:-1] + ', "threshold": 1}')
    with pytest.raises(Error, match="strict JSON"):
        read_trust(tmp_path / "trust.json")


def test_logs_witnesses_and_validity(tmp_path: Path) -> None:
    signer = SignerEntry("a", KEY.to_base64(), "2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z")
    write_trust(
        tmp_path / "trust.json",
        [signer],
        timestamp_authorities=2,
        logs=[str(LOG)],
        witnesses=[WitnessEntry(str(WITNESS), alliance=False)],
        checkpoints=[NOTE],
    )
    trust = read_trust(tmp_path / "trust.json")
    assert (trust.logs, trust.timestamp_authorities, trust.checkpoints) == ((LOG,), 2, (NOTE,))
    assert [(one.key, one.alliance) for one in trust.witnesses] == [(WITNESS, False)]
    validity = trust.validity[KEY.keyid]
    assert validity.covers(datetime(2026, 1, 1, tzinfo=UTC))
    assert not validity.covers(datetime(2027, 1, 1, tzinfo=UTC))
    assert not validity.covers(datetime(2025, 12, 31, tzinfo=UTC))
