"""Working keys: HKDF-SHA256 (RFC 5869) from a master, by profile, epoch, purpose and a beacon's later round.

    epoch secret    = HKDF(master,       salt none,       epoch domain ‖ {profile_id, epoch, purpose})
    working secret  = HKDF(epoch secret, salt randomness, key domain ‖ {the same, chain_hash, round})
    a key           = HKDF(working secret, salt none,     cut domain ‖ {form})
    an account key  = HKDF-Expand(HKDF(working secret, salt none, account domain), account id)

Each is 32 bytes but the last two, which are as long as their use needs. Braces are canonical JSON, so that no
two sets of terms run together. Why one epoch can be opened alone: the epoch secret is an output of HKDF, a
pseudorandom function under the master. Whoever knows the outputs for any epochs, beacon and all, is no nearer
to the master or to the output for another epoch than one who knows none. Opening publishes an epoch secret;
the master never leaves. Why keys cannot be ground: `commitments` fixes the epoch secret and the terms before
the round is out, and from then on nothing is left to choose, while the round's randomness, which nobody could
know, decides the key.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from countermark.errors import Error
from countermark.records.canonical import canonical_json
from countermark.trust.keyfiles import Secret

MASTER_BYTES = 32
KEY_BYTES = 16
"""Our own scheme's key: 128 bits."""
MAX_SYNTHID_DEPTH = 256
_SYNTHID_BITS = 63  # transformers 5.23 puts the keys into a signed 64-bit tensor, which refuses 2^63 and more
_EPOCH, _WORKING = b"countermark/epoch-secret/v1\n", b"countermark/working-key/v1\n"
_CUT, _ACCOUNTS = b"countermark/cut/v1\n", b"countermark/account-keys/v1\n"
_NONCE = b"countermark/commitment-nonce/v1\n"
_KEY_ID = b"countermark/key-id/v1\n"


class KeySource(Protocol):
    """A holder of one master: a keyring file here, a key management service elsewhere.

    A service implements HKDF-SHA256 over its master with an empty salt, and never gives the master out.
    """

    def derive(self, info: bytes) -> Secret:
        """HKDF-SHA256(master, salt empty, info), 32 bytes."""
        ...


@dataclass(frozen=True)
class Terms:
    """What a working key is for; fixed in the commitment, before the beacon."""

    profile_id: str
    epoch: str
    purpose: str = "watermark"

    def __post_init__(self) -> None:
        for value in (self.profile_id, self.epoch, self.purpose):
            if not 1 <= len(value) <= 200 or not value.isprintable() or not value.isascii():
                raise Error("a profile id, epoch or purpose is 1 to 200 printable ASCII characters")

    def fields(self) -> dict[str, str]:
        """As they go into canonical JSON."""
        return {"epoch": self.epoch, "profile_id": self.profile_id, "purpose": self.purpose}


@dataclass(frozen=True)
class BeaconValue:
    """A verified beacon round, as far as derivation needs it."""

    chain_hash: str
    """Hex of the chain's hash."""
    round: int
    randomness: bytes
    """32 bytes."""


class FileMaster:
    """A master that was read from a file."""

    def __init__(self, master: Secret) -> None:
        if len(master.reveal()) != MASTER_BYTES:
            raise Error(f"a master has {MASTER_BYTES} bytes", hint="countermark watermark keygen --master")
        self._master = master

    @classmethod
    def generate(cls) -> "FileMaster":
        """A new master from the system's generator."""
        return cls(Secret(secrets.token_bytes(MASTER_BYTES)))

    def derive(self, info: bytes) -> Secret:
        """HKDF-SHA256(master, salt empty, info), 32 bytes."""
        return hkdf(self._master, info=info)

    def to_hex(self) -> Secret:
        """The hex digits, for a file of mode 0600."""
        return Secret(self._master.reveal().hex().encode())


def hkdf(key: Secret, *, info: bytes, salt: bytes = b"", length: int = 32) -> Secret:
    """HKDF-SHA256 (RFC 5869)."""
    return Secret(HKDF(SHA256(), length, salt or None, info).derive(key.reveal()))


