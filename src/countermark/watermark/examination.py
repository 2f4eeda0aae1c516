"""One call of `watermark score`: bodies and keys are read first, so that their number is known.

What is asked is counted as bodies x keys; the caller adds what was asked before under the same matter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countermark.errors import Error, ExitCode
from countermark.watermark.bodies import Body, read_bodies
from countermark.watermark.decisions import Decision, decide
from countermark.watermark.key_names import check_key_is_named
from countermark.watermark.key_pools import KeyPool, score_key_pool
from countermark.watermark.profile import Profile
from countermark.watermark.scoring import Detector, Score
from countermark.watermark.tokens import Tokens

POOLED = "pooled"
"""Name of the one body that `--pool` makes of a file."""


@dataclass(frozen=True)
class Row:
    """One body under one key."""

    name: str
    key: str
    """Name in a key pool; empty where there is one key."""
    score: Score
    decision: Decision
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Fields of an output line."""
        fields = {"id": self.name, **self.score.to_dict(), **self.decision.to_dict()}
        if self.key:
            fields["key"] = self.key
        if self.problem:
            fields["problem"] = self.problem
        return fields


@dataclass(frozen=True)
class Examination:
    """What is asked: every body under every key."""

    profile: Profile
    pool: KeyPool
    """One nameless key, or many named ones."""
    bodies: Sequence[tuple[str, list[Body]]]
    """Name and documents of each body."""
    skipped: int
    """Documents of the input that hold nothing to score."""

    @property
    def hypotheses(self) -> int:
        """Bodies x keys."""
        return len(self.bodies) * len(self.pool)

    @staticmethod
    def read(
        profile: Profile,
        keys: KeyPool,
        source: Path,
        tokenizer: Path | None,
        *,
        as_one: bool,
    ) -> "Examination":
        """Read all bodies and check them and the first key, before anything is scored."""
        Detector.open(profile, keys.keys[0])
        if len(keys) == 1:
            check_key_is_named(profile, keys.keys[0])
        bodies = list(read_bodies(source, Tokens(profile, tokenizer)))
        usable = [body for body in bodies if not body.problem]
        if not usable:
            reason = bodies[0].problem if bodies else "it has no line"
            raise Error(
                f"{source} holds nothing to score: {reason}",
                hint=f"scheme {profile.scheme} needs more than {profile.context_width} tokens",
                exit_code=ExitCode.NO_INPUT,
            )
        skipped = len(bodies) - len(usable)
        if as_one:
            return Examination(profile, keys, [(POOLED, usable)], skipped)
        return Examination(profile, keys, [(body.name, [body]) for body in bodies], skipped)

    def score(
        self,
        alpha: float,
        family: int | None = None,
        progress: Callable[[float, float], None] | None = None,
    ) -> list[Row]:
        """Every body under every key, corrected over the family; bodies in the order of the input."""
        scored: list[tuple[str, str, Score, str]] = []
        for done, (name, documents) in enumerate(self.bodies):
            scored += self._body(name, documents)
            if progress:
                progress(done + 1, len(self.bodies))
        decisions = decide([score.evidence.log_p for _, _, score, _ in scored], alpha, family)
        return [
            Row(name, key, score, decision, problem)
            for (name, key, score, problem), decision in zip(scored, decisions, strict=True)
        ]

    def _body(self, name: str, bodies: list[Body]) -> list[tuple[str, str, Score, str]]:
        documents = [body.document for body in bodies]
        problem = bodies[0].problem if len(bodies) == 1 else ""
        if len(self.pool) == 1:
            detector = Detector.open(self.profile, self.pool.keys[0])
            return [(name, self.pool.names[0], detector.score(documents), problem)]
        scores = score_key_pool(self.profile, self.pool.keys, documents)
        return [(name, key, score, problem) for key, score in zip(self.pool.names, scores, strict=True)]
