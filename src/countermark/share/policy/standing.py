"""A standing approval: two people approve a class of releases for at most 30 days: proxies rotate daily.

A class is kinds with a floor each, and grounds. A release within it is signed by the member's own key alone,
and names the approval; some are looked at afterwards (`sampling.py`). While that is overdue, or when it has
found a problem, the approval is suspended (`samples.py`).
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records import strict_yaml
from countermark.records.canonical import canonical_json, content_id
from countermark.share.policy.document import FORM, MAX_STANDING_DAYS, Policy
from countermark.share.policy.release import MAX_STATEMENT, Digest, failed
from countermark.share.policy.review import REVOCATION, SCRUBBED
from countermark.trust.dsse import open_envelope

STANDING_TYPE = "application/vnd.countermark.standing-approval+json"
STANDING = "standing.json"


class Class(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `share approve --standing` reads: a class of releases, and for how long."""

    schema: Literal["countermark/standing-class/v1"] = "countermark/standing-class/v1"
    member_id: Annotated[str, msgspec.Meta(pattern=r"^identity--[0-9a-f-]{36}$")]
    grounds: Annotated[list[str], msgspec.Meta(min_length=1, max_length=100)]
    kinds: Annotated[dict[str, int], msgspec.Meta(min_length=1, max_length=100)]
    """Kind and the floor that its values are held against, not under the policy's."""
    days: Annotated[int, msgspec.Meta(ge=1, le=MAX_STANDING_DAYS)]


class Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The statement that two people sign."""

    schema: Literal["countermark/standing-approval/v1"] = "countermark/standing-approval/v1"
    standing_id: str
    member_id: str
    policy_sha256: Digest
    grounds: list[str]
    kinds: dict[str, int]
    created: datetime
    expires: datetime

    @property
    def payload(self) -> bytes:
        """The bytes that are signed."""
        return canonical_json(self)

    @property
    def right_id(self) -> str:
        """The id that its content gives it."""
        content = {key: value for key, value in msgspec.to_builtins(self).items() if key != "standing_id"}
        return content_id("standing", content)


def read_class(path: Path) -> Class:
    """A class from its YAML; raises `Error` for anything else."""
    return strict_yaml.read(path, Class, FORM)


def make_standing(policy: Policy, wanted: Class, now: datetime) -> Standing:
    """The statement for a class; raises `Error(USAGE)` for one that the policy does not allow."""
    floors = {one.id: one.floor for one in policy.kinds if one.floor and not one.refused}
    floors |= {REVOCATION: 0, SCRUBBED: 0}
    for kind, floor in wanted.kinds.items():
        if kind not in floors or floor < floors[kind]:
            raise Error(
                f"{kind} with a floor of {floor} is no class that the policy allows",
                hint=", ".join(f"{name}: {least} or more" for name, least in sorted(floors.items())),
                exit_code=ExitCode.USAGE,
            )
    unknown = set(wanted.grounds) - {one.id for one in policy.grounds}
    if unknown or wanted.days > policy.limits.standing_days:
        raise Error(
            f"ground {sorted(unknown)[0]} is not the policy's"
            if unknown
            else "more days than the policy allows",
            exit_code=ExitCode.USAGE,
        )
    created = now.replace(microsecond=0)
    standing = Standing(
        standing_id="",
        member_id=wanted.member_id,
        policy_sha256=policy.sha256,
        grounds=sorted(set(wanted.grounds)),
        kinds=dict(sorted(wanted.kinds.items())),
        created=created,
        expires=created + timedelta(days=wanted.days),
    )
    return msgspec.structs.replace(standing, standing_id=standing.right_id)


def parse_standing(payload: bytes) -> Standing:
    """A statement from its bytes, in their only spelling, with the id that its content gives."""
    try:
        standing = msgspec.json.decode(payload, type=Standing) if len(payload) <= MAX_STATEMENT else None
        same = standing is not None and (standing.payload, standing.right_id) == (
            payload,
            standing.standing_id,
        )
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as error:
        raise failed(f"the standing approval is not as expected: {error}") from error
    if standing is None or not same:
        raise failed("the standing approval is too large, not in canonical form, or under another's id")
    return standing


def standing_in(envelope: str) -> Standing:
    """The statement in an envelope, whose signatures are not checked."""
    return parse_standing(open_envelope(envelope.encode(), STANDING_TYPE).body)


def check_standing(standing: Standing, now: datetime) -> None:
    """Raise where it is for too long, or not in force."""
    if standing.created.tzinfo is None or standing.expires.tzinfo is None:
        raise failed("the standing approval names a time without a zone")
    if standing.expires - standing.created > timedelta(days=MAX_STANDING_DAYS):
        raise failed(f"the standing approval is for over {MAX_STANDING_DAYS} days")
    if not standing.created <= now + timedelta(minutes=5) or now >= standing.expires:
        raise failed("the standing approval is not in force", "two people can make a new one")
