"""What is given to `verify --recompute` beside the package, and what is said where something is missing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import UNSET, UnsetType

from countermark.attribute.canary.draw import Canaries, read_canaries
from countermark.attribute.keyed import Key
from countermark.errors import Error
from countermark.flow.attributions import digest
from countermark.prove.beforehand.log_view import LogView
from countermark.trust.keyfiles import Secret, read_secret
from countermark.trust.seeds import seed_key_id
from countermark.watermark.key_names import name_of_key
from countermark.watermark.key_pools import KeyPool, read_key_pool
from countermark.watermark.profile import Profile, read_profile

BY_NAME = ("allow", "corpus", "canaries")
"""Inputs that are known by their names; profiles are, too. All others are told by their digests."""
MOST_NAMED = 10
"""Missing inputs that are named."""


class Left(Exception):
    """Why something is not recomputed, in words."""


class Inputs:
    """Files, folders, keys and a seed, given by hand; the log as an earlier step has checked it."""

    def __init__(
        self,
        named: Mapping[str, Path],
        key_files: Sequence[Path] = (),
        key_pool: Path | None = None,
        seed_file: Path | None = None,
        log: LogView | None = None,
    ) -> None:
        """Raises `Error` for a file that cannot be read or a secret that others can read."""
        self.named, self.key_pool, self.log = dict(named), key_pool, log
        self.profiles: dict[str, Path] = {}
        """By id."""
        self._profiles: dict[str, Profile] = {}
        self._by_digest: dict[str, Path] = {}
        for name, path in named.items():
            if name.startswith("profile"):
                profile = read_profile(path).profile
                self.profiles[profile.profile_id], self._profiles[profile.profile_id] = path, profile
            elif name not in BY_NAME:
                self._by_digest[digest(path)] = path
        self.pool: KeyPool | None = read_key_pool(key_pool) if key_pool else None
        secrets = [read_secret(path) for path in key_files]
        self._key_files = {name_of_key(one): path for one, path in zip(secrets, key_files, strict=True)}
        self._secrets = {name_of_key(one): one for one in [*secrets, *(self.pool.keys if self.pool else [])]}
        self._seed = read_secret(seed_file, what="seed file") if seed_file else None
        self._canaries = read_canaries(named["canaries"]) if "canaries" in named else None

    def files(self, recorded: Mapping[str, str]) -> dict[str, Path]:
        """The file or folder of each SHA-256, by the name that the record has for it; `Left` for missing
        ones."""
        missing = [name for name, sha256 in recorded.items() if sha256 not in self._by_digest]
        if not missing:
            return {name: self._by_digest[sha256] for name, sha256 in recorded.items()}
        given = {name.replace(" ", "-") for name in self.named}
        options = [name.replace(" ", "-") for name in sorted(missing)]
        another = [name for name in options if name in given]
        more = f" and {len(options) - MOST_NAMED:,} more" if len(options) > MOST_NAMED else ""
        said = "give " + " ".join(f"--input {name}=FILE" for name in options[:MOST_NAMED]) + more
        if another:
            said += f"; what was given as {', '.join(another[:MOST_NAMED])} has another SHA-256"
        raise Left(said)

    def file(self, name: str, sha256: str) -> Path:
        """One file."""
        return self.files({name: sha256})[name]

    def profile(self, profile_id: str) -> Path:
        """Path of a profile."""
        if profile_id not in self.profiles:
            another = "; the profile that was given has another id" if self.profiles else ""
            raise Left(f"give --input profile=FILE{another}")
        return self.profiles[profile_id]

    def keys(self, names: Sequence[str], profile_ids: Sequence[str]) -> list[Key]:
        """Keys by their public names, each with its profile; of key files or of a pool."""
        for one in dict.fromkeys(profile_ids):
            self.profile(one)
        missing = [name for name in names if name not in self._secrets]
        if missing:
            more = f" and {len(missing) - MOST_NAMED:,} more" if len(missing) > MOST_NAMED else ""
            raise Left(f"give --key-file of key {', '.join(missing[:MOST_NAMED])}{more}, or --key-pool FILE")
        pairs = zip(names, profile_ids, strict=True)
        return [Key(self._profiles[one], self._secrets[name]) for name, one in pairs]

    def key_file(self, profile_id: str) -> Path:
        """The file with the key of a profile, where it is told by its name or is the only one that fits."""
        self.profile(profile_id)
        fitting = [path for name, path in self._key_files.items() if self._fits(profile_id, name)]
        if not fitting:
            raise Left("give --key-file FILE: no key that was given is of the profile")
        if len(fitting) > 1:
            raise Left("the profile names no key: give one --key-file alone")
        return fitting[0]

    def _fits(self, profile_id: str, name: str) -> bool:
        try:
            _ = Key(self._profiles[profile_id], self._secrets[name]).detector
        except Error:  # of another profile
            return False
        return True

    def seed(self, key_id: str | UnsetType) -> Secret | None:
        """The secret that random draws came from; none where they came from digests of the inputs."""
        if key_id is UNSET:
            return None
        if self._seed is None or seed_key_id(self._seed) != key_id:
            raise Left(f"give --seed-file of key id {key_id}")
        return self._seed

    def canaries(self, commitment: str) -> Canaries:
        """The canaries of a commitment."""
        if self._canaries is None:
            raise Left("give --input canaries=FILE")
        if self._canaries.commitment != commitment:
            raise Left("the canaries that were given are those of another commitment")
        return self._canaries
