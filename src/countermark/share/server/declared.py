"""What a release under a standing approval lets in: only kinds that it declares, since no two people saw it.

A release that two people signed lets in what they signed. Under a standing approval the member's own key
signs alone, so each object is held against the classes of the release, which are held against the approval
(`policy.verify`). Objects under a policy that is not the shipped one cannot be looked at here.
"""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from countermark.errors import Error
from countermark.share.policy.document import default_policy
from countermark.share.policy.kinds import undeclared
from countermark.share.policy.release import RELEASE_TYPE, parse_release
from countermark.share.server.parts import Checked
from countermark.store.exchange import ExchangeStore
from countermark.trust.dsse import open_envelope


class Declared:
    """The classes of releases under standing approvals, remembered."""

    def __init__(self, store: ExchangeStore) -> None:
        self._store = store
        self._classes = lru_cache(maxsize=256)(self._read)

    def problem(self, one: Checked, release_ids: Sequence[str]) -> str:
        """Why none of the releases that name an object lets it in; empty where one does."""
        classes = [self._classes(release_id) for release_id in release_ids]
        if any(one is None for one in classes):
            return ""
        value = msgspec.json.decode(one.data)
        missing = [undeclared(default_policy(), held, value) for held in classes if held is not None]
        if not all(missing):
            return ""
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
