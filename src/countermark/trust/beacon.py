"""Rounds of a drand randomness beacon, verified offline from the chain's information.

Sources: drand/drand v2 `crypto/schemes.go` (what is signed, groups and domain separation tags by scheme),
`common/chain/info.go` (the hash of a chain, both spellings of its JSON), `common/time.go` (when a round is
out); https://docs.drand.love/developer/http-api for the JSON of rounds, v1 and v2. The pairing is that of
py-arkworks-bls12381 (extra `beacon`); everything else needs the core alone.
"""

import hashlib
import importlib
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.trust.derivation import BeaconValue

MAX_FILE_BYTES = 1 << 16
_G1_TAG = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
_G2_TAG = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_"
_G1_BYTES, _G2_BYTES = 48, 96


@dataclass(frozen=True)
class _Scheme:
    chained: bool
    """Whether the signature covers the previous one."""
    on_g1: bool
    """Whether signatures are points of G1 and keys of G2, or the other way round."""
    tag: bytes
    """Domain separation tag of the hash to the curve."""


SCHEMES = {
    "pedersen-bls-chained": _Scheme(chained=True, on_g1=False, tag=_G2_TAG),
    "pedersen-bls-unchained": _Scheme(chained=False, on_g1=False, tag=_G2_TAG),
    # on G1 with the tag of G2: an early mistake of that scheme, kept by its chains
    "bls-unchained-on-g1": _Scheme(chained=False, on_g1=True, tag=_G2_TAG),
    "bls-unchained-g1-rfc9380": _Scheme(chained=False, on_g1=True, tag=_G1_TAG),
}
PUBLIC_CHAINS = {
    "8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce": "drand default",
    "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971": "drand quicknet",
}
"""Chains of the League of Entropy's main network, by hash."""


