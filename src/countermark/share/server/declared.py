"""What a release under a standing approval lets in: only kinds that it declares, since no two people saw it.

A release that two people signed lets in what they signed. Under a standing approval the member's own key
signs alone, so each object is held against the classes of the release, which are held against the approval
(`policy.verify`). Objects under a policy that is not the shipped one cannot be looked at here.

A withdrawal is one only where it repeats what the member has here: `revoked` alone is a word, under which
anything could be told that the classes do not name.
"""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from countermark.errors import Error
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.records.exchange import Caller, Collection
from countermark.share.policy.document import default_policy
from countermark.share.policy.kinds import undeclared
from countermark.share.policy.release import RELEASE_TYPE, parse_release
from countermark.share.server.parts import Checked
from countermark.store.exchange import ExchangeStore
from countermark.trust.dsse import open_envelope

NO_WITHDRAWAL = (
    "under a standing approval a withdrawal repeats a version that is here, with revoked and a later "
    "modified alone"
)
_REVOKED = b'"revoked":true'
_MOST_VERSIONS = 20


class Declared:
    """The classes of releases under standing approvals, remembered."""

    def __init__(self, store: ExchangeStore) -> None:
        self._store = store
        self._classes = lru_cache(maxsize=256)(self._read)

    def withdraws(self, caller: Caller, collection: Collection, one: Checked) -> bool:
        """Whether an object in canonical form takes back a version of the caller's, and tells nothing else.

        That version stands in the collection, or was deleted there: of that its digest is left.
        """
        if _REVOKED not in one.data:
            return False
        value = msgspec.json.decode(one.data)
        if value.pop("revoked", None) is not True:
            return False
        name, owner = collection.collection_id, caller.member.member_id
        versions = [one for one in self._store.scan.versions(name, one.stix_id) if one.owner == owner]
        versions.sort(key=lambda one: one.version_at, reverse=True)
        return any(
            sha256_hex(canonical_json({**value, "modified": row.version, **revoked})) == row.sha256
            for row in self._store.scan.at(name, [one.position for one in versions[:_MOST_VERSIONS]])
            for revoked in ({}, {"revoked": False}, {"revoked": True})
        )

    def problem(self, one: Checked, release_ids: Sequence[str], withdraws: bool) -> str:
        """Why none of the releases that name an object lets it in; empty where one does."""
        classes = [self._classes(release_id) for release_id in release_ids]
        if any(one is None for one in classes):
            return ""
        value = msgspec.json.decode(one.data)
        missing = [undeclared(default_policy(), held, value) for held in classes if held is not None]
        if not all(missing):
            return NO_WITHDRAWAL if value.get("revoked") is True and not withdraws else ""
        return f"the release under a standing approval does not declare {missing[0]}"

    def _read(self, release_id: str) -> frozenset[str] | None:
        """Classes that a release may let in; None where two people signed it or its policy is another."""
        found = self._store.releases.get(release_id)
        if found is None:
            return frozenset()
        try:
            release = parse_release(open_envelope(found.envelope, RELEASE_TYPE).body)
        except Error:  # of an earlier form: it declares nothing that could be read
            return frozenset()
        if release.standing is None or release.policy_sha256 != default_policy().sha256:
            return None
        return frozenset(release.classes)
