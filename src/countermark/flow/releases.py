"""From findings to the objects of a review: what `detect` wrote and `share` tells others, joined.

A folder or file of STIX objects (JSON lines) is taken as it is; objects of other tools can be reviewed so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from countermark.errors import Error, ExitCode
from countermark.records.canonical import sha256_hex
from countermark.share.policy import evaluate, make_release, read_policy, resolve, write_release
from countermark.share.policy.approvals import standing_envelope
from countermark.share.policy.context import read_context
from countermark.share.policy.counts import Counts, read_identifiers
from countermark.share.policy.home import REFUSED, REVIEWED, Home
from countermark.share.policy.inputs import read_objects
from countermark.share.policy.legal import read_bases
from countermark.share.policy.release import Release, review_bytes
from countermark.share.policy.review import Review
from countermark.share.policy.standing import STANDING_TYPE, parse_standing
from countermark.trust.dsse import open_envelope
from countermark.trust.log import Entry


@dataclass(frozen=True)
class ReviewOptions:
    """What a review is made of."""

    source: Path
    """FINDINGS, or STIX objects as JSON lines."""
    out: Path
    home: Home
    identifiers: Path | None = None
    policy: Path | None = None
    context: Path | None = None
    """By default `context.yaml` of the home."""
    legal: Sequence[Path] = ()
    standing: Path | None = None
    """Folder of a standing approval under which the release leaves."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class ReviewOutcome:
    """What a review came to."""

    review: Review
    release: Release | None
    entry: Entry
    """In the member's log."""
    counts: Counts


def objects_of(source: Path) -> list[dict[str, Any]]:
    """The STIX objects that a folder or file stands for; raises `Error` for what is neither."""
    if (source / "findings.json").is_file():
        raise Error(
            "findings are not turned into STIX objects yet",
            hint="give the objects as JSON lines",
            exit_code=ExitCode.NO_INPUT,
        )
    return read_objects(source)


def review_release(
    options: ReviewOptions,
    objects: Sequence[Mapping[str, Any]] | None = None,
    released: Mapping[str, Mapping[str, Any]] | None = None,
) -> ReviewOutcome:
    """Evaluate, write the RELEASE folder and the entry in the log; where nothing leaves, `release` is None.

    `objects` stand in place of those of the source; `released` are what a revocation may repeat.
    """
    policy = read_policy(options.policy)
    context = read_context(_context_file(options))
    bases = read_bases(*options.home.legal, *options.legal)
    counts = read_identifiers(options.identifiers) if options.identifiers else Counts([], {})
    ground = resolve(policy, context, bases, now=options.now, counts=counts.values, released=released)
    review = evaluate(ground, objects if objects is not None else objects_of(options.source))
    standing = None
    if options.standing is not None:
        envelope = standing_envelope(options.standing, ground.now)
        floors = parse_standing(open_envelope(envelope, STANDING_TYPE).body).kinds
        standing = (envelope.decode(), floors)
    release = make_release(ground, review, standing=standing) if review.leaving else None
    write_release(options.out, release, review)
    return ReviewOutcome(review, release, _record(options.home, review, release), counts)


def _context_file(options: ReviewOptions) -> Path:
    path = options.context or options.home.folder / "context.yaml"
    if not path.exists():
        raise Error(
            f"no context at {path}",
            hint="--context FILE says who shares, for which purpose and ground, on which legal basis",
            exit_code=ExitCode.NO_INPUT,
        )
    return path


def _record(home: Home, review: Review, release: Release | None) -> Entry:
    """One entry a review; it is a refusal where anything was refused. Values stand in no log."""
    refused = review.refusals()
    payload = {
        "review_sha256": sha256_hex(review_bytes(review)),
        "release_id": release.release_id if release else None,
        "objects": len(review.objects),
        "leaving": len(review.leaving) if release else 0,
        "refused": refused,
    }
    return home.record(REFUSED if refused else REVIEWED, payload)
