"""A profile says how one deployment marks its answers; without it a key cannot be used.

One JSON document (spec/watermark-profile.md, spec/watermark-profile.schema.json), bare or in a signed
envelope.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json, content_id
from countermark.records.files import write_atomic
from countermark.trust.dsse import Envelope, open_envelope, pae, seal_envelope
from countermark.trust.signing import PublicKey, SigningKey

PROFILE_SCHEMA_ID = "countermark/watermark-profile/v1"
PAYLOAD_TYPE = "application/vnd.countermark.watermark-profile+json"
MAX_BYTES = 1 << 20
MAX_CONTEXT_WIDTH = 64

Parameter = bool | int | float | str | list[int | float]


class Engine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What marks the text."""

    name: str
    """`vllm`, `sglang`, `tensorrt-llm`, `transformers`, `synthid-text`, `countermark`."""
    version: str
    """Release of the engine whose behaviour the profile describes."""


class Tokenizer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tokenizer whose ids the mark is made of."""

    name: str
    sha256: str = ""
    """Of `tokenizer.json`, lower-case hex; empty where only token ids are ever scored."""
    vocab_size: int = 0
    """Ids are below this; 0 where it is not known."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one deployment marks."""

    schema: str = PROFILE_SCHEMA_ID
    engine: Engine
    scheme: str
    """Name behind the door `countermark.schemes`."""
    prf: str
    """The keyed function."""
    context_width: int
    """Number of ids before a token that enter the keyed function."""
    deduplication: str
    """Where the engine looks for a repeated context before it marks a token, in its own word."""
    parameters: dict[str, Parameter] = {}
    """The scheme's own; every one is stated, none is a silent default."""
    tokenizer: Tokenizer
    key_id: str
    """Name of the key; says nothing about its value."""
    epoch: str
    """Period in which this key marks."""
    models: list[str] = []

    @property
    def profile_id(self) -> str:
        """Derived from the content."""
        return content_id("profile", self)

    @property
    def deployment_id(self) -> str:
        """As `profile_id`, without the key's name and the epoch: what a key is derived for."""
        return content_id("deployment", msgspec.structs.replace(self, key_id="", epoch=""))


@dataclass(frozen=True)
class SignedProfile:
    """A profile as it was read; its signatures are not checked yet."""

    profile: Profile
    envelope: Envelope | None
    """None for a bare document."""

    def check_signed_by(self, keys: Mapping[str, PublicKey], threshold: int = 1) -> None:
        """Raise unless so many of these keys, by key id, signed the profile, and validly."""
        signers = set()
        if self.envelope:
            message = pae(PAYLOAD_TYPE, self.envelope.body)
            for keyid, signature in self.envelope.signatures:
                if keyid in keys and keys[keyid].verifies(signature, message):
                    signers.add(keyid)
        if len(signers) >= threshold:
            return
        raise Error(
            f"the profile is not signed by {threshold} key(s) that are trusted",
            hint="watermark profile --key signs one",
            exit_code=ExitCode.VERIFICATION_FAILED,
        )


def read_profile(path: Path) -> SignedProfile:
    """Read a profile, bare or signed; what the scheme makes of its parameters is checked by the scheme."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise Error(
            f"the profile {path} cannot be read: {error.strerror}",
            hint="countermark watermark profile makes one",
            exit_code=ExitCode.NO_INPUT,
        ) from None
    if len(data) > MAX_BYTES:
        raise _bad(path, "it is over 1 MiB")
    envelope = None
    if b'"payloadType"' in data[:MAX_BYTES] and b'"payload"' in data:
        envelope = open_envelope(data.strip(), PAYLOAD_TYPE)
        data = envelope.body
    profile = decode_profile(data, path)
    return SignedProfile(profile, envelope)


def decode_profile(data: bytes, path: Path) -> Profile:
    """A profile from its JSON; every field is checked."""
    try:
        profile = msgspec.json.decode(data, type=Profile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(path, str(error)) from None
    check_profile(profile)
    return profile


def check_profile(profile: Profile) -> None:
    """Raise unless every field is in range; parameters are the scheme's to check."""
    digest = profile.tokenizer.sha256
    problem = ""
    if profile.schema != PROFILE_SCHEMA_ID:
        problem = f"its schema is not {PROFILE_SCHEMA_ID}"
    elif not 1 <= profile.context_width <= MAX_CONTEXT_WIDTH:
        problem = f"context_width is not between 1 and {MAX_CONTEXT_WIDTH}"
    elif digest and (len(digest) != 64 or set(digest) - set("0123456789abcdef")):
        problem = "the tokenizer's sha256 is not 64 lower-case hex digits"
    elif not 0 <= profile.tokenizer.vocab_size <= 1 << 31:
        problem = "the tokenizer's vocab_size is out of range"
    if problem:
        raise _bad("this", problem)


def write_profile(path: Path, profile: Profile, key: SigningKey | None = None) -> None:
    """Write a profile, in a signed envelope where a key is given."""
    body = canonical_json(profile)
    write_atomic(path, (seal_envelope(PAYLOAD_TYPE, body, [key]) if key else body) + b"\n")


def number(profile: Profile, name: str, low: float, high: float) -> float:
    """A parameter that is a number between two limits, both allowed."""
    value = profile.parameters.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Error(
            f"the profile's parameter {name} is not a number from {low:g} to {high:g}",
            hint=f"scheme {profile.scheme} needs it",
        )
    return value


def check_parameters(profile: Profile, known: set[str]) -> None:
    """Raise unless the parameters are exactly those that the scheme knows."""
    if missing := sorted(known - profile.parameters.keys()):
        raise Error(
            f"the profile does not state {', '.join(missing)}", hint=f"scheme {profile.scheme} needs it"
        )
    if unknown := sorted(profile.parameters.keys() - known):
        raise Error(
            f"the profile has parameters that scheme {profile.scheme} does not know: {', '.join(unknown)}",
            hint=f"it knows {', '.join(sorted(known)) or 'none'}",
        )


def check_version(profile: Profile, engine: str, known: tuple[str, ...]) -> None:
    """Raise unless the profile is of an engine and a version that the scheme was checked against."""
    if profile.engine.name != engine:
        raise Error(f"scheme {profile.scheme} is of {engine}, and the profile of {profile.engine.name}")
    if profile.engine.version not in known:
        raise Error(
            f"{engine} {profile.engine.version} is a version that {profile.scheme} was not checked against",
            hint=f"checked: {', '.join(known)}",
        )


def _bad(path: Path | str, reason: str) -> Error:
    return Error(
        f"{path} is no watermark profile: {reason}", hint="spec/watermark-profile.md says what one holds"
    )


def as_fields(profile: Profile) -> dict[str, Any]:
    """The profile as plain data."""
    fields: dict[str, Any] = msgspec.to_builtins(profile)
    return fields
