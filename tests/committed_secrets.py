"""Secrets that were committed to in a log before a beacon's round, as attributions in a case want them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from beacons import OwnChain, written
from countermark.trust import beacon
from countermark.trust.commitments import Commitment, commit, open_commitment, publish, write_document
from countermark.trust.derivation import (
    BeaconValue,
    FileMaster,
    Terms,
    cut_key,
    epoch_secret,
    key_id,
    working_secret,
)
from countermark.trust.keyfiles import Secret, write_secret
from countermark.trust.log import open_or_create


@dataclass(frozen=True)
class CommittedSecret:
    """Files of a secret whose commitment stands in a log."""

    log: Path
    key_file: Path
    opening: Path
    chain: Path
    beacon: Path
    key_id: str
    document: Commitment

    @property
    def shown(self) -> tuple[Path | str, ...]:
        """Options that show it."""
        files = {"opening": self.opening, "chain": self.chain, "beacon": self.beacon}
        return tuple(part for name, path in files.items() for part in (f"--seed-{name}", path))

    @property
    def options(self) -> tuple[Path | str, ...]:
        """The same, with the secret as a seed file."""
        return ("--seed-file", self.key_file, *self.shown)


def own_chain(patch: pytest.MonkeyPatch, *, public: bool = True, period: int = 30) -> OwnChain:
    """A chain that the test signs for, and that counts as a public one."""
    curve = pytest.importorskip("py_arkworks_bls12381", reason="the extra `beacon` is not installed")
    own = OwnChain(curve, "bls-unchained-g1-rfc9380", period=period)
    if public:
        patch.setitem(beacon.PUBLIC_CHAINS, own.chain.hash, "a chain of the tests")
    return own


def committed_secret(
    folder: Path, log: Path, own: OwnChain, *, purpose: str = "seed", epoch: str = "2026-Q4"
) -> CommittedSecret:
    """A new master, a commitment in the log (made when missing), its opening, and the working key."""
    folder.mkdir()
    master, terms = FileMaster.generate(), Terms("no-profile", epoch, purpose)
    number = own.chain.round_at(datetime.now(UTC)) + 100
    document = commit(master, terms, own.chain, number)
    publish(open_or_create(log), document)
    signed = own.round(number)
    value = BeaconValue(own.chain.hash, number, bytes.fromhex(signed["randomness"]))
    key = cut_key(working_secret(epoch_secret(master, terms), terms, value))
    write_secret(folder / "key", key.reveal().hex().encode() + b"\n")
    write_secret(folder / "opening.json", write_document(open_commitment(master, document)))
    return CommittedSecret(
        log=log,
        key_file=folder / "key",
        opening=folder / "opening.json",
        chain=written(folder / "chain.json", own.info()),
        beacon=written(folder / "round.json", signed),
        key_id=key_id(Secret(key.reveal())),
        document=document,
    )
