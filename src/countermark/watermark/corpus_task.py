"""What every process of a scan opens: profile, keys and tokenizer, from paths; a key never travels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from countermark import __version__
from countermark.errors import Error
from countermark.trust.keyfiles import read_secret
from countermark.watermark.corpus_rows import Fields
from countermark.watermark.key_names import check_key_is_named
from countermark.watermark.key_pools import KeyPool, read_key_pool, read_keys
from countermark.watermark.profile import Profile, read_profile
from countermark.watermark.schemes.base import NULL
from countermark.watermark.scoring import Detector
from countermark.watermark.tokens import Tokens, check_tokenizer


@dataclass(frozen=True)
class Keys:
    """Where the keys are; a worker opens the file itself."""

    path: str
    pool: bool
    """Whether the file holds many named keys."""
    identity: str
    """`file_identity` when the scan began."""

    def read(self) -> KeyPool:
        """The keys; an `Error` if the file is another one than when the scan began."""
        if file_identity(Path(self.path)) != self.identity:
            raise Error(
                "the key file has changed during the scan", hint="run the scan anew in another folder"
            )
        if self.pool:
            return read_key_pool(Path(self.path))
        return KeyPool([""], [read_secret(Path(self.path))])


def file_identity(path: Path) -> str:
    """Device, number and time of change of a file: by these a resumed scan knows its key file again.

    Nothing is derived from the key. A digest on disk, salted or not, lets whoever reads it try keys, and
    engines' keys of 64 bits, or 16 a layer, are few enough to try. Raises `Error` where there is no file.
    """
    try:
        status = path.stat()
    except OSError:
        # says it in its own words, and tells a key on the command line from a missing file
        read_secret(path)
        raise
    return f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}"


@dataclass(frozen=True)
class CorpusTask:
    """What every function of a scan knows."""

    profile: str
    """Path of the profile."""
    profile_id: str
    keys: Keys
    tokenizer: str | None
    fields: Fields

    @staticmethod
    def open(
        profile: Path, key_file: Path | None, key_pool: Path | None, tokenizer: Path | None, fields: Fields
    ) -> "CorpusTask":
        """Check profile, keys and tokenizer before anything is read of the corpus."""
        known = read_profile(profile).profile
        path = (key_file or key_pool or Path()).absolute()
        pool = read_keys(key_file, key_pool)
        for key in pool.keys:
            Detector.open(known, key)
        if len(pool) == 1:
            check_key_is_named(known, pool.keys[0])
        if tokenizer is not None:
            check_tokenizer(tokenizer, known)
        keys = Keys(str(path), key_pool is not None, file_identity(path))
        text = None if tokenizer is None else str(tokenizer.absolute())
        return CorpusTask(str(profile.absolute()), known.profile_id, keys, text, fields)

    def request(self) -> dict[str, Any]:
        """What has to be the same when a scan is resumed."""
        known = self.opened()
        return {
            "version": __version__,
            "profile": self.profile_id,
            "scheme": known.detectors[0].origin.to_dict(),
            "key file": self.keys.identity,
            "key pool": self.keys.pool,
            "tokenizer": self.tokenizer is not None,
            "fields": [self.fields.id, self.fields.text],
        }

    def described(self) -> dict[str, Any]:
        """What stands at the head of an answer."""
        known = self.opened()
        detector = known.detectors[0]
        return {
            "profile": self.profile_id,
            "scheme": detector.origin.to_dict(),
            "weak": detector.weak,
            "null": NULL,
            "key_id": known.profile.key_id,
            "keys": len(known.names),
            "tokenizer": known.profile.tokenizer.sha256 if self.tokenizer else "",
            "fields": {"id": self.fields.id, "text": self.fields.text},
        }

    @property
    def columns(self) -> Sequence[str]:
        """Columns that are read of a Parquet file."""
        return self.fields.columns

    def opened(self) -> "Opened":
        """Profile, detectors and tokenizer, kept by each process."""
        return _open(self)


@dataclass(frozen=True)
class Opened:
    """What a process holds while it works."""

    profile: Profile
    names: Sequence[str]
    detectors: Sequence[Detector]
    tokens: Tokens


@lru_cache(maxsize=2)
def _open(task: CorpusTask) -> Opened:
    profile = read_profile(Path(task.profile)).profile
    if profile.profile_id != task.profile_id:
        raise Error("the profile has changed during the scan", hint="run the scan anew in another folder")
    pool = task.keys.read()
    tokens = Tokens(profile, None if task.tokenizer is None else Path(task.tokenizer))
    return Opened(profile, pool.names, [Detector.open(profile, key) for key in pool.keys], tokens)
