"""Releases under a standing approval are looked at afterwards: a random sample that nobody could choose.

Before any of them, the digest of a secret of 256 bits stands in the log (`sample-commitment`). A sample is
drawn by that secret from the releases that follow it in the log; then the secret is shown in the log
(`sample`), with the digest of the next one. Whoever has the log can draw it again. Who holds the secret can
foresee the draw, so it lies with those who review, not with those who release.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.policy.home import RELEASED, SAMPLE_COMMITTED, SAMPLE_OUTCOME, SAMPLED, Home
from countermark.share.policy.release import failed
from countermark.trust.entries import Entry
from countermark.trust.keyfiles import Secret, locked, read_secret, write_secret
from countermark.trust.log import Log

_DOMAIN = b"countermark/share-sample/v1\n"
MAX_SAMPLE = 1000


class Sample(msgspec.Struct, frozen=True):
    """What was drawn."""

    entry: int
    """Index of the sample in the log."""
    population: int
    """Releases under standing approvals since the commitment."""
    drawn: list[str]
    """Ids of releases to look at."""


def commit(home: Home) -> int:
    """Commit to the secret of the next sample, unless that was done; gives the index of the commitment."""
    log = home.log
    path = home.folder / "sampling.key"
    with locked(path), log.writing():
        standing = _commitment(log)
        if standing is not None:
            return standing.index
        index = log.append(SAMPLE_COMMITTED, {"next": _new_secret(path)}).index
        _next(path).replace(path)
    return index


def draw(home: Home, most: int) -> Sample:
    """Draw up to `most` releases since the commitment, log them with the secret, and commit to the next.

    Raises `Error` where nothing was committed to, or no release under a standing approval followed.
    """
    if not 1 <= most <= MAX_SAMPLE:
        raise Error(f"a sample has 1 to {MAX_SAMPLE:,} releases", exit_code=ExitCode.USAGE)
    log = home.log
    path = home.folder / "sampling.key"
    with locked(path), log.writing():
        commitment = _commitment(log)
        if commitment is None:
            raise Error("no sample was committed to", hint="a release under a standing approval does that")
        secret = _committed_secret(path, commitment)
        population = _population(log, commitment.index)
        if not population:
            raise Error(
                "no release under a standing approval since the last sample", exit_code=ExitCode.NO_INPUT
            )
        drawn = drawn_by(secret, population, most)
        opened = secret.reveal().hex()
        entry = log.append(
            SAMPLED,
            {
                "commitment": commitment.index,
                "opening": opened,
                "population": len(population),
                "asked": most,
                "drawn": drawn,
                "next": _new_secret(path),
            },
        )
        _next(path).replace(path)
    return Sample(entry.index, len(population), drawn)


def drawn_by(secret: Secret, population: Sequence[str], most: int) -> list[str]:
    """The releases that a secret draws from a population: those with the smallest keyed digests."""
    keyed = {one: hmac.digest(secret.reveal(), _DOMAIN + one.encode(), "sha256") for one in population}
    return sorted(population, key=lambda one: (keyed[one], one))[:most]


def check(log: Log, index: int) -> Sample:
    """Draw a sample of the log again; raises `Error` where it is another than the log says."""
    entry = next((one for one in log.entries(SAMPLED) if one.index == index), None)
    if entry is None:
        raise Error(f"entry {index} of the log is no sample", exit_code=ExitCode.NO_INPUT)
    said = entry.payload
    committed = next(one for one in log.entries() if one.index == said["commitment"])
    secret = Secret(bytes.fromhex(said["opening"]))
    if committed.payload.get("next") != hashlib.sha256(_DOMAIN + secret.reveal()).hexdigest():
        raise failed("the sample was drawn with another secret than the one committed to")
    population = _population(log, committed.index, index)
    if drawn_by(secret, population, said["asked"]) != said["drawn"] or len(population) != said["population"]:
        raise failed("the sample is not the one that its secret draws")
    return Sample(index, len(population), said["drawn"])


def check_looked_at(home: Home) -> None:
    """Raise while releases under a standing approval wait for a sample, or a drawn one for its outcome.

    So that no standing approval follows another of which nobody looked at anything.
    """
    log = home.log
    commitment = _commitment(log)
    if commitment is None:
        return
    waiting = len(_population(log, commitment.index))
    if waiting:
        raise Error(
            f"{waiting} releases under a standing approval were not sampled",
            hint="share review --sample N draws some; two people look at them, and record --outcome",
        )
    drawn = [one for entry in log.entries(SAMPLED) for one in entry.payload["drawn"]]
    told = {entry.payload.get("release_id") for entry in log.entries(SAMPLE_OUTCOME)}
    missing = [one for one in drawn if one not in told]
    if missing:
        raise Error(
            f"{missing[0]} was drawn, and nobody recorded what was found", hint="--outcome ID=in-policy"
        )


def record_outcome(home: Home, release_id: str, outcome: str, name: str, note: str) -> Entry:
    """Record what the review of a drawn release came to; raises `Error` for one that was not drawn."""
    if outcome not in ("in-policy", "not-in-policy"):
        raise Error("an outcome is in-policy or not-in-policy", exit_code=ExitCode.USAGE)
    if not any(release_id in one.payload["drawn"] for one in home.log.entries(SAMPLED)):
        raise Error(f"{release_id} stands in no sample", exit_code=ExitCode.NO_INPUT)
    payload = {"release_id": release_id, "outcome": outcome, "name": name, "note": note[:1000]}
    return home.record(SAMPLE_OUTCOME, payload)


def _commitment(log: Log) -> Entry | None:
    """The last entry that commits to a secret: a commitment, or a sample with its `next`."""
    last = None
    for entry in log.entries():
        if entry.kind in (SAMPLE_COMMITTED, SAMPLED):
            last = entry
    return last


def _population(log: Log, after: int, before: int | None = None) -> list[str]:
    """Ids of releases under a standing approval behind an entry, each once, in their order."""
    found: dict[str, None] = {}
    for entry in log.entries(RELEASED):
        if entry.index > after and (before is None or entry.index < before) and entry.payload.get("standing"):
            found[str(entry.payload["release_id"])] = None
    return list(found)


def _committed_secret(path: Path, commitment: Entry) -> Secret:
    """The secret that the log commits to; a killed run may have left it under its first name."""
    for one in (path, _next(path)):
        if one.exists():
            secret = read_secret(one, what="sampling secret")
            if hashlib.sha256(_DOMAIN + secret.reveal()).hexdigest() == commitment.payload["next"]:
                one.replace(path)
                return secret
    raise failed("the sampling secret is not the one that the log commits to")


def _next(path: Path) -> Path:
    return path.with_name(path.name + ".next")


def _new_secret(path: Path) -> str:
    """Write a new secret beside the one in use; gives its digest."""
    secret = secrets.token_bytes(32)
    write_secret(_next(path), secret, replace=True)
    return hashlib.sha256(_DOMAIN + secret).hexdigest()
