"""Seeds of tests that draw at random: from a secret that was committed to beforehand, else from the inputs.

Whether a seed file was committed to before is held against a log in `committed_seeds`.
Nobody may choose a seed after seeing what it gives. With a secret (a working key of its own purpose, made by
`watermark commit` and `keygen` with a beacon's later round) the seed is an HKDF output under it; without one
it is a digest of what is tested, which leaves the choice of the inputs alone.
"""

import hashlib

from countermark.errors import Error
from countermark.records.canonical import canonical_json
from countermark.trust.derivation import hkdf, key_id
from countermark.trust.keyfiles import Secret

_DOMAIN = b"countermark/test-seed/v1\n"
_LEAST_BYTES = 16


def seed_of(secret: Secret | None, label: str, *digests: str) -> int:
    """A seed of 128 bits for the use that `label` names, over the SHA-256 digests of the inputs (hex).

    `secret` is the content of a file with 32 or more hex digits. Raises `Error` for one that is none.
    """
    info = _DOMAIN + canonical_json({"inputs": list(digests), "label": label})
    if secret is None:
        return int.from_bytes(hashlib.sha256(info).digest()[:16], "big")
    return int.from_bytes(hkdf(_bytes_of(secret), info=info, length=16).reveal(), "big")


def seed_key_id(secret: Secret) -> str:
    """Public name of the secret of a seed file, 16 hex digits."""
    return key_id(_bytes_of(secret))


def _bytes_of(secret: Secret) -> Secret:
    try:
        data = bytes.fromhex(secret.reveal().strip().decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        data = b""
    if len(data) < _LEAST_BYTES:
        raise Error(
            "the seed file does not hold 32 or more hex digits", hint="countermark watermark keygen makes one"
        )
    return Secret(data)
