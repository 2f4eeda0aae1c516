"""What submitter, aggregator and detectors say to each other in a joint watermark check
(spec/joint-check.md).

The text is in `Check` and `Question` alone; neither is ever logged, stored or shown.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

VERDICT_SCHEMA: Final = "countermark/watermark-verdict/v1"
VERDICT_TYPE = "application/vnd.countermark.watermark-verdict+json"
KEYS_SCHEMA: Final = "countermark/watermark-keys/v1"
KEYS_TYPE = "application/vnd.countermark.watermark-keys+json"
RETIRED_SCHEMA: Final = "countermark/watermark-keys-retired/v1"
RETIRED_TYPE = "application/vnd.countermark.watermark-keys-retired+json"
OUTCOME_SCHEMA: Final = "countermark/joint-check/v1"
MOST_TEXT = 400_000
"""Characters of a text."""
MOST_KEYS = 10_000
"""Keys of one pool."""
MOST_POOLS = 1000

Hex32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$", max_length=64)]
MATTER = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$(?!\n)"
"""Of a matter; Python's `$` alone would let a last newline through."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
ProfileId = Annotated[str, msgspec.Meta(pattern=r"^profile-[0-9a-f]{32}$", max_length=40)]
Short = Annotated[str, msgspec.Meta(pattern=r"^[ -~]{1,64}$(?!\n)", max_length=64)]
"""Of an epoch or a key: it stands in every row of an answer."""
Weak = Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,256}$(?!\n)", max_length=256)]
Word = Literal["marked", "not shown", "too short"]
Status = Literal["own", "escrowed", "opened"]


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Body of `POST /watermark/check`."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_TEXT)]
    matter: Annotated[str, msgspec.Meta(pattern=MATTER)] | None = None
    """Whose checks are corrected together; members, operators, regulators and fact-checkers name one."""
    consent: bool = False
    """That the text may go to the other members' detectors."""
    salt: Hex32 | None = None
    """Of the text's digest; without it the aggregator draws one and tells it."""

    def __repr__(self) -> str:
        return f"Check(matter={self.matter!r}, …)"


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Body of `POST /watermark/answers`: from an aggregator to one detector."""

    request_id: Hex32
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_TEXT)]
    salt: Hex32
    text_digest: Hex32
    """SHA-256 of salt (32 bytes) and text (UTF-8)."""
    submitter: Name
    matter: Name
    consent_entry: int
    """Index in the aggregator's log of the record of the consent."""
    consent_at: datetime

    def __repr__(self) -> str:
        return f"Question({self.request_id[:8]}…)"


class KeyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One key's, with exactly one of the two figures; the null: the text is independent of this key."""

    key: Short
    scored_tokens: Annotated[int, msgspec.Meta(ge=0)]
    """Distinct (context, token) pairs."""
    log10_p: Annotated[float, msgspec.Meta(le=0)] | None = None
    """Uncorrected."""
    log10_e: float | None = None
    """Of an e-value, for a detector that looks again as text arrives."""


class PoolAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every key of one registered pool."""

    profile_id: ProfileId
    epoch: Short
    commitment: Hex32
    keys: Annotated[list[KeyAnswer], msgspec.Meta(min_length=1, max_length=MOST_KEYS)]
    weak: Weak = ""
    """Why the scheme's keys are weak, where they are."""


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Payload of the DSSE envelope that a detector answers with."""

    schema: Literal["countermark/watermark-verdict/v1"] = VERDICT_SCHEMA
    request_id: Hex32
    text_digest: Hex32
    member: Name
    """Whose keys these are."""
    pools: Annotated[list[PoolAnswer], msgspec.Meta(max_length=MOST_POOLS)]
    keys: Annotated[int, msgspec.Meta(ge=0)]
    """Number of keys over all pools."""
    made: datetime


class RegisteredPool(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Keys of one epoch of one profile, by name."""

    profile_id: ProfileId
    epoch: Short
    commitment: Hex32
    """Of the keys, published before they marked (docs/keys.md), or SHA-256 over a nonce of 32 bytes and the
    key file, for an engine's raw key."""
    keys: Annotated[list[Short], msgspec.Meta(min_length=1, max_length=MOST_KEYS)]


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Payload of the DSSE envelope with which a member registers keys (`POST /watermark/keys`)."""

    schema: Literal["countermark/watermark-keys/v1"] = KEYS_SCHEMA
    member: Name
    pools: Annotated[list[RegisteredPool], msgspec.Meta(min_length=1, max_length=MOST_POOLS)]
    created: datetime


class Retired(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Payload of the DSSE envelope with which a member takes a pool of its own out of a register
    (`POST /watermark/keys/retired`)."""

    schema: Literal["countermark/watermark-keys-retired/v1"] = RETIRED_SCHEMA
    member: Name
    commitment: Hex32
    created: datetime


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One key in the outcome, as members see it."""

    member: str
    profile_id: str
    epoch: str
    key: str
    scored_tokens: int
    log10_p: float
    """Uncorrected."""
    log10_adjusted: float
    """Holm within the check over all registered keys, at the check's share of the matter's alpha: compared
    with the matter's alpha."""
    log10_holm_so_far: float
    """Holm over all that was asked in the matter so far; for information."""
    passes: bool
    weak: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `POST /watermark/check` to a member or an operator."""

    schema: Literal["countermark/joint-check/v1"] = OUTCOME_SCHEMA
    check_id: str
    word: Word
    marks: list[str]
    """Members whose mark it is not independent of."""
    matter: str
    ordinal: int
    """Which check of the matter this is, from 1."""
    alpha: float
    """Of the matter."""
    hypotheses: int
    """Registered keys that were asked."""
    asked_so_far: int
    """Hypotheses of the matter, this check's included."""
    consent: bool
    answered: list[str]
    missing: dict[str, str]
    """Members that gave no answer that counts, with the reason."""
    complete: bool
    rows: list[Row]
    salt: str
    text_digest: str
    entries: list[int]
    """Indices in the aggregator's log: consent, check, verdicts, outcome."""
    contradicted: list[str] = []
    """Members whose verdict says something else of a key than the opened or escrowed copy that this node
    holds, which is what counts."""
    verdicts: list[str] = []
    """Signed envelopes of the members that answered, as they came: kept by nobody else. Their SHA-256 stand
    in the log."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a regulator or fact-checker: the word and whose mark, no p-value."""

    schema: Literal["countermark/joint-check/v1"] = OUTCOME_SCHEMA
    check_id: str
    word: Word
    marks: list[str]
    matter: str
    alpha: float
    entries: list[int]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to the public."""

    schema: Literal["countermark/joint-check/v1"] = OUTCOME_SCHEMA
    word: Word
