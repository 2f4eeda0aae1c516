"""From findings to a release: what `detect` found, as STIX, under the policy, in a folder for two people.

FINDINGS become STIX (`sharing.py`); STIX objects as JSON lines are taken as they are, so that those of
other tools can be reviewed too. What has left stands in the member's home: later versions and revocations
rest on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from countermark.detect.findings_folder import FINDINGS_FILE
from countermark.errors import Error, ExitCode
from countermark.flow.sharing import findings_as_stix, read_published
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.share.policy import (
    Context,
    Policy,
    evaluate,
    make_release,
    read_policy,
    resolve,
    write_release,
)
from countermark.share.policy.approvals import standing_envelope
from countermark.share.policy.context import read_context
from countermark.share.policy.home import REFUSED, REVIEWED, Home
from countermark.share.policy.inputs import read_objects
from countermark.share.policy.legal import read_bases
from countermark.share.policy.release import Release, review_bytes
from countermark.share.policy.review import REVOCATION, Review
from countermark.share.policy.samples import check_in_force
from countermark.share.policy.standing import standing_in
from countermark.share.stix import Identity, Ids, Object, Terms, read_id_key, withdraw
from countermark.share.stix.schemas import check_objects
from countermark.share.stix.versions import settle
from countermark.trust.entries import Entry


@dataclass(frozen=True)
class ReviewOptions:
    """What a review is made of."""

    out: Path
    home: Home
    source: Path | None = None
    """FINDINGS, or STIX objects as JSON lines."""
    identifiers: Path | None = None
    campaigns: Sequence[str] = ()
    """Of FINDINGS; empty for all."""
    revoke: str | None = None
    """Id of an object that left and is to be withdrawn, with all that hangs on it; in place of a source."""
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
    """None where nothing leaves."""
    entry: Entry
    """In the member's log."""
    not_taken: Mapping[str, int]
    """Rows of identifiers that were not taken, by reason."""
    policy: Policy
    """By which it was decided."""


@dataclass(frozen=True)
class _Given:
    objects: Sequence[Mapping[str, Any]]
    made_here: bool = False
    """Whether versions are ours to make; objects of other tools come with theirs."""
    counts: Sequence[tuple[str, str, int]] = ()
    not_taken: Mapping[str, int] = field(default_factory=dict)


def review_release(options: ReviewOptions) -> ReviewOutcome:
    """Evaluate, write the RELEASE folder, and the entry in the log."""
    policy = read_policy(options.policy)
    context = read_context(context_file(options.home, options.context))
    bases = read_bases(*options.home.legal, *options.legal)
    released = read_published(options.home.released)
    given = _given(options, terms_of(options.home, context, released, options.now))
    ground = resolve(policy, context, bases, now=options.now, counts=given.counts, released=released)
    review = evaluate(ground, given.objects)
    if given.made_here:
        review = _in_their_versions(review, released, ground.now)
    review = _valid(review)
    standing = None
    if options.standing is not None:
        envelope = standing_envelope(options.standing, ground.now).decode()
        approval = standing_in(envelope)
        if options.revoke is None:  # a withdrawal gets through whatever is suspended
            check_in_force(options.home, approval.standing_id, ground.now)
        standing = (envelope, approval.kinds)
    release = make_release(ground, review, standing=standing) if review.leaving else None
    write_release(options.out, release, review)
    entry = _record(options.home, review, release)
    return ReviewOutcome(review, release, entry, given.not_taken, policy)


def _given(options: ReviewOptions, terms: Terms) -> _Given:
    """The objects to review, and the counts for their floors."""
    if options.revoke is not None:
        objects = withdraw([options.revoke], terms)
        if not objects:
            raise Error(
                "no such object left from here, or it was revoked before",
                hint="--home names another folder?",
                exit_code=ExitCode.NO_INPUT,
            )
        return _Given(objects)
    if options.source is None:
        raise Error("nothing to review", hint="name FINDINGS, or JSON lines", exit_code=ExitCode.USAGE)
    if (options.source / FINDINGS_FILE).is_file():
        shared = findings_as_stix(
            options.source, terms, identifiers=options.identifiers, campaigns=options.campaigns
        )
        found = shared.identifiers
        return _Given(shared.objects, True, list(found.counts()), found.reasons)
    if options.identifiers is not None or options.campaigns:
        raise Error(
            "identifiers and campaigns belong to FINDINGS",
            hint="for STIX objects, the context has the counts",
            exit_code=ExitCode.USAGE,
        )
    return _Given(read_objects(options.source))


def terms_of(home: Home, context: Context, released: Mapping[str, Object], now: datetime) -> Terms:
    """Who speaks, under which markings, after what was published before."""
    ids = Ids(read_id_key(home.folder / "ids.key"), context.member_id)
    return Terms(
        who=Identity(context.member_id, context.member_name),
        ids=ids,
        now=now,
        tlp=context.tlp,
        iep=context.iep,
        earlier=released,
    )


def _in_their_versions(review: Review, released: Mapping[str, Object], now: datetime) -> Review:
    """What leaves, in the version to publish: taking a property out can make or unmake a change."""
    objects = []
    for one in review.objects:
        if one.sent is None or one.sent.get("revoked") is True or one.id not in released:
            objects.append(one)
            continue
        settled = settle([one.sent], released, now)
        if settled:
            objects.append(msgspec.structs.replace(one, sent=settled[0]))
        else:
            why = "it was revoked, and no version may follow"
            objects.append(msgspec.structs.replace(one, leaves=False, reason=why, sent=None))
    return msgspec.structs.replace(review, objects=objects)


def _valid(review: Review) -> Review:
    """What leaves is valid STIX, else it stays: the exchange would refuse it after two people signed."""
    checked = check_objects([canonical_json(one.sent) for one in review.leaving])
    problems = {
        id(one): made.problem for one, made in zip(review.leaving, checked, strict=True) if made.problem
    }
    objects = [
        msgspec.structs.replace(
            one, leaves=False, reason=f"not valid STIX: {problems[id(one)][:300]}", sent=None
        )
        if id(one) in problems and REVOCATION not in one.classes
        else one
        for one in review.objects
    ]
    return msgspec.structs.replace(review, objects=objects)


def context_file(home: Home, given: Path | None) -> Path:
    """The context that is given, else that of the home; raises `Error` where there is none."""
    path = given or home.folder / "context.yaml"
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
