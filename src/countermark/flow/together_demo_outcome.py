"""What came of `countermark share demo --together`, and whether all of it is as it has to be."""

from dataclasses import dataclass, field
from typing import Any

from countermark.share.overlap.messages import FLOOR


@dataclass(frozen=True)
class Pair:
    """A run of the private overlap."""

    members: tuple[str, str]
    sizes: tuple[int | None, int | None]
    """As each of the two was told; None under the floor."""
    common: int
    """What they have in common, which nobody but the demo can count."""

    @property
    def good(self) -> bool:
        """Whether both were told the truth, and no more of it than they may know."""
        return set(self.sizes) == {self.common if self.common >= FLOOR else None}


@dataclass(frozen=True)
class Asked:
    """A joint check and what its caller was told."""

    by: str
    text: str
    consent: bool
    told: dict[str, Any]
    """The node's answer, without each key's figures, the salt and the verdicts: they are in `answers/`."""
    word: str
    """As it has to be."""
    marks: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the word and the owner are right."""
        return (self.told["word"], tuple(self.told.get("marks", ()))) == (self.word, self.marks)


@dataclass(frozen=True)
class Refusal:
    """What was refused, and what was said."""

    what: str
    said: str


@dataclass(frozen=True)
class Proven:
    """An entry of a consent or a refusal, and its proof."""

    index: int
    kind: str
    proof: str
    """File."""
    holds: bool


@dataclass
class Together:
    """The end of it."""

    pairs: list[Pair] = field(default_factory=list)
    matches: dict[str, int] = field(default_factory=dict)
    """By member, identifiers that it learned to have in common, where they are the right ones."""
    checks: list[Asked] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    logs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By node, what `share audit verify` says."""
    proofs: list[Proven] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether both protocols came to the right end, and every consent and refusal is proven."""
        told = all(one.good for one in self.pairs) and all(one.good for one in self.checks)
        audited = all(one["verified"] for one in self.logs.values())
        proven = bool(self.proofs) and all(one.holds for one in self.proofs)
        return told and audited and proven and bool(self.matches)
