"""Windows of ids (a context and its token) taken by themselves: told apart without a key, marked under any.

A body is read once; what its distinct windows show can then be asked for key after key, true ones and decoys.
Only whole windows: what an engine pads before the first ids of an answer is left out.
"""

from typing import Protocol, runtime_checkable

import numpy as np

from countermark.errors import Error, ExitCode
from countermark.watermark.prf.siphash import domain_word, hash_windows, key_words, pack_windows
from countermark.watermark.profile import Profile
from countermark.watermark.schemes.base import FloatArray, IntArray, Marks, Scorer, UIntArray

GREEN_LIST = "transformers-green-list"
_PUBLIC = key_words(bytes(16))
"""A key that anybody knows: it only tells windows apart."""


@runtime_checkable
class WindowScorer(Protocol):
    """A scorer that marks windows by themselves, where a document made of them would not do."""

    def of_windows(self, windows: IntArray) -> Marks:
        """A mark a window of ids, shape (n, length); positions are those of the windows."""
        ...


@runtime_checkable
class PairScorer(Protocol):
    """A scorer that has a score for each pair."""

    def scores(self, marks: Marks) -> FloatArray:
        """Score of each mark, shape (n,), higher where the mark is likelier."""
        ...


@runtime_checkable
class Exponential(PairScorer, Protocol):
    """A scorer whose scores are lower ends of cells of single Exp(1) variables."""

    cell_bits: int
    """A cell has probability 2^-cell_bits."""


def window_length(profile: Profile) -> int:
    """Ids that enter the keyed function for one token, itself included."""
    if profile.scheme != GREEN_LIST:
        return profile.context_width + 1
    if profile.parameters["seeding"] != "selfhash":
        return 2
    if profile.context_width < 2:
        raise Error("selfhash with a context_width of 1 has no context", exit_code=ExitCode.USAGE)
    return profile.context_width


def fingerprints(ids: IntArray, length: int) -> UIntArray:
    """A 64-bit name of each run of `length` ids, shape (n - length + 1,); no secret enters it."""
    words = ids.astype(np.uint64)
    if length == 1 or len(ids) < length:
        return words if length == 1 else np.empty(0, np.uint64)
    width = length - 1
    names: UIntArray = hash_windows(pack_windows(words, width), *_PUBLIC, domain_word(width))
    return names


def marks_of(scorer: Scorer, windows: IntArray) -> Marks:
    """Marks of windows, shape (n, length), whose positions are rows of `windows`.

    A row that the scheme leaves out under every key (lefthash after id 0) has none.
    """
    if isinstance(scorer, WindowScorer):
        return scorer.of_windows(windows)
    length = windows.shape[1]
    marks = scorer.marks(np.ascontiguousarray(windows).ravel())
    marks = marks.at(marks.positions % length == length - 1)
    return Marks(marks.fingerprints, marks.values, marks.positions // length)


def statistic_of(scorer: Scorer, marks: Marks) -> float:
    """What `judge` calls the statistic, or a rising function of it; without the law where that is quick."""
    if isinstance(scorer, PairScorer):
        scores = scorer.scores(marks)
        return float(scores.sum() if marks.weights is None else marks.weights @ scores)
    return scorer.judge(marks).statistic
