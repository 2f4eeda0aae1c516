"""What an exchange knows: members and their roles, who is calling, collections, objects in their order.

Times are microseconds since 1970 in UTC (`int`), as TAXII's `date_added` has them. Within a collection no two
objects have the same `date_added`: it is the order of arrival, and the position that a cursor names.
"""

from typing import Annotated, Literal, get_args

import msgspec

Role = Literal[
    "operator", "member", "reviewer-security", "reviewer-counsel", "regulator", "fact-checker", "public"
]
ROLES: tuple[Role, ...] = get_args(Role)
REVIEWERS: tuple[Role, ...] = ("reviewer-security", "reviewer-counsel")
Action = Literal["read", "write", "review", "check"]
"""`check`: to ask whose mark is in a text, with the joint watermark check."""
Microseconds = Annotated[int, msgspec.Meta(ge=0, lt=1 << 63)]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes part: a provider, the operator, a reviewer of a provider, an authority, the public."""

    member_id: str
    """`identity--` and a UUID: the STIX identity that its objects name in `created_by_ref`."""
    name: str
    role: Role
    of: str | None = None
    """For a reviewer, the member that it reviews for; None for nobody."""
    groups: tuple[str, ...] = ()
    disabled: bool = False


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who is calling: a member, narrowed to what the token in hand allows."""

    member: Member
    token_id: str
    """Public name of the token, or `oidc` or `certificate`."""
    actions: frozenset[Action]
    collections: frozenset[str] | None = None
    """Ids of collections the token is for; None for all that the member may use."""


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """A TAXII collection, with what our exchange asks of what is put into it."""

    collection_id: str
    """A UUID."""
    api_root: str
    """Path segment of the API root, for example `exchange`."""
    title: str
    alias: str | None = None
    description: str | None = None
    require_release: bool = True
    """Whether an object is taken only when it stands in a release that two people signed."""


class Rights(msgspec.Struct, frozen=True):
    """What a caller may do in a collection, by member, group and token together."""

    read: bool = False
    write: bool = False


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an object in a collection."""

    date_added: Microseconds
    stix_id: str
    version: str
    """`modified`, else `created`, as the object spells it; for an object with neither, its `date_added` as
    RFC 3339."""
    media_type: str
    """`application/stix+json;version=2.1`."""
    owner: str
    """`member_id` of who put it there."""
    data: bytes = b""
    """The object's JSON as it came; empty in manifests and versions."""
