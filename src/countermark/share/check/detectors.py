"""A node's own detectors: `[[detectors]]` of exchange.toml, read and checked at the start, asked with texts.

Names in a pool are those of accounts or cohorts and stay here: others see a key's public name, a digest
(`watermark.key_names`).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from countermark.errors import Error, ExitCode
from countermark.share.check.correction import MIN_TOKENS
from countermark.share.check.figures import LEAST, shown
from countermark.share.check.messages import (
    MOST_KEYS,
    MOST_POOLS,
    MOST_TEXT,
    KeyAnswer,
    PoolAnswer,
    RegisteredPool,
    Short,
    Status,
)
from countermark.share.check.openings import MOST_NONCE, check_raw
from countermark.share.check.register import Registered
from countermark.share.check.settings import DetectorSettings
from countermark.trust.keyfiles import Secret, read_secret
from countermark.watermark.key_names import check_key_is_named, name_of_key
from countermark.watermark.key_pools import MAX_POOL_BYTES, KeyPool, read_keys, score_key_pool
from countermark.watermark.profile import Profile, read_profile
from countermark.watermark.schemes import gumbel_siphash, sglang_gumbel
from countermark.watermark.schemes.base import Evidence, IntArray, Scheme
from countermark.watermark.scoring import LN10, Detector, Document, load_scheme
from countermark.watermark.tokens import check_tokenizer, load_tokenizer

__all__ = ["DetectorSettings", "Detectors"]

MOST_IDS: Final = 200_000
"""Tokens of a text that are scored, from its beginning: what 400,000 characters of most writing have, and
less than hostile ones can. The rest is left out, not refused: tokenizers differ, and the check needs all."""
GIVEN_AWAY: Final = frozenset({sglang_gumbel.NAME})
"""Schemes whose key follows from a figure, for whoever has the text (docs/watermarks.md)."""


@dataclass(frozen=True)
class _Pool:
    """The keys of one profile, ready to score."""

    owner: str
    status: Status
    profile: Profile
    profile_id: str
    commitment: str
    names: list[str]
    """Public ones, in the order of `keys`."""
    local: list[str]
    """The owner's own: of accounts or cohorts."""
    keys: list[Secret]
    bound: list[Detector]
    """One a key; empty where the scheme scores many keys together."""
    scheme: Scheme

    @property
    def weak(self) -> str:
        """Why the scheme's keys are weak."""
        return self.scheme.weak


class Detectors:
    """Every key that a node answers for. Nothing in it changes, so that threads may share it."""

    def __init__(self, pools: Sequence[_Pool], tokenizers: dict[str, Any], least_tokens: int) -> None:
        self._pools, self._tokenizers, self._least = list(pools), tokenizers, least_tokens

    @classmethod
    def open(
        cls, settings: Sequence[DetectorSettings], base: Path, *, least_tokens: int = MIN_TOKENS
    ) -> "Detectors":
        """Read profiles, keys and tokenizers below `base` and check that they belong together.

        Under `least_tokens` distinct scored tokens a key answers p = 1. Raises `Error` for key files that
        others can read, a tokenizer or key that is not the profile's, a scheme whose key an answer would give
        away, and a commitment, or a profile's epoch, that stands twice.
        """
        if len(settings) > MOST_POOLS:
            raise Error(f"there are over {MOST_POOLS} detectors", exit_code=ExitCode.USAGE)
        tokenizers: dict[str, Any] = {}
        pools = [_read(one, base, tokenizers) for one in settings]
        for what, values in (
            ("commitment", [one.commitment for one in pools]),
            ("profile's epoch", [(one.profile_id, one.profile.epoch) for one in pools]),
        ):
            if len(set(values)) < len(values):
                raise Error(f"two detectors have the same {what}", exit_code=ExitCode.USAGE)
        return cls(pools, tokenizers, least_tokens)

    def __len__(self) -> int:
        return len(self._pools)

    def of(
        self, *, owner: str | None = None, statuses: Collection[Status] = ("own", "escrowed", "opened")
    ) -> "Detectors":
        """Those of one owner, or of these statuses."""
        chosen = [p for p in self._pools if owner in (None, p.owner) and p.status in statuses]
        return Detectors(chosen, self._tokenizers, self._least)

    def only(self, commitments: Collection[str]) -> "Detectors":
        """Those of these commitments."""
        chosen = [p for p in self._pools if p.commitment in commitments]
        return Detectors(chosen, self._tokenizers, self._least)

    def registered(self) -> list[Registered]:
        """What has to stand in an aggregator's register before it asks."""
        return [
            Registered(
                one.owner,
                RegisteredPool(
                    profile_id=one.profile_id,
                    epoch=one.profile.epoch,
                    commitment=one.commitment,
                    keys=one.names,
                ),
            )
            for one in self._pools
        ]

    def local_name(self, commitment: str, key: str) -> str | None:
        """The account or cohort of a key in a pool, for its owner's eyes; None for an unknown one."""
        for pool in self._pools:
            if pool.commitment == commitment and key in pool.names:
                return pool.local[pool.names.index(key)]
        return None

    def answer(self, text: str) -> list[PoolAnswer]:
        """Every key's answer about a text, pools in the order of the settings; keeps and logs nothing of it.

        Each tokenizer reads the text once, and its first `MOST_IDS` tokens are scored.

        Raises `Error`, which quotes nothing of it, for a text that is too long or cannot be tokenised.
        """
        if len(text) > MOST_TEXT:
            raise Error(f"the text is over {MOST_TEXT:,} characters", exit_code=ExitCode.NO_INPUT)
        ids: dict[str, IntArray] = {}
        answers = []
        for pool in self._pools:
            digest = pool.profile.tokenizer.sha256
            if digest not in ids:
                ids[digest] = _encode(self._tokenizers[digest], text)
            answers.append(self._answer(pool, ids[digest]))
        return answers

    def _answer(self, pool: _Pool, ids: IntArray) -> PoolAnswer:
        scores = _evidence(pool, Document(ids))
        return PoolAnswer(
            profile_id=pool.profile_id,
            epoch=pool.profile.epoch,
            commitment=pool.commitment,
            keys=[
                KeyAnswer(key=name, scored_tokens=one.scored, log10_p=self._log10_p(one, pool.weak))
                for name, one in zip(pool.names, scores, strict=True)
            ],
            weak=pool.weak,
        )

    def _log10_p(self, evidence: Evidence, weak: str) -> float:
        # of a few tokens a p-value tells more of the key than of the text
        if evidence.scored < self._least:
            return 0.0
        return shown(max(evidence.log_p / LN10, LEAST), weak)


