"""Text to token ids with the profile's own tokenizer, and no other.

Text that was cut out of an answer, or decoded and encoded again, has other tokens than the model chose near
its edges and wherever the tokenizer is ambiguous. Such pairs are independent of the key: they dilute a mark
and never make one. docs/watermark-benchmarks.md says how many there are.
"""

from pathlib import Path
from typing import Any

import numpy as np

from countermark.errors import Error, ExitCode, MissingExtra
from countermark.records.canonical import file_sha256
from countermark.watermark.profile import Profile
from countermark.watermark.schemes.base import IntArray

MAX_BYTES = 256 << 20


class Tokens:
    """Encodes text; the tokenizer is read when the first text comes, and must be the profile's."""

    def __init__(self, profile: Profile, path: Path | None) -> None:
        self.profile, self._path = profile, path
        self._tokenizer: Any = None

    @property
    def given(self) -> bool:
        """Whether text can be encoded: there is a tokenizer, and the profile says which it must be."""
        return self._path is not None and bool(self.profile.tokenizer.sha256)

    def encode(self, text: str) -> IntArray:
        """Ids without special tokens; an unset or wrong tokenizer is an error."""
        if self._tokenizer is None:
            self._tokenizer = self._load()
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return np.array(ids, dtype=np.int64)

    def _load(self) -> Any:
        if self._path is None:
            hint = "--tokenizer tokenizer.json, or give token_ids, and prompt_ids for prompts"
            raise Error(
                "the input holds text, and no tokenizer is given", hint=hint, exit_code=ExitCode.USAGE
            )
        check_tokenizer(self._path, self.profile)
        return load_tokenizer(self._path)


def load_tokenizer(path: Path) -> Any:
    """A `tokenizers.Tokenizer` from its JSON file."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtra("text needs the tokenizers library", "text") from None
    try:
        return Tokenizer.from_file(str(path))
    # the library raises bare Exception for whatever is wrong in the file
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise Error(f"{path} is no tokenizer.json: {reason}", exit_code=ExitCode.NO_INPUT) from None


def tokenizer_digest(path: Path) -> str:
    """SHA-256 of a tokenizer file, lower-case hex."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Error(f"the tokenizer {path} is over {MAX_BYTES >> 20} MiB", exit_code=ExitCode.NO_INPUT)
        return file_sha256(path)
    except OSError as error:
        raise Error(
            f"the tokenizer {path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT
        ) from None


def check_tokenizer(path: Path, profile: Profile) -> None:
    """Raise unless the file is the tokenizer that the profile names."""
    if not profile.tokenizer.sha256:
        raise Error(
            "the profile does not say which tokenizer its ids are of",
            hint="make the profile with --tokenizer, or give token_ids",
        )
    digest = tokenizer_digest(path)
    if digest != profile.tokenizer.sha256:
        raise Error(
            f"{path} is not the profile's tokenizer {profile.tokenizer.name}: its sha256 begins "
            f"{digest[:12]}, the profile's {profile.tokenizer.sha256[:12]}",
            hint="with another tokenizer no mark is ever found",
            exit_code=ExitCode.NO_INPUT,
        )
