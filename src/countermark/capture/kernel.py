"""Template hashes and MinHash sketches of a batch of prompts, compiled.

A word of a skeleton is a run of letters, digits, markers and two-byte characters; a character whose UTF-8
lead byte is 0xE0 or more (CJK, Thai, …) is a word of its own; the rest separates.

- `template`: SipHash-2-4 of the skeleton. `opening` and `closing`: SipHash-2-4 of its first and of its last
  6 words with what stands between them; none under 8 words, where they would repeat the template.
- `sketch`: one-permutation MinHash of the word 2-grams over 64 bins (SipHash-1-3), empty bins filled by
  optimal densification (Shrivastava, ICML 2017), 8 bits kept a bin. With m equal bins of 64, the Jaccard
  similarity is about (m/64 - 1/256) / (1 - 1/256).
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from countermark.capture.siphash import siphash, siphash13_words
from countermark.capture.skeleton import write_skeleton
from countermark.records.events import SKETCH_VALUES

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
U64 = np.uint64

MAX_PROMPT_BYTES = 65_536
"""The kernel reads so much of a prompt; `prompt_hash` covers all of it."""
EDGE_WORDS = 6
MIN_WORDS = 8
_EMPTY = 0xFFFFFFFFFFFFFFFF


@numba.njit(cache=True)
def _words(skeleton: Bytes, size: int, starts: Ints, ends: Ints) -> Any:
    """Write where words start and end; gives how many there are."""
    count, at = 0, 0
    while at < size:
        byte = skeleton[at]
        stop = at
        if byte >= 0xE0:
            stop = min(size, at + (4 if byte >= 0xF0 else 3))
        else:
            while stop < size and _in_word(skeleton[stop]):
                stop += 1
        if stop == at:
            at += 1
            continue
        starts[count], ends[count] = at, stop
        count += 1
        at = stop
    return count


@numba.njit(inline="always")
def _in_word(byte: Any) -> Any:
    return 97 <= byte <= 122 or 128 <= byte < 224 or 1 <= byte <= 5 or byte == 95


@numba.njit(cache=True)
def _sketch(
    skeleton: Bytes, size: int, starts: Ints, ends: Ints, count: int, k0: Any, k1: Any, out: Bytes
) -> None:
    """Write the 64 values of 8 bits."""
    minima = np.full(SKETCH_VALUES, U64(_EMPTY), np.uint64)
    if count < 2:
        only = siphash(k0, k1, skeleton, 0, size, 1, 3)
        minima[only >> U64(58)] = only
    else:
        previous = siphash(k0, k1, skeleton, starts[0], ends[0], 1, 3)
        for word in range(1, count):
            current = siphash(k0, k1, skeleton, starts[word], ends[word], 1, 3)
            shingle = siphash13_words(k0, k1, previous, current)
            place = shingle >> U64(58)
            minima[place] = min(minima[place], shingle)
            previous = current
    for place in range(SKETCH_VALUES):
        source, attempt = U64(place), U64(0)
        while minima[source] == U64(_EMPTY):
            attempt += U64(1)
            source = siphash13_words(k0, k1, U64(place), attempt) >> U64(58)
        out[place] = minima[source] & U64(0xFF)


@numba.njit(cache=True)
def fingerprint(text: Bytes, offsets: Ints, keys: NDArray[np.uint64]) -> Any:
    """Fingerprints of the prompts text[offsets[i]:offsets[i + 1]].

    `keys`: four words, the template key and the sketch key. Gives `hashes` (n, 3) int64 (template, opening,
    closing), `long_enough` (n,) bool (opening and closing are given) and `sketches` (n, 64) uint8.
    """
    prompts = len(offsets) - 1
    hashes = np.zeros((prompts, 3), np.int64)
    long_enough = np.zeros(prompts, np.bool_)
    sketches = np.zeros((prompts, SKETCH_VALUES), np.uint8)
    longest = 1
    for prompt in range(prompts):
        longest = max(longest, offsets[prompt + 1] - offsets[prompt])
    skeleton = np.empty(longest, np.uint8)
    starts = np.empty(longest, np.int64)
    ends = np.empty(longest, np.int64)
    k0, k1 = keys[0], keys[1]
    for prompt in range(prompts):
        size = write_skeleton(text, offsets[prompt], offsets[prompt + 1], skeleton)
        count = _words(skeleton, size, starts, ends)
        hashes[prompt, 0] = np.int64(siphash(k0, k1, skeleton, 0, size, 2, 4))
        if count >= MIN_WORDS:
            long_enough[prompt] = True
            hashes[prompt, 1] = np.int64(siphash(k0, k1, skeleton, 0, ends[EDGE_WORDS - 1], 2, 4))
            hashes[prompt, 2] = np.int64(siphash(k0, k1, skeleton, starts[count - EDGE_WORDS], size, 2, 4))
        _sketch(skeleton, size, starts, ends, count, keys[2], keys[3], sketches[prompt])
    return hashes, long_enough, sketches
