"""Usage policies as dated data: one YAML file a version, each clause with the conduct that it forbids.

The file is a reading of a text; `text_sha256` says of which, so that it applies to the sealed text alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.custody.custody import is_record_id
from countermark.prove.custody.terms import TermsEntry, day_of
from countermark.prove.dossier.statements import Day, Line, Name
from countermark.records.cause_words import without_causes
from countermark.records.strict_yaml import bad, read

POLICY_SCHEMA_ID = "countermark/policy/v1"
FORM = "docs/terms.md"
MAX_POLICIES = 500

Conduct = Literal[
    "model-training",
    "automated-access",
    "account-sharing",
    "resale",
    "circumvention",
    "multiple-accounts",
    "reverse-engineering",
    "restricted-region",
    "restricted-entity",
]
CONDUCTS: tuple[Conduct, ...] = Conduct.__args__  # type: ignore[attr-defined]  # typing has no accessor
RecordId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Country = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{2}\Z")]


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One clause."""

    id: Name
    """Kept from version to version as long as it is the same clause."""
    title: Line
    where: Line
    """In the text: `section 4(b)`."""
    quote: Annotated[str, msgspec.Meta(min_length=1, max_length=600)]
    """Its decisive words, as they stand there."""
    forbids: Annotated[list[Conduct], msgspec.Meta(min_length=1, max_length=len(CONDUCTS))]
    regions: list[Country] = []
    """Of `restricted-region`: countries (ISO 3166), where the text names them."""
    entities: Annotated[str, msgspec.Meta(max_length=600)] = ""
    """Of `restricted-entity`: whom the text shuts out, in its words."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One version of one policy."""

    schema: Literal["countermark/policy/v1"]
    id: RecordId
    """As in the terms of the case (`case add terms --id`)."""
    version: RecordId
    title: Line
    provider: Line
    effective: Day
    """The first day."""
    ended: Day | None = None
    """The last day; empty while it applies."""
    text_sha256: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    """Of the text that was read."""
    read: Day
    """When the clauses were taken from the text."""
    by: Line
    """Who took them: name and role."""
    clauses: Annotated[list[Clause], msgspec.Meta(min_length=1, max_length=200)]

    @property
    def key(self) -> tuple[str, str]:
        """Id and version."""
        return (self.id, self.version)

    @property
    def first(self) -> date:
        """The first day."""
        return day_of(self.effective)

    @property
    def last(self) -> date | None:
        """The last day; None while it applies."""
        return day_of(self.ended) if self.ended else None


@dataclass(frozen=True)
class Policies:
    """The policies that may apply, and those that may not."""

    by_key: Mapping[tuple[str, str], Policy]
    refused: Mapping[tuple[str, str], str]
    """Why a version does not apply: its text is not the sealed one, or is not sealed at all."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all policies, those of refused versions too."""
        return tuple(sorted({one for one, _ in (*self.by_key, *self.refused)}))


def read_policies(folder: Path) -> Policies:
    """All policies (`*.yaml`) of a folder, not yet held against sealed terms; raises `Error(NO_INPUT)`."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths or len(paths) > MAX_POLICIES:
        message = f"{folder} holds {len(paths)} policies; 1 to {MAX_POLICIES} files named *.yaml are read"
        raise Error(message, hint=f"{FORM} shows one", exit_code=ExitCode.NO_INPUT)
    found: dict[tuple[str, str], Policy] = {}
    for path in paths:
        policy = read_policy(path)
        if policy.key in found:
            raise bad(str(path), f"is {policy.id} {policy.version}, which another file is too", FORM)
        found[policy.key] = policy
    return Policies(by_key=found, refused={})


def read_policy(path: Path) -> Policy:
    """One policy, checked; a text of it that names a cause is not printed, so it is not kept."""
    policy = read(path, Policy, FORM)
    if not (is_record_id(policy.id) and is_record_id(policy.version)):
        raise bad(str(path), "has an id or version that terms of a case cannot have", FORM)
    try:
        day_of(policy.read)
        first, last = policy.first, policy.last
    except ValueError as error:
        raise bad(str(path), f"has a day that there is not: {error}", FORM) from error
    if last is not None and last < first:
        raise bad(str(path), "ended before it was effective", FORM)
    ids = [clause.id for clause in policy.clauses]
    if len(set(ids)) != len(ids):
        raise bad(str(path), "has a clause id twice", FORM)
    return without_causes(policy, path.name)


def held_against(policies: Policies, terms: Sequence[TermsEntry]) -> Policies:
    """Those whose text is sealed; their days are the narrower of file and seal, the others are refused."""
    sealed = {(one.id, one.version): one for one in terms if one.id and one.version}
    kept: dict[tuple[str, str], Policy] = {}
    refused = dict(policies.refused)
    for key, policy in policies.by_key.items():
        entry = sealed.get(key)
        if entry is None:
            refused[key] = "the case holds no text of this version"
        elif entry.sha256 != policy.text_sha256:
            refused[key] = "its text is not the one that the case holds"
        else:
            kept[key] = _narrowed(policy, entry)
    return Policies(by_key=kept, refused=refused)


def _narrowed(policy: Policy, entry: TermsEntry) -> Policy:
    ends = [one for one in (policy.ended, entry.ended) if one]
    first = max(policy.effective, entry.effective or policy.effective)
    return msgspec.structs.replace(policy, effective=first, ended=min(ends, default=None))
