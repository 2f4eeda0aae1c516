"""Does an endpoint answer like ours? Within-prompt MMD, ranks at one answer a prompt, an e-process.

Which of the three decides is settled by the options and the number of answers before anything is compared:
the e-process if asked for, else the MMD where both sides have two answers to every prompt, else the ranks.
"not identical" is the most that is said, and never why.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from countermark.attribute.base import Draw, Examined, ProgressCall
from countermark.attribute.identity import pictures, power
from countermark.attribute.identity.answers import MOST_POSITIONS, Side, read_side, shown_settings
from countermark.attribute.identity.compared import Compared
from countermark.attribute.identity.findings import ALTERNATIVES, Subject, betting_test, mmd_test, rank_test
from countermark.attribute.identity.paired import pairs_of, unit_of
from countermark.attribute.identity.sampled import SampledReference
from countermark.errors import Error, ExitCode
from countermark.records.attributions import NO_DIFFERENCE, NOT_IDENTICAL, Test, ValidityDomain
from countermark.records.canonical import canonical_json, file_sha256, sha256_hex
from countermark.stats.betting import log_capital
from countermark.stats.evalues import anytime_log_p
from countermark.stats.mmd import within_prompt
from countermark.stats.uniformity import uniformity
from countermark.trust.keyfiles import Secret
from countermark.trust.seeds import seed_of

DOMAIN = ValidityDomain(
    measured={"prompts": [5.0, 194.0], "answers a prompt": [1.0, 8.0], "unit": ["tokens"]},
    where="docs/attribution-benchmarks.md",
)
PERMUTATIONS = 9_999
MOST_PERMUTATIONS = 1_000_000
SAMPLES = 20
"""Answers that a local reference is asked for a prompt."""
MOST_SAMPLES = 50
HOW = (
    "share of the suspect's answers replaced by the reference's answers to other prompts, simulated before "
    "correction; a slighter change of every answer is not covered"
)


class Identity:
    """The endpoint of the suspect's transcripts against transcripts of ours, or a folder that is run here."""

    name = "identity"
    positive = NOT_IDENTICAL
    negative = NO_DIFFERENCE
    domain = DOMAIN
    other_explanations = ALTERNATIVES

    def __init__(
        self,
        reference: Path,
        *,
        permutations: int = PERMUTATIONS,
        samples: int = SAMPLES,
        alpha: float = 0.01,
        sequential: bool = False,
        seed: Secret | None = None,
    ) -> None:
        if not 99 <= permutations <= MOST_PERMUTATIONS or not 2 <= samples <= MOST_SAMPLES:
            message = f"permutations are 99 to {MOST_PERMUTATIONS:,}, samples 2 to {MOST_SAMPLES}"
            raise Error(message, exit_code=ExitCode.USAGE)
        self.inputs = {"reference": reference}
        self._draws, self._samples, self._alpha = permutations, samples, alpha
        self._sequential, self._secret = sequential, seed
        self._digest = _digest(reference)
        self._seed = seed_of(seed, "identity reference", self._digest)
        self._reference: SampledReference | Side
        if reference.is_dir():
            self._reference = SampledReference(reference, samples=samples, seed=self._seed)
        else:
            self._reference = read_side(reference, "reference")

    def examine(self, suspect: Path, progress: ProgressCall | None = None) -> Examined:
        """Compare the suspect's transcripts with the reference; `Error` where they share no prompt."""
        # a folder's empty answers are sampled with the others
        theirs = read_side(suspect, "suspect", empty=not isinstance(self._reference, Side))
        if isinstance(self._reference, Side):
            pairs, problems = pairs_of(self._reference, theirs)
            case = Compared(pairs, unit_of(pairs), None, progress)
        else:
            pairs, problems = self._reference.pairs(theirs)
            case = Compared(pairs, unit_of(pairs), self._reference, progress)
        # not of the suspect's bytes: whoever can change one could choose the draws
        seed = seed_of(self._secret, "identity", self._digest)
        decides = "e-process" if self._sequential else "mmd" if case.several else "rank"
        done = self._tested(case, decides, np.random.default_rng(seed))
        return Examined(
            tests=done.tests,
            problems=[*problems, *done.problems],
            minimum_detectable={"share": done.least, "power": power.POWER, "how": HOW},
            properties={
                "prompts": float(len(pairs)),
                "answers a prompt": case.about["suspect_answers"] / len(pairs),
                "unit": case.unit,
            },
            parameters={
                "decides": decides,
                "permutations": self._draws,
                "sampling": shown_settings(theirs.settings),
            }
            | ({"seed": f"{seed:032x}"} if self._secret is None else {})
            | ({} if isinstance(self._reference, Side) else {"reference_samples": self._samples}),
            pictures=done.pictures,
        )

    def _tested(self, case: Compared, decides: str, generator: np.random.Generator) -> "_Done":
        subject, n = Subject(self._digest[:16], decides), len(case.pairs)
        ranks, foreign = case.ranks(self._seed)
        even, path = uniformity(ranks, generator, draws=self._draws), log_capital(ranks)
        about = {"unit": case.unit, "score": case.score}
        done = _Done(
            tests=[
                rank_test(subject, even, n, about),
                betting_test(subject, anytime_log_p(float(path.max())), float(path.max()), n, about),
            ],
            pictures={"ranks": pictures.ranks(ranks), "capital": pictures.capital(path, self._alpha)},
        )
        floor, found = even.floor, power.ranks_found(foreign, even.limit(self._alpha), generator)
        if decides == "e-process":
            floor, found = 0.0, power.capital_found(foreign, self._alpha, generator)
        if case.several:
            outcome = within_prompt(case.strata(), generator, permutations=self._draws)
            kernel = {"kernel": f"Hamming, {MOST_POSITIONS:,} positions"}
            done.tests.insert(0, mmd_test(subject, outcome, n, case.about | kernel))
            done.pictures["permutations"] = pictures.permutations(outcome)
            if decides == "mmd":
                floor = outcome.floor
                found = power.mmd_finds(case.widened(), outcome, self._alpha, generator)
        if floor > self._alpha:
            done.problems.append(f"not testable: no p-value below {floor:.2g} is possible here")
        else:
            done.least = power.least_share(found)
        return done


@dataclass
class _Done:
    tests: list[Test]
    pictures: dict[str, Draw]
    problems: list[str] = field(default_factory=list)
    least: float | None = None


def _digest(path: Path) -> str:
    """SHA-256 of a file, or over those of a folder's weights and settings."""
    try:
        if not path.is_dir():
            return file_sha256(path)
        files = sorted(one for one in path.iterdir() if one.suffix in (".safetensors", ".json"))
        return sha256_hex(canonical_json([[one.name, file_sha256(one)] for one in files]))
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
