"""Who asks for a watermark check, what that is counted against, and refusals, each in the log.

The text is with the caller of these functions alone: nothing here takes it.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from starlette.requests import Request

from countermark.records.exchange import Caller, Role
from countermark.share.server.api import Api
from countermark.share.server.check_settings import CheckSettings
from countermark.share.server.errors import TaxiiError
from countermark.share.server.peers import Peers
from countermark.store.exchange import Entry, Over, Quota

REFUSED = "watermark-refused"
_ALL = "all"
ASKERS: tuple[Role, ...] = ("operator", "member")


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks."""

    role: Role
    submitter: str
    """`member_id`; of one without credentials its address, which stands in no log entry."""
    name: str
    """As the members that are asked are told."""
    token: str | None

    @property
    def turn(self) -> str:
        """By whom its work is shared out: the public is one."""
        return "public" if self.public else self.submitter

    @property
    def public(self) -> bool:
        """Whether it is told a word alone."""
        return self.role == "public"

    @property
    def counted(self) -> str:
        """By whom its refusals are counted: who has no credentials is one with all who have none."""
        return self.submitter if self.token is not None else "public"

    def entry(self, **more: Any) -> dict[str, Any]:
        """Beginning of a log entry. The public's checks are no member's: it is given no proof of what is in
        them, which is more than a word."""
        about: dict[str, Any] = {"by": "public"} if self.public else {"member": self.submitter}
        return about | {"role": self.role, "token": self.token} | more


class Turns:
    """What is in work at once: of all, and of each who asks, so that nobody takes every place."""

    def __init__(self, total: int, share: int) -> None:
        self._total, self._share = total, share
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, who: str) -> Iterator[None]:
        """Hold a place; `TaxiiError` 503 where there is none."""
        if self._open.total() >= self._total or self._open[who] >= self._share:
            raise TaxiiError(503, "too many checks are in work", headers={"Retry-After": "2"})
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            self._open += Counter()  # leaves out who has none


class Callers:
    """Admits who asks; counts; refuses."""

    def __init__(self, api: Api, settings: CheckSettings, peers: Peers) -> None:
        self._api, self._settings, self._peers = api, settings, peers

    async def asking(self, request: Request) -> Who:
        """Who asks for a check; `TaxiiError` 401, 429, and 403 where the role or token has no such action."""
        given = request.headers.getlist("authorization")
        if not given and self._settings.anonymous:
            caller = await self._api.parts.authenticate(request)
            self._api.parts.limits.admit(request, caller)
            if caller is None:
                address = self._peers.client(request.scope)
                return Who(role="public", submitter=f"address {address}", name="public", token=None)
        else:
            caller = await self._api.caller(request)
        return await self.may_check(caller)

    def who(self, caller: Caller) -> Who:
        """Who a caller is here, whatever it may do."""
        member = caller.member
        name = "public" if member.role == "public" else member.name
        return Who(role=member.role, submitter=member.member_id, name=name, token=caller.token_id)

    async def may_check(self, caller: Caller) -> Who:
        """Who a caller is here; `TaxiiError` 403."""
        who = self.who(caller)
        if "check" not in caller.actions:
            raise await self.refusal(who, 403, "role", "you may not ask for a watermark check here")
        return who

    async def refusal(self, who: Who, status: int, reason: str, title: str, **more: Any) -> TaxiiError:
        """An answer that refuses, when the log holds why, or it is counted with others."""
        quota = Quota(what="refused", who=who.counted, most=0)

        def entry(over: Over) -> Entry:
            return REFUSED, who.entry(reason=reason, count=over.beyond, **more)

        over = await self._api.work.slow(self._api.store.checks.use, [quota], entry)
        logged = over is not None and over.is_logged
        if logged:
            await self._api.auditor.drain()
        return TaxiiError(status, title, reason=reason, is_logged=logged)

    def quotas(self, who: Who) -> list[Quota]:
        """What a check of theirs is counted against."""
        most = self._settings.most(who.role)
        found = [Quota(what="checks", who=who.submitter, most=most, by=who.counted)]
        if who.public:
            total = self._settings.public_total_day
            found.append(Quota(what="public-checks", who=_ALL, most=total, by=who.counted))
        return found

    def over(self, who: Who, more: Mapping[str, Any]) -> Any:
        """Makes the log's entry of a quota that is used up."""

        def entry(over: Over) -> Entry:
            fields = {"quota": over.quota.what, "most": over.quota.most, "count": over.beyond}
            return REFUSED, who.entry(reason="quota", **fields, **more)

        return entry

    async def used_up(self, over: Over) -> TaxiiError:
        """The answer where a quota is used up, when the log holds it, or it is counted with others."""
        if over.is_logged:
            await self._api.auditor.drain()
        headers = {"Retry-After": str(math.ceil(over.seconds))}
        title = "the quota of today is used up"
        return TaxiiError(429, title, headers=headers, reason="quota", is_logged=over.is_logged)
