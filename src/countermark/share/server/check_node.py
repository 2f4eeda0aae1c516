"""A node of the joint watermark check: its register of keys, its own detectors, its name and key.

Texts are scored in threads of their own: numba lets the interpreter go, and a long text holds nobody up.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countermark.share.check.messages import PoolAnswer, RegisteredPool, Status
from countermark.share.check.register import Family, Register, Registered, registered_family
from countermark.share.server.folder import DataFolder
from countermark.share.server.settings import ExchangeSettings
from countermark.store.exchange import Pool, Unregistrable
from countermark.trust.signing import SigningKey

if TYPE_CHECKING:
    from countermark.share.check.detectors import Detectors

ANSWERING: tuple[Status, ...] = ("opened", "escrowed")
"""Keys of others that this node holds: the only ones that are scored for the public without consent."""
_LOG = logging.getLogger("countermark.exchange")
_FRESH_SECONDS = 5.0
_WARM = "what is compiled at the first use is compiled before anybody waits " * 4


@dataclass(frozen=True)
class Plan:
    """Whom one check asks, fixed before anybody is asked."""

    register: Register
    family: Family
    local: "Detectors | None"
    peers: tuple[str, ...]


class Node:
    """One of a process; `close` it after use."""

    def __init__(self, folder: DataFolder) -> None:
        """Read detectors and key, and register the detectors' keys; raises `Error` for what does not fit.

        A detector whose keys cannot be registered is warned of: its keys are not asked here until they can,
        and whoever was first stops nobody's node.
        """
        settings = folder.settings
        self.settings, self.store = settings.check, folder.store
        self.key = SigningKey.load(folder.path / settings.check.key_file) if settings.check.key_file else None
        self._peers = tuple(one.name for one in settings.peers)
        self.detectors = detectors_of(settings, folder.path) if settings.detectors else None
        self._register: tuple[tuple[int, int], Register] = ((-1, -1), Register())
        self._ids: tuple[float, dict[str, str]] = (0.0, {})
        self._pool: ThreadPoolExecutor | None = None
        self._turns: dict[str, asyncio.Semaphore] = {}
        if self.detectors is not None:
            self._register_own(self.detectors.registered(), folder.path)
            self.detectors.answer(_WARM)

    def close(self) -> None:
        """Wait for what is being scored."""
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = None

    def _register_own(self, pools: Sequence[Registered], path: Path) -> None:
        try:
            self.add(pools, None)
        except Unregistrable:
            for one in pools:
                self._register_one(one, path)

    def _register_one(self, one: Registered, path: Path) -> None:
        try:
            self.add([one], None)
        except Unregistrable as error:
            said = f"{error.message}; {error.hint}" if error.hint else error.message
            how = f"countermark share keys void COMMITMENT --data {path} --reason TEXT"
            _LOG.warning(
                "the detector of %s for %s, commitment %s, is not asked here: %s; to take a pool out: %s, "
                "and start again",
                one.member,
                one.pool.profile_id,
                one.pool.commitment,
                said,
                how,
            )

    def add(self, pools: Sequence[Registered], envelope_sha256: str | None) -> list[Pool]:
        """Register pools, with an entry for the log; those that are new.

        Raises `Unregistrable` for a clash.
        """

        def entry(new: list[Pool]) -> dict[str, Any]:
            member = new[0].member
            listed = [
                {
                    "profile_id": one.profile_id,
                    "epoch": one.epoch,
                    "commitment": one.commitment,
                    "keys": len(one.keys),
                    "keys_sha256": one.keys_sha256,
                }
                for one in new
            ]
            found = {"name": member, "member": self.ids().get(member), "pools": listed}
            return found | {"envelope_sha256": envelope_sha256}

        made = []
        for owner in dict.fromkeys(one.member for one in pools):
            of = [
                Pool(
                    member=owner,
                    profile_id=one.pool.profile_id,
                    epoch=one.pool.epoch,
                    commitment=one.pool.commitment,
                    keys=tuple(one.pool.keys),
                )
                for one in pools
                if one.member == owner
            ]
            made += self.store.pools.register(of, entry)
        return made

    def register(self) -> Register:
        """All registered keys, by whatever process; blocks for a query, longer when there are new ones."""
        last, known = self._register
        version = self.store.pools.version()
        if version != last:
            known = Register(
                Registered(
                    one.member,
                    RegisteredPool(
                        profile_id=one.profile_id,
                        epoch=one.epoch,
                        commitment=one.commitment,
                        keys=list(one.keys),
                    ),
                )
                for one in self.store.pools.all()
            )
            self._register = (version, known)
        return known

    def ids(self) -> dict[str, str]:
        """`member_id` by name, as of some seconds ago at most."""
        at, found = self._ids
        if time.monotonic() - at > _FRESH_SECONDS or not found:
            found = {one.name: one.member_id for one in self.store.members.all()}
            self._ids = (time.monotonic(), found)
        return found

    def plan(self, *, consent: bool, public: bool) -> Plan:
        """Whom a check asks. Without consent the text stays here: with whom it was handed in."""
        register = self.register()
        local = self.detectors
        if local is not None and public and not consent:
            local = local.of(statuses=ANSWERING)
        if local is not None:  # keys that clash with others' here, or were voided, are nobody's hypotheses
            local = local.only([one.pool.commitment for one in local.registered() if one in register])
        peers = tuple(one for one in self._peers if consent and register.pools_of(one))
        own = [] if local is None else [one.pool.commitment for one in local.registered()]
        return Plan(register, registered_family(register, peers, own), local, peers)

    async def score(self, detectors: "Detectors", text: str, who: str) -> list[PoolAnswer]:
        """What these detectors say of a text of somebody, who has half of the threads at once at the most."""
        if self._pool is None:
            self._turns.clear()
            self._pool = ThreadPoolExecutor(self.settings.threads, thread_name_prefix="score")
        share = max(1, self.settings.threads // 2)
        async with self._turns.setdefault(who, asyncio.Semaphore(share)):
            return await asyncio.get_running_loop().run_in_executor(self._pool, detectors.answer, text)


def detectors_of(settings: ExchangeSettings, base: Path) -> "Detectors":
    """The detectors that a node's settings name, their files read; raises `Error`."""
    from countermark.share.check.detectors import Detectors  # slow to import

    return Detectors.open(settings.detectors, base, least_tokens=settings.check.min_tokens)
