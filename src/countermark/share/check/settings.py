"""`[[detectors]]` of exchange.toml: whose keys a node answers for (docs/joint-check.md). Imports little.

[[detectors]]
profile = "profiles/chat.json"
key_pool = "keys/chat-2026-Q4.jsonl"    # or key_file = "keys/chat.key"; mode 0600 either way
tokenizer = "tokenizers/chat.json"
commitment = "…64 hex digits…"          # what was published of the keys (docs/keys.md)
nonce_file = "keys/chat.nonce"          # only for a commitment to a raw key file
owner = "alpha"
status = "own"                          # or escrowed, opened: another's keys that this node holds
"""

from typing import Annotated

import msgspec

from countermark.share.check.messages import Hex32, Name, Status

File = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class DetectorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[detectors]]`; files are named from the data folder."""

    profile: File
    key_file: File | None = None
    key_pool: File | None = None
    tokenizer: File
    commitment: Hex32
    """Of the keys, as it is registered."""
    nonce_file: File | None = None
    """64 hex digits, mode 0600: that the commitment is SHA-256(nonce, key file) is then checked."""
    owner: Name
    """Whose keys these are."""
    status: Status = "own"