def _evidence(pool: _Pool, document: Document) -> list[Evidence]:
    """As `watermark.score` judges one document, without the engine's own figure."""
    if not pool.bound:
        scores = score_key_pool(pool.profile, pool.keys, [document], scheme=pool.scheme)
        return [one.evidence for one in scores]
    return [one.scorer.judge(one.distinct_marks([document])) for one in pool.bound]


def _encode(tokenizer: Any, text: str) -> IntArray:
    ids = None
    with suppress(Exception):  # the library raises what it likes, and what it raises may quote the text
        ids = np.array(tokenizer.encode(text, add_special_tokens=False).ids[:MOST_IDS], dtype=np.int64)
    if ids is None:
        raise Error("the text cannot be tokenised", exit_code=ExitCode.NO_INPUT)
    return ids


def _read(settings: DetectorSettings, base: Path, tokenizers: dict[str, Any]) -> _Pool:
    profile = read_profile(base / settings.profile).profile
    files = [None if name is None else base / name for name in (settings.key_file, settings.key_pool)]
    if (files[0] is None) == (files[1] is None):
        raise Error(
            "a detector has either a key_file or a key_pool", hint=settings.profile, exit_code=ExitCode.USAGE
        )
    pool = read_keys(files[0], files[1])
    if len(pool) > MOST_KEYS:
        raise Error(f"a detector's pool has over {MOST_KEYS:,} keys", hint=settings.profile)
    _check_given_away(settings, profile)
    if settings.nonce_file is not None:
        content = read_secret(files[0] or files[1] or base, most_bytes=MAX_POOL_BYTES)
        nonce = read_secret(base / settings.nonce_file, what="nonce file", most_bytes=MOST_NONCE)
        check_raw(settings.commitment, nonce, content)
    _add_tokenizer(base / settings.tokenizer, profile, tokenizers)
    return _pool(settings, profile, pool)


def _pool(settings: DetectorSettings, profile: Profile, pool: KeyPool) -> _Pool:
    scheme, origin = load_scheme(profile)
    # every key is parsed here, also where the scheme then scores all of them together
    bound = [
        Detector(profile, profile.profile_id, scheme.bind(profile, key), scheme.weak, origin)
        for key in pool.keys
    ]
    if len(pool) == 1:
        check_key_is_named(profile, pool.keys[0])
    names = [name_of_key(key) for key in pool.keys]
    try:
        msgspec.convert(profile.epoch, Short)
    except msgspec.ValidationError:
        title = f"the epoch of {settings.profile} is not 1 to 64 printable characters of ASCII"
        raise Error(title, exit_code=ExitCode.USAGE) from None
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise Error(f"the keys of {settings.profile} hold the key {twice[0]} twice")
    together = profile.scheme == gumbel_siphash.NAME
    return _Pool(
        owner=settings.owner,
        status=settings.status,
        profile=profile,
        profile_id=profile.profile_id,
        commitment=settings.commitment,
        names=names,
        local=pool.names,
        keys=pool.keys,
        bound=[] if together else bound,
        scheme=scheme,
    )


def _check_given_away(settings: DetectorSettings, profile: Profile) -> None:
    if profile.scheme in GIVEN_AWAY and settings.status != "opened":
        raise Error(
            f"an answer under {profile.scheme} gives its key to whoever has the text",
            hint='only keys that are opened anyway may answer: status = "opened"',
            exit_code=ExitCode.USAGE,
        )


def _add_tokenizer(path: Path, profile: Profile, tokenizers: dict[str, Any]) -> None:
    check_tokenizer(path, profile)
    digest = profile.tokenizer.sha256
    if digest not in tokenizers:
        tokenizers[digest] = _plain(load_tokenizer(path))
    limit = profile.tokenizer.vocab_size
    if limit and max(tokenizers[digest].get_vocab(with_added_tokens=True).values(), default=0) >= limit:
        raise Error(
            f"{path} gives ids that are outside the profile's vocabulary of {limit:,}",
            hint="the profile's vocab_size counts added tokens too",
        )


def _plain(tokenizer: Any) -> Any:
    """The tokenizer without what its file may ask for (cutting, padding, chance) and without its cache, which
    would keep words of texts."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    model = tokenizer.model
    if getattr(model, "dropout", None) is not None:
        model.dropout = None
    resize = getattr(model, "_resize_cache", None)
    if resize is not None:
        resize(0)
    tokenizer.model = model
    return tokenizer
