"""A release: the statement of what leaves, and the folder that holds it.

    objects.jsonl   exactly what will leave, one canonical object a line
    review.json     every field, allowed or refused, by which rule; it stays with the member
    release.json    the statement, canonical JSON; written last
    approvals/      who approved or refused (`approvals.py`)
    release.dsse.json   the statement with the signatures that the exchange asks for

The statement holds the SHA-256 of each object's bytes: who signs it signs what leaves, and nothing else.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json, content_id, sha256_hex
from countermark.records.files import write_atomic
from countermark.records.strict_yaml import read_bytes
from countermark.share.policy.context import Ground
from countermark.share.policy.legal import today
from countermark.share.policy.review import Review

RELEASE_TYPE = "application/vnd.countermark.release+json"
RELEASE, OBJECTS, REVIEW = "release.json", "objects.jsonl", "review.json"
MAX_STATEMENT = 16 << 20
MAX_OBJECTS_BYTES = 256 << 20
MAX_RELEASE_DAYS = 31
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class Held(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One object of a release."""

    id: str
    version: str | None
    """`modified`, else `created`; None for an object with neither."""
    sha256: Digest
    """Of the canonical JSON of the object as sent."""


class Rests(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A legal basis that a release rests on."""

    id: str
    jurisdiction: str
    until: date
    """The last day on which it holds."""


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The statement that is signed."""

    schema: Literal["countermark/release/v1"] = "countermark/release/v1"
    release_id: str
    member_id: str
    policy_sha256: Digest
    purpose: Literal["security"]
    ground: str
    legal_basis: list[Rests]
    classes: Annotated[dict[Annotated[str, msgspec.Meta(max_length=100)], int], msgspec.Meta(max_length=100)]
    """Kinds that leave, with the floor that every value of them was held against (not the counts)."""
    created: datetime
    expires: datetime
    standing: str | None = None
    """The envelope of the standing approval under which it leaves, as text; None where two people sign it."""
    objects: Annotated[list[Held], msgspec.Meta(min_length=1, max_length=50_000)]

    @property
    def payload(self) -> bytes:
        """The bytes that are signed."""
        return canonical_json(self)

    @property
    def right_id(self) -> str:
        """The id that its content gives it."""
        content = {key: value for key, value in msgspec.to_builtins(self).items() if key != "release_id"}
        return content_id("release", content)


def make_release(
    ground: Ground, review: Review, *, standing: tuple[str, Mapping[str, int]] | None = None
) -> Release:
    """The statement over what leaves; raises `Error(NO_INPUT)` where nothing does.

    `standing`: envelope of a standing approval and its floors, which the counts are held against here.
    """
    if not review.leaving:
        why = "; ".join(review.conditions.values()) or "every object is refused"
        raise Error(
            f"nothing leaves: {why}", hint="review.json says why, field by field", exit_code=ExitCode.NO_INPUT
        )
    floors = {one.id: one.floor for one in ground.policy.kinds}
    if standing is not None:
        _check_within(review.classes, standing[1])
        floors.update(standing[1])
    ends = [ground.now + timedelta(days=ground.policy.limits.release_days)]
    ends += [
        datetime.combine(one.until, datetime.max.time(), UTC).replace(microsecond=0) for one in ground.bases
    ]
    withdrawal = set(review.classes) == {"revocation"}
    release = Release(
        release_id="",
        member_id=ground.context.member_id,
        policy_sha256=ground.policy.sha256,
        purpose="security",
        ground=ground.context.ground,
        legal_basis=[]
        if withdrawal
        else [Rests(one.id, one.jurisdiction, one.until) for one in ground.bases],
        classes={kind: floors.get(kind, 0) for kind in sorted(review.classes)},
        created=ground.now,
        expires=ends[0] if withdrawal else min(ends),
        standing=standing[0] if standing else None,
        objects=[_held(one.sent or {}) for one in review.leaving],
    )
    return msgspec.structs.replace(release, release_id=release.right_id)


def _check_within(classes: Mapping[str, int], floors: Mapping[str, int]) -> None:
    for kind, accounts in classes.items():
        if kind not in floors:
            raise Error(
                f"the standing approval is not for {kind}", hint="two people can approve this release"
            )
        if accounts < floors[kind]:
            raise Error(f"a value of {kind} is under the floor of {floors[kind]} of the standing approval")


def _held(value: Mapping[str, Any]) -> Held:
    version = value.get("modified") or value.get("created")
    return Held(
        str(value["id"]), None if version is None else str(version), sha256_hex(canonical_json(value))
    )


def write_release(out: Path, release: Release | None, review: Review) -> None:
    """Write the folder, `release.json` last; without a release (nothing leaves) only the review.

    Raises `Error(USAGE)` for a folder that holds anything else, or a release that somebody decided on.
    """
    ours = {RELEASE, OBJECTS, REVIEW}
    try:
        out.mkdir(parents=True, exist_ok=True)
        others = sorted(one.name for one in out.iterdir() if one.name not in ours and one.name[0] != ".")
    except OSError as error:
        raise Error(f"{out} cannot be made: {error.strerror}", exit_code=ExitCode.USAGE) from None
    if others:
        raise Error(f"{out} holds {others[0]}", hint="give a new folder with --out", exit_code=ExitCode.USAGE)
    (out / RELEASE).unlink(missing_ok=True)
    lines = [canonical_json(one.sent) for one in review.leaving] if release else []
    write_atomic(out / OBJECTS, b"".join(line + b"\n" for line in lines))
    write_atomic(out / REVIEW, review_bytes(review))
    if release is not None:
        write_atomic(out / RELEASE, release.payload + b"\n")


def review_bytes(review: Review) -> bytes:
    """`review.json`: every field; what leaves stands in `objects.jsonl` and is not repeated."""
    objects = [
        {key: value for key, value in msgspec.to_builtins(one).items() if key != "sent"}
        for one in review.objects
    ]
    document = {
        "schema": "countermark/share-review/v1",
        "conditions": dict(review.conditions),
        "objects": objects,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def read_release(folder: Path) -> tuple[Release, list[bytes]]:
    """Statement and objects of a folder; raises `Error(VERIFICATION_FAILED)` where they do not match."""
    data = read_bytes(folder / RELEASE, MAX_STATEMENT)
    release = parse_release(data.removesuffix(b"\n"))
    lines = read_bytes(folder / OBJECTS, MAX_OBJECTS_BYTES).split(b"\n")
    if lines.pop() != b"" or [sha256_hex(line) for line in lines] != [one.sha256 for one in release.objects]:
        raise failed(
            f"the objects in {folder} are not those of its release: they were changed since the review"
        )
    return release, lines


def parse_release(payload: bytes) -> Release:
    """A statement from its bytes, in their only spelling, with the id that its content gives."""
    try:
        release = msgspec.json.decode(payload, type=Release) if len(payload) <= MAX_STATEMENT else None
        same = release is not None and (release.payload, release.right_id) == (payload, release.release_id)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as error:
        raise failed(f"the release statement is not as expected: {error}") from error
    if release is None or not same:
        raise failed("the release statement is too large, not in canonical form, or under another's id")
    return release


def check_times(release: Release, now: datetime) -> None:
    """Raise where a release is not yet or no more to be used, or one of its legal bases has run out."""
    if release.created.tzinfo is None or release.expires.tzinfo is None:
        raise failed("the release names a time without a zone")
    if release.created > now + timedelta(minutes=5):
        raise failed("the release was made in the future")
    if release.expires - release.created > timedelta(days=MAX_RELEASE_DAYS):
        raise failed(f"the release holds for over {MAX_RELEASE_DAYS} days")
    if now >= release.expires:
        raise failed(f"the release expired at {release.expires:%Y-%m-%dT%H:%M:%SZ}", "review it again")
    ended = [one for one in release.legal_basis if one.until < today(now)]
    if ended:
        raise failed(f"legal basis {ended[0].id} expired on {ended[0].until}")
    if not release.legal_basis and set(release.classes) != {"revocation"}:
        raise failed("the release rests on no legal basis")


def failed(message: str, hint: str = "") -> Error:
    """The error of a check that did not hold."""
    return Error(message, hint=hint, exit_code=ExitCode.VERIFICATION_FAILED)


def ids(objects: Sequence[bytes]) -> list[dict[str, Any]]:
    """Objects of a release as plain data."""
    return [msgspec.json.decode(one) for one in objects]
