"""What the database has, and what the log says: members, tokens, keys, collections, grants, releases, reports
on them, who was late with a withdrawal, commitments of overlaps.
"""

import hashlib
from typing import Any

from countermark.store.exchange import ExchangeStore

KINDS = frozenset(
    {
        *("member-added", "member-disabled", "reviewer-attached", "key-added"),
        *("token-added", "token-revoked"),
        *("collection-added", "collection-granted", "release-taken", "release-withdrawn"),
        *("watermark-keys-registered", "watermark-keys-voided"),
        *("sample-reported", "revocation-overdue"),
        "overlap-committed",
    }
)
_POOL = ("profile_id", "epoch", "keys", "keys_sha256")
Facts = dict[str, Any]
"""What is so, by a sentence's subject."""


class Told:
    """What the entries of the log say, one after the other."""

    def __init__(self) -> None:
        self.facts: Facts = {}

    def take(self, kind: str, payload: dict[str, Any]) -> None:
        """One entry of `KINDS`; raises `KeyError` or `TypeError` where it does not say what it has to."""
        facts = self.facts
        match kind:
            case "member-added":
                facts[_member(payload["member"])] = (*_who(payload), False)
            case "member-disabled":
                name = _member(payload["member"])
                facts[name] = (*facts[name][:-1], True)
            case "reviewer-attached":
                name = _member(payload["member"])
                who, role, _, *others = facts[name]
                facts[name] = (who, role, payload["of"], *others)
            case "token-added":
                facts[_token(payload["token"])] = (*_scope(payload), False)
            case "token-revoked":
                name = _token(payload["token"])
                facts[name] = (*facts[name][:-1], True)
            case "key-added":
                facts[_key(payload["member"], payload["keyid"])] = True
            case "collection-added":
                facts[_collection(payload["collection"])] = (payload["api_root"], payload["release"])
            case "collection-granted":
                self._granted(payload)
            case "watermark-keys-registered":
                facts |= {
                    _pool(one["commitment"]): (payload["name"], *(one[field] for field in _POOL))
                    for one in payload["pools"]
                }
            case "watermark-keys-voided":
                del facts[_pool(payload["commitment"])]
            case _:
                self._take_signed(kind, payload)

    def _take_signed(self, kind: str, payload: dict[str, Any]) -> None:
        """The same, of what members signed."""
        facts = self.facts
        match kind:
            case "release-taken":
                facts[_release(payload["release_id"])] = (*_signed(payload), False)
                if "standing_id" in payload:
                    drawn = (payload["standing_id"], payload["place"], payload["draw"], payload["due"])
                    facts[_use(payload["release_id"])] = drawn
            case "release-withdrawn":
                name = _release(payload["release_id"])
                facts[name] = (*facts[name][:-1], True)
            case "sample-reported":
                name = _report(payload["release_id"], payload["role"])
                facts[name] = payload["outcome"]
            case "revocation-overdue":
                facts[_late(payload["dispute_id"], payload["member"])] = True
            case "overlap-committed":
                names = ("run", "list_sha256", "key_sha256", "envelope_sha256")
                name = _commitment(payload["member"], payload["run_id"])
                facts[name] = tuple(payload[one] for one in names)

    def _granted(self, payload: dict[str, Any]) -> None:
        what = "member" if "member" in payload else "group"
        name = _grant(payload["collection"], what, payload[what])
        self.facts[name] = (payload["read"], payload["write"])
        if self.facts[name] == (False, False):
            del self.facts[name]


def register(store: ExchangeStore) -> Facts:
    """The same, as the database has it."""
    facts: Facts = {}
    for one in store.members.all():
        facts[_member(one.member_id)] = (one.name, one.role, one.of, one.groups, one.disabled)
        for token in store.members.tokens(one.member_id):
            scope = _scope(token | {"member": one.member_id})
            facts[_token(token["token_id"])] = (*scope, token["revoked"])
        for key in store.members.keys(one.member_id):
            facts[_key(one.member_id, key.keyid)] = True
    for collection in store.collections.all():
        name = _collection(collection.collection_id)
        facts[name] = (collection.api_root, collection.require_release)
    for (name, kind, grantee), rights in store.collections.granted().items():
        facts[_grant(name, kind, grantee)] = rights
    for release_id in store.releases.ids():
        found = store.releases.get(release_id)
        if found is not None:
            digest = hashlib.sha256(found.envelope).hexdigest()
            held = digests_sha256(store.releases.digests(release_id))
            signed = (found.member_id, digest, held, found.expires)
            facts[_release(release_id)] = (*signed, found.withdrawn)
    for pool in store.pools.all():
        about = (pool.member, pool.profile_id, pool.epoch, len(pool.keys), pool.keys_sha256)
        facts[_pool(pool.commitment)] = about
    for use in store.samples.all():
        facts[_use(use.release_id)] = (use.standing_id, use.place, use.draw, use.due)
        facts |= {_report(use.release_id, role): outcome for role, outcome in use.reports.items()}
    facts |= {_late(one.dispute_id, one.member_id): True for one in store.overdue.all()}
    for run_id, name, side in store.overlap.committed():
        digest = hashlib.sha256(side.envelope).hexdigest()
        committed = (name, side.list_sha256, side.key_sha256, digest)
        facts[_commitment(side.member_id, run_id)] = committed
    return facts


def differences(database: Facts, told: Told) -> set[str]:
    """What the two say differently, in words."""
    found = set()
    for name in database.keys() | told.facts.keys():
        if name not in told.facts:
            found.add(f"{name} has no entry in the log")
        elif name not in database:
            found.add(f"{name} is in the log alone: the database has not got it")
        elif database[name] != told.facts[name]:
            found.add(f"{name} is not as the log has it")
    return found


def digests_sha256(digests: set[str]) -> str:
    """One digest over those of the objects of a release."""
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def _who(payload: dict[str, Any]) -> tuple[Any, ...]:
    return payload["name"], payload["role"], payload["of"], tuple(payload["groups"])


def _scope(payload: dict[str, Any]) -> tuple[Any, ...]:
    collections = payload["collections"]
    only = None if collections is None else tuple(sorted(collections))
    return payload["member"], tuple(sorted(payload["actions"])), only, payload["expires"]


def _signed(payload: dict[str, Any]) -> tuple[Any, ...]:
    return payload["member"], payload["envelope_sha256"], payload["objects_sha256"], payload["expires"]


def _member(name: str) -> str:
    return f"member {name}"


def _token(name: str) -> str:
    return f"token {name}"


def _key(member: str, keyid: str) -> str:
    return f"key {keyid} of {member}"


def _collection(name: str) -> str:
    return f"collection {name}"


def _grant(collection: str, kind: str, grantee: str) -> str:
    return f"the grant of collection {collection} to {kind} {grantee}"


def _pool(commitment: str) -> str:
    return f"the pool of watermark keys {commitment}"


def _release(name: str) -> str:
    return f"release {name}"


def _use(release_id: str) -> str:
    return f"the draw of release {release_id}"


def _report(release_id: str, role: str) -> str:
    return f"the report of {role} on release {release_id}"


def _late(dispute_id: str, member: str) -> str:
    return f"the lateness of {member} in {dispute_id}"


def _commitment(member: str, run_id: str) -> str:
    return f"the commitment of {member} in {run_id}"
