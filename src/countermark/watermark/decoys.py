"""Decoy keys: of the form of a scheme's key files, drawn as a deployment draws its own.

Under the null a key that was committed to is one of the draws, whatever dependence the text has in itself.
"""

import numpy as np
from numpy.typing import NDArray

from countermark.errors import Error, ExitCode
from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import Profile
from countermark.watermark.schemes import gumbel_siphash, sglang_gumbel, vllm_gumbel

_GREEN, _SYNTHID = "transformers-green-list", ("transformers-synthid", "synthid-text")


def draw_words(profile: Profile, generator: np.random.Generator, count: int) -> NDArray[np.uint64]:
    """64-bit words of `count` keys, shape (count, words a key); signed keys as two's complement."""
    if profile.scheme == gumbel_siphash.NAME:
        return generator.integers(0, 1 << 64, (count, 2), dtype=np.uint64)
    if profile.scheme in (vllm_gumbel.NAME, vllm_gumbel.DUAL_NAME):
        return generator.integers(0, 1 << 64, (count, 1), dtype=np.uint64)
    if profile.scheme == sglang_gumbel.NAME:
        number = 2 if profile.parameters["dual_key"] else 1
        return generator.integers(0, 1 << 64, (count, number), dtype=np.uint64)
    if profile.scheme == _GREEN:
        return generator.integers(1, 1 << 63, (count, 1), dtype=np.uint64)
    if profile.scheme in _SYNTHID:
        depth = int(float(str(profile.parameters["depth"])))
        if not depth:
            raise Error(
                "the profile leaves the number of SynthID's layers to the key file",
                hint="state depth in the profile, so that decoys have as many",
                exit_code=ExitCode.USAGE,
            )
        return generator.integers(0, 1 << 64, (count, depth), dtype=np.uint64)
    raise Error(
        f"how keys of scheme {profile.scheme} are drawn is not known here",
        hint="--decoys 0 leaves the rank among decoy keys out",
        exit_code=ExitCode.USAGE,
    )


def key_of(profile: Profile, words: NDArray[np.uint64]) -> Secret:
    """The content of a key file from the words of one key."""
    if profile.scheme == gumbel_siphash.NAME:
        return Secret(words.astype("<u8").tobytes().hex().encode())
    values = words.astype(np.int64) if profile.scheme in _SYNTHID else words
    return Secret("\n".join(str(one) for one in values.tolist()).encode())


def draw_keys(profile: Profile, generator: np.random.Generator, count: int) -> list[Secret]:
    """Keys as `Detector.open` takes them."""
    return [key_of(profile, words) for words in draw_words(profile, generator, count)]
