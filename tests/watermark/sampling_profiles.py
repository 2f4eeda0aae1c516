"""A profile and a key of our scheme for the sampling tests."""

from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import Engine, Profile, Tokenizer

KEY_BYTES = bytes(range(16))
KEY = Secret(KEY_BYTES.hex().encode() + b"\n")


def own_profile(width: int = 4, version: str = "1") -> Profile:
    """Of gumbel-siphash."""
    return Profile(
        engine=Engine("countermark", version),
        scheme="gumbel-siphash",
        prf="siphash-2-4",
        context_width=width,
        deduplication="single_turn",
        tokenizer=Tokenizer("test"),
        key_id="test",
        epoch="2026",
    )
