"""Chains for tests: real ones, and one whose secret key is the test's own, which can sign any round."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

from countermark.trust.beacon import SCHEMES, Chain

QUICKNET = {
    "public_key": "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3a"
    "c6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5"
    "a6e9c76a4bc09e76eae8991ef5ece45a",
    "period": 3,
    "genesis_time": 1692803367,
    "genesis_seed": "f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e",
    "chain_hash": "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    "scheme": "bls-unchained-g1-rfc9380",
    "beacon_id": "quicknet",
}
"""JSON of HTTP API v2; drand/drand f45e7e0 common/chain/info_test.go."""
DEFAULT = {
    "public_key": "868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5cce96366b5d7a569937c529eeda66c729"
    "3784a9402801af31",
    "period": 30,
    "genesis_time": 1595431050,
    "hash": "8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce",
    "groupHash": "176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a",
    "schemeID": "pedersen-bls-chained",
    "metadata": {"beaconID": "default"},
}
"""JSON of HTTP API v1; drand/drand-client b9572b2 lib/defaults.ts."""


class OwnChain:
    """A chain of one signer: a public key and signatures as drand's, but made here."""

    def __init__(
        self, curve: Any, scheme: str, *, genesis_time: int = 1_700_000_000, period: int = 30
    ) -> None:
        self._curve, self._scheme = curve, SCHEMES[scheme]
        self._secret = curve.Scalar(123_456_789_123_456_789)
        group = curve.G2Point if self._scheme.on_g1 else curve.G1Point
        key = (group() * self._secret).to_compressed_bytes()
        self.chain = Chain(key, period, genesis_time, b"\x07" * 32, scheme, "a-test")

    def info(self) -> dict[str, Any]:
        """The chain's JSON, v2."""
        return {
            "public_key": self.chain.public_key.hex(),
            "period": self.chain.period,
            "genesis_time": self.chain.genesis_time,
            "genesis_seed": self.chain.genesis_seed.hex(),
            "chain_hash": self.chain.hash,
            "scheme": self.chain.scheme,
            "beacon_id": self.chain.beacon_id,
        }

    def round(self, number: int) -> dict[str, Any]:
        """A signed round's JSON, v1."""
        previous = b"\x05" * 96 if self._scheme.chained else b""
        message = hashlib.sha256(previous + struct.pack(">Q", number)).digest()
        group = self._curve.G1Point if self._scheme.on_g1 else self._curve.G2Point
        signature = (group.hash_to_curve(message, self._scheme.tag) * self._secret).to_compressed_bytes()
        fields = {
            "round": number,
            "randomness": hashlib.sha256(signature).hexdigest(),
            "signature": signature.hex(),
        }
        return fields | ({"previous_signature": previous.hex()} if previous else {})


def written(path: Path, content: dict[str, Any]) -> Path:
    """The file, with this JSON in it."""
    path.write_text(json.dumps(content))
    return path
