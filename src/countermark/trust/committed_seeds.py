"""Whether the secret behind a run's random draws was fixed before the run, held against the log of a case.

    commitment in the log ──opening── epoch secret ──round── working key = the secret, by its key id

An opening shows which epoch secret a commitment in the log is to; the round, signed by the chain's key, gives
the working key; the seed file holds that key, or it was not fixed by the commitment. The entry stands before
the run's own start, and before the round was out. The times are the log's own: that nobody wrote the log
afterwards is shown by a witness or an earlier checkpoint (`watermark commit --check`), not here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from countermark.errors import Error
from countermark.trust.beacon import PUBLIC_CHAINS, Chain, read_chain, read_round, verify_round
from countermark.trust.commitments import (
    KIND,
    Commitment,
    Opening,
    check_opening,
    check_published,
    read_opening,
)
from countermark.trust.derivation import BeaconValue, cut_key, key_id, working_secret
from countermark.trust.entries import Entry
from countermark.trust.log import Log

PURPOSE = "seed"
"""Of working keys that seeds come from."""
DIGESTS = "digests of the inputs"
NOT_HELD = "not held against a log"
OF_INPUTS = (
    "the random draws come from digests of the inputs, which can be tried out; a case needs a seed file"
    " that was committed to (--seed-file)"
)
NOT_SHOWN = (
    "no commitment in the log is shown to have fixed the secret of the random draws before this run"
    " (--seed-opening, --seed-chain, --seed-beacon)"
)


@dataclass(frozen=True)
class Shown:
    """What is shown of a secret: an opening, and a round that was verified when it was read."""

    opening: Opening
    chain: Chain
    value: BeaconValue


@dataclass(frozen=True)
class SeedSource:
    """Where the random draws of a run come from; without a key id, from digests of the inputs."""

    key_id: str = ""
    """Public name of the secret, 16 hex digits."""
    purpose: str = PURPOSE
    """That the commitment has to be for."""
    shown: Shown | None = None
    what: str = "a seed file"
    """The secret, in words."""

    def fields(self) -> dict[str, Any]:
        """For a record; held against nothing so far."""
        named = {"source": self.what, "key_id": self.key_id} if self.key_id else {"source": DIGESTS}
        return named | {"committed": NOT_HELD}


@dataclass(frozen=True)
class Held:
    """What the log says of a source."""

    fields: dict[str, Any]
    """For the record."""
    problem: str = ""
    """Why the log does not show that the draws were fixed before; empty if it does."""


def read_shown(opening: Path, chain: Path, beacon: Path) -> Shown:
    """Read the three files; raises `Error` for one that is none, and for a round that the chain did not
    sign."""
    known = read_chain(chain)
    return Shown(read_opening(opening), known, verify_round(known, read_round(beacon)))


def held_against(log: Log, source: SeedSource, before: int) -> Held:
    """Hold a source against a log, where entry `before` is the start of the run.

    What is not shown is a problem in words and no error: the run is logged by then.
    """
    try:
        if source.shown is None:
            raise Error(NOT_SHOWN if source.key_id else OF_INPUTS)
        fields = _check(log, source.key_id, source.purpose, source.shown, before)
    except Error as error:
        return Held(source.fields() | {"committed": f"not shown: {error.message}"}, error.message)
    return Held(source.fields() | fields)


def _check(log: Log, name: str, purpose: str, shown: Shown, before: int) -> dict[str, Any]:
    entry, document = _found(log, shown.opening, before)
    if document.terms.purpose != purpose:
        raise Error(f"entry {entry.index} of the log is of purpose {document.purpose}, and not {purpose}")
    if shown.chain.hash not in PUBLIC_CHAINS:
        raise Error(
            "the beacon's chain is no public one that is known here: who holds its key could choose the draws"
        )
    published = check_published(document, shown.chain, log.prove(entry.index), log.verifier)
    secret = check_opening(document, shown.opening)
    if shown.value.round != document.beacon.round:
        raise Error(f"round {shown.value.round} was given, and the commitment names {document.beacon.round}")
    if key_id(cut_key(working_secret(secret, document.terms, shown.value))) != name:
        raise Error(f"the secret of key id {name} is not the one that entry {entry.index} of the log fixed")
    return {
        "committed": f"entry {entry.index} of the log, round {document.beacon.round}",
        "entry": entry.index,
        "entry_time": f"{entry.time:%Y-%m-%dT%H:%M:%SZ}",
        "times_by": "a witness" if published.witnessed else "the log alone",
        "round": document.beacon.round,
        "chain": PUBLIC_CHAINS[shown.chain.hash],
        "chain_hash": shown.chain.hash,
        "terms": document.terms.fields(),
        "commitments_of_purpose": sum(
            one.index < before and one.payload.get("purpose") == purpose for one in log.entries(KIND)
        ),
    }


def _found(log: Log, opening: Opening, before: int) -> tuple[Entry, Commitment]:
    """The first entry with the opening's commitment."""
    for entry in log.entries(KIND):
        if entry.payload.get("commitment") != opening.commitment:
            continue
        if entry.index >= before:
            raise Error(f"the commitment, entry {entry.index} of the log, is younger than this run")
        try:
            document = msgspec.convert(entry.payload, Commitment)
        except msgspec.ValidationError:
            document = None
        if document is None or document.created.tzinfo is None:
            raise Error(f"entry {entry.index} of the log is no commitment")
        return entry, document
    raise Error("the log of the case does not hold the commitment that the opening is of")
