"""Pairs as bets, scheme by scheme: what is counted once, and the log e-value of what is new, for a grid of
bets.

Given the text, which under the null is independent of the key, the outcomes of distinct pairs under an ideal
keyed function are:

- Gumbel schemes: independent, and each at most Exp(1) (lower ends of cells, `schemes.exponentials`).
- Green list: of a seed's list of G among V ids, n were seen before and g of them green; the next distinct id
is green
  with chance (G - g) / (V - n), exactly, whatever the other seeds gave. So the chance used is that one, and
  not gamma: a bet that hangs on earlier batches would else see the same list again.
- SynthID: a layer's outcomes hang on one draw of its key, which all batches share: what one batch shows tells
of the
  next. There is no such process, and it is refused.
"""

from typing import Protocol

import numpy as np

from countermark.errors import Error, ExitCode
from countermark.stats.evalues import Floats, bernoulli_bets, exponential_bets
from countermark.watermark.profile import Profile, number
from countermark.watermark.schemes.base import Marks, UIntArray
from countermark.watermark.schemes.exponentials import lower_exponentials

RATES = (0.0, *(0.005 * 2**at for at in range(8)))
"""Bets on exponentials: from 0.5% to 64%. One share is not bet, so that no member loses more than a factor 9,
and a joint product is not drowned by those whose keys show nothing."""
TILTS = (0.0, *(0.05 * 2**at for at in range(7)))
"""Bets on green: none, and log odds from 0.05 to 3.2."""
_LOW = np.uint64(0xFFFFFFFF)
_MASK24 = np.uint64((1 << 24) - 1)


class SequentialLaw(Protocol):
    """How a scheme's marks are bet on."""

    bets: tuple[float, ...]

    def identities(self, marks: Marks) -> UIntArray:
        """What is counted once, one a mark."""
        ...

    def log_e(self, marks: Marks, seen: UIntArray) -> Floats:
        """Log e-value of new marks for each bet, given the identities seen before (ascending)."""
        ...


class Exponentials:
    """Gumbel schemes; several keys in a pair are that many outcomes, with weights."""

    bets = RATES

    def __init__(self, bits: int, weights: tuple[float, ...] = (1.0,)) -> None:
        self._bits, self._weights = bits, weights

    def identities(self, marks: Marks) -> UIntArray:
        """The fingerprint of the window."""
        return marks.fingerprints

    def log_e(self, marks: Marks, seen: UIntArray) -> Floats:  # noqa: ARG002
        """New windows are independent of all others."""
        logs = np.zeros(len(self.bets))
        for weight, cells in zip(self._weights, self._cells(marks), strict=True):
            total = float(lower_exponentials(cells, self._bits).sum())
            logs += exponential_bets(total, len(marks), self.bets, weight)
        return logs

    def _cells(self, marks: Marks) -> list[UIntArray]:
        if len(self._weights) == 2:
            return [marks.values >> np.uint64(24), marks.values & _MASK24]
        return [marks.values >> np.uint64(11) if self._bits == 53 else marks.values]


class GreenDraws:
    """The green list: values are seed (32 bits), token (31), green (1)."""

    bets = TILTS

    def __init__(self, vocabulary: int, green: int) -> None:
        self._vocabulary, self._green = vocabulary, green

    def identities(self, marks: Marks) -> UIntArray:
        """Seed and token, with the outcome, which they decide."""
        return marks.values

    def log_e(self, marks: Marks, seen: UIntArray) -> Floats:
        """Each seed's list is drawn from without replacement, over all batches."""
        outcomes, chances = self.chances(marks.values, seen)
        return bernoulli_bets(outcomes, chances, self.bets)

    def chances(self, values: UIntArray, seen: UIntArray) -> tuple[Floats, Floats]:
        """Outcomes of new, distinct values, in an order of their own, and each one's chance given all
        before."""
        values = np.sort(values)
        outcomes = (values & np.uint64(1)).astype(np.float64)
        seeds = values >> np.uint64(32)
        first = np.searchsorted(seeds, seeds, side="left")
        at = np.arange(len(values))
        greens = np.concatenate([[0.0], np.cumsum(outcomes)])
        begin = np.searchsorted(seen, seeds << np.uint64(32), side="left")
        end = np.searchsorted(seen, seeds << np.uint64(32) | _LOW, side="right")
        before = np.concatenate([[0.0], np.cumsum((seen & np.uint64(1)).astype(np.float64))])
        drawn = (at - first) + (end - begin)
        green = (greens[at] - greens[first]) + (before[end] - before[begin])
        return outcomes, (self._green - green) / (self._vocabulary - drawn)


def sequential_law(profile: Profile) -> SequentialLaw:
    """The law of a profile's scheme; raises `Error` where it has none for data that come one after the
    other."""
    if profile.scheme == "gumbel-siphash":
        return Exponentials(53)
    if profile.scheme == "vllm-gumbel":
        return Exponentials(24)
    if profile.scheme == "vllm-dual-key-gumbel":
        alpha = number(profile, "alpha", 0, 1)
        return Exponentials(24, (1 - alpha, alpha))
    if profile.scheme == "sglang-gumbel":
        return Exponentials(32)
    if profile.scheme == "transformers-green-list":
        vocabulary = int(number(profile, "vocab_size", 2, 1 << 22))
        return GreenDraws(vocabulary, int(vocabulary * number(profile, "gamma", 0, 1)))
    raise Error(
        f"scheme {profile.scheme} cannot be monitored batch by batch",
        hint="collect the transcripts, and use attribute radioactivity once",
        exit_code=ExitCode.USAGE,
    )