@dataclass(frozen=True)
class Chain:
    """What has to be known of a chain to verify its rounds."""

    public_key: bytes
    period: int
    """Seconds from one round to the next."""
    genesis_time: int
    """When round 1 is out, in seconds since 1970."""
    genesis_seed: bytes
    scheme: str
    beacon_id: str

    @property
    def hash(self) -> str:
        """Hex of the hash that names the chain.

        The scheme is not in it, and need not be: a round does not verify under another one.
        """
        digest = hashlib.sha256(struct.pack(">Iq", self.period, self.genesis_time))
        digest.update(self.public_key + self.genesis_seed)
        if self.beacon_id not in ("", "default"):
            digest.update(self.beacon_id.encode())
        return digest.hexdigest()

    def time_of(self, number: int) -> datetime:
        """When a round is out; rounds begin at 1."""
        try:
            return datetime.fromtimestamp(self.genesis_time + (number - 1) * self.period, UTC)
        except (OverflowError, ValueError, OSError):
            raise Error("that round is further away than dates reach", exit_code=ExitCode.USAGE) from None

    def round_at(self, time: datetime) -> int:
        """The newest round that is out at a time; 0 before the first."""
        return max(0, (int(time.timestamp()) - self.genesis_time) // self.period + 1)


@dataclass(frozen=True)
class Round:
    """A round as somebody handed it over; `verify_round` says whether it is the chain's."""

    number: int
    signature: bytes
    randomness: bytes
    """SHA-256 of the signature."""
    previous_signature: bytes = b""


class _ChainFile(msgspec.Struct, frozen=True):
    """v1 has hash, groupHash, schemeID, metadata; v2 chain_hash, genesis_seed, scheme, beacon_id."""

    public_key: str
    period: int
    genesis_time: int
    hash: str = ""
    chain_hash: str = ""
    groupHash: str = ""
    genesis_seed: str = ""
    schemeID: str = ""
    scheme: str = ""
    beacon_id: str = ""
    metadata: dict[str, Any] = {}


class _RoundFile(msgspec.Struct, frozen=True):
    round: int
    signature: str
    randomness: str = ""
    """v2 leaves it out."""
    previous_signature: str = ""


def read_chain(path: Path) -> Chain:
    """A chain from its `info` JSON, v1 or v2; raises `Error` unless it has the hash that it says."""
    data = _decode(path, _ChainFile, "chain info")
    name = data.metadata.get("beaconID", "")
    chain = Chain(
        public_key=_bytes(data.public_key, "public_key", path),
        period=data.period,
        genesis_time=data.genesis_time,
        genesis_seed=_bytes(data.genesis_seed or data.groupHash, "genesis seed", path),
        scheme=data.scheme or data.schemeID,
        beacon_id=data.beacon_id or (name if isinstance(name, str) else ""),
    )
    if chain.scheme not in SCHEMES:
        raise _bad(f"{path} is of a scheme that is not supported", f"supported: {', '.join(SCHEMES)}")
    if not 1 <= chain.period < 1 << 32 or not 0 <= chain.genesis_time < 1 << 40:
        raise _bad(f"{path} has a period or genesis time that cannot be")
    if len(chain.public_key) != (_G2_BYTES if SCHEMES[chain.scheme].on_g1 else _G1_BYTES):
        raise _bad(f"{path} has a public key whose length is not that of its scheme")
    if (data.chain_hash or data.hash) != chain.hash:
        raise _bad(f"{path} does not have the hash that it says", "fetch the chain's info again, and compare")
    return chain


def read_round(path: Path) -> Round:
    """A round from its JSON, v1 or v2; raises `Error` unless its randomness is its signature's SHA-256."""
    data = _decode(path, _RoundFile, "beacon round")
    signature = _bytes(data.signature, "signature", path)
    randomness = hashlib.sha256(signature).digest()
    if not 1 <= data.round < 1 << 53:
        raise _bad(f"{path} has a round number that cannot be")
    if data.randomness and _bytes(data.randomness, "randomness", path) != randomness:
        raise _bad(f"{path} has randomness that is not the SHA-256 of its signature")
    previous = _bytes(data.previous_signature, "previous_signature", path) if data.previous_signature else b""
    return Round(data.round, signature, randomness, previous)


def verify_round(chain: Chain, one: Round) -> BeaconValue:
    """The round's value; raises `Error` unless the chain's key signed it."""
    scheme = SCHEMES[chain.scheme]
    if scheme.chained != bool(one.previous_signature):
        raise _bad(f"a round of {chain.scheme} {'has a' if scheme.chained else 'has no'} previous signature")
    if one.randomness != hashlib.sha256(one.signature).digest():
        raise _bad("the beacon round has randomness that is not the SHA-256 of its signature")
    message = hashlib.sha256(one.previous_signature + struct.pack(">Q", one.number)).digest()
    if not _verifies(scheme, chain.public_key, message, one.signature):
        raise _bad(f"the beacon round {one.number} is not signed by the chain's key")
    return BeaconValue(chain.hash, one.number, one.randomness)


def _verifies(scheme: _Scheme, public_key: bytes, message: bytes, signature: bytes) -> bool:
    """BLS: e(signature, generator) = e(hash to curve of the message, public key), with G1 on the left."""
    curve = _curve()
    signatures, keys = (curve.G1Point, curve.G2Point) if scheme.on_g1 else (curve.G2Point, curve.G1Point)
    try:
        # both refuse points off the curve and outside the subgroup of prime order
        point, key = signatures.from_compressed_bytes(signature), keys.from_compressed_bytes(public_key)
    except ValueError:
        return False
    if key == keys.identity() or point == signatures.identity():
        return False
    hashed = signatures.hash_to_curve(message, scheme.tag)
    ours, theirs = [point, -hashed], [keys(), key]
    first, second = (ours, theirs) if scheme.on_g1 else (theirs, ours)
    return bool(curve.GT.pairing_check(first, second))


def _curve() -> Any:
    try:
        return importlib.import_module("py_arkworks_bls12381")
    except ImportError:
        raise Error(
            "a beacon round is verified with py-arkworks-bls12381, which is not installed",
            hint="pip install 'countermark[beacon]'",
        ) from None


def _decode(path: Path, kind: Any, what: str) -> Any:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise Error(
            f"the {what} {path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise _bad(f"the {what} {path} is over {MAX_FILE_BYTES >> 10} KiB")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(f"{path} is no {what}: {error}") from error


def _bytes(text: str, what: str, path: Path) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if not data or data.hex() != text.lower() or len(data) > 1024:
        raise _bad(f"{path} has a {what} that is not hex")
    return data


def _bad(message: str, hint: str = "") -> Error:
    return Error(message, hint=hint, exit_code=ExitCode.VERIFICATION_FAILED)