def epoch_secret(source: KeySource, terms: Terms) -> Secret:
    """The secret that a commitment is to, and that an opening publishes; 32 bytes."""
    return source.derive(_EPOCH + canonical_json(terms.fields()))


def commitment_nonce(source: KeySource, document_digest: bytes) -> Secret:
    """32 bytes that hide a commitment.

    They are derived, so that nothing besides the master has to be kept until the opening; without the master
    they cannot be told from random ones.
    """
    return source.derive(_NONCE + document_digest)


def working_secret(epoch: Secret, terms: Terms, beacon: BeaconValue) -> Secret:
    """The 32 bytes from which all keys of an epoch are cut."""
    info = {**terms.fields(), "chain_hash": beacon.chain_hash, "round": beacon.round}
    return hkdf(epoch, salt=beacon.randomness, info=_WORKING + canonical_json(info))


def cut_key(working: Secret) -> Secret:
    """A key of our own scheme: 16 bytes."""
    return _cut(working, "128", KEY_BYTES)


def cut_integer(working: Secret, bits: int = 64) -> int:
    """An engine's key: an unsigned integer below 2^bits, `bits` 63 or 64.

    vLLM 0.31's Philox takes 0 to 2^64 - 1; engines that keep a key in a signed 64-bit tensor need 63.
    """
    if bits not in (63, 64):
        raise Error("an engine's integer key has 63 or 64 bits")
    return int.from_bytes(_cut(working, f"integer-{bits}", 8).reveal(), "big") >> 64 - bits


def cut_integers(working: Secret, depth: int) -> list[int]:
    """The keys of transformers' SynthID, one a layer, each below 2^63."""
    if not 1 <= depth <= MAX_SYNTHID_DEPTH:
        raise Error(f"a SynthID depth is 1 to {MAX_SYNTHID_DEPTH}")
    data = _cut(working, f"synthid-{depth}", 8 * depth).reveal()
    words = (data[at : at + 8] for at in range(0, len(data), 8))
    return [int.from_bytes(word, "big") >> 64 - _SYNTHID_BITS for word in words]


def account_keys(working: Secret, accounts: Sequence[str]) -> NDArray[np.uint8]:
    """Keys of accounts or cohorts, one row of 16 bytes each, in the order given.

    HKDF's two steps apart: the first once an epoch, the second (RFC 5869, section 2.3) once an account with
    its id in UTF-8 as info. For 32 bytes and less that is one HMAC: a million take seconds.
    Whoever knows some accounts' keys learns nothing of the others'.
    """
    root = hkdf(working, info=_ACCOUNTS).reveal()
    keys = b"".join(
        hmac.digest(root, account.encode() + b"\x01", "sha256")[:KEY_BYTES] for account in accounts
    )
    return np.frombuffer(keys, dtype=np.uint8).reshape(-1, KEY_BYTES)


def key_id(key: Secret) -> str:
    """Public name of a key: the first 64 bits of a one-way digest, 16 hex digits.

    SHA-256 for keys of 128 bits and more. A shorter key (an engine's 64-bit integer) could be found from a
    quick digest by trying them all, so its digest is scrypt (RFC 7914, 32 MiB); that costs a guesser 2^15
    times as much, and a key that a person chose is guessed in any case.
    """
    data = key.reveal()
    if len(data) >= KEY_BYTES:
        return hashlib.sha256(_KEY_ID + data).hexdigest()[:16]
    return hashlib.scrypt(data, salt=_KEY_ID, n=1 << 15, r=8, p=1, maxmem=1 << 26, dklen=8).hex()


def integers_key_id(keys: Sequence[int]) -> str:
    """`key_id` of one or more integers, each as 8 bytes, big-endian."""
    return key_id(Secret(b"".join(key.to_bytes(8, "big") for key in keys)))


def _cut(working: Secret, form: str, length: int) -> Secret:
    return hkdf(working, info=_CUT + canonical_json({"form": form}), length=length)
