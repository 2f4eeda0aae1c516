"""Many keys over one body: an epoch's key pool, or thousands of account keys, sharing the work on contexts.

A pool file is JSON lines, `{"account": NAME, "key": KEY}`, for its owner alone, as `watermark keygen
--accounts` writes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from countermark.errors import Error, ExitCode
from countermark.stats import gamma
from countermark.trust.keyfiles import Secret, read_secret
from countermark.watermark.distinct import first_occurrences
from countermark.watermark.prf.siphash import (
    domain_word,
    gumbel_statistics,
    hash_windows,
    key_words,
    pack_windows,
)
from countermark.watermark.profile import Profile
from countermark.watermark.schemes import gumbel_siphash
from countermark.watermark.schemes.base import Scheme
from countermark.watermark.scoring import Detector, Document, Score, check_ids, load_scheme

MAX_POOL_BYTES = 256 << 20


class _PoolLine(msgspec.Struct, forbid_unknown_fields=True):
    account: str
    key: str


@dataclass(frozen=True)
class KeyPool:
    """Named keys; the names may be shown, the keys never."""

    names: list[str]
    keys: list[Secret]

    def __len__(self) -> int:
        return len(self.names)


def read_keys(key_file: Path | None, key_pool: Path | None) -> KeyPool:
    """One nameless key, or the named keys of a pool; exactly one of the two must be given."""
    if (key_file is None) is (key_pool is None):
        raise Error("there is not exactly one of --key-file and --key-pool", exit_code=ExitCode.USAGE)
    return KeyPool([""], [read_secret(key_file)]) if key_file else read_key_pool(key_pool or Path())


def read_key_pool(path: Path) -> KeyPool:
    """Read a pool file; a malformed line is an error that names its number and shows nothing of it."""
    names, keys = [], []
    decoder = msgspec.json.Decoder(_PoolLine)
    hint = 'JSON lines, {"account": …, "key": …}; keygen --accounts makes them'
    content = read_secret(path, what="key pool", most_bytes=MAX_POOL_BYTES).reveal()
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            entry = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Error(f"{path} line {number} is no entry of a key pool", hint=hint) from None
        names.append(entry.account)
        keys.append(Secret(entry.key.encode()))
    if len(set(names)) != len(names):
        raise Error(f"{path} has an account twice")
    if not names:
        raise Error(f"{path} holds no key", hint=hint)
    return KeyPool(names, keys)


def score_key_pool(
    profile: Profile, keys: Sequence[Secret], documents: Sequence[Document], *, scheme: Scheme | None = None
) -> list[Score]:
    """Score one body under many keys; where the scheme allows, windows are made and told apart once.

    `scheme` is the profile's, where a caller has loaded and checked it: that takes longer than a text.
    """
    if profile.scheme == gumbel_siphash.NAME and all(document.weights is None for document in documents):
        return _shared_windows(scheme or load_scheme(profile)[0], profile, keys, documents)
    return [Detector.open(profile, key).score(documents) for key in keys]


def _shared_windows(
    scheme: Scheme, profile: Profile, keys: Sequence[Secret], documents: Sequence[Document]
) -> list[Score]:
    for document in documents:
        check_ids(document.ids, profile)
    width = profile.context_width
    words = np.concatenate([pack_windows(one.ids.astype(np.uint64), width) for one in documents], axis=1)
    # under a key that anybody knows, only to tell windows apart
    fingerprints = hash_windows(words, *key_words(bytes(16)), domain_word(width))
    distinct = np.ascontiguousarray(words[:, first_occurrences(fingerprints)])
    pairs = np.array([key_words(gumbel_siphash.parse_key(key)) for key in keys], dtype=np.uint64)
    statistics = gumbel_statistics(distinct, pairs, domain_word(width))
    count = distinct.shape[1]
    log_p, profile_id = gamma.log_sf(statistics, count), profile.profile_id
    evidence = (
        gumbel_siphash.gumbel_evidence(float(s), count, float(p))
        for s, p in zip(statistics, log_p, strict=True)
    )
    return [Score(profile_id, one, None, scheme.weak) for one in evidence]
