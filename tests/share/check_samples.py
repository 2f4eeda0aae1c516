"""Members with keys, profiles and tokenizers in files, texts that one of them marked, and their verdicts."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from countermark.records.canonical import sha256_hex
from countermark.share.check.detectors import Detectors
from countermark.share.check.messages import KeyAnswer, Keys, PoolAnswer, RegisteredPool
from countermark.share.check.register import Register, Registered
from countermark.share.check.settings import DetectorSettings
from countermark.share.check.verdicts import open_verdict, sign_verdict, text_digest
from countermark.trust.keyfiles import Secret, write_secret
from countermark.trust.signing import PublicKey, SigningKey
from countermark.watermark.profile import Engine, Profile, Tokenizer, write_profile
from countermark.watermark.sampling.numpy_sampler import Sampler

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SALT = "5a" * 32
REQUEST = "0b" * 32
VOCABULARY = 512
NAMES = ("alpha", "beta", "gamma")


def hexes(*parts: object) -> str:
    """64 hex digits that hang on what is given."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def profile_of(name: str) -> str:
    """An id as profiles have them."""
    return f"profile-{hexes('profile', name)[:32]}"


def key_of(member: str, number: int = 0) -> str:
    """A test key of our scheme; nobody marks with it."""
    return hexes("key", member, number)[:32]


def word(token: int) -> str:
    """The word of an id in the tiny tokenizer."""
    return f"w{token:03d}"


def write_tokenizer(path: Path) -> str:
    """A tokenizer of 512 words between blanks, and its SHA-256; every text gives its ids again."""
    from tokenizers import Tokenizer as Library
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    library = Library(WordLevel({word(token): token for token in range(VOCABULARY)}, unk_token=word(0)))
    library.pre_tokenizer = WhitespaceSplit()
    path.write_text(library.to_str())
    return sha256_hex(path.read_bytes())


@cache
def _probabilities() -> Any:
    table = np.random.default_rng(11).normal(size=(64, VOCABULARY))
    return np.exp(1.5 * table)


def marked_text(member: str | None, *, tokens: int = 400, seed: int = 0, number: int = 0) -> str:
    """A text of a random bigram model under a member's key; under nobody's for None."""
    key = key_of(member, number) if member else hexes("nobody", seed)[:32]
    profile = own_profile("x" * 64, "any")
    sampler = Sampler(profile, Secret(key.encode()), np.random.default_rng([seed, 1]))
    answer, weights = sampler.start(), _probabilities()
    for _ in range(tokens):
        row = weights[(answer.ids[-1] if answer.ids else seed) % 64]
        sampler.next_token(row, answer)
    return " ".join(word(token) for token in answer.ids)


def own_profile(tokenizer_sha256: str, member: str, **changes: Any) -> Profile:
    """A profile of our own scheme that is this member's."""
    fields: dict[str, Any] = {
        "engine": Engine("countermark", "1"),
        "scheme": "gumbel-siphash",
        "prf": "siphash-2-4",
        "context_width": 4,
        "deduplication": "single_turn",
        "tokenizer": Tokenizer(
            "words", tokenizer_sha256 if len(set(tokenizer_sha256)) > 1 else "", VOCABULARY
        ),
        "key_id": f"{member}'s pool",
        "epoch": "2026-Q4",
        "models": [f"{member}-1"],
    }
    return Profile(**(fields | changes))


@dataclass
class Party:
    """A member: its folder, signing key and detectors."""

    name: str
    folder: Path
    settings: list[DetectorSettings]
    detectors: Detectors
    signing: SigningKey = field(default_factory=SigningKey.generate)

    @property
    def signers(self) -> dict[str, PublicKey]:
        """Its own keys, as an aggregator knows them."""
        return {self.signing.public.keyid: self.signing.public}

    @property
    def pools(self) -> list[RegisteredPool]:
        """What it registers."""
        return [one.pool for one in self.detectors.registered()]

    @property
    def registration(self) -> Keys:
        """The document with which it does."""
        return Keys(member=self.name, pools=self.pools, created=NOW)

    def sign(
        self, pools: Sequence[PoolAnswer], *, text: str, request: str = REQUEST, **changes: Any
    ) -> bytes:
        """A verdict of these answers."""
        fields = {
            "member": self.name,
            "request_id": request,
            "text_digest": text_digest(SALT, text),
            "now": NOW,
        } | changes
        return sign_verdict(self.signing, pools=pools, **fields)

    def verdict(self, text: str, request: str = REQUEST) -> bytes:
        """The honest one."""
        return self.sign(self.detectors.answer(text), text=text, request=request)


def make_party(folder: Path, name: str, *, keys: int = 3, **profile: Any) -> Party:
    """A member with a pool of keys of our scheme."""
    place = folder / name
    place.mkdir()
    digest = write_tokenizer(place / "tokenizer.json")
    write_profile(place / "profile.json", own_profile(digest, name, **profile))
    lines = [
        json.dumps({"account": f"{name}'s account {number}", "key": key_of(name, number)})
        for number in range(keys)
    ]
    write_secret(place / "keys.jsonl", "\n".join(lines).encode())
    settings = DetectorSettings(
        profile="profile.json",
        key_pool="keys.jsonl",
        tokenizer="tokenizer.json",
        commitment=hexes("commitment", name),
        owner=name,
    )
    return Party(name, place, [settings], Detectors.open([settings], place))


def make_parties(folder: Path, names: Sequence[str] = NAMES, *, keys: int = 3) -> dict[str, Party]:
    """Several members, by name."""
    return {name: make_party(folder, name, keys=keys) for name in names}


def register_of(*parties: Party) -> Register:
    """What they have registered."""
    return Register(Registered(one.name, pool) for one in parties for pool in one.pools)


def opened(party: Party, envelope: bytes, register: Register, text: str, **changes: Any) -> Any:
    """`open_verdict` as the aggregator calls it about this text."""
    fields: dict[str, Any] = {
        "member": party.name,
        "signers": party.signers,
        "request_id": REQUEST,
        "digest": text_digest(SALT, text),
        "register": register,
        "now": NOW,
    } | changes
    return open_verdict(envelope, **fields)


def pool_of(member: str, figures: Sequence[float], *, tokens: int = 1000, e: bool = False) -> PoolAnswer:
    """Answers of a made-up pool: log10 p a key, or log10 e."""
    rows = [
        KeyAnswer(
            key=f"k{number}",
            scored_tokens=tokens,
            log10_p=None if e else figure,
            log10_e=figure if e else None,
        )
        for number, figure in enumerate(figures)
    ]
    return PoolAnswer(
        profile_id=profile_of(member), epoch="1", commitment=hexes("made up", member), keys=rows
    )


def registered_pool(member: str, keys: int) -> Registered:
    """The pool that `pool_of` answers for."""
    return Registered(
        member,
        RegisteredPool(
            profile_id=profile_of(member),
            epoch="1",
            commitment=hexes("made up", member),
            keys=[f"k{number}" for number in range(keys)],
        ),
    )
