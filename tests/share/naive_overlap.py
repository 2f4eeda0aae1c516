"""A member's side of a private overlap in plain Python, by spec/private-overlap.md and what it names alone.

Nothing of countermark is used, and no library but one for Ed25519.
"""

import base64
import hashlib
import json
import secrets
import time
from datetime import UTC, datetime, timedelta

import naive_identifiers as spelling
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from naive_ristretto import (
    CONTEXT,
    GENERATOR,
    ORDER,
    ZERO,
    decode,
    derive,
    encode,
    expand64,
    framed,
    hash_to_point,
    holds,
    plus,
    times,
)

PART = 131072 * 32


def canonical(value):
    """RFC 8785, for what is said here: no floats, and names in ASCII."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def envelope(kind, value, keys):
    """DSSE; `keys` are Ed25519 private keys."""
    kind, body = f"application/vnd.countermark.{kind}+json", canonical(value)
    message = f"DSSEv1 {len(kind)} {kind} {len(body)} ".encode() + body
    signatures = []
    for key in keys:
        keyid = hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()
        signatures.append({"keyid": keyid, "sig": base64.b64encode(key.sign(message)).decode()})
    signatures.sort(key=lambda one: one["keyid"])
    payload = base64.b64encode(body).decode()
    return canonical({"payload": payload, "payloadType": kind, "signatures": signatures})


def payload_of(text, kind, public):
    """The payload of an envelope that one key signed."""
    told = json.loads(text)
    body, kind = base64.b64decode(told["payload"]), f"application/vnd.countermark.{kind}+json"
    assert (told["payloadType"], len(told["signatures"])) == (kind, 1)
    assert told["signatures"][0]["keyid"] == hashlib.sha256(public).hexdigest()
    message = f"DSSEv1 {len(kind)} {kind} {len(body)} ".encode() + body
    Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(told["signatures"][0]["sig"]), message)
    assert canonical(json.loads(body)) == body
    return body


def moment(more=timedelta()):
    return (datetime.now(UTC) + more).strftime("%Y-%m-%dT%H:%M:%SZ")


def cut(data):
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def shuffled(points):
    order = list(range(len(points)))
    secrets.SystemRandom().shuffle(order)
    return order, [points[at] for at in order]


def prove(scalar, inputs, outputs):
    """ADR 0019 over RFC 9497, 2.2.1."""
    key = encode(times(scalar, GENERATOR))
    batch = hashlib.sha512(key + len(inputs).to_bytes(4, "big") + b"".join([*inputs, *outputs])).digest()
    context = CONTEXT + b"-batch-" + batch

    def to_scalar(data):
        return int.from_bytes(expand64(data, b"HashToScalar-" + context), "little") % ORDER

    seed, combined = hashlib.sha512(framed(key, b"Seed-" + context)).digest(), ZERO
    for index, (one, other) in enumerate(zip(inputs, outputs, strict=True)):
        weight = to_scalar(framed(seed) + index.to_bytes(2, "big") + framed(one, other) + b"Composite")
        combined = plus(combined, times(weight, decode(one)))
    nonce = secrets.randbelow(ORDER - 1) + 1
    sums = (combined, times(scalar, combined), times(nonce, GENERATOR), times(nonce, combined))
    challenge = to_scalar(framed(key, *(encode(point) for point in sums)) + b"Challenge")
    return b"".join(one.to_bytes(32, "little") for one in (challenge, (nonce - challenge * scalar) % ORDER))


class Member:
    """One member in one run."""

    def __init__(self, ask, me, peer, run, mails, key, peer_public, rules):
        """`ask(method, path, content)` gives status and body."""
        self.ask, self.me, self.peer, self.run, self.key, self.peer_public = (
            ask,
            me,
            peer,
            run,
            key,
            peer_public,
        )
        self.scalar = secrets.randbelow(ORDER - 1) + 1
        self.public = encode(times(self.scalar, GENERATOR))
        self.items = [spelling.item("email", spelling.email(one)) for one in mails]
        self.planted = spelling.planted(run, me, peer)
        known = [encode(times(self.scalar, hash_to_point(one))) for one in [*self.items, *self.planted]]
        size = spelling.points(len(self.items))
        padding = [encode(derive(secrets.token_bytes(64))) for _ in range(size - len(known))]
        self.list = shuffled(known + padding)[1]
        self.blinded = dict(zip(known, [*self.items, *self.planted], strict=True))
        self.commitment = {
            "schema": "countermark/overlap-commitment/v1",
            "suite": "VOPRF/ristretto255-SHA512",
            "run": run,
            "member": me,
            "peer": peer,
            "size": size,
            "list_sha256": hashlib.sha256(b"".join(self.list)).hexdigest(),
            "key_sha256": hashlib.sha256(self.public).hexdigest(),
            "kinds": {"email": up(len(self.items))},
            "rules": rules,
            "suspended": True,
            "created": moment(),
        }
        self.envelope = envelope("overlap-commitment", self.commitment, [key])

    def say(self, method, path, content=None):
        """A request that has to succeed."""
        status, body = self.ask(method, path, content)
        assert status in (200, 201), (method, path, status, body)
        return body

    @property
    def path(self):
        return f"/overlap/v1/runs/{self.peer}/{self.run}"

    def until(self, done):
        """The run, as soon as that holds of it and the other's side."""
        for _ in range(1200):
            run = json.loads(self.say("GET", self.path))
            assert run["state"] not in ("void", "expired"), run
            theirs = [one for one in run["sides"] if one["member"] == self.peer]
            if theirs and done(run, theirs[0]):
                return run, theirs[0]
            time.sleep(0.1)
        raise AssertionError("the other does nothing")

    def count(self):
        """Steps 1 to 4; the size, or None where it is under the floor."""
        self.say("POST", "/overlap/v1/runs", self.envelope)
        body = payload_of(
            self.until(lambda run, theirs: True)[1]["commitment"], "overlap-commitment", self.peer_public
        )
        self.theirs = json.loads(body)
        assert [self.theirs[name] for name in ("run", "member", "peer")] == [self.run, self.peer, self.me]
        assert self.theirs["rules"] == self.commitment["rules"]
        self.digests = [hashlib.sha256(one).hexdigest() for one in (canonical(self.commitment), body)]
        self.put("blinded", self.list)
        self.until(lambda run, theirs: theirs["listed"])
        data = b"".join(
            self.say("GET", f"{self.path}/blinded/{at}") for at in range(-(-self.theirs["size"] * 32 // PART))
        )
        assert hashlib.sha256(data).hexdigest() == self.theirs["list_sha256"]
        self.their_list = cut(data)
        points = [decode(one) for one in self.their_list]
        assert None not in points
        assert bytes(32) not in self.their_list
        assert len(set(self.their_list) | set(self.list)) == len(points) + len(self.list)
        self.order, self.tags = shuffled([encode(times(self.scalar, one)) for one in points])
        self.put("tags", self.tags)
        self.until(lambda run, theirs: theirs["tagged"])
        self.name_planted()
        self.until(lambda run, theirs: theirs["planted"])
        named = json.loads(self.say("GET", f"{self.path}/planted"))
        at, hashed = named["positions"], [encode(hash_to_point(one)) for one in self.planted]
        key = self.their_key = bytes.fromhex(named["public_key"])
        assert len(set(at)) == 100
        assert hashlib.sha256(key).hexdigest() == self.theirs["key_sha256"]
        assert holds(key, hashed, [self.their_list[one] for one in at], bytes.fromhex(named["proof"]))
        self.say("PUT", f"{self.path}/proven", canonical(self.proven(at)))
        run = self.until(lambda run, theirs: run["state"] == "counted")[0]
        assert (run["size"] is None) == run["under_floor"]
        return run["size"]

    def put(self, what, points):
        data = b"".join(points)
        for part in range(-(-len(data) // PART)):
            self.say("PUT", f"{self.path}/{what}/{part}", data[part * PART :][:PART])

    def name_planted(self):
        known = {item: point for point, item in self.blinded.items()}
        points = [known[one] for one in self.planted]
        proof = prove(self.scalar, [encode(hash_to_point(one)) for one in self.planted], points)
        at = [self.list.index(one) for one in points]
        self.say(
            "PUT",
            f"{self.path}/planted",
            canonical({"positions": at, "public_key": self.public.hex(), "proof": proof.hex()}),
        )

    def proven(self, at):
        inputs = [self.their_list[one] for one in at]
        outputs = [encode(times(self.scalar, decode(one))) for one in inputs]
        pieces = [slice(begin, begin + 4096) for begin in range(0, len(at), 4096)]
        proofs = [prove(self.scalar, inputs[one], outputs[one]) for one in pieces]
        return {
            "positions": at,
            "evaluated": [one.hex() for one in outputs],
            "proofs": [one.hex() for one in proofs],
        }

    def open(self, size, reviewers, policy):
        """Step 5: which of the own items match."""
        opening = {
            "schema": "countermark/overlap-opening/v1",
            "run": self.run,
            "member": self.me,
            "peer": self.peer,
            "commitment_sha256": self.digests[0],
            "peer_commitment_sha256": self.digests[1],
            "size": size,
            "purpose": "security",
            "ground": "fabricated-accounts",
            "legal_basis": "of-counsel",
            "policy_sha256": policy,
            "created": moment(),
            "expires": moment(timedelta(days=2)),
        }
        self.say("POST", f"{self.path}/opening", envelope("overlap-opening", opening, reviewers))
        self.until(lambda run, theirs: run["state"] == "opened")
        matches = json.loads(self.say("GET", f"{self.path}/matches"))["positions"]
        assert len(set(matches)) == size
        self.say("PUT", f"{self.path}/unshuffled", canonical(self.proven([self.order[at] for at in matches])))
        self.until(lambda run, theirs: theirs["unshuffled"])
        given = json.loads(self.say("GET", f"{self.path}/unshuffled"))
        inputs = [self.list[at] for at in given["positions"]]
        outputs = [bytes.fromhex(one) for one in given["evaluated"]]
        assert set(outputs) == {self.tags[at] for at in matches}
        assert len(set(outputs)) == len(outputs) == len(set(inputs))
        for number, proof in enumerate(given["proofs"]):
            piece = slice(4096 * number, 4096 * number + 4096)
            assert holds(self.their_key, inputs[piece], outputs[piece], bytes.fromhex(proof))
        return sorted(self.blinded[one] for one in inputs)


def up(count):
    """A count, rounded up to two digits."""
    step = 10 ** max(0, len(str(count)) - 2)
    return -(-count // step) * step
