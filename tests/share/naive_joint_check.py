"""The other side of a joint check, from spec/joint-check.md alone: no module of the project is used."""

import base64
import hashlib
import json
import math
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

VERDICT = "application/vnd.countermark.watermark-verdict+json"
KEYS = "application/vnd.countermark.watermark-keys+json"


def canonical(value: Any) -> bytes:
    """RFC 8785 for the documents of the check: short decimals, and names in ASCII."""
    if isinstance(value, dict):
        parts = (canonical(name) + b":" + canonical(value[name]) for name in sorted(value))
        return b"{" + b",".join(parts) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if isinstance(value, float):
        return b"%d" % value if value == int(value) else repr(value).encode()
    return json.dumps(value, ensure_ascii=False).encode()


def digest(salt: str, text: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + text.encode()).hexdigest()


def keyid(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()


def pae(kind: str, body: bytes) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)


def seal(kind: str, document: Any, seed: str) -> dict[str, Any]:
    """An envelope as plain data."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    body = canonical(document)
    signature = base64.b64encode(key.sign(pae(kind, body))).decode()
    return {
        "payload": base64.b64encode(body).decode(),
        "payloadType": kind,
        "signatures": [{"keyid": keyid(key.public_key().public_bytes_raw()), "sig": signature}],
    }


def signed_body(envelope: dict[str, Any], kind: str, public: bytes) -> bytes | None:
    """The bytes, if this key alone signed them."""
    body = base64.b64decode(envelope["payload"])
    (one,) = envelope["signatures"]
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(one["sig"]), pae(kind, body))
    except InvalidSignature:
        return None
    return body if one["keyid"] == keyid(public) and envelope["payloadType"] == kind else None


FIELDS = {"schema", "request_id", "text_digest", "member", "pools", "keys", "made"}
POOL = {"profile_id", "epoch", "commitment", "keys", "weak"}
ROW = {"key", "scored_tokens", "log10_p", "log10_e"}


def formed(body: bytes) -> dict[str, Any] | None:
    """The verdict, if it has the fields of its schema in canonical form."""
    value = json.loads(body)
    if canonical(value) != body or set(value) != FIELDS:
        return None
    for pool in value["pools"]:
        if set(pool) != POOL or not pool["keys"] or any(set(row) != ROW for row in pool["keys"]):
            return None
        if any((row["log10_p"] or 0) > 0 for row in pool["keys"]):
            return None
    return dict(value)


def refusal(
    envelope: dict[str, Any], asked: dict[str, Any], pools: dict[str, list[dict[str, Any]]], member: str
) -> str | None:
    """Why a verdict is refused, by section 3; None where it is taken."""
    body = signed_body(envelope, VERDICT, asked["public"])
    if body is None:
        return "signature"
    verdict = formed(body)
    if verdict is None:
        return "form"
    if verdict["member"] != member:
        return "member"
    if verdict["request_id"] != asked["request_id"]:
        return "request"
    if verdict["text_digest"] != asked["text_digest"]:
        return "digest"
    age = asked["now"] - datetime.fromisoformat(verdict["made"])
    if not timedelta(minutes=-5) <= age <= timedelta(minutes=10):
        return "time"
    if verdict["keys"] != sum(len(pool["keys"]) for pool in verdict["pools"]):
        return "count"
    others = [one for name, theirs in pools.items() if name != member for one in theirs]
    return _pools(verdict["pools"], {one["commitment"]: one for one in pools[member]}, others)


def _pools(given: list, own: dict, others: list) -> str | None:
    for pool in given:
        for one in others:
            same_epoch = (one["profile_id"], one["epoch"]) == (pool["profile_id"], pool["epoch"])
            if one["commitment"] == pool["commitment"] or same_epoch:
                return "another's pool"
    commitments = [pool["commitment"] for pool in given]
    if len(set(commitments)) < len(commitments):
        return "doubled pool"
    for pool in given:
        known = own.get(pool["commitment"])
        if known is None or any(known[name] != pool[name] for name in ("profile_id", "epoch")):
            return "unregistered pool"
        if reason := _rows(pool["keys"], set(known["keys"])):
            return reason
    return "missing pool" if set(own) - set(commitments) else None


def _rows(rows: list, registered: set[str]) -> str | None:
    names = [row["key"] for row in rows]
    if len(set(names)) < len(names):
        return "doubled key"
    if set(names) - registered:
        return "unregistered key"
    if registered - set(names):
        return "missing key"
    for row in rows:
        if (row["log10_p"] is None) is (row["log10_e"] is None):
            return "no one figure"
        figure = row["log10_p"] if row["log10_p"] is not None else -row["log10_e"]
        if not -1e7 <= figure <= 1e7 or row["scored_tokens"] > 1_600_000:
            return "figure"
        if figure < 0 and not row["scored_tokens"]:
            return "figure"
    return None


def up(x: float) -> float:
    """Section 4."""
    return max(min(math.ceil((x - 1e-9) * 100), 0) / 100, -1e7)


def holm(values: list[float], m: int) -> list[float]:
    """Section 5, step 3, without rounding."""
    out, highest = [0.0] * len(values), -math.inf
    for k, at in enumerate(sorted(range(len(values)), key=values.__getitem__), start=1):
        highest = max(highest, values[at] + math.log10(m - k + 1))
        out[at] = min(0.0, highest)
    return out


def correction(case: dict[str, Any]) -> dict[str, Any]:
    """What section 5 makes of an entry of corrections.json."""
    owners = [member for member, values in case["log10_p"].items() for _ in values]
    long = case["scored_tokens"] >= case["min_tokens"]
    x = [up(value) if long else 0.0 for values in case["log10_p"].values() for value in values]
    m, j = len(x) + case["unanswered"], case["ordinal"]
    more = 0.0 if j is None else math.log10(j * (j + 1))
    adjusted = [up(min(0.0, value + more)) for value in holm(x, m)]
    passes = [value <= math.log10(case["alpha"]) for value in adjusted]
    before = [value for one in case["earlier"] for value in one["log10_p"]]
    asked = m + sum(one["hypotheses"] for one in case["earlier"])
    marks = sorted({owner for owner, one in zip(owners, passes, strict=True) if one})
    return {
        "word": "marked" if marks else "not shown" if long else "too short",
        "marks": marks,
        "hypotheses": m,
        "asked_so_far": asked,
        "log10_adjusted": adjusted,
        "log10_holm_so_far": [up(value) for value in holm(before + x, asked)[len(before) :]],
        "passes": passes,
    }
