"""The sharing policy as a document: YAML, default deny, every rule with the source it rests on.

What no rule names is refused. The form is that of spec/sharing-policy.schema.json, which is made from the
types here; what a schema cannot say (`check`) is said by the reader.
"""

from collections.abc import Sequence
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Protocol, TypeAlias

import msgspec

from countermark.records import strict_yaml
from countermark.records.canonical import canonical_json, sha256_hex

SCHEMA = "countermark/sharing-policy/v1"
FORM = "spec/sharing-policy.md"
"""The page that has the form of every document of a policy."""
_bad = partial(strict_yaml.bad, form=FORM)
MAX_STANDING_DAYS = 30
TAGS_ONLY = frozenset({"payment", "account", "template"})
"""Kinds that may only ever leave as OPRF tags; the private overlap that makes them is a later part."""
NEVER = frozenset({"email", "phone"})
"""Kinds that never leave, tagged or not in this version."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=600)]
Place = Annotated[str, msgspec.Meta(pattern=r"^(\*|[a-z0-9-]{3,250}):[^\s:]{1,300}$")]
Sources = Annotated[list[Name], msgspec.Meta(min_length=1, max_length=16)]
Days = Annotated[int, msgspec.Meta(ge=1, le=366)]
Form: TypeAlias = Literal[
    "address",
    "asn",
    "atlas-id",
    "boolean",
    "choice",
    "date",
    "day",
    "domain",
    "http-fingerprint",
    "integer",
    "ja4",
    "own-id",
    "own-name",
    "pattern",
    "probability",
    "sentence",
    "skeleton",
    "stix-id",
    "text",
    "timestamp",
    "uuid",
]
CONDITIONS = ("purpose", "ground", "acted-upon", "scrubbed", "legal-basis")
"""None of them can be left out of a policy."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rule rests on."""

    id: Name
    standing: Literal["law", "guidance", "choice"]
    cite: Line
    """Statute and clause, guideline and paragraph, or `Countermark`."""
    says: Line
    url: Annotated[str, msgspec.Meta(max_length=300)] = ""
    verified: bool = True
    """Whether the text itself was read when the rule was written; where not, counsel should."""


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that has to hold for the release as a whole."""

    id: Literal["purpose", "ground", "acted-upon", "scrubbed", "legal-basis"]
    why: Line
    sources: Sources


class Ground(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reason to share that is more than a breach of terms of service."""

    id: Name
    says: Line
    sources: Sources


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a value is, how many accounts must have shown it, how long an indicator of it lives."""

    id: Name
    why: Line
    sources: Sources
    floor: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    """Distinct accounts of the campaign that showed the value; 0 for kinds that are no observations."""
    valid_days: Annotated[int, msgspec.Meta(ge=0, le=366)] = 0
    """Longest life of an indicator of it; 0 where it is in no indicator."""
    never: Annotated[list[Line], msgspec.Meta(max_length=10_000)] = []
    """Values that do not leave whatever the floor, for example large mail providers."""
    refused: Annotated[str, msgspec.Meta(max_length=600)] = ""
    """Why no value of it leaves; empty where it may."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Properties that may leave, and the form that their values must have."""

    id: Name
    kind: Name
    form: Form
    places: Annotated[list[Place], msgspec.Meta(min_length=1, max_length=500)]
    """`type:path`, `*` for every type; a path is names joined by dots, `[]` for each element of a list."""
    why: Line
    sources: Sources
    values: Annotated[list[str | int | bool], msgspec.Meta(max_length=1000)] = []
    """For `choice`."""
    most: Annotated[int, msgspec.Meta(ge=0, le=4_294_967_295)] = 1000
    """Largest number of an `integer`, most characters of a `sentence` or a `text`."""
    essential: bool = False
    """Where a value is refused, the object does not leave: without it, it would say something else."""


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Object paths that a pattern may compare, and what their values are."""

    id: Name
    kind: Name
    form: Form
    paths: Annotated[list[Place], msgspec.Meta(min_length=1, max_length=100)]
    why: Line
    sources: Sources


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence that may leave as it stands; `{slot}` takes a value of a fixed form (`texts.SLOTS`)."""

    id: Name
    template: Line


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that competitors do not tell each other."""

    id: Name
    why: Line
    sources: Sources
    words: Annotated[list[Line], msgspec.Meta(max_length=1000)] = []
    """Words and phrases in lower case; `price*` stands for every word that begins so."""
    types: Annotated[list[Name], msgspec.Meta(max_length=100)] = []
    """STIX types that say such a thing."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long things hold."""

    release_days: Days
    standing_days: Annotated[int, msgspec.Meta(ge=1, le=MAX_STANDING_DAYS)]
    dispute_hours: Annotated[int, msgspec.Meta(ge=1, le=24)]


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole document."""

    schema: Literal["countermark/sharing-policy/v1"]
    name: Name
    default: Literal["deny"]
    limits: Limits
    sources: Annotated[list[Source], msgspec.Meta(min_length=1, max_length=500)]
    conditions: Annotated[list[Condition], msgspec.Meta(min_length=5, max_length=5)]
    purposes: Annotated[list[Literal["security"]], msgspec.Meta(min_length=1, max_length=1)]
    grounds: Annotated[list[Ground], msgspec.Meta(min_length=1, max_length=100)]
    types: Annotated[list[Name], msgspec.Meta(min_length=1, max_length=100)]
    kinds: Annotated[list[Kind], msgspec.Meta(min_length=1, max_length=100)]
    rules: Annotated[list[Rule], msgspec.Meta(min_length=1, max_length=500)]
    comparisons: Annotated[list[Comparison], msgspec.Meta(max_length=100)]
    texts: Annotated[list[Text], msgspec.Meta(max_length=500)]
    topics: Annotated[list[Topic], msgspec.Meta(min_length=1, max_length=100)]

    @property
    def sha256(self) -> str:
        """Digest of the content: comments and order of keys do not count, everything else does."""
        return sha256_hex(canonical_json(self))

    def kind(self, kind_id: str) -> Kind:
        """The kind of that name."""
        return next(one for one in self.kinds if one.id == kind_id)


class _Named(Protocol):
    @property
    def id(self) -> str: ...


class _Resting(_Named, Protocol):
    @property
    def sources(self) -> list[str]: ...


class _Ruled(_Resting, Protocol):
    @property
    def kind(self) -> str: ...


def read_policy(path: Path | None = None) -> Policy:
    """The policy in a file, or the one that is shipped; raises `Error` for one that cannot hold."""
    if path is None:
        return default_policy()
    return _checked(strict_yaml.read(path, Policy, FORM), str(path))


@cache
def default_policy() -> Policy:
    """The policy that is shipped."""
    data = files(__package__).joinpath("default.yaml").read_bytes()
    return _checked(strict_yaml.parse(data, Policy, "the shipped policy", FORM), "the shipped policy")


def _checked(policy: Policy, name: str) -> Policy:
    """What a schema cannot say: names that exist, none twice, conditions whole, no raw personal kinds."""
    kinds, sources = {one.id for one in policy.kinds}, {one.id for one in policy.sources}
    ruled: list[_Ruled] = [*policy.rules, *policy.comparisons]
    groups: list[Sequence[_Named]] = [policy.sources, policy.conditions, policy.grounds, policy.kinds]
    for group in (*groups, policy.topics, policy.texts, ruled):
        ids = [one.id for one in group]
        if len(set(ids)) != len(ids):
            raise _bad(name, f"has an id twice: {sorted({one for one in ids if ids.count(one) > 1})[0]}")
    if {one.id for one in policy.conditions} != set(CONDITIONS):
        raise _bad(name, f"has to have each of the conditions {', '.join(CONDITIONS)}")
    for rule in ruled:
        if rule.kind not in kinds or rule.kind in TAGS_ONLY | NEVER:
            raise _bad(name, f"rule {rule.id} is of a kind that is unknown or never leaves raw")
    resting: Sequence[_Resting] = [*policy.rules, *policy.comparisons, *policy.kinds, *policy.topics]
    for rests in (*resting, *policy.grounds, *policy.conditions):
        if not set(rests.sources) <= sources:
            raise _bad(name, f"{rests.id} names a source that is not listed")
    for kind in policy.kinds:
        if kind.id in TAGS_ONLY | NEVER and not kind.refused:
            raise _bad(name, f"kind {kind.id} has to be refused: it leaves as a tag or not at all")
    if (TAGS_ONLY | NEVER) - kinds:
        raise _bad(name, f"has to list the kinds {', '.join(sorted(TAGS_ONLY | NEVER))}")
    places = [place for rule in policy.rules for place in rule.places]
    if len(set(places)) != len(places):
        raise _bad(name, "has a place in two rules")
    return policy
