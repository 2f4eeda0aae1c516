"""Commitments, heads, openings and witnesses, from spec/log.md, RFC 6962 and the pages of C2SP alone.

Plain and slow; it shares no code with the implementation.
"""

import base64
import hashlib
import json
import re
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def canonical(value: Any) -> bytes:
    """RFC 8785 for what heads and openings hold: texts of ASCII and small integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def keyed(secret: bytes, what: str, rest: bytes) -> bytes:
    return hashlib.blake2b(what.encode() + b"\n" + rest, key=secret, digest_size=16).digest()


def tag(secret: bytes, matter: str) -> str:
    return keyed(secret, "countermark/matter/v1", matter.encode()).hex()


def salts(secret: bytes, number: int) -> tuple[bytes, bytes]:
    place = number.to_bytes(8, "big")
    return keyed(secret, "countermark/head/v1", place), keyed(secret, "countermark/body/v1", place)


def head_of(secret: bytes, index: int, line: str) -> bytes:
    entry = json.loads(line)
    head = {"index": index, "kind": entry["kind"]}
    if entry["kind"] in ("run-start", "run-outcome"):
        payload = entry["payload"]
        head |= {"matter": tag(secret, payload["matter"]), "run": payload["run"]}
        head["space"] = payload.get("space", "testifying")
    if entry["kind"] == "analysis-plan":
        head["matter"] = tag(secret, entry["payload"].get("matter", ""))
    return canonical(head)


def commit(head_salt: bytes, head: bytes, body_salt: bytes, body: bytes) -> bytes:
    return sha(b"\x01" + sha(b"\x00" + head_salt + head) + sha(b"\x00" + body_salt + body))


def opens(line: str, commitment: str) -> bool:
    """Whether an opening is that of a commitment, in its form, and of one thing."""
    try:
        found = json.loads(line)
    except ValueError:
        return False
    if canonical(found) != line.encode():
        return False
    whole = {"body_salt", "entry", "head", "head_salt"}
    if set(found) not in (whole, {"body", "head", "head_salt"}):
        return False
    lengths = {"body": 64, "body_salt": 32, "head_salt": 32}
    if any(not re.fullmatch(f"[0-9a-f]{{{n}}}", found[name]) for name, n in lengths.items() if name in found):
        return False
    first = sha(b"\x00" + bytes.fromhex(found["head_salt"]) + found["head"].encode())
    if "body" in found:
        second = bytes.fromhex(found["body"])
    else:
        second = sha(b"\x00" + bytes.fromhex(found["body_salt"]) + found["entry"].encode())
    return sha(b"\x01" + first + second).hex() == commitment


def root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return sha(b"\x00" + leaves[0])
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha(b"\x01" + root(leaves[:half]) + root(leaves[half:]))


class NaiveWitness:
    """c2sp.org/tlog-witness for one log; it knows the log's entries, so that it can compute every proof."""

    def __init__(self, seed: str, vkey: str, log_vkey: str, time: int, leaves: list[bytes]) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        self.name, self.key_id = vkey.split("+")[0], bytes.fromhex(vkey.split("+")[1])
        self.log, self.log_id, material = log_vkey.split("+", 2)
        self.log_key = Ed25519PublicKey.from_public_bytes(base64.b64decode(material)[1:])
        self.time, self.leaves = time, leaves
        self.size, self.root = 0, sha(b"")

    def answer(self, body: str) -> tuple[int, str | None]:
        match = re.fullmatch(r"old (0|[1-9][0-9]*)\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n(.+)", body, re.S)
        if match is None:
            return 400, None
        old, proof, note = int(match[1]), match[2].split(), match[3]
        text, _, lines = note.rpartition("\n\n")
        origin, size, encoded = text.split("\n")[:3]
        if origin != self.log:
            return 404, None
        if not self.signed(text + "\n", lines):
            return 403, None
        if old > int(size):
            return 400, None
        if old != self.size or (old == int(size) and self.size and base64.b64decode(encoded) != self.root):
            return 409, f"{self.size}\n"
        if proof != [base64.b64encode(one).decode() for one in self.proof(old, int(size))]:
            return 422, None
        self.size, self.root = int(size), base64.b64decode(encoded)
        return 200, self.cosignature(text + "\n")

    def proof(self, old: int, size: int) -> list[bytes]:
        """RFC 6962, 2.1.2, over the true entries, so that it also shows what was signed to be over them."""
        return [] if old in (0, size) else subproof(old, self.leaves[:size], True)

    def signed(self, text: str, lines: str) -> bool:
        for line in lines.splitlines():
            dash, name, encoded = line.split(" ")
            raw = base64.b64decode(encoded)
            if (dash, name, raw[:4].hex()) == ("\u2014", self.log, self.log_id):
                try:
                    self.log_key.verify(raw[4:], text.encode())
                except InvalidSignature:
                    return False
                return True
        return False

    def cosignature(self, text: str) -> str:
        signed = self.key.sign(f"cosignature/v1\ntime {self.time}\n{text}".encode())
        raw = self.key_id + self.time.to_bytes(8, "big") + signed
        return f"\u2014 {self.name} {base64.b64encode(raw).decode()}\n"


def subproof(old: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if whole else [root(leaves)]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if old <= half:
        return [*subproof(old, leaves[:half], whole), root(leaves[half:])]
    return [*subproof(old - half, leaves[half:], False), root(leaves[:half])]
